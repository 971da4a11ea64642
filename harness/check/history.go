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
	either     // its outcome is unknown and it was under way at the moment
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
	beforeFall int64 // of acked, those before the strike
}

// eraOf is the history that an operation belongs to.
func (h *histories) eraOf(o *harness.Operation) era {
	switch {
	case !h.replaced:
		return old
	case o.Outcome == harness.Acked && o.Return < h.moment:
		return old
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

// clustersOf lists the IDs of the recovered cluster, as its members tell it.
func clustersOf(ev *harness.Evidence) (clusters []uint64) {
	for _, v := range ev.After {
		if v.Error == "" && !slices.Contains(clusters, v.ClusterID) {
			clusters = append(clusters, v.ClusterID)
		}
	}
	return clusters
}

// readHistories goes through the ledger once.
func readHistories(ev *harness.Evidence) (*histories, error) {
	h := &histories{firstAnew: math.MaxInt64}
	h.moment, h.replaced = ev.At(harness.HistoryReplaced)
	h.clusters = clustersOf(ev)
	struck, _ := ev.At(harness.Struck)
	for o, err := range ev.Ledger.Operations() {
		if err != nil {
			return nil, err
		}
		if o.Outcome != harness.Acked || !o.Effective {
			continue
		}
		switch h.eraOf(&o) {
		case zombie:
			h.zombies++
		case renewed:
			h.firstAnew = min(h.firstAnew, o.Revision)
		case old:
			if o.Kind != harness.LeaseOp {
				h.acked++
				h.greatest = max(h.greatest, o.Revision)
				if o.Return < struck {
					h.beforeFall++
				}
			}
		}
	}
	return h, nil
}

// loss counts what the old history was acknowledged beyond the cut.
func (h *histories) loss(ev *harness.Evidence, cut int64) (*harness.Loss, error) {
	l := &harness.Loss{AckedWrites: h.acked}
	if h.replaced {
		l.Cut = cut
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
