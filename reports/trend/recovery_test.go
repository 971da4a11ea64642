package trend_test

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/policy"
	"github.com/etcd-firedrill/firedrill/reports/trend"
)

// attempts is sweep.json of one point: runs whose first acknowledgement took so long,
// and so many that hung, of which change may make what it wants.
func attempts(t testing.TB, recovered []int64, hung int, change ...func(*policy.Run)) []byte {
	t.Helper()
	p := policy.Defaults()
	p.Policy.Interval = policy.Duration(time.Hour)
	p.Sweep.Sizes, p.Sweep.Procedures, p.Sweep.Runs = []policy.Size{1 << 20}, []string{"restore"}, len(recovered)+hung
	r := policy.Result{Firedrill: "v1", Etcd: "3.7.3", Runtime: "process", Machine: reports.Machine{CPUs: 2}, Policy: p.Policy, Sweep: p.Sweep}
	var runs []policy.Run
	for n := range len(recovered) + hung {
		run := policy.Run{Point: p.Sweep.Points()[0], Number: n + 1, Verdict: harness.Held, Started: time.Date(2026, 11, 1, n, 0, 0, 0, time.UTC)}
		if n < len(recovered) {
			run.Phases, run.Recovered = map[policy.Phase]int64{policy.Ack: recovered[n]}, recovered[n]+10
		} else {
			run.Phases, run.Verdict, run.Unrecovered = map[policy.Phase]int64{policy.Snapshot: 7}, harness.Violated, 60_000
			for _, change := range change {
				change(&run)
			}
		}
		runs = append(runs, run)
	}
	var b bytes.Buffer
	if err := r.Assemble(runs).Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asLong(n int, ms int64) []int64 {
	figures := make([]int64, n)
	for i := range figures {
		figures[i] = ms + int64(i*7%5)
	}
	return figures
}

// Where more recoveries fail than did, that the others are as quick as ever, or quicker,
// is no good news.
func TestRecoveriesThatFailAreNoGoodNews(t *testing.T) {
	type file struct {
		recovered []int64
		hung      int
	}
	for name, c := range map[string]struct {
		before, after file
		want          trend.Change // of all
		recovery, row trend.Change // row "": there is none
	}{
		"half of them hang":              {file{asLong(10, 100), 0}, file{asLong(5, 100), 5}, trend.LessOften, trend.LessOften, trend.TooFew},
		"the other half is faster":       {file{asLong(10, 100), 0}, file{asLong(5, 50), 5}, trend.LessOften, trend.LessOften, trend.TooFew},
		"and the other half is slower":   {file{asLong(10, 100), 0}, file{asLong(5, 200), 5}, trend.LessOften, trend.LessOften, trend.Slower},
		"one hangs":                      {file{asLong(5, 100), 0}, file{asLong(5, 100), 1}, trend.TooFew, trend.TooFew, trend.TooFew},
		"one hangs, the others faster":   {file{asLong(5, 100), 0}, file{asLong(5, 50), 1}, trend.TooFew, trend.TooFew, trend.TooFew},
		"one hangs, the others slower":   {file{asLong(5, 100), 0}, file{asLong(5, 200), 1}, trend.Slower, trend.TooFew, trend.Slower},
		"one more hangs":                 {file{asLong(5, 100), 1}, file{asLong(5, 100), 2}, trend.TooFew, trend.TooFew, trend.TooFew},
		"all hang":                       {file{asLong(5, 100), 0}, file{nil, 5}, trend.NoLonger, trend.NoLonger, trend.NotInBoth},
		"the only one hangs":             {file{asLong(1, 100), 0}, file{nil, 1}, trend.NoLonger, trend.NoLonger, trend.NotInBoth},
		"all hang, of which half did":    {file{asLong(5, 100), 5}, file{nil, 10}, trend.LessOften, trend.LessOften, trend.NotInBoth},
		"all hang, of which some did":    {file{asLong(2, 100), 1}, file{nil, 3}, trend.TooFew, trend.TooFew, trend.NotInBoth},
		"as many hang":                   {file{asLong(5, 100), 5}, file{asLong(5, 100), 5}, trend.Unchanged, trend.Unchanged, trend.Unchanged},
		"more hang, of more in the same": {file{asLong(5, 100), 5}, file{asLong(10, 100), 10}, trend.Unchanged, trend.Unchanged, trend.Unchanged},
		"none has ever recovered":        {file{nil, 5}, file{nil, 5}, trend.TooFew, trend.Unchanged, ""},
		"all recover, and none did":      {file{nil, 5}, file{asLong(5, 100), 0}, trend.MoreOften, trend.MoreOften, trend.NotInBoth},
		"all recover, and half did":      {file{asLong(5, 100), 5}, file{asLong(10, 100), 0}, trend.MoreOften, trend.MoreOften, trend.Unchanged},
		"fewer hang":                     {file{asLong(5, 100), 1}, file{asLong(5, 100), 0}, trend.Unchanged, trend.Unchanged, trend.Unchanged},
	} {
		got := trend.Compare([]trend.Source{read(t, "before", attempts(t, c.before.recovered, c.before.hung)), read(t, "after", attempts(t, c.after.recovered, c.after.hung))})
		if got.Change != c.want || len(got.Recoveries) != 1 || got.Recoveries[0].Change != c.recovery {
			t.Errorf("%s: %s, want %s; %+v, want %s", name, got.Change, c.want, got.Recoveries, c.recovery)
			continue
		}
		counted, hung := []int{len(c.before.recovered) + c.before.hung, len(c.after.recovered) + c.after.hung}, []int{c.before.hung, c.after.hung}
		if diff := cmp.Diff([][]int{counted, hung}, [][]int{got.Recoveries[0].Counted, got.Recoveries[0].Unrecovered}); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if s := got.Sources[1]; s.Counted != counted[1] || s.Unrecovered != hung[1] {
			t.Errorf("%s: %+v", name, s)
		}
		var row trend.Change
		if len(got.Rows) > 0 {
			row = got.Rows[0].Change
		}
		if row != c.row || len(got.Rows) > 1 {
			t.Errorf("%s: the row says %q, want %q", name, row, c.row)
		}
	}
}

// The worst is said of all, whatever else there is, and of one subject no other's rows
// are in doubt.
func TestWhatNoLongerRecoversIsTheWorst(t *testing.T) {
	slower := func(ms int64) []byte { return rehearsals(t, 1<<20, nil, asLong(5, ms)...) }
	got := trend.Compare([]trend.Source{
		read(t, "before", append(attempts(t, asLong(5, 100), 0), slower(100)...)), read(t, "after", append(attempts(t, nil, 5), slower(200)...)),
	})
	want := []string{"1.0 MiB first_ack: not in both", "1.0 MiB restore: slower", "1.0 MiB first_ack: unchanged", "1.0 MiB serving: slower", "1.0 MiB recovered: slower"}
	if diff := cmp.Diff(want, changes(got)); diff != "" || got.Change != trend.NoLonger {
		t.Errorf("%s\n%s", got.Change, diff)
	}
	for _, c := range []trend.Change{trend.Unchanged, trend.Faster, trend.Slower, trend.TooFew, trend.NotInBoth, trend.NoLonger, trend.LessOften, trend.MoreOften} {
		if want := c == trend.Slower || c == trend.NoLonger || c == trend.LessOften; c.Worse() != want {
			t.Errorf("%s is worse: %v", c, !want)
		}
	}
}

// The P of a recovery is that of Fisher's exact test. It is adjusted for how many
// recoveries are looked at, which are none where all recovered, and no row for it.
func TestHowSureItIsThatFewerRecover(t *testing.T) {
	// night is ten drills, and as many rehearsals, of which so many do not recover.
	night := func(name string, hung, damaged int) trend.Source {
		text := attempts(t, asLong(10-hung, 100), hung)
		return read(t, name, append(text, rehearsals(t, 1<<20, func(r *reports.Rehearsal) {
			if r.Started.Day() <= damaged {
				r.Verdict, r.Phases.Recovered = harness.Violated, 0
				r.Findings = []harness.Finding{{Check: "snapshot-whole", Kind: harness.Promise, Verdict: harness.Violated}}
			}
		}, asLong(10, 100)...)...))
	}
	// Of 20 runs 5 hang: 252 of 15504 ways put all of them into the last file, and P is
	// twice that.
	const p = 2 * 252.0 / 15_504
	for name, c := range map[string]struct {
		was, is     int // damaged
		adjusted    float64
		want, other trend.Change
	}{
		"nothing else fails":         {0, 0, p, trend.LessOften, trend.Unchanged},
		"so few cannot tell":         {0, 4, p, trend.LessOften, trend.TooFew},
		"as much else fails":         {0, 5, p, trend.LessOften, trend.LessOften},
		"others fail, as they did":   {3, 3, 2 * p, trend.TooFew, trend.Unchanged},
		"others fail less than ever": {5, 0, 2 * p, trend.TooFew, trend.Unchanged},
	} {
		got := trend.Compare([]trend.Source{night("before", 0, c.was), night("after", 5, c.is)})
		drills, others := got.Recoveries[0], got.Recoveries[1]
		if math.Abs(drills.P-p) > 1e-9 || math.Abs(drills.Adjusted-c.adjusted) > 1e-9 || drills.Change != c.want || others.Change != c.other {
			t.Errorf("%s: %+v, want %s; %+v, want %s", name, drills, c.want, others, c.other)
		}
	}
}

// A run that came to a verdict and did not recover is told from one that did, and from one
// of which nothing is known.
func TestWhichRunsOfASweepDidNotRecover(t *testing.T) {
	for name, c := range map[string]struct {
		change      func(*policy.Run)
		counted     int
		unrecovered int
	}{
		"no service":             {func(*policy.Run) {}, 6, 1},
		"of an older version":    {func(r *policy.Run) { r.Unrecovered = 0 }, 6, 1},
		"service came, and went": {func(r *policy.Run) { r.Unrecovered, r.Recovered, r.Phases[policy.Ack] = 0, 900, 800 }, 6, 1},
		"of the old data":        {func(r *policy.Run) { r.Unrecovered, r.Phases[policy.Outage] = 0, 800 }, 6, 1},
		"loses data": {func(r *policy.Run) {
			r.Unrecovered, r.Recovered, r.Phases = 0, 900, map[policy.Phase]int64{policy.Ack: 800, policy.Outage: 900}
		}, 6, 0},
		"broke":        {func(r *policy.Run) { r.Broke = "no disk" }, 5, 0},
		"unfit":        {func(r *policy.Run) { r.Unfit = []string{"busy"} }, 5, 0},
		"inconclusive": {func(r *policy.Run) { r.Verdict = harness.Inconclusive }, 5, 0},
	} {
		s := read(t, name, attempts(t, asLong(5, 100), 1, c.change))
		if s.Counted != c.counted || s.Unrecovered != c.unrecovered {
			t.Errorf("%s: %d counted, %d did not recover; want %d and %d", name, s.Counted, s.Unrecovered, c.counted, c.unrecovered)
		}
	}
}

func TestWhichDrillsDidNotRecover(t *testing.T) {
	replaced := map[string]int64{string(harness.HistoryReplaced): 900}
	for name, c := range map[string]struct {
		report reports.Report
		want   int
	}{
		"no service at the end":         {reports.Report{Procedure: reports.Procedure{Outcome: "failed"}, OutageOpen: true, Phases: reports.Phases{Outage: 60_000}}, 1},
		"service came, and went":        {reports.Report{Procedure: reports.Procedure{Outcome: "completed"}, OutageOpen: true, Phases: reports.Phases{Outage: 60_000, FirstAck: 800, Recovered: 900}}, 1},
		"as it should":                  {reports.Report{Verdict: harness.Held, Procedure: reports.Procedure{Outcome: "refused"}, OutageOpen: true, Phases: reports.Phases{Outage: 12_000}}, 0},
		"not seen":                      {reports.Report{Verdict: harness.Inconclusive, Procedure: reports.Procedure{Outcome: "failed"}, OutageOpen: true, Phases: reports.Phases{Outage: 12_000}}, 0},
		"service of the old data":       {reports.Report{Procedure: reports.Procedure{Outcome: "completed"}, Moments: replaced, Phases: reports.Phases{Outage: 800, Redundancy: 900}}, 1},
		"data are lost":                 {reports.Report{Procedure: reports.Procedure{Outcome: "completed"}, Moments: replaced, Phases: reports.Phases{Outage: 800, FirstAck: 800, Recovered: 900}}, 0},
		"service, and not all members":  {reports.Report{Procedure: reports.Procedure{Outcome: "failed"}, Moments: replaced, Phases: reports.Phases{Outage: 800, FirstAck: 800, Recovered: 900}}, 0},
		"no outage, no member back":     {reports.Report{Procedure: reports.Procedure{Outcome: "failed"}}, 1},
		"no outage, every member back":  {reports.Report{Procedure: reports.Procedure{Outcome: "failed"}, Phases: reports.Phases{Redundancy: 900}}, 0},
		"no outage, a member not equal": {reports.Report{Procedure: reports.Procedure{Outcome: "completed"}}, 0},
		"nobody was served, no cluster": {reports.Report{Procedure: reports.Procedure{Outcome: "failed"}, Moments: replaced, OutageUnmeasured: "nobody was"}, 1},
		"nobody was served, a cluster":  {reports.Report{Procedure: reports.Procedure{Outcome: "completed"}, Moments: replaced, OutageUnmeasured: "nobody was", Phases: reports.Phases{Redundancy: 900}}, 0},
	} {
		r := c.report
		if r.Schema, r.Scenario = 1, "s"; r.Verdict == harness.Inconclusive && name != "not seen" {
			r.Verdict = harness.Violated
		}
		if s := read(t, name, encodedReport(t, r)); s.Unrecovered != c.want {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

func encodedReport(t *testing.T, r reports.Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := r.Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A backup that cannot be restored any more is no backup that was not looked at.
func TestWhichRehearsalsDidNotRecover(t *testing.T) {
	five := asLong(5, 100)
	before := read(t, "before", rehearsals(t, 1<<20, nil, five...))
	broken := func(checks ...string) func(*reports.Rehearsal) {
		return func(r *reports.Rehearsal) {
			r.Verdict, r.Phases.Recovered = harness.Violated, 0
			for _, check := range checks {
				r.Findings = append(r.Findings, harness.Finding{Check: check, Kind: harness.Promise, Verdict: harness.Violated})
			}
		}
	}
	for name, c := range map[string]struct {
		change               func(*reports.Rehearsal)
		counted, unrecovered int
		want                 trend.Change
	}{
		"restored":             {nil, 5, 0, trend.Unchanged},
		"damaged":              {broken("snapshot-whole"), 5, 5, trend.NoLonger},
		"does not start":       {broken("young-enough", "members-serve"), 5, 5, trend.NoLonger},
		"not seen within time": {broken("within-rto"), 5, 5, trend.NoLonger},
		"too old, and not seen": {func(r *reports.Rehearsal) {
			broken("young-enough")(r)
			r.Findings = append(r.Findings, harness.Finding{Check: "members-serve", Kind: harness.Promise, Verdict: harness.Inconclusive})
		}, 0, 0, trend.TooFew},
		"too old": {func(r *reports.Rehearsal) {
			took := r.Phases.Recovered
			broken("young-enough", "enough-keys")(r)
			r.Phases.Recovered = took
		}, 5, 0, trend.Unchanged},
		"it took too long": {func(r *reports.Rehearsal) {
			took := r.Phases.Recovered
			broken("within-rto")(r)
			r.Phases.Recovered = took
		}, 5, 0, trend.Unchanged},
	} {
		after := read(t, "after", rehearsals(t, 1<<20, c.change, five...))
		got := trend.Compare([]trend.Source{before, after})
		if after.Counted != c.counted || after.Unrecovered != c.unrecovered || got.Change != c.want {
			t.Errorf("%s: %s, want %s; %+v", name, got.Change, c.want, after)
		}
	}
}
