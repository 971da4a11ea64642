package check_test

import (
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
)

var (
	lossless   = check.NothingLost{}
	atSurvivor = check.CutAtSurvivor{Host: "m1"}
	atSnapshot = check.CutAtSnapshot{}
)

// spanning is an operation that was sent before the moment and acknowledged
// after it, with the first revision beyond the old history's.
func spanning(o *harness.Operation) {
	took(firstNew)(o)
	o.Call, o.Return = 2900*time.Millisecond, 3500*time.Millisecond
}

// span makes a spanning operation and, if it is there, what it left behind.
func span(there bool, alter func(*harness.Operation)) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, b *book) {
		op(func(o *harness.Operation) { spanning(o); alter(o) })(ev, b)
		if there {
			found("g1/x", 555, b.ops[len(b.ops)-1].Revision)(ev, b)
		}
	}
}

func term(n uint64) func(*harness.Operation) { return func(o *harness.Operation) { o.Term = n } }

// sent has an operation that terms tell nothing of wait for a connection until then.
func sent(at time.Duration) func(*harness.Operation) {
	return func(o *harness.Operation) { o.Term, o.Sent = 2, at }
}

func by(cluster uint64) func(*harness.Operation) {
	return func(o *harness.Operation) { o.ClusterID = cluster }
}

func revised(revision int64) func(*harness.Operation) {
	return func(o *harness.Operation) { o.Revision = revision }
}

// newCluster gives the recovered cluster an ID of its own.
func newCluster(ev *harness.Evidence, b *book) {
	clusters(0xc2, 0xc2, 0xc2)(ev, b)
	for i := range b.ops {
		if b.ops[i].Call >= endedAt {
			b.ops[i].ClusterID = 0xc2
		}
	}
}

// lastLost takes the last write of the old history away: it ends one revision
// earlier, and that one is handed out again.
func lastLost(ev *harness.Evidence, b *book) {
	delete(b.final, "g0/stock/k0")
	ev.Survivors[0].Revision, ev.Backups[0].Revision = lastOld-1, lastOld-1
}

// sameTerms takes away what tells the histories apart by term.
func sameTerms(_ *harness.Evidence, b *book) {
	for i := range b.ops {
		b.ops[i].Term = 2
	}
}

// unheard takes away all that tells the histories apart but revisions.
func unheard(ev *harness.Evidence, b *book) {
	all(sameTerms, without(harness.QuorumLost), nobodyGone, stalled)(ev, b)
}

// stalled makes it possible that an answer waited for its reader.
func stalled(ev *harness.Evidence, _ *book) { ev.Machine.StallWorst = 300 * time.Millisecond }

func nobodyGone(ev *harness.Evidence, _ *book) { clear(ev.Gone) }

// zombie is a write that a cluster acknowledged which is not the recovered one.
func zombie(_ *harness.Evidence, b *book) {
	b.add(harness.Operation{
		Client: "writer-0", Kind: harness.WriteOp, Call: replacedAt + 100*time.Millisecond, Return: replacedAt + 101*time.Millisecond,
		Outcome: harness.Acked, Effective: true, Revision: lastOld + 7, ClusterID: 0xd1, MemberID: 9, Term: 2,
		Effects: []harness.Effect{{Key: "g1/writer-0/k0", Value: 1}},
	})
}

// typed makes the recovery one that somebody did by hand.
func typed(ev *harness.Evidence, _ *book) { ev.Steps[0].By = "restore.sh" }

// What was acknowledged around the moment belongs to the history that the
// cluster ID, the term or the revision tells; else nothing is concluded that
// depends on it.
var momentCases = []judged{
	{lossless, "honest", nothing, harness.Held, "everything up to revision 72"},
	{atSurvivor, "honest", nothing, harness.Held, "everything up to revision 72"},
	{atSnapshot, "honest", nothing, harness.Held, "everything up to revision 72"},
	{lossless, "nothing acknowledged", keep(func(o *harness.Operation) bool { return false }), harness.Inconclusive, "no write was acknowledged"},
	{atSurvivor, "survivor not read", func(ev *harness.Evidence, _ *book) { ev.Survivors[0].HasLeader = true }, harness.Inconclusive, "what m1 held was not read"},
	{atSurvivor, "never replaced", inPlace, harness.Inconclusive, "never began a new history"},
	{atSnapshot, "no backup verified", func(ev *harness.Evidence, _ *book) { ev.Backups[0].Verified = false }, harness.Inconclusive, "no backup"},
	{atSnapshot, "older backup", func(ev *harness.Evidence, _ *book) { ev.Backups[0].Revision-- }, harness.Violated, "beyond the cut at 71"},

	{atSurvivor, "by term new, and there", all(later(1), span(true, term(3))), harness.Held, "up to revision 72"},
	{atSurvivor, "by term new, and gone", all(later(1), span(false, term(3))), harness.Violated, "the recovered cluster acknowledged its write"},
	{atSurvivor, "by term old, and there", all(later(1), span(true, term(2))), harness.Held, "up to revision 73"},
	{atSurvivor, "by term old, and gone", all(later(1), span(false, term(2))), harness.Held, "1 of 71 acknowledged writes are lost"},
	{lossless, "by term old, and gone", all(later(1), span(false, term(2))), harness.Violated, "no consistent cut"},
	{atSnapshot, "by term old, and there", all(later(1), span(true, term(2))), harness.Violated, "beyond the cut"},

	{atSnapshot, "a cluster that is none of these went on", zombie, harness.Held, "acknowledged 1 writes after that"},
	{atSnapshot, "the same, and somebody recovered by hand", all(zombie, typed), harness.Violated, "is not the recovered one acknowledged 1 writes"},
	{atSurvivor, "the same, and somebody recovered by hand", all(zombie, typed), harness.Violated, "is not the recovered one acknowledged 1 writes"},
	{lossless, "by hand, and nobody else went on", typed, harness.Held, "everything up to revision 72"},

	{atSnapshot, "by cluster new, and there", all(newCluster, later(1), span(true, by(0xc2))), harness.Held, ""},
	{atSnapshot, "by cluster new, and gone", all(newCluster, later(1), span(false, by(0xc2))), harness.Violated, "the recovered cluster acknowledged"},
	{atSnapshot, "by cluster old, and gone", all(newCluster, span(false, by(bornID))), harness.Held, "1 of 71 acknowledged writes are lost"},
	{atSnapshot, "by cluster old, and there", all(newCluster, later(1), span(true, by(bornID))), harness.Violated, "beyond the cut"},
	{lossless, "by cluster old, and gone", all(newCluster, span(false, by(bornID))), harness.Violated, "no consistent cut"},

	{atSurvivor, "by a revision that the old history had given, and there", all(lastLost, sameTerms, span(true, revised(lastOld))), harness.Held, "1 of 70 acknowledged writes are lost"},
	{atSurvivor, "by a revision that the old history had given, and gone", all(lastLost, sameTerms, span(false, revised(lastOld))), harness.Violated, "the recovered cluster acknowledged"},
	{atSurvivor, "by a revision beyond the new history's, and gone", all(sameTerms, span(false, revised(firstNew+2))), harness.Held, "1 of 71 acknowledged writes are lost"},
	{atSurvivor, "by a revision beyond the new history's, and there", all(sameTerms, span(true, revised(firstNew+2))), harness.Violated, "no consistent cut"},

	{atSurvivor, "by a revision long before its time, and gone", all(sameTerms, span(false, revised(500))), harness.Held, "1 of 71 acknowledged writes are lost"},

	{atSurvivor, "nothing tells, and there", all(unheard, later(1), span(true, term(2))), harness.Held, ""},
	{leases, "nothing tells of another write", all(unheard, later(1), span(true, term(2))), harness.Held, "1 of 1 leases"},
	{leases, "nothing tells of another write, and one of two leases is gone", all(unheard, later(1), span(true, term(2)), second, gone), harness.Violated, "lease 7 is gone with its 1 keys"},
	{lossless, "nothing tells, and there", all(unheard, later(1), span(true, term(2))), harness.Held, ""},
	{atSurvivor, "nothing tells, and gone", all(unheard, later(1), span(false, term(2))), harness.Inconclusive, "cannot be told"},
	{lossless, "nothing tells, and gone", all(unheard, later(1), span(false, term(2))), harness.Violated, "no consistent cut"},
	{lossless, "nothing tells of two, and both are gone", all(unheard, later(2), span(false, term(2)), span(false, func(o *harness.Operation) {
		o.Revision, o.Effects[0].Key = firstNew+1, "g1/y"
	})), harness.Inconclusive, "of 2 writes cannot be told"},

	{atSurvivor, "sent after quorum was lost, and there", all(sameTerms, stalled, later(1), span(true, term(2))), harness.Held, "up to revision 72"},
	{atSurvivor, "sent after quorum was lost, and gone", all(sameTerms, stalled, later(1), span(false, term(2))), harness.Violated, "the recovered cluster acknowledged"},
	{atSurvivor, "sent when two of three hosts were gone, and gone", all(sameTerms, stalled, later(1), without(harness.QuorumLost), span(false, term(2))), harness.Violated, "the recovered cluster acknowledged"},
	{atSurvivor, "sent when one of three hosts was gone, and gone", all(sameTerms, stalled, later(1), without(harness.QuorumLost), goneAt("m3", 2950*time.Millisecond), span(false, term(2))), harness.Inconclusive, "cannot be told"},
	{atSurvivor, "answered long after the moment, and there", all(sameTerms, without(harness.QuorumLost), nobodyGone, later(1), span(true, term(2))), harness.Held, "up to revision 72"},
	{atSurvivor, "answered long after the moment, and gone", all(sameTerms, without(harness.QuorumLost), nobodyGone, later(1), span(false, term(2))), harness.Violated, "the recovered cluster acknowledged"},
	{atSurvivor, "answered long after the moment, on a busy machine", all(sameTerms, without(harness.QuorumLost), nobodyGone, busy, later(1), span(false, term(2))), harness.Inconclusive, "cannot be told"},
	{atSurvivor, "sent before quorum was lost, and gone", all(sameTerms, nobodyGone, stalled, later(1), mark(harness.QuorumLost, 2950*time.Millisecond), span(false, term(2))), harness.Inconclusive, "cannot be told"},
	{atSurvivor, "sent after quorum seemed lost, and gone", all(sameTerms, nobodyGone, stalled, later(1), mark(harness.QuorumLost, 1500*time.Millisecond), span(false, term(2))), harness.Inconclusive, "cannot be told"},
	{atSurvivor, "given to a connection only after quorum was lost, and there", all(sameTerms, nobodyGone, stalled, later(1), mark(harness.QuorumLost, 2950*time.Millisecond), span(true, sent(2960*time.Millisecond))), harness.Held, "up to revision 72"},
	{atSurvivor, "given to a connection only after quorum was lost, and gone", all(sameTerms, nobodyGone, stalled, later(1), mark(harness.QuorumLost, 2950*time.Millisecond), span(false, sent(2960*time.Millisecond))), harness.Violated, "the recovered cluster acknowledged"},
	{atSurvivor, "given to a connection before quorum was lost, and gone", all(sameTerms, nobodyGone, stalled, later(1), mark(harness.QuorumLost, 2950*time.Millisecond), span(false, sent(2940*time.Millisecond))), harness.Inconclusive, "cannot be told"},
	{atSurvivor, "given to a connection only when two of three hosts were gone, and gone", all(sameTerms, stalled, later(1), without(harness.QuorumLost), goneAt("m2", 2950*time.Millisecond), goneAt("m3", 2950*time.Millisecond), span(false, sent(2960*time.Millisecond))), harness.Violated, "the recovered cluster acknowledged"},
	{atSurvivor, "given to a connection only after the moment, and there", all(unheard, later(1), span(true, sent(replacedAt))), harness.Held, "up to revision 72"},
	{atSurvivor, "given to a connection only after the moment, and gone", all(unheard, later(1), span(false, sent(replacedAt))), harness.Violated, "the recovered cluster acknowledged"},
	{atSurvivor, "given to a connection just before the moment, and gone", all(unheard, later(1), span(false, sent(replacedAt-time.Millisecond))), harness.Inconclusive, "cannot be told"},
	{lossless, "a value nobody wrote", found("g0/nobody", 9, 60), harness.Violated, "nobody wrote"},
}

// An old history whose terms came to nothing says nothing of a new one.
func TestWithoutAnAnswerOfTheNewHistoryTermsTellNothing(t *testing.T) {
	ev, b := honest()
	all(keep(func(o *harness.Operation) bool { return o.Call < endedAt }), without(harness.QuorumLost), nobodyGone, stalled, span(false, term(3)))(ev, b)
	for key, k := range b.final {
		if k.ModRevision > lastOld {
			delete(b.final, key)
		}
	}
	if r := atSurvivor.Judge(ev); r.Verdict != harness.Inconclusive {
		t.Errorf("%s: %s", r.Verdict, r.Detail)
	}
}
