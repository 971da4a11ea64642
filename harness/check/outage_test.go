package check_test

import (
	"cmp"
	"slices"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
)

// elected is held against the gap that the honest drill has, of 2.6 s: its last probe
// before the strike was answered at 1.56 s, its first after the procedure at 4.14 s.
var elected = check.NoOutageBeyondElection{}

// electing has an election take four times as long as this.
func electing(timeout time.Duration, alter ...func(*harness.Evidence, *book)) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, b *book) {
		ev.ElectionTimeout = timeout
		for _, a := range alter {
			a(ev, b)
		}
		// As a ledger is written: in the order of time.
		slices.SortStableFunc(b.ops, func(x, y harness.Operation) int { return cmp.Compare(x.Call, y.Call) })
	}
}

func normal(alter ...func(*harness.Evidence, *book)) func(*harness.Evidence, *book) {
	return electing(harness.ElectionTimeout, alter...) // 4 s
}

func brisk(alter ...func(*harness.Evidence, *book)) func(*harness.Evidence, *book) {
	return electing(600*time.Millisecond, alter...) // 2.4 s
}

// asked adds probes that nobody answers, every 20 ms.
func asked(from, to time.Duration) func(*harness.Evidence, *book) {
	return func(_ *harness.Evidence, b *book) {
		for at := from; at < to; at += 20 * time.Millisecond {
			b.add(harness.Operation{Client: "probe", Kind: harness.ProbeOp, Call: at, Return: at + time.Second, Outcome: harness.Unknown, Error: "deadline exceeded"})
		}
	}
}

// served adds probes that are answered by the cluster of this ID.
func served(cluster uint64, from, to time.Duration) func(*harness.Evidence, *book) {
	return func(_ *harness.Evidence, b *book) {
		for at := from; at < to; at += 20 * time.Millisecond {
			b.add(harness.Operation{Client: "probe", Kind: harness.ProbeOp, Call: at, Return: at + time.Millisecond, Outcome: harness.Acked, Effective: true, ClusterID: cluster})
		}
	}
}

// unanswered takes the answers to a client's operations since then.
func unanswered(client string, since time.Duration) func(*harness.Evidence, *book) {
	return each(client, func(o *harness.Operation) {
		if o.Call >= since {
			o.Outcome = harness.Unknown
		}
	})
}

// out has service never come back, where electing takes 1.2 s.
func out(alter ...func(*harness.Evidence, *book)) func(*harness.Evidence, *book) {
	return electing(300*time.Millisecond, append(alter, unanswered("probe", struckAt), asked(endedAt, trafficEnd), without(harness.Settled))...)
}

// late tells by how much the machine was.
func late(worst, total, fsync time.Duration) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) {
		ev.Machine.StallWorst, ev.Machine.StallTotal, ev.Machine.FsyncWorst = worst, total, fsync
	}
}

var outageCases = []judged{
	{elected, "honest", normal(), harness.Held, "1 gaps of more than 250ms, the longest of 2.58 s"},
	{elected, "no gap at all", normal(served(bornID, 1500*time.Millisecond, 6*time.Second)), harness.Held, "no gap of more than 250ms among"},
	{elected, "two gaps, each short enough", normal(inPlace, served(bornID, 2900*time.Millisecond, 3*time.Second)), harness.Held, "2 gaps of more than 250ms, the longest of 1."},
	{elected, "short enough, on a busy machine", normal(busy), harness.Held, ""},
	{elected, "the stock client alone is out for long", normal(unanswered("stock", 0)), harness.Held, ""},

	{elected, "longer than an election", brisk(asked(1700*time.Millisecond, 4*time.Second)), harness.Violated, "no probe was acknowledged for 2.58 s, and an election takes 2.40 s at most"},
	{elected, "longer than an election, by little", brisk(asked(1800*time.Millisecond, 4*time.Second), served(bornID, 1640*time.Millisecond, 1740*time.Millisecond)), harness.Violated, "acknowledged for 2.42 s"},
	{elected, "as long as an election", brisk(asked(1800*time.Millisecond, 4*time.Second), served(bornID, 1640*time.Millisecond, 1760*time.Millisecond)), harness.Held, "the longest of 2.40 s"},
	{elected, "answered meanwhile by the cluster that was replaced", brisk(asked(1700*time.Millisecond, 4*time.Second), served(0xdead, 3*time.Second, 4*time.Second), mark(harness.HistoryReplaced, 1600*time.Millisecond)), harness.Violated, "acknowledged for 2.58 s"},
	{elected, "longer, on a busy machine", brisk(asked(1700*time.Millisecond, 4*time.Second), busy), harness.Inconclusive, "may be this machine's doing: the machine was too busy"},
	{elected, "more than twice as long, on a busy machine", out(busy), harness.Violated, "no probe was acknowledged for 7."},
	{elected, "more than twice as long, with the machine late by as much", out(busy, late(100*time.Millisecond, 6500*time.Millisecond, 0)), harness.Inconclusive, "may be this machine's doing"},
	{elected, "more than twice as long, with the machine late by little", out(busy, late(100*time.Millisecond, 5*time.Second, 0)), harness.Violated, "no probe was acknowledged for 7."},
	{elected, "more than twice as long, and timers were late by an election time-out", out(busy, late(300*time.Millisecond, 300*time.Millisecond, 0)), harness.Inconclusive, "may be this machine's doing"},
	{elected, "more than twice as long, and the machine stood still meanwhile", out(standstill(4*time.Second, 300*time.Millisecond)), harness.Inconclusive, "may be this machine's doing"},
	{elected, "more than twice as long, and the machine had stood still before", out(standstill(900*time.Millisecond, 300*time.Millisecond)), harness.Violated, "no probe was acknowledged for 7."},
	{elected, "more than twice as long, on a busy disk", out(busy, late(0, 0, 150*time.Millisecond)), harness.Inconclusive, "may be this machine's doing"},
	{elected, "more than twice as long, and late on a machine that was not too busy", out(late(300*time.Millisecond, 6*time.Second, 150*time.Millisecond)), harness.Violated, ""},
	{elected, "longer, and hardly a probe was sent meanwhile", brisk(asked(2*time.Second, 2100*time.Millisecond)), harness.Inconclusive, "but only 6 were sent in that time"},
	{elected, "service never came back", normal(unanswered("probe", struckAt), asked(endedAt, trafficEnd), without(harness.Settled)), harness.Violated, "no probe was acknowledged for 7."},

	{elected, "the last gap had not ended", normal(asked(5700*time.Millisecond, trafficEnd), without(harness.Settled)), harness.Inconclusive, "had not ended when watching did"},
	{elected, "the drill never settled", normal(without(harness.Settled)), harness.Inconclusive, "not watched to its end"},
	{elected, "few probes were answered", normal(keep(func(o *harness.Operation) bool {
		return o.Kind != harness.ProbeOp || o.Call < endedAt+600*time.Millisecond
	})), harness.Inconclusive, "only 8 probes"},
	{elected, "no probe was ever answered", normal(unanswered("probe", 0)), harness.Inconclusive, "no probe was ever acknowledged"},
	{elected, "nobody probed", normal(keep(func(o *harness.Operation) bool { return o.Kind != harness.ProbeOp })), harness.Inconclusive, "no probe was ever acknowledged"},
	{elected, "nothing struck", normal(without(harness.Struck)), harness.Inconclusive, "no traffic ran after a strike"},
	{elected, "struck before anybody was served", normal(mark(harness.TrafficBegan, 3*time.Second)), harness.Inconclusive, "no client was served before"},
	{elected, "the procedure never ended", normal(without(harness.ProcedureEnded)), harness.Inconclusive, "not watched until after"},
	{elected, "the traffic never ended", normal(without(harness.TrafficEnded)), harness.Inconclusive, "not watched until after"},
	{elected, "nobody knows the time-out", func(ev *harness.Evidence, _ *book) { ev.ElectionTimeout = 0 }, harness.Inconclusive, "time-out is not known"},
}
