package render_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/render"
)

func goodRehearsal() reports.Rehearsal {
	taken, age, keys := time.Date(2026, 1, 2, 2, 4, 5, 0, time.UTC), int64(3600), int64(1184)
	r := reports.Rehearsal{
		Schema: 1, Kind: reports.RehearsalKind, ID: "0a1b2c3d", Started: taken.Add(time.Hour), Firedrill: "v0", Runtime: "process", EtcdVersion: "3.7.3", Members: 3, Verdict: harness.Held,
		Source:   reports.RehearsedSource{Location: "s3://backups/etcd", Object: "nightly/new.db", Bytes: 1_100_000_032, SHA256: strings.Repeat("0a", 32), Taken: &taken, Age: &age},
		Snapshot: &reports.RehearsedFile{Revision: 20_011, Compacted: 19_000, StorageVersion: "3.6.0", ClusterVersion: "3.6.5", Leases: 1, TakenOf: []string{"etcd-0", "etcd-1", "etcd-2"}},
		Phases:   reports.RehearsalPhases{Fetch: 900, Hosts: 500, Restore: 3200, FirstAck: 4100, Serving: 4800, Recovered: 5700, Census: 3900, MemberLoss: 1400, Total: 11_200},
		Cluster:  "cdf818194e3a8c32", Keys: &keys,
		Census: &reports.Census{Keys: 1184, Bytes: 900_000_000, Prefixes: []reports.CensusRow{
			{Prefix: "", Keys: 2, Bytes: 40}, {Prefix: "/registry/", Others: 31, Keys: 112, Bytes: 90_000}, {Prefix: "/registry/pods/", Keys: 770, Bytes: 899_000_000},
			{Prefix: `/registry/` + strings.Repeat("long/", 20), Keys: 300, Bytes: 909_960},
		}},
		Notes:   []string{"leases granted in the snapshot: 1; their keys go when they expire, but keys are counted, and hashes taken, at the snapshot's revision"},
		Machine: reports.Machine{CPUs: 2, OS: "linux/amd64", Memory: 1 << 34}, PeakMemory: 1 << 26,
	}
	for _, name := range []string{"m1", "m2", "m3"} {
		r.Hosts = append(r.Hosts, reports.RehearsedHost{Host: name, Place: 1, Restore: 3100, Up: 700, HashKV: 800, Version: "3.7.3", MemberID: "8e9e05c52164694d", Hash: "4ad0c1f3", Compact: 19_000, DBBytes: 1_100_000_256})
	}
	r.Findings = []harness.Finding{
		finding(harness.Promise, harness.Held, "snapshot-whole", "1100000032 bytes, and the checksum at their end is right"),
		finding(harness.Promise, harness.Held, "hashes-equal", "4ad0c1f3 at revision 20011, 3 of 3 members"),
		finding(harness.Promise, harness.Held, "young-enough", "it is 1h0m0s old, of 2026-01-02T02:04:05Z; 26h0m0s are allowed"),
	}
	return r
}

func badRehearsal() reports.Rehearsal {
	r := goodRehearsal()
	r.Source = reports.RehearsedSource{Location: "/var/backups/etcd.db.gz", Bytes: 5000, Taken: r.Source.Taken, Age: r.Source.Age}
	r.Verdict, r.Snapshot, r.Hosts, r.Keys, r.Census, r.Cluster, r.EtcdVersion = harness.Violated, nil, nil, nil, nil, "", ""
	r.Phases = reports.RehearsalPhases{Total: 20}
	r.Findings = []harness.Finding{
		finding(harness.Promise, harness.Violated, "snapshot-whole", "it is compressed by gzip, not an etcd snapshot"),
		finding(harness.Promise, harness.Inconclusive, "hashes-equal", "not tried: the file is no whole snapshot"),
	}
	r.Notes = []string{"hint: unpack it first, and rehearse what comes out"}
	return r
}

func TestRehearsalText(t *testing.T) {
	golden(t, "rehearsal-held.txt", render.Style{}.Rehearsal(goodRehearsal()), render.Width)
	golden(t, "rehearsal-violated.txt", render.Style{}.Rehearsal(badRehearsal()), render.Width)
	broken := goodRehearsal()
	broken.Verdict, broken.Phases.Recovered, broken.Phases.Serving = harness.Violated, 0, 0
	broken.Hosts[2] = reports.RehearsedHost{Host: "m3", Restore: 3100, Problem: "etcd does not start from what was restored: it ended 3 times, the last time it exited with status 1"}
	broken.Findings = append(broken.Findings, finding(harness.Promise, harness.Violated, "members-serve", "not every member does", "m3: etcd does not start from what was restored", `m3 logged: {"level":"fatal","msg":"no"}`))
	golden(t, "rehearsal-startless.txt", render.Style{}.Rehearsal(broken), render.Width)
}

func TestRehearsalJUnit(t *testing.T) {
	var b bytes.Buffer
	if err := render.RehearsalJUnit(&b, badRehearsal(), 20*time.Millisecond, nil); err != nil {
		t.Fatal(err)
	}
	golden(t, "rehearsal-junit.xml", b.String(), 0)
	var suites struct {
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
	}
	if err := xml.Unmarshal(b.Bytes(), &suites); err != nil || suites.Failures != 2 {
		t.Errorf("%+v, %v", suites, err)
	}
	b.Reset()
	if err := render.RehearsalJUnit(&b, reports.Rehearsal{}, time.Second, errors.New("open store: no\nhint: look")); err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(b.Bytes(), &suites); err != nil || suites.Errors != 1 || suites.Failures != 0 || !strings.Contains(b.String(), "hint: look") {
		t.Errorf("%+v, %v\n%s", suites, err, b.String())
	}
}

// parsed is what Prometheus's own parser makes of a text, by metric; values are
// those of the last sample.
func parsed(t *testing.T, text []byte) map[string]float64 {
	t.Helper()
	p := expfmt.NewTextParser(model.LegacyValidation)
	families, err := p.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	values := map[string]float64{}
	for name, f := range families {
		for _, m := range f.GetMetric() {
			key := name
			for _, l := range m.GetLabel() {
				if l.GetName() != "source" {
					key += " " + l.GetValue()
				}
			}
			values[key] = m.GetGauge().GetValue()
		}
	}
	return values
}

func metricsOf(t *testing.T, r reports.Rehearsal, before []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := render.RehearsalMetrics(&b, r, before); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRehearsalMetrics(t *testing.T) {
	r := goodRehearsal()
	text := metricsOf(t, r, nil)
	golden(t, "rehearsal.prom", string(text), 0)
	began := float64(r.Started.Unix())
	for name, want := range map[string]float64{
		"firedrill_rehearsal_success": 1, "firedrill_rehearsal_last_success_timestamp_seconds": began, "firedrill_rehearsal_last_run_timestamp_seconds": began,
		"firedrill_rehearsal_verdict held": 1, "firedrill_rehearsal_verdict violated": 0, "firedrill_rehearsal_snapshot_age_seconds": 3600,
		"firedrill_rehearsal_snapshot_keys": 1184, "firedrill_rehearsal_snapshot_revision": 20_011, "firedrill_rehearsal_snapshot_bytes": 1_100_000_032,
		"firedrill_rehearsal_phase_seconds recovered": 5.7, "firedrill_rehearsal_check_held hashes-equal": 1,
	} {
		if got, ok := parsed(t, text)[name]; !ok || got != want {
			t.Errorf("%s is %v (there: %v), want %v", name, got, ok, want)
		}
	}
	if _, there := parsed(t, text)["firedrill_rehearsal_phase_seconds verify"]; there {
		t.Error("a phase that did not occur is there")
	}
	// One that did not hold remembers when one last did; of another source nothing
	// is taken.
	later := goodRehearsal()
	later.Started = r.Started.Add(24 * time.Hour)
	later.Verdict = harness.Violated
	next := parsed(t, metricsOf(t, later, text))
	if next["firedrill_rehearsal_success"] != 0 || next["firedrill_rehearsal_last_success_timestamp_seconds"] != began || next["firedrill_rehearsal_verdict violated"] != 1 {
		t.Errorf("%v", next)
	}
	later.Source.Location = "elsewhere\"\\\n"
	if other := parsed(t, metricsOf(t, later, text)); other["firedrill_rehearsal_last_success_timestamp_seconds"] != 0 {
		t.Errorf("%v", other)
	}
	var b bytes.Buffer
	if err := render.BrokenRehearsalMetrics(&b, r.Source.Location, later.Started, text); err != nil {
		t.Fatal(err)
	}
	broke := parsed(t, b.Bytes())
	if broke["firedrill_rehearsal_verdict broke"] != 1 || broke["firedrill_rehearsal_success"] != 0 || broke["firedrill_rehearsal_last_success_timestamp_seconds"] != began {
		t.Errorf("%v", broke)
	}
}
