package reports_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
)

// validator judges a value by the part of JSON Schema that schema.json uses.
// A keyword it does not know is an error, so that the schema cannot promise
// what is not tested.
type validator struct {
	root   map[string]any
	faults []string
}

func (v *validator) check(at string, schema map[string]any, value any) {
	for keyword, rule := range schema {
		switch keyword {
		case "$schema", "title", "description", "format", "$defs", "additionalProperties":
		case "$ref":
			name := strings.TrimPrefix(rule.(string), "#/$defs/")
			v.check(at, v.root["$defs"].(map[string]any)[name].(map[string]any), value)
		case "type":
			v.kind(at, rule.(string), value)
		case "const":
			v.require(reflect.DeepEqual(value, rule), at, "is %v, not %v", value, rule)
		case "enum":
			v.require(slices.Contains(rule.([]any), value), at, "%v is none of %v", value, rule)
		case "minimum":
			n, ok := value.(float64)
			v.require(ok && n >= rule.(float64), at, "%v is below %v", value, rule)
		case "pattern":
			s, ok := value.(string)
			v.require(ok && regexp.MustCompile(rule.(string)).MatchString(s), at, "%v does not match %v", value, rule)
		case "required":
			object, _ := value.(map[string]any)
			for _, key := range rule.([]any) {
				_, ok := object[key.(string)]
				v.require(ok, at, "lacks %v", key)
			}
		case "items":
			list, _ := value.([]any)
			for i, item := range list {
				v.check(fmt.Sprintf("%s[%d]", at, i), rule.(map[string]any), item)
			}
		case "properties":
		default:
			v.require(false, at, "the schema uses %s, which this test does not know", keyword)
		}
	}
	v.keys(at, schema, value)
}

func (v *validator) keys(at string, schema map[string]any, value any) {
	object, ok := value.(map[string]any)
	if !ok {
		return
	}
	known, _ := schema["properties"].(map[string]any)
	for key, item := range object {
		if rule, ok := known[key]; ok {
			v.check(at+"."+key, rule.(map[string]any), item)
			continue
		}
		switch other := schema["additionalProperties"].(type) {
		case bool:
			v.require(other, at, "has the undocumented key %s", key)
		case map[string]any:
			v.check(at+"."+key, other, item)
		}
	}
}

func (v *validator) kind(at, want string, value any) {
	got := "null"
	switch n := value.(type) {
	case map[string]any:
		got = "object"
	case []any:
		got = "array"
	case string:
		got = "string"
	case bool:
		got = "boolean"
	case float64:
		got = "number"
		if n == math.Trunc(n) && want == "integer" {
			got = "integer"
		}
	}
	v.require(got == want, at, "is a %s, not a %s", got, want)
}

func (v *validator) require(ok bool, at, format string, args ...any) {
	if !ok {
		v.faults = append(v.faults, at+" "+fmt.Sprintf(format, args...))
	}
}

func validate(t *testing.T, encoded []byte) []string {
	t.Helper()
	v := &validator{}
	if err := json.Unmarshal(reports.Schema(), &v.root); err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(encoded, &value); err != nil {
		t.Fatal(err)
	}
	v.check("report", v.root, value)
	return v.faults
}

func TestReportsFollowTheSchema(t *testing.T) {
	drawn := drilled()
	drawn.Starts, drawn.Exits = []harness.HostStart{start("m1", 5)}, []harness.HostExit{exit("m2", 990)}
	drawn.Power = []harness.PowerRecord{power("m1", 1, true), power("m2", 2, true), power("m2", 990, false)}
	drawn.Backups = []harness.Backup{
		{Name: "b1", Host: "m1", Begun: ms(1), Took: ms(9), Verified: true, Bytes: 2080, Keys: 1, Revision: 4, Snapshot: ms(5), Verify: ms(1), Upload: ms(3)},
		{Name: "b2", Begun: ms(100), Took: ms(1), Problem: "no host is there to take it from"},
	}
	drawn.Fetches = []harness.FetchRecord{{Backup: "b1", Host: "m1", At: ms(1600), Verify: ms(1), Carry: ms(1), Bytes: 2080, Brought: true}}
	drawn.Listed = &harness.ListRecord{At: ms(1050), Took: ms(1000), Error: "deadline exceeded"}
	for name, r := range map[string]reports.Report{
		"full": fullReport(t), "empty": reports.New(emptyEvidence(), nil, nil, reports.Timings{}), "drawn": reports.New(drawn, nil, nil, reports.Timings{}),
		"game day": reportOf(t, playedOut()),
	} {
		var b bytes.Buffer
		if err := r.Encode(&b); err != nil {
			t.Fatal(err)
		}
		for _, fault := range validate(t, b.Bytes()) {
			t.Errorf("%s: %s", name, fault)
		}
	}
}

func TestTheSchemaRefuses(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"a phase of 0", `"detection": 40`, `"detection": 0`, "below 1"},
		{"an undocumented key", `"detection": 40`, `"detecting": 40`, "undocumented key detecting"},
		{"a verdict nobody knows", `"verdict": "held"`, `"verdict": "passed"`, "none of"},
		{"text for a number", `"seed": 7`, `"seed": "7"`, "is a string"},
		{"half a millisecond", `"detection": 40`, `"detection": 40.5`, "is a number"},
		{"a missing scenario", `"scenario"`, `"scenaria"`, "lacks scenario"},
		{"an ID that is not hexadecimal", `"m1": "a1"`, `"m1": "xyz"`, "does not match"},
	} {
		var b bytes.Buffer
		if err := fullReport(t).Encode(&b); err != nil {
			t.Fatal(err)
		}
		doctored := strings.Replace(b.String(), c.old, c.new, 1)
		if doctored == b.String() {
			t.Fatalf("%s: the report does not hold %s", c.name, c.old)
		}
		if faults := strings.Join(validate(t, []byte(doctored)), "\n"); !strings.Contains(faults, c.want) {
			t.Errorf("%s: got %q, want %q in it", c.name, faults, c.want)
		}
	}
}

// Every field that a report can hold is documented, at whatever depth, and nothing
// else is.
func TestTheSchemaDocumentsEveryKey(t *testing.T) {
	var root map[string]any
	if err := json.Unmarshal(reports.Schema(), &root); err != nil {
		t.Fatal(err)
	}
	documents(t, "report", root, root, reflect.TypeFor[reports.Report]())
}

// documents compares what a schema says of an object with the fields of its type.
func documents(t *testing.T, at string, root, schema map[string]any, is reflect.Type) {
	t.Helper()
	if name, ok := schema["$ref"].(string); ok {
		schema = root["$defs"].(map[string]any)[strings.TrimPrefix(name, "#/$defs/")].(map[string]any)
	}
	switch {
	case is.Kind() == reflect.Pointer:
		documents(t, at, root, schema, is.Elem())
		return
	case is.Kind() == reflect.Slice:
		items, ok := schema["items"].(map[string]any)
		if !ok {
			t.Errorf("%s: schema.json does not say what is in it", at)
			return
		}
		documents(t, at+"[]", root, items, is.Elem())
		return
	case is.Kind() != reflect.Struct || schema["properties"] == nil: // text, a time
		return
	}
	documented := maps.Clone(schema["properties"].(map[string]any))
	for i := range is.NumField() {
		key, _, _ := strings.Cut(is.Field(i).Tag.Get("json"), ",")
		if inner, ok := documented[key].(map[string]any); ok {
			documents(t, at+"."+key, root, inner, is.Field(i).Type)
		} else {
			t.Errorf("%s.%s (%s) is not in schema.json", at, is.Field(i).Name, key)
		}
		delete(documented, key)
	}
	for key := range documented {
		t.Errorf("schema.json documents %s.%s, which no report holds", at, key)
	}
}
