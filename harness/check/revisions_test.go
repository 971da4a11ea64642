package check_test

import (
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

var revisionCases = []judged{
	{unique, "honest", nothing, harness.Held, "146 changes"},
	{unique, "bumped", func(_ *harness.Evidence, b *book) {
		for i := range b.ops {
			if b.ops[i].Call >= endedAt {
				b.ops[i].Revision += 1_000_000_000
			}
		}
	}, harness.Held, ""},
	{unique, "once more", again(1, func(*harness.Operation) {}), harness.Violated, "1 revisions were handed out twice"},
	{unique, "seven times", again(7, func(*harness.Operation) {}), harness.Violated, "7 revisions"},
	{unique, "by a cluster that was replaced", again(1, func(o *harness.Operation) { o.ClusterID = 0xdead }), harness.Violated, "1 revisions"},
	{unique, "to what changed nothing", again(1, func(o *harness.Operation) { o.Effective = false }), harness.Held, ""},
	{unique, "to what was not acknowledged", again(1, func(o *harness.Operation) { o.Outcome = harness.Unknown }), harness.Held, ""},
	{unique, "only nine changes", func(_ *harness.Evidence, b *book) { b.ops = b.ops[:9] }, harness.Inconclusive, "only 9 writes"},
	{unique, "ten changes", func(_ *harness.Evidence, b *book) { b.ops = b.ops[:10] }, harness.Held, "10 changes"},
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
