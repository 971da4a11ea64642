package policy

import (
	"fmt"
	"slices"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// The names of targets.
const (
	TargetRTO   = "rto"
	TargetRPO   = "rpo"
	TargetBound = "loss-bound"
	TargetHeld  = "every drill held"
)

// Verdict is what the sweep as a whole showed: the worst of its targets.
func (r Result) Verdict() harness.Verdict {
	verdict := harness.Held
	for _, t := range r.Targets {
		if t.Verdict == harness.Violated {
			return harness.Violated
		}
		if t.Verdict == harness.Inconclusive {
			verdict = harness.Inconclusive
		}
	}
	if len(r.Targets) == 0 {
		return harness.Inconclusive
	}
	return verdict
}

func (r Run) held() bool { return r.Broke == "" && r.Verdict == harness.Held }

// judged tells whether a run's loss is to be believed: data does not suffer from a
// busy machine.
func (r Run) judged() bool { return r.Broke == "" && r.Verdict != harness.Inconclusive }

func (r Result) judge() []Verdict {
	var verdicts []Verdict
	if rto := r.Policy.Targets.RTO; rto > 0 {
		verdicts = append(verdicts, r.judgeRTO(milliseconds(rto)))
	}
	bound := r.judgeBound()
	if rpo := r.Policy.Targets.RPO; rpo > 0 {
		verdicts = append(verdicts, r.judgeRPO(milliseconds(rpo), bound))
	}
	return append(verdicts, bound, r.judgeDrills())
}

// missing says why what was seen is not enough to call a target held; "": it is. Of
// the runs that count for it, one without the figure has not shown it.
func (r Result) missing(counts, has func(Run) bool) string {
	if !r.Finished {
		made := 0
		for _, run := range r.Runs {
			if run.Broke == "" {
				made++
			}
		}
		return fmt.Sprintf("%d of %d runs were made", made, r.Planned)
	}
	for _, p := range r.Points() {
		counted := 0
		for _, run := range ofPoint(r.Runs, p) {
			if !counts(run) {
				continue
			}
			if !has(run) {
				return fmt.Sprintf("run %d of %s shows none", run.Number, p.Title())
			}
			counted++
		}
		if counted < MinRuns {
			return fmt.Sprintf("too few runs: of %s %d count, and %d are needed", p.Title(), counted, MinRuns)
		}
	}
	return ""
}

// Title is a point in words.
func (p Point) Title() string {
	return fmt.Sprintf("%s, %s of %d-byte values, %s", p.Procedure, p.Size, p.ValueSize, counted(p.Members, "member"))
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (r Result) judgeRTO(wanted int64) Verdict {
	v := Verdict{Target: TargetRTO, Wanted: wanted}
	seen, unseen, above := 0, 0, 0
	for _, run := range r.Runs {
		switch {
		case !run.Counts():
			continue
		case run.Recovered > 0:
			seen++
		default:
			unseen++
		}
		if run.Recovered == 0 && run.Unrecovered <= wanted {
			continue // it was not watched for so long
		}
		took := max(run.Recovered, run.Unrecovered)
		if took > v.Worst || took == v.Worst && run.Recovered == 0 {
			v.Worst, v.AtLeast = took, run.Recovered == 0
		}
		if took > wanted {
			above++
		}
	}
	v.Detail = fmt.Sprintf("from the strike to the first acknowledged write of the recovered cluster, %s seen", counted(seen, "time"))
	if unseen > 0 {
		v.Detail += fmt.Sprintf(", %s not", counted(unseen, "time"))
	}
	if above > 0 {
		v.Detail += fmt.Sprintf(", %s longer than promised", counted(above, "run"))
	}
	out := leftOut(r.Runs)
	aside := recoveriesOf(out)
	v.Detail += aside.aside(out)
	switch why := r.missing(Run.Counts, func(run Run) bool { return run.Recovered > 0 }); {
	case above > 0:
		v.Verdict = harness.Violated
	case aside.longest > wanted:
		v.Detail += ", longer than promised, whatever the cause"
	case aside.unseen > 0: // which is told
	case why != "":
		v.Detail = why
	default:
		v.Verdict = harness.Held
	}
	return v
}

// judgeBound holds each run's loss against what the policy explains. That a
// machine was too busy, or that a drill did not hold, excuses none.
func (r Result) judgeBound() Verdict {
	v := Verdict{Target: TargetBound}
	seen, above, undecided, tightest := 0, 0, 0, int64(0)
	for _, run := range r.Runs {
		if run.Loss == nil {
			continue
		}
		lost := max(run.Loss.LostMS, run.Loss.AgeMS)
		if room := run.Loss.BoundMS - lost; seen == 0 || room < tightest {
			tightest, v.Wanted, v.Worst = room, run.Loss.BoundMS, lost
		}
		seen++
		if run.Loss.Exceeded() {
			above++
		}
		if run.Loss.Undecided() {
			undecided++
		}
	}
	if above > 0 {
		v.Verdict = harness.Violated
		v.Detail = fmt.Sprintf("%s lost more than interval, backup, strike and late timers explain: backups were not taken as the policy says; the worst of them is shown", counted(above, "run"))
		return v
	}
	if undecided > 0 {
		v.Detail = fmt.Sprintf("of %s it cannot be told: taking a backup took longer than the interval, which is too short, or compressed too far", counted(undecided, "run"))
		return v
	}
	if why := r.missing(Run.judged, func(run Run) bool { return run.Loss != nil }); why != "" {
		v.Detail = why
		return v
	}
	v.Verdict = harness.Held
	v.Detail = fmt.Sprintf("no run of %d lost more than interval, backup, strike and late timers explain; the closest is shown", seen)
	return v
}

// judgeRPO holds the most that the policy can lose in production against the
// target. That is arithmetic, for a drill's interval may be compressed, and no
// strike comes at the worst moment by chance; it stands on runs that kept the bound,
// and on the longest of all their backups, whichever was restored.
func (r Result) judgeRPO(wanted int64, bound Verdict) Verdict {
	v := Verdict{Target: TargetRPO, Wanted: wanted}
	var backup, late, seen int64
	hidden := 0 // left out, without a backup that shows how long one takes
	for _, run := range r.Runs {
		if run.Loss != nil {
			seen = max(seen, run.Loss.LostMS)
		}
		switch took := run.LongestBackup(); {
		case run.Counts():
			backup = max(backup, took)
		case run.leftOut() && took == 0:
			hidden++
		case run.leftOut():
			late = max(late, took)
		}
	}
	if backup == 0 {
		v.Detail = "no run counts that shows how long a backup takes" + r.olderRuns()
		if bound.Verdict == harness.Violated {
			v.Verdict, v.Detail = harness.Violated, "runs lost more than the policy explains"
		}
		return v
	}
	// Where a backup takes longer than the interval, the next begins as soon as it can.
	lost := func(backup int64) int64 { return max(milliseconds(r.Policy.Interval), backup) + backup }
	v.Worst = lost(backup)
	v.Detail = fmt.Sprintf("at worst the %s from one snapshot to the next, and %s of snapshot, verification and upload, are lost (computed); seen in drills: %s",
		plain(v.Worst-backup), plain(backup), plain(seen))
	if r.Sweep.TimeScale > 1 {
		v.Detail += fmt.Sprintf(" of an interval compressed to %s", Duration(r.Sweep.Scaled(r.Policy.Interval)).Words())
	}
	switch why := r.missing(Run.Counts, func(run Run) bool { return run.LongestBackup() > 0 }); {
	case v.Worst > wanted, r.Sweep.TimeScale <= 1 && seen > wanted:
		v.Verdict = harness.Violated
	case bound.Verdict == harness.Violated:
		v.Verdict = harness.Violated
		v.Detail += "; but runs lost more than the policy explains"
	case bound.Verdict != harness.Held:
		v.Detail += "; " + bound.Detail
	case lost(late) > wanted:
		v.Detail += fmt.Sprintf("; but in a run that is left out a backup took %s, with which more is lost than promised, whatever the cause", plain(late))
	case hidden > 0:
		v.Detail += fmt.Sprintf("; but %s left out did not show how long a backup takes", counted(hidden, "run"))
	case why != "":
		v.Detail += "; " + why + r.olderRuns()
	default:
		v.Verdict = harness.Held
	}
	return v
}

// olderRuns says where a figure may be missing because an older firedrill kept the run,
// which told of no backup but the one that was restored.
func (r Result) olderRuns() string {
	old := func(run Run) bool { return len(run.Backups) == 0 && run.Phases[Snapshot] > 0 }
	if !slices.ContainsFunc(r.Runs, old) {
		return ""
	}
	return ": runs that an older firedrill kept tell of the backup that was restored, and of no other"
}

func (r Result) judgeDrills() Verdict {
	v := Verdict{Target: TargetHeld}
	held, violated, other := 0, 0, 0
	first := ""
	for _, run := range r.Runs {
		switch {
		case run.held():
			held++
			continue
		case run.Broke == "" && run.Verdict == harness.Violated:
			if violated++; violated == 1 {
				first = fmt.Sprintf("first run %d of %s", run.Number, run.Title())
			}
		default:
			other++
		}
	}
	v.Detail = fmt.Sprintf("%d of %d", held, r.Planned)
	switch {
	case violated > 0:
		v.Verdict = harness.Violated
		v.Detail += fmt.Sprintf(", %d violated, %s", violated, first)
	case held == r.Planned && held > 0 && len(r.Untried) > 0:
		v.Detail += fmt.Sprintf(", and %s of procedure and members not tried: see the notes", counted(len(r.Untried), "pair"))
	case held == r.Planned && held > 0:
		v.Verdict = harness.Held
	case other > 0:
		v.Detail += fmt.Sprintf(", %d without a verdict", other)
	}
	return v
}

func milliseconds(d Duration) int64 { return time.Duration(d).Milliseconds() }

// plain is a time in words.
func plain(ms int64) string { return Duration(time.Duration(ms) * time.Millisecond).Words() }
