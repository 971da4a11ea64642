package check_test

import (
	"slices"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
)

func lease(alter func(*harness.LeaseView)) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) { alter(&ev.LeasesAfter[0]) }
}

var leases = check.LeasesAgree{}

// ranOut is a lease of which nothing is left.
func ranOut(l *harness.LeaseView) {
	*l = harness.LeaseView{ID: l.ID, Remaining: -time.Second, At: l.At}
}

// gone takes away lease 7 and its key.
func gone(ev *harness.Evidence, b *book) {
	lease(ranOut)(ev, b)
	delete(b.final, "lease/l0/k0")
}

// keyless takes away the key alone.
func keyless(ev *harness.Evidence, b *book) {
	lease(func(l *harness.LeaseView) { l.Keys, l.Found = nil, nil })(ev, b)
	delete(b.final, "lease/l0/k0")
}

// left is what the lease had left before the strike.
func left(remaining time.Duration) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) { ev.LeasesBefore[0].Remaining = remaining }
}

var short = left(5 * time.Second)

// leaseOp alters the write of the leased key.
func leaseOp(alter func(*harness.Operation)) func(*harness.Evidence, *book) {
	return func(_ *harness.Evidence, b *book) {
		alter(b.find(func(o *harness.Operation) bool { return o.Kind == harness.LeaseOp }))
	}
}

// lateKey makes the leased key's write the last of the old history; it is lost.
func lateKey(ev *harness.Evidence, b *book) {
	lastLost(ev, b)
	leaseOp(func(o *harness.Operation) {
		stock := b.find(func(o *harness.Operation) bool { return o.Kind == harness.StockOp })
		o.Revision, stock.Revision = stock.Revision, o.Revision
		b.final["g0/stock/k0"] = &harness.KeyState{Key: "g0/stock/k0", Value: stock.Effects[0].Value, ModRevision: stock.Revision}
	})(ev, b)
}

// anewKey has the leased key put after the recovery.
func anewKey(ev *harness.Evidence, b *book) {
	leaseOp(func(o *harness.Operation) {
		o.Call, o.Return, o.Revision, o.Term = trafficEnd-time.Second, trafficEnd, 200, 3
	})(ev, b)
}

// twoKeys gives lease 7 a second key, and alters it.
func twoKeys(alter func(*harness.LeaseView)) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, b *book) {
		o := *b.find(func(o *harness.Operation) bool { return o.Kind == harness.LeaseOp })
		o.Effects = []harness.Effect{{Key: "lease/l0/k1", Lease: 7}}
		b.ack(o)
		for _, l := range []*harness.LeaseView{&ev.LeasesBefore[0], &ev.LeasesAfter[0]} {
			l.Keys = []string{"lease/l0/k0", "lease/l0/k1"}
			l.Found = slices.Clone(l.Keys)
		}
		alter(&ev.LeasesAfter[0])
	}
}

// second is another lease, which is well.
func second(ev *harness.Evidence, _ *book) {
	for _, list := range []*[]harness.LeaseView{&ev.LeasesBefore, &ev.LeasesAfter} {
		l := (*list)[0]
		l.ID, l.Keys, l.Found = 8, []string{"other"}, []string{"other"}
		*list = append(*list, l)
	}
}

var leaseCases = []judged{
	{leases, "honest", nothing, harness.Held, "1 of 1 leases are alive"},
	{leases, "in another order", twoKeys(func(l *harness.LeaseView) { slices.Reverse(l.Keys) }), harness.Held, ""},

	{leases, "is gone with its key, and cannot have run out", gone, harness.Violated, "lease 7 is gone with its 1 keys, and 8 s before it had 50 s left"},
	{leases, "the same, and the dump still has the key", lease(ranOut), harness.Violated, "lease 7 is gone with its 1 keys"},
	{leases, "the same, where history was not replaced", both(inPlace, gone), harness.Violated, "lease 7 is gone with its 1 keys"},
	{leases, "lives and its key is gone", keyless, harness.Violated, "lease 7 is alive and its key lease/l0/k0 is gone"},
	{leases, "the same, where history was not replaced", both(inPlace, keyless), harness.Violated, "its key lease/l0/k0 is gone"},
	{leases, "lives and one of two keys is gone", twoKeys(func(l *harness.LeaseView) { l.Keys, l.Found = l.Keys[:1], l.Found[:1] }), harness.Violated, "its key lease/l0/k1 is gone"},
	{leases, "has run out too early", lease(func(l *harness.LeaseView) { l.Remaining = -time.Second }), harness.Violated, "lease 7 is gone with its 1 keys"},
	{leases, "its key is not in the dump", func(_ *harness.Evidence, b *book) { delete(b.final, "lease/l0/k0") }, harness.Violated, "lease/l0/k0 is absent"},
	{leases, "its key is an older one", func(_ *harness.Evidence, b *book) { b.final["lease/l0/k0"].ModRevision-- }, harness.Violated, "has mod_revision 1"},
	{leases, "its key carries none", func(_ *harness.Evidence, b *book) { b.final["lease/l0/k0"].Lease = 0 }, harness.Violated, "was put with lease 7 and carries 0"},

	{leases, "is gone and had little left", both(short, gone), harness.Inconclusive, "lease 7 had 5 s left before the strike, 8 s before the end"},
	{leases, "lives, its key is gone and it had little left", both(short, keyless), harness.Inconclusive, "none is alive with keys"},
	{leases, "has run out and is about to go", both(short, lease(func(l *harness.LeaseView) { l.Remaining = -time.Second })), harness.Inconclusive, "can have run out"},
	{leases, "had as much left as the asking may have taken", both(left(10*time.Second), gone), harness.Inconclusive, "can have run out"},
	{leases, "was not there before", both(left(-time.Second), gone), harness.Inconclusive, "lease 7 was not there before the strike"},
	{leases, "its key was put behind the cut", both(lateKey, gone), harness.Inconclusive, "acknowledged up to the cut"},
	{leases, "the same, and another lives", both(second, both(lateKey, gone)), harness.Held, "1 of 2 leases are alive with their keys; the others are not judged: no key that lease 7"},
	{leases, "its key was not answered for", both(leaseOp(func(o *harness.Operation) { o.Outcome, o.Effective, o.Revision = harness.Unknown, false, 0 }), gone), harness.Inconclusive, "acknowledged up to the cut"},
	{leases, "its key was put after the recovery and is gone", both(anewKey, gone), harness.Violated, "lease 7 is gone with its 1 keys"},
	{leases, "the same, and another lives", all(second, func(_ *harness.Evidence, b *book) { delete(b.final, "g0/writer-0/k0") }, gone), harness.Inconclusive, "no consistent cut"},
	{leases, "is gone and no cut explains the rest", both(func(_ *harness.Evidence, b *book) { delete(b.final, "g0/writer-0/k0") }, gone), harness.Inconclusive, "no consistent cut"},

	{leases, "is gone and its key stays", lease(func(l *harness.LeaseView) { l.Granted, l.Remaining, l.Keys = 0, -time.Second, nil }), harness.Violated, "lease 7 is gone and 1 keys still carry it"},
	{leases, "is gone and pretends to know its key", lease(func(l *harness.LeaseView) { l.Granted, l.Remaining = 0, -time.Second }), harness.Violated, "lease 7 is gone"},
	{leases, "does not know its key", lease(func(l *harness.LeaseView) { l.Keys = nil }), harness.Violated, "lease 7 knows keys"},
	{leases, "knows a key that is not there", lease(func(l *harness.LeaseView) { l.Found = nil }), harness.Violated, "lease 7 knows keys"},
	{leases, "a second lease of which nobody knew", func(ev *harness.Evidence, _ *book) {
		ev.LeasesAfter = append(ev.LeasesAfter, harness.LeaseView{ID: 8, Remaining: -time.Second, Found: []string{"x"}})
	}, harness.Violated, "lease 8 is gone"},
	{leases, "none before", func(ev *harness.Evidence, _ *book) { ev.LeasesBefore = nil }, harness.Inconclusive, "0 leases were seen before"},
	{leases, "none after", func(ev *harness.Evidence, _ *book) { ev.LeasesAfter = nil }, harness.Inconclusive, "0 at the end"},
	{leases, "not asked for", lease(func(l *harness.LeaseView) { l.ID = 8 }), harness.Inconclusive, "lease 7 was there before the strike"},
	{leases, "never a key", func(ev *harness.Evidence, b *book) {
		b.ops = slices.DeleteFunc(b.ops, func(o harness.Operation) bool { return o.Kind == harness.LeaseOp })
		for _, l := range []*harness.LeaseView{&ev.LeasesBefore[0], &ev.LeasesAfter[0]} {
			l.Keys, l.Found = nil, nil
		}
	}, harness.Inconclusive, "no key was ever seen"},
}
