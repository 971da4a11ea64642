package check

import (
	"math"
	"slices"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// terms are the raft terms of the two histories, as acknowledgements tell them
// that are certainly of one or the other.
type terms struct {
	upTo uint64 // greatest of the old history
	from uint64 // smallest of the new one, MaxUint64 for none
}

func (t *terms) see(o *harness.Operation, e era) {
	switch e {
	case old:
		t.upTo = max(t.upTo, o.Term)
	case renewed:
		t.from = min(t.from, o.Term)
	}
}

// place finds out to which history each acknowledged operation belongs that was
// under way at the moment. What nothing tells goes to undecided.
//
// The cluster ID tells first: one that is not the recovered cluster's is the
// old one's, and one that the cluster was not born with is the new one's. Then
// the term, where all terms of the new history are greater than all of the old
// one. (After a restore under the old token they are not: terms start anew.)
// Then revisions, see contradicted, and last whether the old history still
// served when the operation was sent, or when it was answered.
func (h *histories) place(ev *harness.Evidence, spanning []harness.Operation, t terms) error {
	born := bornAs(ev)
	h.spanning = map[uint64]era{}
	var unclear []harness.Operation
	for _, o := range spanning {
		switch apart := t.upTo < t.from && t.from != math.MaxUint64; {
		case len(h.clusters) > 0 && !slices.Contains(h.clusters, o.ClusterID):
			h.spanning[o.ID] = old
		case born != 0 && o.ClusterID != born:
			h.spanning[o.ID] = renewed
		case apart && o.Term <= t.upTo:
			h.spanning[o.ID] = old
		case apart && o.Term >= t.from:
			h.spanning[o.ID] = renewed
		default:
			unclear = append(unclear, o)
		}
	}
	if err := h.contradicted(ev, unclear); err != nil {
		return err
	}
	for i := range spanning {
		if e, ok := h.spanning[spanning[i].ID]; ok {
			h.count(&spanning[i], e)
		}
	}
	return nil
}

// contradicted places operations by revisions. Within one history revisions
// follow time: what was acknowledged before an operation was sent has a smaller
// one, what was sent after its answer a greater one. An operation that breaks
// this in one history belongs to the other.
func (h *histories) contradicted(ev *harness.Evidence, unclear []harness.Operation) error {
	if len(unclear) == 0 {
		return nil
	}
	notOld, notNew := make([]bool, len(unclear)), make([]bool, len(unclear))
	for a, err := range ev.Ledger.Operations() {
		if err != nil {
			return err
		}
		if a.Outcome != harness.Acked || !a.Effective || h.spans(&a) {
			continue
		}
		e := h.eraOf(&a)
		for i := range unclear {
			o := &unclear[i]
			notOld[i] = notOld[i] || e == old && (a.Revision == o.Revision || a.Return < o.SentAt() && a.Revision > o.Revision)
			notNew[i] = notNew[i] || e == renewed && (a.Revision == o.Revision || a.SentAt() > o.Return && a.Revision < o.Revision)
		}
	}
	for i, o := range unclear {
		switch {
		case notOld[i] && !notNew[i]:
			h.spanning[o.ID] = renewed
		case notNew[i] && !notOld[i]:
			h.spanning[o.ID] = old
		case !notNew[i] && (h.sentToNobody(ev, &o) || h.readTooLate(ev, &o)):
			h.spanning[o.ID] = renewed
		default:
			h.undecided = append(h.undecided, o)
		}
	}
	return nil
}

// sentToNobody tells of an operation that was sent when the old history had
// ended: so many of its hosts were gone, disks and all, that the others are no
// quorum; or every etcd that ran had been heard to know no leader. Nothing that
// is certainly of the old history was acknowledged since.
func (h *histories) sentToNobody(ev *harness.Evidence, o *harness.Operation) bool {
	gone, sent := 0, o.SentAt()
	for _, host := range ev.BornHosts {
		if at, ok := ev.Gone[host]; ok && at <= sent {
			gone++
		}
	}
	members := len(ev.BornHosts)
	lost, seen := ev.At(harness.QuorumLost)
	return h.lastOld < sent && (members-gone < members/2+1 || seen && h.lastOld < lost && lost <= sent)
}

// soonRead is how soon a client of ours that may run reads an answer.
const soonRead = 250 * time.Millisecond

// readTooLate tells of an operation that was acknowledged so long after the
// moment, by when all of the old history had been stopped, that the answer
// cannot have waited for its reader: how late our own process ran is measured.
// Where the machine was too busy for figures, what carries answers to us may
// have been late too, and it tells nothing.
func (h *histories) readTooLate(ev *harness.Evidence, o *harness.Operation) bool {
	return ev.Machine.Unfit == "" && o.Return > h.moment+soonRead+ev.Machine.StallWorst
}

// bornAs is the cluster ID before the strike, 0 if its members were not heard
// or told more than one.
func bornAs(ev *harness.Evidence) (id uint64) {
	for _, v := range ev.Before {
		switch {
		case v.Error != "" || v.ClusterID == id:
		case id != 0:
			return 0
		default:
			id = v.ClusterID
		}
	}
	return id
}
