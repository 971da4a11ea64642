package render_test

import (
	"bytes"
	"testing"

	"github.com/etcd-firedrill/firedrill/reports/policy"
	"github.com/etcd-firedrill/firedrill/reports/render"
	"github.com/etcd-firedrill/firedrill/reports/trend"
)

func source(t *testing.T, name string, change func(*policy.Run)) trend.Source {
	t.Helper()
	r := swept(5, false)
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
	before := source(t, "october/sweep.json", same)
	for name, sources := range map[string][]trend.Source{
		"unchanged": {before, source(t, "november/sweep.json", same)},
		"slower":    {before, source(t, "november/sweep.json", same), source(t, "december|1/sweep.json", slower)},
		"too-few":   {source(t, "october/sweep.json", few), source(t, "november/sweep.json", few)},
		"many":      {before, before, before, before, before, before, before},
	} {
		got := trend.Compare(sources)
		golden(t, "trend-"+name+".txt", render.Style{}.Trend(got), 0)
		golden(t, "trend-"+name+".md", render.TrendMarkdown(got), 0)
		if len((render.Style{Color: true}).Trend(got)) <= len(render.Style{}.Trend(got)) {
			t.Errorf("%s: no colours", name)
		}
	}
}
