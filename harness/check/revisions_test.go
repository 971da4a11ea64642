package check_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
)

var unique = check.RevisionsUnique{}

// again hands revisions of the old history out again to n operations of the new.
func again(n int, alter func(*harness.Operation)) func(*harness.Evidence, *book) {
	return func(_ *harness.Evidence, b *book) {
		at := slices.IndexFunc(b.ops, func(o harness.Operation) bool { return o.Call >= endedAt })
		for i := range n {
			b.ops[at+i].Revision = lastOld - int64(i)
			alter(&b.ops[at+i])
		}
	}
}

// bumped has the new history begin by so many revisions later.
func bumped(by int64) func(*harness.Evidence, *book) {
	return func(_ *harness.Evidence, b *book) {
		for i := range b.ops {
			if b.ops[i].Call >= endedAt {
				b.ops[i].Revision += by
			}
		}
		for key, state := range b.final {
			if state.ModRevision >= firstNew {
				moved := *state
				moved.ModRevision += by
				b.final[key] = &moved
			}
		}
	}
}

// withoutBackup is the drill of a site that takes none: it went on from a survivor.
func withoutBackup(ev *harness.Evidence, _ *book) { ev.Backups = nil }

var revisionCases = []judged{
	{unique, "from a survivor", withoutBackup, harness.Held, "146 changes"},
	{unique, "nothing lay beyond the backup", nothing, harness.Inconclusive, "nothing that was acknowledged lay beyond b1"},
	{unique, "nothing came after it either", func(_ *harness.Evidence, b *book) {
		b.ops = slices.DeleteFunc(b.ops, func(o harness.Operation) bool { return o.Call >= endedAt })
		maps.DeleteFunc(b.final, func(key string, _ *harness.KeyState) bool { return strings.HasPrefix(key, "g2/") })
	}, harness.Inconclusive, "nothing that was acknowledged lay beyond b1"},
	{unique, "nothing lay beyond the backup, in one history", both(inPlace, func(ev *harness.Evidence, _ *book) { ev.Backups[0].Revision = 1000 }), harness.Held, "146 changes"},
	{unique, "nothing lay beyond one that was not kept", func(ev *harness.Evidence, _ *book) { ev.Backups[0].Verified = false }, harness.Held, "146 changes"},
	{unique, "something lay beyond the backup", func(ev *harness.Evidence, b *book) {
		ev.Backups[0].Revision = lastOld - 1
		delete(b.final, "g0/stock/k0")
	}, harness.Held, "146 changes"},
	{unique, "something lay beyond the one that was restored", func(_ *harness.Evidence, b *book) { delete(b.final, "g0/stock/k0") }, harness.Held, "146 changes"},
	{unique, "what came back cannot be read", func(_ *harness.Evidence, b *book) { b.keysErr = errors.New("final.bin: damaged") }, harness.Inconclusive, "final.bin: damaged"},
	{unique, "bumped", bumped(1_000_000_000), harness.Held, "146 changes"},
	{unique, "begun a little later", bumped(10), harness.Inconclusive, "nothing that was acknowledged lay beyond b1"},
	{unique, "once more", again(1, func(*harness.Operation) {}), harness.Violated, "1 revisions were handed out twice"},
	{unique, "seven times", again(7, func(*harness.Operation) {}), harness.Violated, "7 revisions"},
	{unique, "by a cluster that was replaced", again(1, func(o *harness.Operation) { o.ClusterID = 0xdead }), harness.Violated, "1 revisions"},
	{unique, "to what changed nothing", both(withoutBackup, again(1, func(o *harness.Operation) { o.Effective = false })), harness.Held, ""},
	{unique, "to what was not acknowledged", both(withoutBackup, again(1, func(o *harness.Operation) { o.Outcome = harness.Unknown })), harness.Held, ""},
	{unique, "only nine changes", func(_ *harness.Evidence, b *book) { b.ops = b.ops[:9] }, harness.Inconclusive, "only 9 writes"},
	{unique, "ten changes", both(withoutBackup, func(_ *harness.Evidence, b *book) { b.ops = b.ops[:10] }), harness.Held, "10 changes"},
}

func TestARevisionHandedOutTwiceNamesBothRequests(t *testing.T) {
	ev, b := honest()
	again(7, func(*harness.Operation) {})(ev, b)
	r := unique.Judge(ev)
	if len(r.Offending) != 5 {
		t.Fatalf("%d revisions are named, want 5: %q", len(r.Offending), r.Offending)
	}
	for _, text := range r.Offending {
		if strings.Count(text, "acked at") != 2 {
			t.Errorf("two operations should be named: %s", text)
		}
	}
}
