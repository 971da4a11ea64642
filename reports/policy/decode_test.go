package policy_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/policy"
)

// whole is a result with every key in it.
func whole(t testing.TB) policy.Result {
	r := head(t)
	r.Image, r.EtcdBin, r.EtcdArgs = "etcd:3.5", "/opt/etcd", []string{"--quota-backend-bytes=8589934592"}
	r.Machine = reports.Machine{CPUs: 2, Model: "A Processor", Memory: 8 << 30, OS: "linux/amd64", Kernel: "6.1.0", Disk: "ext4"}
	r.Policy.Store, r.Policy.Endpoint = "s3://bucket/prefix", "http://127.0.0.1:9000"
	r.Sweep.Runs, r.Sweep.Writers, r.Sweep.Rate = 20, 3, 50
	r.Sweep.Members = []int{3, 1}
	var runs []policy.Run
	for n := 1; n <= 20; n++ {
		for _, p := range r.Sweep.Points() {
			if p.Members == 1 && p.Size > 64<<20 {
				continue // no line through two sizes
			}
			runs = append(runs, good(p, n))
		}
	}
	runs[3].Verdict, runs[3].Failed = harness.Violated, []string{"no-alarms"}
	runs[4].Unfit = []string{"busy"}
	runs[7].Recovered, runs[7].Unrecovered = 0, 140_000
	runs[8].Backups[0].Completed, runs[8].Backups[0].UnderWay, runs[8].Backups[0].Problem = false, 70, "the host was lost"
	runs[5].Drill, runs[5].Directory = "d1", "runs/d1"
	runs[6].Broke, runs[6].Loss = "no disk", nil
	return r.Assemble(runs)
}

func encoded(t testing.TB, r policy.Result) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := r.Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestResultsAreReadAsTheyWereWritten(t *testing.T) {
	for name, r := range map[string]policy.Result{"whole": whole(t), "begun": head(t).Assemble(nil)} {
		got, err := policy.Decode(encoded(t, r))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(r, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		// What follows from runs follows from them again.
		if diff := cmp.Diff(r, got.Assemble(got.Runs)); diff != "" {
			t.Errorf("%s, counted again: %s", name, diff)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	text := string(encoded(t, whole(t)))
	for name, c := range map[string]struct{ old, new, says string }{
		"another schema":    {`"schema": 1`, `"schema": 2`, "its schema is 2, this firedrill reads 1"},
		"another kind":      {`"kind": "policy"`, `"kind": "drill"`, "no result of a policy's sweep"},
		"a plan of nothing": {`"interval": "24h"`, `"interval": "0s"`, "policy.interval"},
		"a bad verdict":     {`"verdict": "held"`, `"verdict": "passed"`, "none of inconclusive"},
		"a loss below 0":    {`"lost_writes": 100,`, `"lost_writes": -100,`, "a loss is below 0"},
		"a time below 0":    {`"took_ms": 20000`, `"took_ms": -1`, "below 0"},
		"a backup below 0":  {`"upload_ms": `, `"upload_ms": -`, "a figure of backup b1 is below 0"},
		"one under way":     {`"under_way_ms": 70`, `"under_way_ms": -70`, "a figure of backup b1 is below 0"},
		"a host below 0":    {`"restore_ms": `, `"restore_ms": -`, "a time of host m1 is below 0"},
		"half of it":        {text[len(text)/2:], "", "unexpected end"},
		"text for a number": {`"planned_runs": `, `"planned_runs": "x`, "read a sweep"},
	} {
		doctored := strings.Replace(text, c.old, c.new, 1)
		if doctored == text {
			t.Fatalf("%s: the result does not hold %s", name, c.old)
		}
		if _, err := policy.Decode([]byte(doctored)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	if _, err := policy.Decode([]byte(`{"schema":1,"drill":"d1"}`)); !errors.Is(err, policy.ErrOther) {
		t.Errorf("a drill's report: %v", err)
	}
	for _, line := range []string{``, `{}`, `[]`, `{"procedure":"x","size_bytes":1,"number":0}`, `{"procedure":"x","size_bytes":1,"number":1,"phases_ms":{"upload":-1}}`} {
		if r, err := policy.DecodeRun([]byte(line)); err == nil {
			t.Errorf("%s is the run %+v", line, r)
		}
	}
}

// A run of an older firedrill, which told of no backup but the restored one and of no
// host, is read, and its lack is no 0 of anything.
func TestOlderRunsAreRead(t *testing.T) {
	r := head(t)
	runs := all(r)
	for i := range runs {
		line, err := json.Marshal(runs[i])
		if err != nil {
			t.Fatal(err)
		}
		var keys map[string]json.RawMessage
		if err := json.Unmarshal(line, &keys); err != nil {
			t.Fatal(err)
		}
		delete(keys, "backups")
		delete(keys, "hosts")
		if line, err = json.Marshal(keys); err != nil {
			t.Fatal(err)
		}
		if runs[i], err = policy.DecodeRun(line); err != nil {
			t.Fatal(err)
		}
	}
	r, err := policy.Decode(encoded(t, r.Assemble(runs)))
	if err != nil {
		t.Fatal(err)
	}
	if got := target(t, r, policy.TargetRPO); got.Verdict != harness.Inconclusive || got.Worst != 0 || len(r.Alternatives) != 0 {
		t.Errorf("%+v, %+v", got, r.Alternatives)
	}
}

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(policy.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("sweep.json", document); err != nil {
		t.Fatal(err)
	}
	return c.MustCompile("sweep.json")
}

func TestResultsFollowTheSchema(t *testing.T) {
	schema := compiled(t)
	for name, r := range map[string]policy.Result{"whole": whole(t), "begun": head(t).Assemble(nil)} {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded(t, r)))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	text := string(encoded(t, whole(t)))
	for name, change := range map[string][2]string{
		"an undocumented key": {`"planned_runs"`, `"planned"`}, "an unknown verdict": {`"verdict": "held"`, `"verdict": "passed"`},
		"a duration of words": {`"interval": "24h"`, `"interval": "a day"`}, "an unknown phase": {`"first_ack": `, `"second_ack": `},
	} {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(strings.Replace(text, change[0], change[1], 1)))
		if err != nil {
			t.Fatal(err)
		}
		if schema.Validate(value) == nil {
			t.Errorf("%s follows the schema", name)
		}
	}
}

// Every key that a result can hold is documented, where it is held, and no other is.
func TestTheSchemaDocumentsEveryKey(t *testing.T) {
	var root map[string]any
	if err := json.Unmarshal(policy.Schema(), &root); err != nil {
		t.Fatal(err)
	}
	documented(t, "sweep", root, root, reflect.TypeFor[policy.Result]())
}

func documented(t *testing.T, at string, root, schema map[string]any, kind reflect.Type) {
	t.Helper()
	for {
		ref, ok := schema["$ref"].(string)
		if !ok {
			break
		}
		schema = root["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
	}
	for kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	switch {
	case kind.Kind() == reflect.Slice:
		items, _ := schema["items"].(map[string]any)
		documented(t, at+"[]", root, items, kind.Elem())
		return
	case kind.Kind() != reflect.Struct || kind.PkgPath() != reflect.TypeFor[policy.Result]().PkgPath():
		return
	}
	properties, _ := schema["properties"].(map[string]any)
	known := map[string]bool{}
	for _, field := range reflect.VisibleFields(kind) {
		key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Anonymous || key == "" {
			continue
		}
		known[key] = true
		rule, ok := properties[key].(map[string]any)
		if !ok {
			t.Errorf("%s.%s is not in schema.json", at, key)
			continue
		}
		if _, described := rule["description"]; !described {
			if _, refers := rule["$ref"]; !refers && rule["type"] != "object" {
				t.Errorf("%s.%s has no description", at, key)
			}
		}
		documented(t, at+"."+key, root, rule, field.Type)
	}
	for key := range properties {
		if !known[key] {
			t.Errorf("schema.json documents %s.%s, which no result holds", at, key)
		}
	}
}

// No text makes the reader panic, and what it takes can be counted and written.
func FuzzDecode(f *testing.F) {
	f.Add(encoded(f, head(f).Assemble(all(head(f))[:3])))
	f.Add([]byte(`{"kind":"policy","schema":1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := policy.Decode(text)
		if err != nil {
			return
		}
		again, err := policy.Decode(encoded(t, r.Assemble(r.Runs)))
		if err != nil {
			t.Fatal(err)
		}
		if again.Verdict() != r.Assemble(r.Runs).Verdict() {
			t.Errorf("%s and %s", again.Verdict(), r.Verdict())
		}
	})
}
