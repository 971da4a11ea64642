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
	run.Backups = []policy.Backup{
		{Name: "b1", Snapshot: took, Upload: took, Bytes: bytes - 1, Keys: run.Keys, Completed: true},
		{Name: "b2", Snapshot: took, Verify: took, Upload: took, Bytes: bytes, Keys: run.Keys, Completed: true, Restored: true},
	}
	run.Hosts = []policy.HostTimes{{Host: "m1", Fetch: took, Verify: took - 1, Restore: took}, {Host: "m2", Fetch: took - 1, Verify: took}}
	return run
}

// slow makes the backup that was not restored take so long.
func slow(run *policy.Run, took time.Duration) {
	run.Backups[0].Snapshot = took.Milliseconds() - run.Backups[0].Verify - run.Backups[0].Upload
}

// aside leaves a run out.
func aside(run *policy.Run) { run.Unfit = []string{"busy"} }

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
		"one that is left out had not recovered when more time had passed": {
			func(_ *policy.Result, runs []policy.Run) []policy.Run {
				aside(&runs[4])
				runs[4].Recovered, runs[4].Unrecovered = 0, 120_001
				return runs
			}, inconclusive, held, held, held, inconclusive,
		},
		"one that is left out had not recovered, and was not watched for so long": {
			func(_ *policy.Result, runs []policy.Run) []policy.Run {
				aside(&runs[4])
				runs[4].Recovered, runs[4].Unrecovered = 0, 9000
				return runs
			}, inconclusive, held, held, held, inconclusive,
		},
		"one that is left out was not seen to recover": {
			func(_ *policy.Result, runs []policy.Run) []policy.Run {
				aside(&runs[4])
				runs[4].Recovered = 0
				return runs
			}, inconclusive, held, held, held, inconclusive,
		},
		"an inconclusive one took longer": {
			func(_ *policy.Result, runs []policy.Run) []policy.Run {
				runs[4].Verdict, runs[4].Recovered = inconclusive, 120_001
				return runs
			}, inconclusive, held, held, inconclusive, inconclusive,
		},
		"an inconclusive one had not recovered": {
			func(_ *policy.Result, runs []policy.Run) []policy.Run {
				runs[4].Verdict, runs[4].Recovered, runs[4].Unrecovered = inconclusive, 0, 120_001
				return runs
			}, inconclusive, held, held, inconclusive, inconclusive,
		},
		"one that counts took longer, and one that is left out was not seen to recover": {
			func(_ *policy.Result, runs []policy.Run) []policy.Run {
				aside(&runs[4])
				runs[4].Recovered, runs[5].Recovered = 0, 120_001
				return runs
			}, violated, held, held, held, violated,
		},
		"a backup that was not restored took longer": {
			func(_ *policy.Result, runs []policy.Run) []policy.Run {
				slow(&runs[4], time.Hour+time.Millisecond)
				return runs
			}, held, violated, held, held, violated,
		},
		"it took just so long": {
			func(_ *policy.Result, runs []policy.Run) []policy.Run { slow(&runs[4], time.Hour); return runs }, held, held, held, held, held,
		},
		"it took longer from the strike on": {
			func(_ *policy.Result, runs []policy.Run) []policy.Run {
				slow(&runs[4], 2*time.Hour)
				runs[4].Backups[0].Completed = false
				return runs
			}, held, held, held, held, held,
		},
		"it had taken longer when disaster struck": {
			func(_ *policy.Result, runs []policy.Run) []policy.Run {
				slow(&runs[4], 40*time.Minute)
				more := policy.Backup{Name: "b3", UnderWay: time.Hour.Milliseconds() + 1}
				runs[4].Backups = append(runs[4].Backups, more)
				return runs
			}, held, violated, held, held, violated,
		},
		"a backup took longer in a run that is left out": {
			func(_ *policy.Result, runs []policy.Run) []policy.Run {
				aside(&runs[4])
				slow(&runs[4], 2*time.Hour)
				return runs
			}, held, inconclusive, held, held, inconclusive,
		},
		"a backup took longer in an inconclusive run": {
			func(_ *policy.Result, runs []policy.Run) []policy.Run {
				runs[4].Verdict = inconclusive
				slow(&runs[4], 2*time.Hour)
				return runs
			}, held, inconclusive, held, inconclusive, inconclusive,
		},
		"a run that is left out shows no backup": {
			func(_ *policy.Result, runs []policy.Run) []policy.Run {
				aside(&runs[4])
				runs[4].Backups = nil
				return runs
			}, held, inconclusive, held, held, inconclusive,
		},
		"an older firedrill kept one run": {
			func(_ *policy.Result, runs []policy.Run) []policy.Run { runs[4].Backups = nil; return runs }, held, inconclusive, held, held, inconclusive,
		},
		"backups take longer than the interval": {
			func(r *policy.Result, runs []policy.Run) []policy.Run {
				// 2 s from one to the next, and 2 s of the next itself, and not 1 s and 2 s.
				r.Sweep.TimeScale, r.Policy.Interval, r.Policy.Retention = 1, policy.Duration(time.Second), policy.Retention{}
				r.Policy.Targets.RPO = policy.Duration(3500 * time.Millisecond)
				for i := range runs {
					runs[i].Loss.LostMS = 1000
					slow(&runs[i], 2*time.Second)
				}
				return runs
			}, held, violated, held, held, violated,
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
	if got := target(t, r, "rpo"); got.Wanted != 25*3600_000 || got.Worst != 24*3600_000+beyond || !strings.Contains(got.Detail, "computed") || !strings.Contains(got.Detail, "compressed to 6 s") {
		t.Errorf("%+v", got)
	}
	// Without such targets nothing is said of them.
	r.Policy.Targets = policy.Targets{}
	r = r.Assemble(runs)
	if got := verdicts(r); len(got) != 2 || r.Verdict() != harness.Held {
		t.Errorf("%v", got)
	}
}

// Why a target is not held is said, and what is left out is not hidden.
func TestTargetsTellWhatIsLeftOut(t *testing.T) {
	for want, change := range map[string]func([]policy.Run){
		"rto: 1 run left out, for the machine was too busy, the worst of 3.001 s": func(runs []policy.Run) { aside(&runs[4]) },
		"rto: 1 run left out, for the drill was inconclusive, the worst of 2 min 0.001 s, longer than promised, whatever the cause": func(runs []policy.Run) {
			runs[4].Verdict, runs[4].Recovered = harness.Inconclusive, 120_001
		},
		"rto: 2 runs left out, 1 for the machine was too busy, 1 for the drill was inconclusive, 1 not seen to recover, the worst of more than 2 min 20 s, longer than promised": func(runs []policy.Run) {
			aside(&runs[4])
			runs[5].Verdict, runs[5].Recovered, runs[5].Unrecovered = harness.Inconclusive, 0, 140_000
		},
		"rto: 1 run left out, for the machine was too busy, 1 not seen to recover": func(runs []policy.Run) { aside(&runs[4]); runs[4].Recovered = 0 },
		"rto: 29 times seen, 1 time not, 1 run longer than promised":               func(runs []policy.Run) { runs[4].Recovered, runs[4].Unrecovered = 0, 140_000 },
		"rpo: in a run that is left out a backup took 2 h, with which more is lost than promised": func(runs []policy.Run) {
			aside(&runs[4])
			slow(&runs[4], 2*time.Hour)
		},
		"rpo: 1 run left out did not show how long a backup takes":   func(runs []policy.Run) { aside(&runs[4]); runs[4].Backups = nil },
		"rpo: shows none: runs that an older firedrill kept tell of": func(runs []policy.Run) { runs[4].Backups = nil },
		"rpo: no run counts that shows how long a backup takes: runs that an older firedrill kept": func(runs []policy.Run) {
			for i := range runs {
				runs[i].Backups = nil
			}
		},
	} {
		r := head(t)
		runs := all(r)
		change(runs)
		name, text, _ := strings.Cut(want, ": ")
		if got := target(t, r.Assemble(runs), name); !strings.Contains(got.Detail, text) {
			t.Errorf("%q is not in %q", text, got.Detail)
		}
	}
	// A worst that was not the end of it is said to be none.
	r := head(t)
	runs := all(r)
	runs[4].Recovered, runs[4].Unrecovered = 0, 140_000
	if got := target(t, r.Assemble(runs), "rto"); got.Worst != 140_000 || !got.AtLeast {
		t.Errorf("%+v", got)
	}
	runs[5].Recovered = 140_001
	if got := target(t, r.Assemble(runs), "rto"); got.Worst != 140_001 || got.AtLeast {
		t.Errorf("%+v", got)
	}
}

// Runs that never recovered are in no spread, and are counted beside it.
func TestSummariesCountWhatDidNotRecover(t *testing.T) {
	r := head(t)
	runs := all(r)
	runs[0].Recovered, runs[0].Unrecovered = 0, 9000
	runs[6].Recovered, runs[6].Unrecovered = 0, 140_000
	aside(&runs[12])
	runs[12].Recovered, runs[12].Unrecovered = 0, 150_000
	runs[18].Verdict = harness.Inconclusive // all of the first point
	s := r.Assemble(runs).Summaries[0]
	if s.Counted != 3 || s.Recovered.Of != 1 || s.Unrecovered != 2 || s.UnrecoveredMS != 140_000 || s.LeftOut != 2 || s.LeftOutMS != 150_000 {
		t.Errorf("%+v", s)
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
		{Name: "as it is", Interval: policy.Duration(24 * time.Hour), Count: 7, LossMS: 24*hour + beyond, Bytes: 7 * bytes, SnapshotsPerDay: 1, MeetsRPO: &yes, Detail: "the newest snapshots reach back at least 144 h"},
		{Name: "cheaper", Interval: policy.Duration(48 * time.Hour), Count: 4, LossMS: 48*hour + beyond, Bytes: 4 * bytes, SnapshotsPerDay: 0.5, MeetsRPO: &no, Detail: "the newest snapshots reach back at least 144 h"},
		{Name: "safer", Interval: policy.Duration(12 * time.Hour), Count: 7, LossMS: 12*hour + beyond, Bytes: 7 * bytes, SnapshotsPerDay: 2, MeetsRPO: &yes, Detail: "the newest snapshots reach back at least 72 h"},
	}
	if diff := cmp.Diff(want, r.Alternatives); diff != "" {
		t.Error(diff)
	}
	r.Policy.Retention, r.Policy.Targets = policy.Retention{}, policy.Targets{}
	r = r.Assemble(r.Runs)
	if a := r.Alternatives[0]; a.Count != 0 || a.Bytes != 0 || a.MeetsRPO != nil || !strings.Contains(a.Detail, "for ever") {
		t.Errorf("%+v", a)
	}
	r.Policy.Retention.Count = 1
	if a := r.Assemble(r.Runs).Alternatives[0]; a.Detail != "none but the newest snapshot is kept" {
		t.Errorf("%+v", a)
	}
	r.Policy.Retention.Count = 0
	r.Policy.Interval, r.Sweep.TimeScale = policy.Duration(time.Second), 1
	for i := range r.Runs {
		slow(&r.Runs[i], 1500*time.Millisecond)
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
	// It is the longest backup that counts, and one of a run that is left out is told of.
	r = head(t)
	runs := all(r)
	slow(&runs[2], 30*time.Minute)
	aside(&runs[8]) // of the same size
	slow(&runs[8], 2*time.Hour)
	slow(&runs[1], 3*time.Hour) // of another
	r = r.Assemble(runs)
	if a := r.Alternatives[0]; a.LossMS != (24*time.Hour+30*time.Minute).Milliseconds() || !*a.MeetsRPO || !strings.HasSuffix(a.Detail, "; a backup of a run that is left out took 2 h, with which the RPO would not be met") {
		t.Errorf("%+v", a)
	}
	for _, a := range r.Alternatives[1:] { // one does not meet it, the other does even then
		if strings.Contains(a.Detail, "left out") {
			t.Errorf("%+v", a)
		}
	}
	if r = r.Assemble(nil); len(r.Alternatives) != 0 {
		t.Errorf("of no runs: %+v", r.Alternatives)
	}
}
