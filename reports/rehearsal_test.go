package reports_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
)

// fullRehearsal has every key set.
func fullRehearsal() reports.Rehearsal {
	taken, age, keys := time.Date(2026, 1, 2, 2, 4, 5, 0, time.UTC), int64(3600), int64(1000)
	return reports.Rehearsal{
		Schema: 1, Kind: reports.RehearsalKind, ID: "0a1b2c3d", Started: taken.Add(time.Hour), Firedrill: "v0", Runtime: "process", EtcdVersion: "3.7.3", Members: 3, Verdict: harness.Violated,
		Source: reports.RehearsedSource{Location: "s3://backups/etcd", Object: "nightly.db", Bytes: 4096, SHA256: strings.Repeat("0a", 32), Taken: &taken, Age: &age},
		Snapshot: &reports.RehearsedFile{
			Revision: 1001, Compacted: 900, StorageVersion: "3.6.0", ClusterVersion: "3.6.5", Auth: true, Leases: 3, Alarms: []string{"NOSPACE"}, TakenOf: []string{"etcd-0"},
		},
		Phases: reports.RehearsalPhases{Fetch: 1, Verify: 2, Hosts: 3, Restore: 4, FirstAck: 5, Serving: 6, Recovered: 7, Census: 8, MemberLoss: 9, Total: 10},
		Hosts: []reports.RehearsedHost{{
			Host: "m1", Place: 1, Restore: 2, Up: 3, HashKV: 4, Version: "3.7.3", MemberID: "8e9e05c52164694d", Hash: "4ad0c1f3", Compact: 900, DBBytes: 4096, Problem: "none",
		}},
		Cluster: "cdf818194e3a8c32", Keys: &keys,
		Census:   &reports.Census{Keys: 1000, Bytes: 9999, Prefixes: []reports.CensusRow{{Prefix: "/registry/", Others: 2, Keys: 1000, Bytes: 9999}}},
		Findings: []harness.Finding{{Check: "no-alarm", Kind: harness.Promise, Verdict: harness.Violated, Claim: "No member raises an alarm.", Detail: "there are alarms", Offending: []string{"m1: NOSPACE"}}},
		Notes:    []string{"hint: look"},
		Machine:  reports.Machine{CPUs: 2, OS: "linux/amd64", Memory: 1 << 30}, PeakMemory: 1 << 26,
	}
}

func againstRehearsalSchema(t *testing.T, encoded []byte) []string {
	t.Helper()
	v := &validator{}
	if err := json.Unmarshal(reports.RehearsalSchema(), &v.root); err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(encoded, &value); err != nil {
		t.Fatal(err)
	}
	v.check("rehearsal", v.root, value)
	return v.faults
}

func encodedRehearsal(t *testing.T, r reports.Rehearsal) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := r.Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRehearsalsFollowTheirSchema(t *testing.T) {
	empty := reports.Rehearsal{Schema: 1, Kind: reports.RehearsalKind, ID: "x", Runtime: "process", Members: 1, Hosts: []reports.RehearsedHost{}, Findings: []harness.Finding{}, Machine: reports.Machine{CPUs: 1, OS: "linux/amd64"}}
	for name, r := range map[string]reports.Rehearsal{"full": fullRehearsal(), "empty": empty} {
		text := encodedRehearsal(t, r)
		for _, fault := range againstRehearsalSchema(t, text) {
			t.Errorf("%s: %s", name, fault)
		}
		again, err := reports.DecodeRehearsal(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, again); diff != "" {
			t.Errorf("%s read back:\n%s", name, diff)
		}
		if bytes.Count(text, []byte("\n")) != 1 {
			t.Errorf("%s is not one line", name)
		}
	}
}

func TestTheRehearsalSchemaRefuses(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"a phase of 0", `"serving":6`, `"serving":0`, "below 1"},
		{"an undocumented key", `"serving":6`, `"severing":6`, "undocumented key severing"},
		{"a verdict nobody knows", `"verdict":"violated"`, `"verdict":"passed"`, "none of"},
		{"a missing source", `"source"`, `"sauce"`, "lacks source"},
		{"a hash that is none", `"4ad0c1f3"`, `"xyz"`, "does not match"},
	} {
		text := string(encodedRehearsal(t, fullRehearsal()))
		doctored := strings.Replace(text, c.old, c.new, 1)
		if doctored == text {
			t.Fatalf("%s: the report does not hold %s", c.name, c.old)
		}
		if faults := strings.Join(againstRehearsalSchema(t, []byte(doctored)), "\n"); !strings.Contains(faults, c.want) {
			t.Errorf("%s: got %q, want %q in it", c.name, faults, c.want)
		}
	}
	for name, text := range map[string]string{
		"another schema": `{"schema":2,"kind":"rehearsal","rehearsal":"x"}`, "another kind": `{"schema":1,"kind":"policy","rehearsal":"x"}`, "a drill's report": `{"schema":1,"drill":"x","scenario":"s"}`,
	} {
		if _, err := reports.DecodeRehearsal(strings.NewReader(text)); err == nil {
			t.Errorf("%s was read", name)
		}
	}
	if _, err := reports.DecodeRehearsal(strings.NewReader(`{"schema":1,"rehearsal":"x"}`)); err != nil {
		t.Errorf("one of a version that wrote no kind: %v", err)
	}
}

// Every field that a report can hold, at whatever depth, is documented, and
// nothing else is.
func TestTheRehearsalSchemaDocumentsEveryKey(t *testing.T) {
	var root map[string]any
	if err := json.Unmarshal(reports.RehearsalSchema(), &root); err != nil {
		t.Fatal(err)
	}
	documents(t, "rehearsal", root, root, reflect.TypeFor[reports.Rehearsal]())
}
