package check

import (
	"fmt"
	"math"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// LossWithinPolicy holds when no more was lost than a snapshot policy explains.
// Its bound is
//
//	the policy's interval
//	+ what a backup took, from its beginning until it was kept: the longest of
//	  those that were kept before the strike. One that was under way then counts for as
//	  long as it had taken, up to twice that: a backup may take longer than any
//	  before it, one that hangs is none
//	+ what the strike took to take effect: what is acknowledged meanwhile is lost
//	  as well, whatever the policy
//	+ by how much timers were late on this machine between the newest backup and the
//	  strike, the backup job's like others
//
// Two figures must be within it: the time from the first lost acknowledgement to
// the last, in whatever consistent cut came back, and the age at the strike of the
// newest backup that could be restored, from its beginning. The second shows a job
// that has stopped even where nobody wrote much. A backup that was removed, or that
// was passed over because it was damaged, could not be restored.
//
// What the drill does with a backup that is kept, to see what is in it, is no part of a
// policy and not in the bound.
//
// Where a backup takes longer than the interval, or the drill is that long about it, the
// job begins the next one as soon as it can. What exceeds the bound by no more than that
// proves nothing about the policy, which cannot be kept so, or whose interval was
// compressed too far.
type LossWithinPolicy struct {
	none
	Interval time.Duration // from the beginning of one backup to the beginning of the next, as the drill had it
}

// Name is loss-within-policy.
func (LossWithinPolicy) Name() string { return "loss-within-policy" }

// Claim says what Held affirms.
func (c LossWithinPolicy) Claim() string {
	return fmt.Sprintf("no more was lost than a backup every %v explains, with what a backup takes", c.Interval)
}

// Judge holds the loss of the cut that came back against the bound.
func (c LossWithinPolicy) Judge(ev *harness.Evidence) harness.Result {
	struck, ok := ev.At(harness.Struck)
	switch _, replaced := ev.At(harness.HistoryReplaced); {
	case c.Interval <= 0:
		return notSeen("the policy has no interval that a loss could be held against")
	case !ok:
		return notSeen("nothing was struck")
	case !replaced:
		return notSeen("the procedure never restored a backup")
	}
	found := judgeCut(ev, func(*histories) (interval, int64) { return interval{0, math.MaxInt64}, 0 })
	if found.Verdict != harness.Held || found.Loss == nil {
		return notSeen("what was lost cannot be told: %s", found.Detail)
	}
	job := jobAt(ev, struck)
	switch {
	case job.begun == 0:
		return notSeen("the site's backup job was not seen to run before the strike")
	case job.newest == nil:
		return notSeen("%d backups were begun before the strike, and none of them could be restored", job.begun)
	}
	return c.hold(ev, struck, job, found.Loss)
}

// job is what a backup job had come to at the strike.
type job struct {
	begun   int // how many backups
	newest  *harness.Backup
	longest time.Duration // that a backup took
	busiest time.Duration // that the job was with one
}

func jobAt(ev *harness.Evidence, struck time.Duration) job {
	var j job
	var underWay time.Duration
	for i, b := range ev.Backups {
		if b.Begun > struck {
			continue
		}
		j.begun++
		if b.Begun+b.Took > struck {
			underWay = struck - b.Begun
		} else if b.Kept() {
			j.longest, j.busiest = max(j.longest, b.Took), max(j.busiest, b.Busy())
		}
		if why, _ := ev.PassedOver(b.Name); b.KeptAt(struck) && why == "" {
			j.newest = &ev.Backups[i]
		}
	}
	j.longest = max(j.longest, min(underWay, 2*j.longest))
	j.busiest = max(j.busiest, j.longest)
	return j
}

// hold compares the figures with the bound.
func (c LossWithinPolicy) hold(ev *harness.Evidence, struck time.Duration, j job, loss *harness.Loss) harness.Result {
	var strike time.Duration
	if at, ok := ev.At(harness.TookEffect); ok {
		strike = at - struck
	}
	late := ev.Machine.WorstStall(j.newest.Begun, struck) // the next backup's timer, and the strike's
	loss.Bound = c.Interval + j.longest + strike + late
	age := struck - j.newest.Begun
	text := fmt.Sprintf("%d of %d acknowledged writes are lost, %.2f s of them, and the newest backup was begun %.2f s before the strike; "+
		"the policy explains %.2f s: an interval of %v, a backup of %.2f s, a strike of %.2f s, timers late by %.2f s",
		loss.LostWrites, loss.AckedWrites, loss.LostSpan.Seconds(), age.Seconds(),
		loss.Bound.Seconds(), c.Interval, j.longest.Seconds(), strike.Seconds(), late.Seconds())
	var wrong []string
	slow := max(j.busiest-c.Interval, 0)
	if over := loss.LostSpan - loss.Bound; over > slow {
		wrong = append(wrong, fmt.Sprintf("the writes that are lost were acknowledged over %.2f s, %.2f s too many", loss.LostSpan.Seconds(), over.Seconds()))
	}
	if over := age - loss.Bound; over > slow {
		wrong = append(wrong, fmt.Sprintf("%s, the newest of %d backups that could be restored, was begun at %.2f s and the strike came at %.2f s, %.2f s too late for it",
			j.newest.Name, j.begun, j.newest.Begun.Seconds(), struck.Seconds(), over.Seconds()))
	}
	result := held("%s", text)
	switch {
	case len(wrong) > 0:
		result = violated(wrong, "%s", text)
	case max(loss.LostSpan, age) > loss.Bound:
		what := "backups took longer"
		if j.busiest > j.longest {
			what = fmt.Sprintf("backups, and seeing what is in them, took %.2f s, longer", j.busiest.Seconds())
		}
		result = notSeen("%s than the interval, which the job could not keep: %s", what, text)
	}
	result.Loss = loss
	return result
}
