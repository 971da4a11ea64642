package check_test

import (
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
)

// keep drops the operations that do not suit.
func keep(suits func(*harness.Operation) bool) func(*harness.Evidence, *book) {
	return func(_ *harness.Evidence, b *book) {
		var kept []harness.Operation
		for _, o := range b.ops {
			if suits(&o) {
				kept = append(kept, o)
			}
		}
		b.ops = kept
	}
}

var (
	quorum   = check.QuorumWasLost{}
	acked    = check.WritesWereAcknowledged{}
	everyone = check.EtcdDied{Who: harness.Everyone}
	// unstarted is on m3 alone: the others started.
	unstarted = check.FailedToStart{Who: harness.Hosts("m3")}
	lost      = check.HostsWereLost{Who: harness.AllBut("m1")}
	laggard   = check.SurvivorWasBehind{Host: "m1"}
)

// lags takes what m1 was read to hold back by so many revisions, each of which
// is a write that was acknowledged before.
func lags(revisions int64) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) { ev.Survivors[0].Revision = lastOld - revisions }
}

// readAs alters the read of what m1 held.
func readAs(alter func(*harness.SurvivorRead)) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) { alter(&ev.Survivors[0]) }
}

// beyond alters every operation that m1 lacks when it lags just enough.
func beyond(alter func(*harness.Operation)) func(*harness.Evidence, *book) {
	return both(lags(check.Behind), func(_ *harness.Evidence, b *book) {
		for i := range b.ops {
			if o := &b.ops[i]; o.Revision > lastOld-check.Behind && o.Call < struckAt {
				alter(o)
			}
		}
	})
}

func goneAt(host string, at time.Duration) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) { ev.Gone[host] = at }
}

var premiseCases = []judged{
	{quorum, "honest", nothing, harness.Held, "0.20 s after the strike"},
	{quorum, "in the moment of the strike", mark(harness.QuorumLost, struckAt), harness.Held, ""},
	{quorum, "without a procedure", without(harness.ProcedureBegan), harness.Held, ""},
	{quorum, "not seen", without(harness.QuorumLost), harness.Inconclusive, "not seen"},
	{quorum, "nothing struck", without(harness.Struck), harness.Inconclusive, "not seen"},
	{quorum, "before the strike", mark(harness.QuorumLost, time.Second), harness.Inconclusive, "not seen"},
	{quorum, "after the procedure began", mark(harness.QuorumLost, beganAt+1), harness.Inconclusive, "the procedure began at 2.50 s"},

	{acked, "honest", nothing, harness.Held, "46 writes by 2 writers and 23 probes"},
	{acked, "nothing struck", without(harness.Struck), harness.Inconclusive, "nothing was struck"},
	{acked, "a writer was silent", keep(func(o *harness.Operation) bool { return o.Client != "writer-1" }), harness.Inconclusive, "1 of 2 writers"},
	{acked, "no probe", keep(func(o *harness.Operation) bool { return o.Kind != harness.ProbeOp }), harness.Inconclusive, "0 probes"},
	{acked, "no writer", func(ev *harness.Evidence, b *book) {
		ev.Writers = 0
		keep(func(o *harness.Operation) bool { return o.Kind != harness.WriteOp })(ev, b)
	}, harness.Inconclusive, "0 writers"},
	{acked, "nine of one writer", few("writer-1", 9), harness.Inconclusive, "writer-1 had 9"},
	{acked, "ten of one writer", few("writer-1", 10), harness.Held, ""},
	{acked, "nine probes", few("probe", 9), harness.Inconclusive, "9 probes"},
	{acked, "all of one writer changed nothing", each("writer-1", func(o *harness.Operation) { o.Effective = false }), harness.Inconclusive, "1 of 2 writers"},
	{acked, "all of one writer unknown", each("writer-1", func(o *harness.Operation) { o.Outcome = harness.Unknown }), harness.Inconclusive, "1 of 2 writers"},
	{acked, "acknowledged after the strike only", mark(harness.Struck, 100*time.Millisecond), harness.Inconclusive, "0 of 2 writers"},

	{everyone, "honest", nothing, harness.Held, "m1, m2, m3"},
	{everyone, "one did not", func(ev *harness.Evidence, _ *book) { ev.Exits = ev.Exits[:2] }, harness.Inconclusive, "m3 was not seen to end"},
	{check.EtcdDied{Who: harness.Hosts("m1", "m2")}, "one did not, and need not", func(ev *harness.Evidence, _ *book) { ev.Exits = ev.Exits[:2] }, harness.Held, ""},
	{everyone, "one was asked to", func(ev *harness.Evidence, _ *book) { ev.Exits[1].Asked = true }, harness.Inconclusive, "m2 was not seen to end"},
	{everyone, "one had ended before", func(ev *harness.Evidence, _ *book) { ev.Exits[0].At = struckAt - 1 }, harness.Inconclusive, "m1 was not seen to end"},
	{everyone, "nothing struck", without(harness.Struck), harness.Inconclusive, "cannot be told"},
	{check.EtcdDied{Who: harness.Hosts("m9")}, "no such host", nothing, harness.Inconclusive, "no host m9"},
	{check.EtcdDied{Who: harness.Leader}, "who led is not known", nothing, harness.Inconclusive, "no leader is known"},
	{check.EtcdDied{}, "nobody is meant", nothing, harness.Inconclusive, "cannot be told"},

	{unstarted, "honest", endsAgain, harness.Held, "seen on m3"},
	{unstarted, "it ended once", nothing, harness.Inconclusive, "m3 was seen to end 1 times"},
	{unstarted, "once before the strike", both(endsAgain, func(ev *harness.Evidence, _ *book) { ev.Exits[2].At = struckAt - 1 }), harness.Inconclusive, "1 times"},
	{unstarted, "once in the procedure", both(endsAgain, func(ev *harness.Evidence, _ *book) { ev.Exits[2].At = beganAt + 1 }), harness.Inconclusive, "1 times"},
	{unstarted, "once it was asked to", both(endsAgain, func(ev *harness.Evidence, _ *book) { ev.Exits[2].Asked = true }), harness.Inconclusive, "1 times"},
	{unstarted, "it served after all", both(endsAgain, mark(harness.Booted, beganAt-1)), harness.Inconclusive, "every member served at 2.50 s"},
	{unstarted, "it served in the end", both(endsAgain, mark(harness.Booted, endedAt)), harness.Held, ""},
	{check.FailedToStart{Who: harness.Everyone}, "the others started", endsAgain, harness.Inconclusive, "m1 was seen to end 1 times"},
	{unstarted, "nothing struck", without(harness.Struck), harness.Inconclusive, "cannot be told"},
	{unstarted, "no procedure", without(harness.ProcedureBegan), harness.Inconclusive, "cannot be told"},
	{check.FailedToStart{}, "nobody is meant", nothing, harness.Inconclusive, "cannot be told"},
	{check.FailedToStart{Who: harness.Hosts("m9")}, "no such host", nothing, harness.Inconclusive, "no host m9"},

	{lost, "honest", nothing, harness.Held, "m2, m3"},
	{lost, "one is there", func(ev *harness.Evidence, _ *book) { delete(ev.Gone, "m3") }, harness.Inconclusive, "m3 was not seen to be gone"},
	{lost, "one was gone before", goneAt("m2", struckAt-1), harness.Inconclusive, "m2 was not seen"},
	{lost, "one went in the procedure", goneAt("m2", beganAt+1), harness.Inconclusive, "m2 was not seen"},
	{lost, "nothing struck", without(harness.Struck), harness.Inconclusive, "cannot be told"},
	{check.HostsWereLost{}, "nobody is meant", nothing, harness.Inconclusive, "cannot be told"},
	{check.HostsWereLost{Who: harness.Hosts("m9")}, "no such host", nothing, harness.Inconclusive, "no host m9"},

	{laggard, "as far behind as it must be", lags(check.Behind), harness.Held, "revision 47, and lacked 25 writes"},
	{laggard, "not quite", lags(check.Behind - 1), harness.Inconclusive, "lacked 24 acknowledged writes, and 25 are needed"},
	{laggard, "it has everything", nothing, harness.Inconclusive, "lacked 0"},
	{laggard, "the greatest of several reads counts", both(lags(30), readAgain(lastOld)), harness.Inconclusive, "lacked 0"},
	{laggard, "an earlier read of less does not", both(lags(check.Behind), readAgain(3)), harness.Held, "revision 47"},
	{laggard, "it knew a leader", both(lags(30), readAs(func(r *harness.SurvivorRead) { r.HasLeader = true })), harness.Inconclusive, "was not read"},
	{laggard, "another was read", both(lags(30), readAs(func(r *harness.SurvivorRead) { r.Host = "m2" })), harness.Inconclusive, "was not read"},
	{laggard, "nobody was read", func(ev *harness.Evidence, _ *book) { ev.Survivors = nil }, harness.Inconclusive, "was not read"},
	{laggard, "it was read before they were acknowledged", both(lags(30), readAs(func(r *harness.SurvivorRead) { r.At = time.Second })), harness.Inconclusive, "lacked 0"},
	{laggard, "they were not acknowledged", beyond(func(o *harness.Operation) { o.Outcome = harness.Unknown }), harness.Inconclusive, "lacked 0"},
	{laggard, "they changed nothing", beyond(func(o *harness.Operation) { o.Effective = false }), harness.Inconclusive, "lacked 0"},
	{laggard, "they were of leases", beyond(func(o *harness.Operation) { o.Kind = harness.LeaseOp }), harness.Inconclusive, "lacked 0"},
	{laggard, "what the new history acknowledged does not count", readAs(func(r *harness.SurvivorRead) { r.At = beganAt }), harness.Inconclusive, "lacked 0"},
	{laggard, "without a new history", both(lags(check.Behind), inPlace), harness.Held, ""},
}

// readAgain reads m1 once more.
func readAgain(revision int64) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) {
		ev.Survivors = append(ev.Survivors, harness.SurvivorRead{Host: "m1", At: beganAt, Revision: revision})
	}
}

// endsAgain lets m3's etcd end a second time.
func endsAgain(ev *harness.Evidence, _ *book) {
	ev.Exits = append(ev.Exits, harness.HostExit{Host: "m3", At: struckAt + 2*time.Millisecond, EtcdExit: harness.EtcdExit{Code: 1}})
}

// few leaves a client's first n operations in the old history.
func few(client string, n int) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, b *book) {
		count := 0
		keep(func(o *harness.Operation) bool {
			if o.Client == client && o.Call < struckAt {
				count++
				return count <= n
			}
			return true
		})(ev, b)
	}
}

// each alters every operation of a client.
func each(client string, alter func(*harness.Operation)) func(*harness.Evidence, *book) {
	return func(_ *harness.Evidence, b *book) {
		for i := range b.ops {
			if b.ops[i].Client == client {
				alter(&b.ops[i])
			}
		}
	}
}
