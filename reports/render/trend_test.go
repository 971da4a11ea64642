package render_test

import (
	"bytes"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports/policy"
	"github.com/etcd-firedrill/firedrill/reports/render"
	"github.com/etcd-firedrill/firedrill/reports/trend"
)

func source(t *testing.T, name string, change func(*policy.Run), more ...func(*policy.Result)) trend.Source {
	t.Helper()
	r := swept(6, false)
	for _, change := range more {
		change(&r)
	}
	for i := range r.Runs {
		change(&r.Runs[i])
	}
	var b bytes.Buffer
	if err := r.Assemble(r.Runs).Encode(&b); err != nil {
		t.Fatal(err)
	}
	s, err := trend.Read(name, b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// nights are rehearsals that took so much longer.
func nights(t *testing.T, name string, more int64) trend.Source {
	t.Helper()
	var b bytes.Buffer
	for n := range int64(6) {
		r := goodRehearsal()
		r.Phases.Restore, r.Phases.FirstAck = r.Phases.Restore+n, r.Phases.FirstAck+n
		r.Phases.Serving, r.Phases.Recovered = r.Phases.Serving+n+more, r.Phases.Recovered+n+more
		if err := r.Encode(&b); err != nil {
			t.Fatal(err)
		}
	}
	s, err := trend.Read(name, b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTrends(t *testing.T) {
	same := func(*policy.Run) {}
	slower := func(r *policy.Run) {
		if r.Procedure == "talos-recover-snapshot" && r.Size > 16<<20 {
			r.Phases[policy.RestoreHost] *= 2
		}
	}
	few := func(r *policy.Run) {
		if r.Number > 2 {
			r.Unfit = []string{"busy"}
		}
	}
	hangs := func(from int) func(*policy.Run) {
		return func(r *policy.Run) {
			if r.Procedure == "talos-recover-snapshot" && r.Size == 64<<20 && r.Number >= from {
				r.Verdict, r.Recovered, r.Unrecovered = harness.Violated, 0, 90_000
				for _, phase := range []policy.Phase{policy.RestoreHost, policy.Ack, policy.Redundancy, policy.Outage} {
					delete(r.Phases, phase)
				}
			}
		}
	}
	before := source(t, "october/sweep.json", same)
	for name, sources := range map[string][]trend.Source{
		"unchanged": {before, source(t, "november/sweep.json", same)},
		"slower":    {before, source(t, "november/sweep.json", same), source(t, "december|1/sweep.json", slower)},
		"too-few":   {source(t, "october/sweep.json", few), source(t, "november/sweep.json", few)},
		"elsewhere": {before, source(t, "elsewhere/sweep.json", func(r *policy.Run) {}, func(r *policy.Result) {
			r.Etcd, r.EtcdArgs, r.Machine.Model = "3.6.1", []string{"--snapshot-count=5|6"}, "Another Processor"
		})},
		"rehearsals": {nights(t, "october.jsonl", 0), nights(t, "november.jsonl", 900)},
		"fails-more": {before, source(t, "november/sweep.json", hangs(2))},
		"no-longer":  {before, before, source(t, "november/sweep.json", hangs(1))},
		"one-fails":  {source(t, "october/sweep.json", hangs(7)), source(t, "november/sweep.json", hangs(6))},
		"as-many":    {source(t, "october/sweep.json", hangs(2)), source(t, "november/sweep.json", hangs(2))},
		"fails-less": {source(t, "october/sweep.json", hangs(1)), source(t, "november/sweep.json", same)},
		"many":       {before, before, before, before, before, before, before},
	} {
		got := trend.Compare(sources)
		golden(t, "trend-"+name+".txt", render.Style{}.Trend(got), 0)
		golden(t, "trend-"+name+".md", render.TrendMarkdown(got), 0)
		if len((render.Style{Color: true}).Trend(got)) <= len(render.Style{}.Trend(got)) {
			t.Errorf("%s: no colours", name)
		}
	}
}
