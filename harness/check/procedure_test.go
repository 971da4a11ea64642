package check_test

import (
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
)

var (
	completed = check.ProcedureCompleted{}
	restored  = check.ServiceRestored{}
)

// record replaces how the procedure ended.
func record(r harness.ProcedureRecord) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) { ev.Procedure = r }
}

// after alters a client's operations since the procedure ended.
func after(client string, alter func(n int, o *harness.Operation)) func(*harness.Evidence, *book) {
	n := 0
	return each(client, func(o *harness.Operation) {
		if o.Call >= endedAt {
			n++
			alter(n, o)
		}
	})
}

// twice has one writer acknowledged two times only after the procedure.
func twice() func(*harness.Evidence, *book) {
	return after("writer-1", func(n int, o *harness.Operation) { o.Effective = n <= 2 })
}

// paused makes it a game day that stood still once.
func paused(from, to time.Duration) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) {
		ev.GameDay = &harness.GameDayRecord{Pauses: []harness.PauseRecord{{From: from, To: to}}}
	}
}

// busy makes the machine too busy for figures.
func busy(ev *harness.Evidence, _ *book) { ev.Machine.Unfit = "the machine was too busy" }

// standstill makes the machine too busy for figures, by a timer that was late by so much.
func standstill(at, late time.Duration) func(*harness.Evidence, *book) {
	return both(busy, func(ev *harness.Evidence, _ *book) {
		ev.Machine.StallWorst, ev.Machine.Stalls = late, []harness.Stall{{At: at, Late: late}}
	})
}

var procedureCases = []judged{
	{completed, "honest", nothing, harness.Held, "2 commands in 1.50 s"},
	{completed, "more commands than are kept", func(ev *harness.Evidence, _ *book) { ev.StepsMore = 7 }, harness.Held, "9 commands in 1.50 s"},
	{completed, "without a deadline", record(harness.ProcedureRecord{Completed: true}), harness.Held, ""},
	{completed, "refused", record(harness.ProcedureRecord{Refused: "step 1: m1 is not there"}), harness.Violated, "refused: step 1"},
	{completed, "failed", record(harness.ProcedureRecord{Failed: "step 2 exited with status 1"}), harness.Violated, "did not complete: step 2"},
	{completed, "failed and completed at once", record(harness.ProcedureRecord{Completed: true, Failed: "step 2"}), harness.Violated, "did not complete"},
	{completed, "too late", record(harness.ProcedureRecord{Completed: true, Within: time.Second}), harness.Violated, "1.5 s of 1.0 s"},
	{completed, "in time, but for pauses of a game day", both(record(harness.ProcedureRecord{Completed: true, Within: time.Second}), paused(beganAt+100*time.Millisecond, beganAt+800*time.Millisecond)), harness.Held, "2 commands in 0.80 s"},
	{completed, "too late, and paused before it began", both(record(harness.ProcedureRecord{Completed: true, Within: time.Second}), paused(0, beganAt)), harness.Violated, "1.5 s of 1.0 s"},
	{completed, "not done in time", record(harness.ProcedureRecord{Failed: "step 2", TimedOut: true, Within: 1500 * time.Millisecond}), harness.Violated, "did not complete: step 2"},
	{completed, "not done in time, on a machine that stood still for half of it", both(record(harness.ProcedureRecord{Failed: "step 2", TimedOut: true, Within: 1500 * time.Millisecond}), standstill(beganAt+time.Second, 800*time.Millisecond)), harness.Inconclusive, "for half of which this machine stood still: the machine was too busy"},
	{completed, "not done in time, on a machine that stood still for less", both(record(harness.ProcedureRecord{Failed: "step 2", TimedOut: true, Within: 1500 * time.Millisecond}), standstill(beganAt+time.Second, 700*time.Millisecond)), harness.Violated, "did not complete: step 2"},
	{completed, "failed, on a machine that stood still for half of its time", both(record(harness.ProcedureRecord{Failed: "step 2", Within: 1500 * time.Millisecond}), standstill(beganAt+time.Second, 800*time.Millisecond)), harness.Violated, "did not complete: step 2"},
	{completed, "too late, on a machine that stood still for half of it", both(record(harness.ProcedureRecord{Completed: true, Within: time.Second}), standstill(beganAt+time.Second, 600*time.Millisecond)), harness.Inconclusive, "this machine stood still"},
	{completed, "a step exited with an error", func(ev *harness.Evidence, _ *book) { ev.Steps[1].Output.ExitCode = 4 }, harness.Violated, "step 2 (force m1) exited with status 4"},
	{completed, "no step", func(ev *harness.Evidence, _ *book) { ev.Steps = nil }, harness.Inconclusive, "no step"},
	{completed, "never began", without(harness.ProcedureBegan), harness.Inconclusive, "not seen to begin"},
	{completed, "never ended", without(harness.ProcedureEnded), harness.Inconclusive, "not seen to begin and to end"},
	{completed, "ended before it began", mark(harness.ProcedureEnded, time.Second), harness.Inconclusive, ""},
	{completed, "how it ended is not known", record(harness.ProcedureRecord{}), harness.Inconclusive, "not recorded"},

	{restored, "honest", nothing, harness.Held, "all 2 writers"},
	{restored, "after a procedure in place", inPlace, harness.Held, ""},
	{restored, "three of a writer", after("writer-1", func(n int, o *harness.Operation) { o.Effective = n <= 3 }), harness.Held, ""},
	{restored, "two of a writer", twice(), harness.Violated, "writer-1 had 2 of"},
	{restored, "two of a writer, on a machine that stood still", both(twice(), standstill(endedAt+2*time.Second, time.Second)), harness.Inconclusive, "writer-1 had 2 of"},
	{restored, "two of a writer, on a machine that was busy but did not stand still", both(twice(), standstill(endedAt+2*time.Second, 900*time.Millisecond)), harness.Violated, "writer-1 had 2 of"},
	{restored, "two of a writer, on a machine that had stood still before", both(twice(), standstill(endedAt-1500*time.Millisecond, time.Second)), harness.Violated, "writer-1 had 2 of"},
	{restored, "a writer is without answers, on a machine that stood still", both(after("writer-0", func(_ int, o *harness.Operation) { o.Outcome = harness.Unknown }), standstill(endedAt+2*time.Second, time.Second)), harness.Violated, "writer-0 had 0 of"},
	{restored, "a writer is without answers", after("writer-0", func(_ int, o *harness.Operation) { o.Outcome = harness.Unknown }), harness.Violated, "writer-0 had 0 of"},
	{restored, "a writer is served by the cluster that was replaced", after("writer-0", func(_ int, o *harness.Operation) { o.ClusterID = 0xdead }), harness.Violated, "writer-0 had 0 of"},
	{restored, "both writers are silent", both(after("writer-0", func(_ int, o *harness.Operation) { o.Outcome = harness.Unknown }), after("writer-1", func(_ int, o *harness.Operation) { o.Outcome = harness.Unknown })), harness.Violated, "writer-0 had 0 of"},
	{restored, "a writer sent nothing, at a low rate", keep(func(o *harness.Operation) bool { return o.Client != "writer-1" || o.Call < endedAt }), harness.Inconclusive, "writer-1 sent 0 writes"},
	{restored, "a writer sent nothing, and it never was calm", both(keep(func(o *harness.Operation) bool { return o.Client != "writer-1" || o.Call < endedAt }), without(harness.Settled)), harness.Violated, "writer-1 had 0 of 0"},
	{restored, "it never was calm", without(harness.Settled), harness.Violated, "no 2 s without a gap"},
	{restored, "it never was calm, on a busy machine", both(without(harness.Settled), busy), harness.Inconclusive, "all 2 writers were acknowledged again, but"},
	{restored, "a writer is without answers, on a busy machine", both(after("writer-0", func(_ int, o *harness.Operation) { o.Outcome = harness.Unknown }), both(without(harness.Settled), busy)), harness.Violated, "writer-0 had 0 of"},
	{restored, "honest, on a busy machine", busy, harness.Held, ""},
	{restored, "it was calm before the end only", mark(harness.Settled, beganAt), harness.Violated, "no 2 s without a gap"},
	{restored, "a writer never wrote", keep(func(o *harness.Operation) bool { return o.Client != "writer-1" }), harness.Inconclusive, "1 of 2 writers"},
	{restored, "the procedure never ended", without(harness.ProcedureEnded), harness.Inconclusive, "not watched"},
	{restored, "the traffic never ended", without(harness.TrafficEnded), harness.Inconclusive, "not watched"},
	{restored, "no member answered in the end", func(ev *harness.Evidence, _ *book) { ev.After = nil }, harness.Inconclusive, "none of whose members answered"},
	{restored, "no member answered in the end, and no writer was served", both(after("writer-0", func(_ int, o *harness.Operation) { o.Outcome = harness.Unknown }), func(ev *harness.Evidence, _ *book) { ev.After = nil }), harness.Violated, "writer-0 had 0 of"},
}
