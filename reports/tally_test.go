package reports_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
)

// lasted is a drill with an outage of this many ms, open or not.
func lasted(outage int64, open bool) reports.Report {
	r := reports.Report{Verdict: harness.Held, Phases: reports.Phases{Outage: outage, Redundancy: outage * 2}, OutageOpen: open, Loss: &reports.Loss{LostWrites: outage / 100, LostSpan: outage}}
	if outage > 0 {
		r.Gaps = []reports.Gap{{MS: outage, Open: open}}
	}
	return r
}

func TestMedianOutage(t *testing.T) {
	for name, c := range map[string]struct {
		drills []reports.Report
		want   reports.Median
	}{
		"none":                              {},
		"one":                               {drills: []reports.Report{lasted(700, false)}, want: reports.Median{Value: 700, Most: 700, Of: 1}},
		"of two the longer":                 {drills: []reports.Report{lasted(700, false), lasted(300, false)}, want: reports.Median{Value: 700, Most: 700, Of: 2}},
		"no gap counts as 0":                {drills: []reports.Report{lasted(0, false), lasted(300, false), lasted(0, false)}, want: reports.Median{Most: 300, Of: 3}},
		"an open one above changes nothing": {drills: []reports.Report{lasted(900, true), lasted(300, false), lasted(500, false)}, want: reports.Median{Value: 500, Most: 900, Of: 3}},
		"an open one below may lie above":   {drills: []reports.Report{lasted(900, false), lasted(300, true), lasted(500, false)}, want: reports.Median{Value: 500, Most: 900, Of: 3, AtLeast: true}},
		"an open one in the middle":         {drills: []reports.Report{lasted(900, false), lasted(300, false), lasted(500, true)}, want: reports.Median{Value: 500, Most: 900, Of: 3, AtLeast: true}},
	} {
		if diff := cmp.Diff(c.want, reports.Count(c.drills).Outage); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// What a drill proved counts whatever the machine did; what it timed does not.
func TestCountTellsWhatIsLeftOut(t *testing.T) {
	hazard := func(v harness.Verdict) harness.Finding {
		return harness.Finding{Check: "revisions-unique", Kind: harness.Hazard, Verdict: v}
	}
	in := func(outcome string, f harness.Finding) harness.Finding { f.Outcome = outcome; return f }
	promise := harness.Finding{Check: "replicas-agree", Kind: harness.Promise, Verdict: harness.Held}
	unfit := lasted(9000, false)
	unfit.Unfit, unfit.Findings = []string{"busy"}, []harness.Finding{promise, in("badly", hazard(harness.Violated))}
	unmet := lasted(0, false)
	unmet.Verdict = harness.Inconclusive
	unmet.Findings = []harness.Finding{{Kind: harness.Premise}, promise, in("unmet", hazard(harness.Held))}
	strict := lasted(400, false)
	strict.Strict, strict.Verdict, strict.Findings = true, harness.Violated, []harness.Finding{promise, hazard(harness.Violated)}
	violated := lasted(600, false)
	violated.Verdict, violated.Loss, violated.Phases.Redundancy = harness.Violated, nil, 0
	violated.Findings = []harness.Finding{in("unseen", hazard(harness.Inconclusive))}
	quiet := lasted(300, false)
	quiet.Findings = []harness.Finding{in("well", hazard(harness.Held))}

	drills := []reports.Report{unfit, unmet, strict, violated, quiet}
	want := reports.Tally{
		Drills: 5, Held: 3, Unfit: 1, Unmet: 1, Timed: 3,
		Outage: reports.Median{Value: 400, Most: 600, Of: 3}, Gaps: reports.Median{Value: 1, Most: 1, Of: 3}, Redundancy: reports.Median{Value: 800, Most: 800, Of: 2},
		Loss: reports.LossMedian{Loss: reports.Loss{LostWrites: 4, LostSpan: 400}, Most: 4, Of: 2, Unknown: 1},
	}
	for range 20 {
		rand.Shuffle(len(drills), func(i, j int) { drills[i], drills[j] = drills[j], drills[i] })
		got := reports.Count(drills)
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(reports.Tally{})); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(reports.HazardTally{Present: 2, Absent: 1, Unjudged: 2, Outcomes: map[string]int{"badly": 1, "well": 1}}, got.Hazard("revisions-unique")); diff != "" {
			t.Fatalf("hazard (-want +got):\n%s", diff)
		}
		if n := got.Hazard("nobody-looked").Drills(); n != 0 {
			t.Fatalf("%d drills looked for a hazard that none has", n)
		}
	}
}
