package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// longest is how long a policy file may be, in bytes.
const longest = 1 << 20

// ReadPlan reads a policy file: one YAML document with the sections policy and
// sweep, whose keys are those of Policy and Sweep. What it does not say is as in
// Defaults. Keys that there are not, keys that are there twice and values of
// another kind are Problems, all of them told at once. The plan is not validated.
func ReadPlan(text []byte) (Plan, error) {
	p := Defaults()
	if len(text) > longest {
		return p, fmt.Errorf("%w: it is longer than %d bytes", ErrNoPlan, longest)
	}
	if documents(text) > 1 {
		return p, fmt.Errorf("%w: there are several documents in it, and one is read", ErrNoPlan)
	}
	converted, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return p, fmt.Errorf("%w: %s", ErrNoPlan, oneLine(err.Error()))
	}
	var top map[string]json.RawMessage
	if err := json.Unmarshal(converted, &top); err != nil || len(top) == 0 {
		return p, fmt.Errorf("%w: the sections policy and sweep are wanted", ErrNoPlan)
	}
	var wrong Problems
	readSection(&wrong, "", top, reflect.ValueOf(&p).Elem())
	return p, wrong.orNil()
}

// documents counts those that YAML's separators make.
func documents(text []byte) int {
	n, begun := 0, false
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		switch {
		case bytes.Equal(line, []byte("---")) || bytes.HasPrefix(line, []byte("--- ")):
			begun = len(line) > 3
			if begun {
				n++
			}
		case len(line) > 0 && line[0] != '#' && !begun:
			begun = true
			n++
		}
	}
	return n
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// readSection reads an object into a struct, key by key, so that one slip does not
// hide the next.
func readSection(wrong *Problems, at string, object map[string]json.RawMessage, into reflect.Value) {
	known := map[string]reflect.Value{}
	var names []string
	for i := range into.NumField() {
		name := keyOf(into.Type().Field(i))
		known[name] = into.Field(i)
		names = append(names, name)
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		field, ok := known[key]
		if !ok {
			*wrong = append(*wrong, Problem{Key: at + key, Text: "there is no such key", Known: names})
			continue
		}
		readValue(wrong, at+key, object[key], field)
	}
}

func keyOf(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

func readValue(wrong *Problems, key string, raw json.RawMessage, into reflect.Value) {
	if bytes.Equal(raw, []byte("null")) {
		return // as if it were not there
	}
	switch into.Kind() {
	case reflect.Struct:
		var object map[string]json.RawMessage
		if json.Unmarshal(raw, &object) != nil {
			wrong.say(key, "%s: a section with keys of its own is wanted", brief(raw))
			return
		}
		readSection(wrong, key+".", object, into)
	case reflect.Slice:
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil {
			wrong.say(key, "%s: a list is wanted, written [%s]", brief(raw), strings.Trim(brief(raw), `"`))
			return
		}
		values := reflect.MakeSlice(into.Type(), len(list), len(list))
		for i, item := range list {
			readValue(wrong, key, item, values.Index(i))
		}
		into.Set(values)
	default:
		if err := json.Unmarshal(raw, into.Addr().Interface()); err != nil {
			wrong.say(key, "%s is no %s", brief(raw), kindOf(into.Type()))
		}
	}
}

// kindOf says what is wanted of a value.
func kindOf(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[Duration]():
		return "duration, such as 90s, 30m or 12h"
	case reflect.TypeFor[Size]():
		return "size, such as 256MiB or 4GiB"
	}
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Float64:
		return "number"
	}
	return "whole number"
}

func brief(raw json.RawMessage) string {
	if text := []rune(string(raw)); len(text) > 40 {
		return string(text[:40]) + "…"
	}
	return string(raw)
}

// field is a value of a plan by its key.
type field struct {
	key   string
	value reflect.Value
}

func (f field) text() string {
	if f.value.Kind() != reflect.Slice {
		return exactly(f.value.Interface())
	}
	items := make([]string, f.value.Len())
	for i := range items {
		items[i] = exactly(f.value.Index(i).Interface())
	}
	return strings.Join(items, ",")
}

// exactly is a value as Set reads it back. A size is printed in bytes where its
// usual form is rounded.
func exactly(value any) string {
	if size, ok := value.(Size); ok {
		if again, err := ParseSize(size.String()); err != nil || again != size {
			return fmt.Sprint(int64(size))
		}
	}
	return fmt.Sprint(value)
}

// fieldsOf lists every value of a plan in the order of its types.
func fieldsOf(p *Plan) []field {
	var all []field
	var walk func(at string, v reflect.Value)
	walk = func(at string, v reflect.Value) {
		for i := range v.NumField() {
			key := at + keyOf(v.Type().Field(i))
			if v.Field(i).Kind() == reflect.Struct {
				walk(key+".", v.Field(i))
				continue
			}
			all = append(all, field{key: key, value: v.Field(i)})
		}
	}
	walk("", reflect.ValueOf(p).Elem())
	return all
}

// Keys lists the keys of a plan, as "sweep.sizes", in order.
func Keys() []string {
	var keys []string
	for _, f := range fieldsOf(&Plan{}) {
		keys = append(keys, f.key)
	}
	return keys
}

// Set changes the value of a key of Keys, written as a person types it. The values
// of a list are separated by commas.
func (p *Plan) Set(key, value string) error {
	for _, f := range fieldsOf(p) {
		if f.key != key {
			continue
		}
		var wrong Problems
		if f.value.Kind() != reflect.Slice {
			readValue(&wrong, key, typed(value, f.value.Type()), f.value)
			return wrong.orNil()
		}
		items := strings.Split(value, ",")
		values := reflect.MakeSlice(f.value.Type(), len(items), len(items))
		for i, item := range items {
			readValue(&wrong, key, typed(strings.TrimSpace(item), f.value.Type().Elem()), values.Index(i))
		}
		f.value.Set(values)
		return wrong.orNil()
	}
	return Problem{Key: key, Text: "there is no such key", Known: Keys()}
}

// typed is a typed word as JSON: the number that is wanted, or the text.
func typed(word string, t reflect.Type) json.RawMessage {
	text := reflect.PointerTo(t).Implements(reflect.TypeFor[interface{ UnmarshalText([]byte) error }]())
	if !text && t != reflect.TypeFor[Size]() && t.Kind() != reflect.String && word != "null" && json.Valid([]byte(word)) {
		return json.RawMessage(word)
	}
	quoted, err := json.Marshal(word)
	if err != nil {
		return json.RawMessage("null")
	}
	return quoted
}

// Get returns the value of a key of Keys as Set takes it; "" for a key that there
// is not.
func (p Plan) Get(key string) string {
	for _, f := range fieldsOf(&p) {
		if f.key == key {
			return f.text()
		}
	}
	return ""
}
