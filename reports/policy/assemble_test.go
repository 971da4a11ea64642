package policy_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/policy"
)

// head is a result before anything was run.
func head(t testing.TB) policy.Result {
	p := nightly(t)
	return policy.Result{
		Firedrill: "v1", Started: began, Runtime: "process", Etcd: "3.7.3", Machine: reports.Machine{CPUs: 2, OS: "linux/amd64"},
		Policy: p.Policy, Sweep: p.Sweep,
	}
}

// good is a run that held: each phase takes 100 ms and 1 s for each GiB.
func good(p policy.Point, number int) policy.Run {
	bytes := int64(p.Size) + 4096
	took := int64(100 + math.Round(1000*float64(bytes)/(1<<30)))
	run := policy.Run{
		Point: p, Number: number, Seed: int64(number), Started: began, Took: 20_000, Verdict: harness.Held, Phases: map[policy.Phase]int64{},
		DatabaseBytes: bytes, Keys: bytes / 1024, Recovered: 3000 + int64(number),
		Loss: &policy.Loss{AckedWrites: 1000, LostWrites: 100 * int64(number), LostMS: 1000 * int64(number), BoundMS: 6000 + 3*took},
	}
	for _, phase := range policy.Phases() {
		run.Phases[phase] = took
	}
	return run
}

func all(r policy.Result) []policy.Run {
	var runs []policy.Run
	for n := 1; n <= r.Sweep.Runs; n++ {
		for _, p := range r.Sweep.Points() {
			runs = append(runs, good(p, n))
		}
	}
	return runs
}

func ptr[T any](v T) *T { return &v }

func verdicts(r policy.Result) map[string]harness.Verdict {
	got := map[string]harness.Verdict{}
	for _, t := range r.Targets {
		got[t.Target] = t.Verdict
	}
	return got
}

func target(t *testing.T, r policy.Result, name string) policy.Verdict {
	t.Helper()
	for _, v := range r.Targets {
		if v.Target == name {
			return v
		}
	}
	t.Fatalf("there is no verdict on %s in %+v", name, r.Targets)
	return policy.Verdict{}
}

func TestAssembleOfAWholeSweep(t *testing.T) {
	r := head(t)
	r = r.Assemble(all(r))
	if !r.Finished || r.Planned != 30 || len(r.Runs) != 30 || len(r.Summaries) != 6 || r.Kind != "policy" || r.Schema != 1 {
		t.Errorf("finished %v, %d planned, %d runs, %d summaries, %s %d", r.Finished, r.Planned, len(r.Runs), len(r.Summaries), r.Kind, r.Schema)
	}
	if r.Verdict() != harness.Held {
		t.Errorf("%s: %+v", r.Verdict(), r.Targets)
	}
	first := r.Summaries[0]
	if first.Runs != 5 || first.Held != 5 || first.Counted != 5 || first.Exceeded != 0 {
		t.Errorf("%+v", first)
	}
	low, high := int64(3001), int64(3005)
	if diff := cmp.Diff(policy.Spread{Of: 5, P50: 3003, Worst: 3005, Low: &low, High: &high, Confidence: 0.9375}, first.Recovered); diff != "" {
		t.Error(diff)
	}
	// By the points' order, whatever the order in which they ended.
	for i, run := range r.Runs {
		if run.Number != i%5+1 || run.Point != r.Sweep.Points()[i/5] {
			t.Errorf("run %d is number %d of %s", i, run.Number, run.Title())
		}
	}
}

func TestNothingIsSaidThatSoFewCannotSay(t *testing.T) {
	var figures []int64
	for n := range int64(20) {
		if s := policy.SpreadOf(figures); s.P95 != nil || (s.Low != nil) != (n >= 5) || s.Of != int(n) {
			t.Errorf("of %d figures: %+v", n, s)
		}
		figures = append(figures, 100-n)
	}
	s := policy.SpreadOf(figures)
	if s.P95 == nil || *s.P95 != 99 || s.P50 != 90 || s.Worst != 100 || s.Low == nil || *s.Low != 86 || *s.High != 95 || math.Abs(s.Confidence-0.9586) > 1e-4 {
		t.Errorf("of 20 figures: %+v, p95 %v", s, s.P95)
	}
}

func TestFitsFindTheLine(t *testing.T) {
	r := head(t)
	r = r.Assemble(all(r))
	if len(r.Fits) != 2*len(policy.Phases()) || r.Unfitted != nil {
		t.Fatalf("%d fits, %q", len(r.Fits), r.Unfitted)
	}
	for _, f := range r.Fits {
		if math.Abs(f.Fixed-100) > 1 || math.Abs(f.PerGiB-1000) > 5 || f.R2 < 0.999 || f.Residual > 1 || f.Worst > 1 || f.Figures != 15 {
			t.Errorf("%+v, want 100 ms and 1000 ms per GiB", f)
		}
		if f.From != 16<<20+4096 || f.To != 256<<20+4096 {
			t.Errorf("from %d to %d", f.From, f.To)
		}
	}
	// Two sizes are no line, and it is said.
	r.Sweep.Sizes = r.Sweep.Sizes[:2]
	r = r.Assemble(r.Runs)
	if len(r.Fits) != 0 || len(r.Unfitted) != 2 || !strings.Contains(r.Unfitted[0], "2 of the 3 sizes") {
		t.Errorf("%d fits, %q", len(r.Fits), r.Unfitted)
	}
	// Nor are three, one of which has no run that counts.
	r = head(t)
	runs := all(r)
	for i := range runs {
		if runs[i].Size == 16<<20 {
			runs[i].Unfit = []string{"busy"}
		}
	}
	if r = r.Assemble(runs); len(r.Fits) != 0 || len(r.Unfitted) != 2 {
		t.Errorf("%d fits, %q", len(r.Fits), r.Unfitted)
	}
}

func TestTargets(t *testing.T) {
	const held, violated, inconclusive = harness.Held, harness.Violated, harness.Inconclusive
	for name, c := range map[string]struct {
		change                  func(*policy.Result, []policy.Run) []policy.Run
		rto, rpo, bound, drills harness.Verdict
		whole                   harness.Verdict
	}{
		"as promised": {
			func(_ *policy.Result, runs []policy.Run) []policy.Run { return runs }, held, held, held, held, held,
		},
		"one recovery took longer": {
			func(_ *policy.Result, runs []policy.Run) []policy.Run { runs[4].Recovered = 120_001; return runs }, violated, held, held, held, violated,
		},
		"one recovery was not seen": {
			func(_ *policy.Result, runs []policy.Run) []policy.Run { runs[4].Recovered = 0; return runs }, inconclusive, held, held, held, inconclusive,
		},
		"one had not recovered when more time had passed": {
			func(_ *policy.Result, runs []policy.Run) []policy.Run {
				runs[4].Recovered, runs[4].Unrecovered = 0, 120_001
				return runs
			}, violated, held, held, held, violated,
		},
		"one had not recovered, and was not watched for so long": {
			func(_ *policy.Result, runs []policy.Run) []policy.Run {
				runs[4].Recovered, runs[4].Unrecovered = 0, 120_000
				return runs
			}, inconclusive, held, held, held, inconclusive,
		},
		"more was lost than the policy explains": {
			func(_ *policy.Result, runs []policy.Run) []policy.Run {
				runs[7].Loss.LostMS = runs[7].Loss.BoundMS + 1
				return runs
			}, held, violated, violated, held, violated,
		},
		"a backup job stopped, and nobody wrote much": {
			func(_ *policy.Result, runs []policy.Run) []policy.Run { runs[7].Loss.AgeMS = 19_000; return runs }, held, violated, violated, held, violated,
		},
		"that is not excused by a busy machine": {
			func(_ *policy.Result, runs []policy.Run) []policy.Run {
				runs[7].Loss.LostMS = runs[7].Loss.BoundMS + 1
				runs[7].Unfit = []string{"busy"}
				return runs
			}, held, violated, violated, held, violated,
		},
		"a loss was not seen": {
			func(_ *policy.Result, runs []policy.Run) []policy.Run { runs[7].Loss = nil; return runs }, held, inconclusive, inconclusive, held, inconclusive,
		},
		"the policy cannot keep its promise": {
			func(r *policy.Result, runs []policy.Run) []policy.Run {
				r.Policy.Targets.RPO = policy.Duration(24 * time.Hour) // and no time to take a snapshot
				return runs
			}, held, violated, held, held, violated,
		},
		"the longest recovery is left out": {
			func(_ *policy.Result, runs []policy.Run) []policy.Run {
				more := good(runs[4].Point, 4)
				more.Number, more.Recovered, more.Unfit = 4, 120_001, []string{"busy"}
				return append(runs, more)
			}, inconclusive, held, held, held, inconclusive,
		},
		"one that is left out was quick": {
			func(_ *policy.Result, runs []policy.Run) []policy.Run {
				runs[4].Unfit = []string{"busy"}
				return runs
			}, held, held, held, held, held,
		},
		"the check excuses what is above the bound": {
			func(_ *policy.Result, runs []policy.Run) []policy.Run {
				runs[7].Loss.LostMS, runs[7].Loss.Verdict = runs[7].Loss.BoundMS+1, ptr(inconclusive)
				return runs
			}, held, inconclusive, inconclusive, held, inconclusive,
		},
		"the check knows better than the bound": {
			func(_ *policy.Result, runs []policy.Run) []policy.Run {
				runs[7].Loss.LostMS, runs[7].Loss.Verdict = runs[7].Loss.BoundMS+1, ptr(held)
				return runs
			}, held, held, held, held, held,
		},
		"the check found more than the bound": {
			func(_ *policy.Result, runs []policy.Run) []policy.Run {
				runs[7].Loss.Verdict = ptr(violated)
				return runs
			}, held, violated, violated, held, violated,
		},
		"a drill did not hold": {
			func(_ *policy.Result, runs []policy.Run) []policy.Run { runs[3].Verdict = violated; return runs }, held, held, held, violated, violated,
		},
		"a drill was inconclusive": {
			func(_ *policy.Result, runs []policy.Run) []policy.Run { runs[3].Verdict = inconclusive; return runs }, held, held, held, inconclusive, inconclusive,
		},
		"the harness broke": {
			func(_ *policy.Result, runs []policy.Run) []policy.Run { runs[3].Broke = "no disk"; return runs }, inconclusive, inconclusive, inconclusive, inconclusive, inconclusive,
		},
		"too few runs count": {
			func(_ *policy.Result, runs []policy.Run) []policy.Run {
				for i := range runs {
					if runs[i].Number > 2 {
						runs[i].Unfit = []string{"busy"}
					}
				}
				return runs
			}, inconclusive, inconclusive, held, held, inconclusive,
		},
		"none counts": {
			func(_ *policy.Result, runs []policy.Run) []policy.Run {
				for i := range runs {
					runs[i].Unfit = []string{"busy"}
				}
				return runs
			}, inconclusive, inconclusive, held, held, inconclusive,
		},
		"it is not finished": {
			func(_ *policy.Result, runs []policy.Run) []policy.Run { return runs[:29] }, inconclusive, inconclusive, inconclusive, inconclusive, inconclusive,
		},
		"nothing was run": {
			func(*policy.Result, []policy.Run) []policy.Run { return nil }, inconclusive, inconclusive, inconclusive, inconclusive, inconclusive,
		},
	} {
		r := head(t)
		runs := c.change(&r, all(r))
		r = r.Assemble(runs)
		want := map[string]harness.Verdict{"rto": c.rto, "rpo": c.rpo, "loss-bound": c.bound, "every drill held": c.drills}
		if diff := cmp.Diff(want, verdicts(r)); diff != "" || r.Verdict() != c.whole {
			t.Errorf("%s: the whole is %s, want %s; targets (-want +got)\n%s", name, r.Verdict(), c.whole, diff)
		}
		for _, v := range r.Targets {
			if v.Detail == "" {
				t.Errorf("%s: nothing is said of %s", name, v.Target)
			}
		}
	}
}

func TestTargetsTellTheirFigures(t *testing.T) {
	r := head(t)
	runs := all(r)
	r = r.Assemble(runs)
	if got := target(t, r, "rto"); got.Wanted != 120_000 || got.Worst != 3005 {
		t.Errorf("%+v", got)
	}
	// The closest to its bound: the last run of the least size.
	last := good(r.Sweep.Points()[0], 5)
	if got := target(t, r, "loss-bound"); got.Wanted != last.Loss.BoundMS || got.Worst != 5000 {
		t.Errorf("%+v, want %+v", got, last.Loss)
	}
	// A day, and what the slowest snapshot and upload took.
	largest := good(r.Sweep.Points()[2], 1)
	beyond := largest.Loss.BoundMS - 6000
	if got := target(t, r, "rpo"); got.Wanted != 25*3600_000 || got.Worst != 24*3600_000+beyond || !strings.Contains(got.Detail, "computed") || !strings.Contains(got.Detail, "compressed to 6s") {
		t.Errorf("%+v", got)
	}
	// Without such targets nothing is said of them.
	r.Policy.Targets = policy.Targets{}
	r = r.Assemble(runs)
	if got := verdicts(r); len(got) != 2 || r.Verdict() != harness.Held {
		t.Errorf("%v", got)
	}
}

// An interval that is not compressed is one of production: what was lost is lost.
func TestAnRPOThatWasSeenToBeBroken(t *testing.T) {
	r := head(t)
	r.Sweep.TimeScale = 1
	r.Policy.Interval = policy.Duration(6 * time.Second)
	r.Policy.Retention = policy.Retention{}
	r.Policy.Targets.RPO = policy.Duration(4 * time.Second)
	r = r.Assemble(all(r))
	if got := verdicts(r); got["rpo"] != harness.Violated || got["loss-bound"] != harness.Held {
		t.Errorf("%v", got)
	}
}

func TestARunThatIsMadeAgainCountsOnce(t *testing.T) {
	r := head(t)
	runs := all(r)
	broke := runs[2]
	broke.Broke, broke.Loss, broke.Phases = "no disk", nil, nil
	again := append([]policy.Run{broke}, runs...)
	foreign := good(policy.Point{Size: 1, ValueSize: 1, Members: 1, Procedure: "x"}, 1)
	r = r.Assemble(append(again, foreign))
	if len(r.Runs) != 30 || !r.Finished || r.Verdict() != harness.Held {
		t.Errorf("%d runs, finished %v, %s", len(r.Runs), r.Finished, r.Verdict())
	}
	if r = r.Assemble(append(runs, broke)); r.Finished || r.Summaries[2].Counted != 4 {
		t.Errorf("finished %v, %+v", r.Finished, r.Summaries[2])
	}
}

func TestAlternatives(t *testing.T) {
	r := head(t)
	r = r.Assemble(all(r))
	yes, no := true, false
	bytes := int64(256<<20 + 4096)
	beyond := good(r.Sweep.Points()[2], 1).Loss.BoundMS - 6000
	const hour = 3600_000
	want := []policy.Alternative{
		{Name: "as it is", Interval: policy.Duration(24 * time.Hour), Count: 7, LossMS: 24*hour + beyond, Bytes: 7 * bytes, SnapshotsPerDay: 1, MeetsRPO: &yes, Detail: "the newest snapshots reach back 168h"},
		{Name: "cheaper", Interval: policy.Duration(48 * time.Hour), Count: 4, LossMS: 48*hour + beyond, Bytes: 4 * bytes, SnapshotsPerDay: 0.5, MeetsRPO: &no, Detail: "the newest snapshots reach back 192h"},
		{Name: "safer", Interval: policy.Duration(12 * time.Hour), Count: 7, LossMS: 12*hour + beyond, Bytes: 7 * bytes, SnapshotsPerDay: 2, MeetsRPO: &yes, Detail: "the newest snapshots reach back 84h"},
	}
	if diff := cmp.Diff(want, r.Alternatives); diff != "" {
		t.Error(diff)
	}
	r.Policy.Retention, r.Policy.Targets = policy.Retention{}, policy.Targets{}
	r = r.Assemble(r.Runs)
	if a := r.Alternatives[0]; a.Count != 0 || a.Bytes != 0 || a.MeetsRPO != nil || !strings.Contains(a.Detail, "for ever") {
		t.Errorf("%+v", a)
	}
	r.Policy.Interval, r.Sweep.TimeScale = policy.Duration(time.Second), 1
	for i := range r.Runs {
		r.Runs[i].Phases[policy.Snapshot] = 700
	}
	r.Policy.Targets.RPO = policy.Duration(time.Hour)
	r = r.Assemble(r.Runs)
	// What cannot be done meets no target, and loses what it can do instead.
	if a := r.Alternatives[2]; !strings.Contains(a.Detail, "not possible") || a.MeetsRPO == nil || *a.MeetsRPO || a.LossMS < 1400 {
		t.Errorf("%+v", a)
	}
	if a := r.Alternatives[1]; a.MeetsRPO == nil || !*a.MeetsRPO {
		t.Errorf("%+v", a)
	}
	if r = r.Assemble(nil); len(r.Alternatives) != 0 {
		t.Errorf("of no runs: %+v", r.Alternatives)
	}
}
