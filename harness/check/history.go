package check

import (
	"math"
	"slices"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// era tells to which of a drill's two histories an operation belongs. History
// changes at the moment the procedure replaces it; if it never does, there is
// one history and everything is of the old one.
type era uint8

const (
	old    era = iota
	either     // it was under way at the moment, and nothing tells which
	renewed
	zombie // acknowledged after the moment by a cluster that is not the recovered one
)

// histories is what the evidence says of the two histories as wholes.
type histories struct {
	replaced bool
	moment   time.Duration
	clusters []uint64 // IDs of the recovered cluster, as its members tell it

	acked      int64 // effective acknowledgements to writers and probes in the old history
	greatest   int64 // greatest revision acknowledged in the old history, by those
	firstAnew  int64 // smallest revision acknowledged in the new history, MaxInt64 for none
	zombies    int64
	beforeFall int64         // of acked, those before the strike
	lastOld    time.Duration // when the last acknowledgement came that is certainly of the old history

	spanning  map[uint64]era      // by ID: acknowledged operations that were under way at the moment
	undecided []harness.Operation // of these, those that nothing tells the history of
}

// eraOf is the history that an operation belongs to.
func (h *histories) eraOf(o *harness.Operation) era {
	switch {
	case !h.replaced:
		return old
	case o.Outcome == harness.Acked && o.Return < h.moment:
		return old
	case h.spans(o):
		if e, ok := h.spanning[o.ID]; ok {
			return e
		}
		return either
	case o.Outcome == harness.Acked && len(h.clusters) > 0 && !slices.Contains(h.clusters, o.ClusterID):
		return zombie
	case o.Outcome == harness.Acked, o.Call >= h.moment:
		return renewed
	case o.Return < h.moment:
		// It returned without an answer. A request that its client has given up
		// may still be under way to a member, but those of the old history had
		// all been stopped by the moment.
		return old
	}
	return either
}

// spans tells of operations that were sent before the moment and acknowledged
// after it. Most were acknowledged by the new history, to a client that waited
// for any server at all; but an answer of the old one that the client read late
// looks the same.
func (h *histories) spans(o *harness.Operation) bool {
	return h.replaced && o.Outcome == harness.Acked && o.SentAt() < h.moment && o.Return >= h.moment
}

// readHistories goes through the ledger once, and once more where that leaves
// operations whose history is not clear.
func readHistories(ev *harness.Evidence) (*histories, error) {
	h := &histories{firstAnew: math.MaxInt64, clusters: ev.Clusters()}
	h.moment, h.replaced = ev.At(harness.HistoryReplaced)
	struck, _ := ev.At(harness.Struck)
	var spanning []harness.Operation
	terms := terms{from: math.MaxUint64}
	for o, err := range ev.Ledger.Operations() {
		if err != nil {
			return nil, err
		}
		if o.Outcome != harness.Acked || !o.Effective {
			continue
		}
		if h.spans(&o) {
			spanning = append(spanning, o) // no more than there were clients
			continue
		}
		e := h.eraOf(&o)
		h.count(&o, e)
		terms.see(&o, e)
		if e == old {
			h.lastOld = max(h.lastOld, o.Return)
		}
		if e == old && o.Kind != harness.LeaseOp && o.Return < struck {
			h.beforeFall++
		}
	}
	if len(spanning) == 0 {
		return h, nil
	}
	return h, h.place(ev, spanning, terms)
}

// count adds an effective acknowledgement to its history.
func (h *histories) count(o *harness.Operation, e era) {
	switch e {
	case zombie:
		h.zombies++
	case renewed:
		h.firstAnew = min(h.firstAnew, o.Revision)
	case old:
		if o.Kind != harness.LeaseOp {
			h.acked++
			h.greatest = max(h.greatest, o.Revision)
		}
	}
}

// assuming is the same histories, with all that is undecided in one of them.
func (h *histories) assuming(e era) *histories {
	assumed := *h
	assumed.undecided, assumed.spanning = nil, make(map[uint64]era, len(h.spanning)+len(h.undecided))
	for id, known := range h.spanning {
		assumed.spanning[id] = known
	}
	for i := range h.undecided {
		assumed.spanning[h.undecided[i].ID] = e
		assumed.count(&h.undecided[i], e)
	}
	return &assumed
}

// loss counts what the old history was acknowledged beyond the cut.
func (h *histories) loss(ev *harness.Evidence, cut int64) (*harness.Loss, error) {
	l := &harness.Loss{AckedWrites: h.acked}
	if h.replaced {
		l.Cut = cut
	}
	if cut >= h.greatest {
		return l, nil
	}
	var first, last time.Duration
	for o, err := range ev.Ledger.Operations() {
		if err != nil {
			return nil, err
		}
		if o.Outcome != harness.Acked || !o.Effective || o.Kind == harness.LeaseOp || h.eraOf(&o) != old || o.Revision <= cut {
			continue
		}
		if l.LostWrites == 0 || o.Return < first {
			first = o.Return
		}
		last = max(last, o.Return)
		l.LostWrites++
	}
	l.LostSpan = last - first
	return l, nil
}
