package trend_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/policy"
	"github.com/etcd-firedrill/firedrill/reports/trend"
)

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(trend.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("trend.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("trend.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func encoded(t *testing.T, tr trend.Trend) string {
	t.Helper()
	var b bytes.Buffer
	if err := tr.Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTrendsFollowTheirSchema(t *testing.T) {
	schema := compiled(t)
	five := []int64{100, 101, 102, 103, 104}
	sweep, nights := read(t, "sweep", swept(t, five, nil)), read(t, "nights", rehearsals(t, 1<<20, nil, five...))
	elsewhere := read(t, "elsewhere", rehearsals(t, 1<<20, func(r *reports.Rehearsal) { r.EtcdVersion = "3.6.1" }, five...))
	hanging := read(t, "hanging", attempts(t, nil, 5))
	for name, sources := range map[string][]trend.Source{
		"none": {}, "one": {sweep}, "unlike": {sweep, nights}, "three": {nights, sweep, elsewhere}, "no longer": {read(t, "well", attempts(t, five, 0)), hanging},
	} {
		text := encoded(t, trend.Compare(sources))
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	text := encoded(t, trend.Compare([]trend.Source{nights, elsewhere}))
	for name, change := range map[string][2]string{
		"an undocumented key": {`"differences"`, `"unlike"`}, "an unknown change": {`"unchanged"`, `"better"`}, "another kind": {`"kind": "trend"`, `"kind": "policy"`},
		"too few recovered": {`"unrecovered": 0`, `"unrecovered": -1`}, "an unknown phase": {`"serving"`, `"severing"`}, "an unknown subject": {`"rehearsals"`, `"games"`},
	} {
		doctored := strings.Replace(text, change[0], change[1], 1)
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(doctored))
		if err != nil || doctored == text {
			t.Fatalf("%s: %v\n%s", name, err, text)
		}
		if schema.Validate(value) == nil {
			t.Errorf("%s follows the schema", name)
		}
	}
}

// Every key that a trend can hold is documented, where it is held, and no other is.
func TestTheSchemaDocumentsEveryKey(t *testing.T) {
	var root struct {
		Properties map[string]any
		Defs       map[string]struct{ Properties map[string]any } `json:"$defs"`
	}
	if err := json.Unmarshal(trend.Schema(), &root); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		documented map[string]any
		of         reflect.Type
	}{
		{root.Properties, reflect.TypeFor[trend.Trend]()}, {root.Defs["source"].Properties, reflect.TypeFor[trend.Source]()},
		{root.Defs["row"].Properties, reflect.TypeFor[trend.Row]()}, {root.Defs["recovery"].Properties, reflect.TypeFor[trend.Recovery]()},
		{root.Defs["spread"].Properties, reflect.TypeFor[policy.Spread]()},
	} {
		held := map[string]bool{}
		for _, field := range reflect.VisibleFields(c.of) {
			if key, _, _ := strings.Cut(field.Tag.Get("json"), ","); key != "" {
				held[key] = true
			}
		}
		for key := range held {
			if rule, ok := c.documented[key].(map[string]any); !ok || rule["description"] == nil {
				t.Errorf("%s: %s is not in schema.json", c.of, key)
			}
		}
		for key := range c.documented {
			if !held[key] {
				t.Errorf("schema.json documents %s of a %s, which holds none", key, c.of)
			}
		}
	}
}
