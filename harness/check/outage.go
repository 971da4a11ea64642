package check

import (
	"fmt"
	"slices"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/outage"
)

// NoOutageBeyondElection holds when clients never went unserved for longer than it
// takes to elect a leader: while a quorum is there that is all that a lost member, the
// leader even, may cost them. Each gap between acknowledged probes, from the strike
// until the drill had settled, is held against four election time-outs:
//
//	two until the lost leader is missed: raft draws each member's time-out anew
//	between one election time-out and two
//	+ two more, because a vote that is split, or that is refused by a member
//	  which heard from the leader a little later, is repeated after another such draw
//
// etcd's tuning guide asks for an election time-out of ten round trips between members
// at least, so the messages of an election count little beside it, and two draws in a
// row hardly ever come to all of the four: a healthy machine needs one or two. Several
// gaps are several elections, each held by itself.
//
// A gap that is too long may be the machine's doing where that was too busy for
// figures, unless it is more than twice as long and what the machine was late by, in
// proportion to the gap's part of the drill, does not make up for it: raft counts ticks,
// and one that comes late puts off an election by as much. If timers were late by a whole election time-out, or the disk by half of
// one, nothing is concluded from any gap that is too long, and neither from one in which
// hardly a probe was sent. A gap that is short enough is so on any machine.
type NoOutageBeyondElection struct{ none }

// draws is how many election time-outs an election may take.
const draws = 4

// Name is no-outage-beyond-election.
func (NoOutageBeyondElection) Name() string { return "no-outage-beyond-election" }

// Claim says what Held affirms.
func (NoOutageBeyondElection) Claim() string {
	return fmt.Sprintf("from the strike on writes were never without an acknowledgement for longer than electing a leader may take, %d election time-outs", draws)
}

// Judge holds the longest gap against the bound.
func (NoOutageBeyondElection) Judge(ev *harness.Evidence) harness.Result {
	_, ended := ev.At(harness.ProcedureEnded)
	_, over := ev.At(harness.TrafficEnded)
	switch {
	case ev.ElectionTimeout <= 0:
		return notSeen("the members' election time-out is not known")
	case !ended || !over:
		return notSeen("traffic was not watched until after the procedure")
	}
	seen, err := outage.Of(ev)
	switch {
	case err != nil:
		return notSeen("the ledger cannot be read: %v", err)
	case seen.Unwatched:
		return notSeen("no traffic ran after a strike")
	case seen.Unserved:
		return notSeen("no client was served before the strike, so none can have lost service")
	case seen.Probes.Acks == 0:
		return notSeen("no probe was ever acknowledged, so no service was seen that could be lost")
	}
	if result := exceeded(ev, seen.Probes); result != nil {
		return *result
	}
	_, settled := ev.At(harness.Settled)
	switch {
	case seen.Probes.Open:
		return notSeen("the last gap had not ended when watching did")
	case !settled:
		return notSeen("after the procedure there were no 2 s without a gap, so the outage was not watched to its end")
	case seen.Probes.Since < minimum:
		return notSeen("only %d probes were acknowledged after the strike, and %d are needed", seen.Probes.Since, minimum)
	case len(seen.Probes.Gaps) == 0:
		return held("no gap of more than %v among %d acknowledged probes", harness.GapThreshold, seen.Probes.Since)
	}
	return held("%d gaps of more than %v, the longest of %s", len(seen.Probes.Gaps), harness.GapThreshold, seconds(longest(seen.Probes.Gaps).Length()))
}

// exceeded is the result where a gap is longer than the bound, nil where none is.
func exceeded(ev *harness.Evidence, probes outage.Service) *harness.Result {
	worst, bound := longest(probes.Gaps), draws*ev.ElectionTimeout
	if worst.Length() <= bound {
		return nil
	}
	said := fmt.Sprintf("no probe was acknowledged for %s, and an election takes %s at most", seconds(worst.Length()), seconds(bound))
	sent, err := sentIn(ev, worst)
	var result harness.Result
	switch {
	case err != nil:
		result = notSeen("the ledger cannot be read: %v", err)
	case excused(ev, worst):
		result = notSeen("%s, which may be this machine's doing: %s", said, ev.Machine.Unfit)
	case sent < minimum:
		result = notSeen("%s, but only %d were sent in that time", said, sent)
	default:
		result = violated(tooLong(probes.Gaps, bound), "%s", said)
	}
	return &result
}

// excused tells whether a gap may have been too long by this machine's doing. It stood still
// within the gap, then: probes are this machine's as well.
func excused(ev *harness.Evidence, gap outage.Silence) bool {
	m := ev.Machine
	if m.Unfit == "" {
		return false
	}
	over, _ := ev.At(harness.TrafficEnded)
	share := m.StallTotal.Seconds() / over.Seconds()
	late := time.Duration(min(share, 1) * float64(gap.Length()))
	return stoodStill(ev, gap.From, gap.To) || gap.Length() <= 2*draws*ev.ElectionTimeout+late
}

// stoodStill tells whether between two moments this machine was late for so long that a
// healthy member may miss its leader by it, or have a request time out: timers by a
// whole election time-out, or, at either end of the drill, its disk by half of one.
func stoodStill(ev *harness.Evidence, from, to time.Duration) bool {
	m, timeout := ev.Machine, ev.ElectionTimeout
	return m.Unfit != "" && timeout > 0 && (m.WorstStall(from, to) >= timeout || m.FsyncWorst >= timeout/2)
}

// tooLong tells the gaps beyond the bound.
func tooLong(gaps []outage.Silence, bound time.Duration) (list []string) {
	for _, g := range gaps {
		if g.Length() <= bound {
			continue
		}
		text := fmt.Sprintf("from %s to %s: %s without an acknowledged probe", seconds(g.From), seconds(g.To), seconds(g.Length()))
		if g.Open {
			text += ", and none after it"
		}
		list = append(list, text)
	}
	return list
}

func longest(gaps []outage.Silence) (worst outage.Silence) {
	if len(gaps) == 0 {
		return outage.Silence{}
	}
	return slices.MaxFunc(gaps, func(a, b outage.Silence) int { return int(a.Length() - b.Length()) })
}

// sentIn counts the probes that were sent while none was acknowledged.
func sentIn(ev *harness.Evidence, g outage.Silence) (n int, err error) {
	for o, err := range ev.Ledger.Operations() {
		if err != nil {
			return 0, err
		}
		if o.Kind == harness.ProbeOp && o.Call > g.From && o.Call < g.To {
			n++
		}
	}
	return n, nil
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
