package check_test

import (
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
)

var informed = check.WatcherInformed{}

func watch(alter func(*harness.WatcherRecord)) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) { alter(&ev.Watcher) }
}

func compacted(at time.Duration) func(*harness.Evidence, *book) {
	return watch(func(w *harness.WatcherRecord) {
		w.Told, w.ToldAt = "etcdserver: mvcc: required revision has been compacted", at
	})
}

func unseen(revision int64) func(*harness.Evidence, *book) {
	return func(_ *harness.Evidence, b *book) { b.unsee(revision) }
}

func event(e harness.WatchEvent) func(*harness.Evidence, *book) {
	return func(_ *harness.Evidence, b *book) { b.seen = append(b.seen, e) }
}

// op is a write of one new key that left nothing behind; alter completes it.
func op(alter func(*harness.Operation)) func(*harness.Evidence, *book) {
	return func(_ *harness.Evidence, b *book) {
		o := harness.Operation{Client: "writer-0", Call: 1700 * time.Millisecond, Return: 1701 * time.Millisecond, ClusterID: bornID, MemberID: 1, Term: 2,
			Effects: []harness.Effect{{Key: "g1/x", Value: 555}}}
		alter(&o)
		b.add(o)
	}
}

func found(key string, value uint64, revision int64) func(*harness.Evidence, *book) {
	return func(_ *harness.Evidence, b *book) {
		b.final[key] = &harness.KeyState{Key: key, Value: value, ModRevision: revision}
	}
}

func took(revision int64) func(*harness.Operation) {
	return func(o *harness.Operation) { o.Outcome, o.Effective, o.Revision = harness.Acked, true, revision }
}

func seenAt(revision int64, at time.Duration) func(*harness.Evidence, *book) {
	return event(harness.WatchEvent{Key: "g1/x", Value: 555, Revision: revision, At: at})
}

// later moves the new history's revisions up, to make room before them.
func later(n int64) func(*harness.Evidence, *book) {
	return func(_ *harness.Evidence, b *book) {
		for i := range b.ops {
			if b.ops[i].Call >= endedAt {
				b.ops[i].Revision += n
			}
		}
		for i := range b.seen {
			if b.seen[i].At >= endedAt {
				b.seen[i].Revision += n
			}
		}
		for _, k := range b.final {
			if k.ModRevision > lastOld {
				k.ModRevision += n
			}
		}
	}
}

func all(alterations ...func(*harness.Evidence, *book)) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, b *book) {
		for _, alter := range alterations {
			alter(ev, b)
		}
	}
}

var (
	unknown = func(o *harness.Operation) {}
	flying  = func(o *harness.Operation) { o.Call, o.Return = 2900*time.Millisecond, 3100*time.Millisecond }
	recent  = func(o *harness.Operation) { o.Call, o.Return = 5*time.Second, 5*time.Second+time.Millisecond }
)

var watcherCases = []judged{
	{informed, "honest", nothing, harness.Held, "all 146"},
	{informed, "in place", inPlace, harness.Held, "all 146"},
	{informed, "told", all(compacted(5*time.Second), unseen(firstNew)), harness.Held, "compacted"},
	{informed, "told before the strike", compacted(time.Second), harness.Inconclusive, "before the strike"},
	{informed, "told something else", all(watch(func(w *harness.WatcherRecord) { w.Told = "permission denied" }), unseen(firstNew)), harness.Violated, "missed 1"},
	{informed, "never opened", watch(func(w *harness.WatcherRecord) { w.Opened = false }), harness.Inconclusive, "no watcher"},
	{informed, "nothing struck", without(harness.Struck), harness.Inconclusive, "no watcher"},
	{informed, "traffic never ended", without(harness.TrafficEnded), harness.Inconclusive, "no watcher"},

	{informed, "missed a new change", unseen(firstNew + 3), harness.Violated, "missed 1 changes and holds 0"},
	{informed, "missed an old change", unseen(20), harness.Violated, "missed 1 changes"},
	{informed, "missed a delete", unseen(30), harness.Violated, "missed 1 changes"},
	{informed, "missed a change in place", both(inPlace, unseen(20)), harness.Violated, "missed 1 changes"},
	{informed, "does not watch an old change", both(watch(func(w *harness.WatcherRecord) { w.From = 21 }), unseen(20)), harness.Held, "all 127"},
	{informed, "new changes below what it watches are missed", both(watch(func(w *harness.WatcherRecord) { w.From = 100 }), unseen(80)), harness.Violated, "missed 1 changes"},
	{informed, "a change of the last moment", both(unseen(firstNew), mark(harness.TrafficEnded, 5*time.Second)), harness.Held, ""},
	{informed, "saw the value at another revision", both(unseen(20), func(_ *harness.Evidence, b *book) {
		o := b.find(func(o *harness.Operation) bool { return o.Revision == 20 })
		b.seen = append(b.seen, harness.WatchEvent{Key: o.Effects[0].Key, Value: o.Effects[0].Value, Revision: 21, At: o.Return})
	}), harness.Violated, "missed 1 changes and holds 1"},

	{informed, "told of a value that nobody wrote", event(harness.WatchEvent{Key: "g0/probe/k1", Value: 9, Revision: 60, At: time.Second}), harness.Violated, "holds 1"},
	{informed, "told of a key that nobody wrote", event(harness.WatchEvent{Key: "g0/nobody", Value: 9, Revision: 60, At: time.Second}), harness.Violated, "holds 1"},
	{informed, "told of a delete that nobody asked for", event(harness.WatchEvent{Key: "g0/probe/k1", Delete: true, Revision: 60, At: time.Second}), harness.Violated, "holds 1"},
	{informed, "told that a leased key ran out", event(harness.WatchEvent{Key: "lease/l0/k0", Delete: true, Revision: 60, At: time.Second}), harness.Held, ""},
	{informed, "told of another value of a leased key", event(harness.WatchEvent{Key: "lease/l0/k0", Value: 9, Revision: 60, At: time.Second}), harness.Violated, "holds 1"},
	{informed, "told of what was refused", both(op(func(o *harness.Operation) { o.Outcome = harness.Rejected }), seenAt(60, time.Second)), harness.Violated, "holds 1"},
	{informed, "told of what changed nothing", both(op(func(o *harness.Operation) { o.Outcome = harness.Acked }), seenAt(60, time.Second)), harness.Violated, "holds 1"},

	{informed, "saw an unknown write that was kept", all(op(unknown), seenAt(lastOld, 1700*time.Millisecond)), harness.Held, ""},
	{informed, "saw an unknown write beyond the cut", all(op(unknown), seenAt(firstNew, 1800*time.Millisecond)), harness.Violated, "holds 1"},
	{informed, "saw an unknown write beyond the cut late", all(op(unknown), seenAt(firstNew, 4*time.Second)), harness.Violated, "holds 1"},
	{informed, "saw an unknown write, in place", all(inPlace, op(unknown), seenAt(firstNew, 1800*time.Millisecond)), harness.Held, ""},
	{informed, "saw an unknown delete", all(op(func(o *harness.Operation) { o.Effects[0] = harness.Effect{Key: "g1/x", Delete: true} }),
		event(harness.WatchEvent{Key: "g1/x", Delete: true, Revision: 60, At: time.Second})), harness.Held, ""},
	{informed, "saw a write under way before the moment", all(op(flying), seenAt(firstNew, 2950*time.Millisecond)), harness.Violated, "holds 1"},
	{informed, "saw a write under way after the moment", all(op(flying), seenAt(firstNew, 3050*time.Millisecond)), harness.Held, ""},
	{informed, "saw an unknown write of the new history", all(op(recent), seenAt(90, 5*time.Second), found("g1/x", 555, 90)), harness.Held, ""},

	{informed, "saw what is lost", all(op(took(firstNew)), seenAt(firstNew, 1800*time.Millisecond)), harness.Violated, "missed 0 changes and holds 1"},
	{informed, "did not see what is lost", op(took(firstNew)), harness.Held, ""},
	{informed, "saw what the replaced cluster did later", all(op(func(o *harness.Operation) { recent(o); took(90)(o); o.ClusterID = 0xdead }), seenAt(90, 5*time.Second)), harness.Violated, "holds 1"},
	{informed, "did not see what the replaced cluster did later", op(func(o *harness.Operation) { recent(o); took(90)(o); o.ClusterID = 0xdead }), harness.Held, ""},
	{informed, "did not see what was kept or lost", all(later(10), op(took(firstNew)), op(erase(firstNew+1))), harness.Held, ""},
	{informed, "saw what was kept or lost", all(later(10), op(took(firstNew)), op(erase(firstNew+1)), seenAt(firstNew, 1800*time.Millisecond)), harness.Held, ""},

	{informed, "no cut", found("g0/nobody", 9, 60), harness.Inconclusive, "no consistent cut"},
	{informed, "nothing since the disaster", keep(func(o *harness.Operation) bool { return o.Call < endedAt }), harness.Inconclusive, "no consistent cut"},
	{informed, "little since the disaster", all(inPlace, keep(func(o *harness.Operation) bool { return o.Call < endedAt+200*time.Millisecond }), func(_ *harness.Evidence, b *book) {
		var kept []harness.WatchEvent
		for _, e := range b.seen {
			if e.At < endedAt+200*time.Millisecond {
				kept = append(kept, e)
			}
		}
		b.seen = kept
	}), harness.Inconclusive, "5 of them after the disaster"},
	{informed, "whose history a write is of cannot be told", all(unheard, later(1), op(spanning), op(unknown)), harness.Inconclusive, "cannot be told"},
}

func erase(revision int64) func(*harness.Operation) {
	return func(o *harness.Operation) {
		took(revision)(o)
		o.Effects[0] = harness.Effect{Key: "g1/x", Delete: true}
	}
}
