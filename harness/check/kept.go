package check

import (
	"math"

	"github.com/etcd-firedrill/firedrill/harness"
)

// NewWritesKept holds when everything is there that was acknowledged since the
// procedure ended. It asks nothing of what came before: it is for a cluster that
// had nothing to lose when it was struck, where NothingLost cannot be judged.
type NewWritesKept struct{ none }

// Name is new-writes-kept.
func (NewWritesKept) Name() string { return "new-writes-kept" }

// Claim says what Held affirms.
func (NewWritesKept) Claim() string {
	return "every write that was acknowledged since the procedure ended is there, as it was acknowledged"
}

// Judge holds every key against its history. Where history was replaced, any cut
// of the old one will do.
func (NewWritesKept) Judge(ev *harness.Evidence) harness.Result {
	ended, ok := ev.At(harness.ProcedureEnded)
	if !ok {
		return notSeen("the procedure was not seen to end")
	}
	h, err := readHistories(ev)
	if err != nil {
		return notSeen("the ledger cannot be read: %v", err)
	}
	writers := map[string]int{}
	for o, err := range ev.Ledger.Operations() {
		if err != nil {
			return notSeen("the ledger cannot be read: %v", err)
		}
		if o.Kind == harness.WriteOp && o.Outcome == harness.Acked && o.Effective && o.Call >= ended && h.eraOf(&o) != zombie {
			writers[o.Client]++
		}
	}
	if name, n := least(writers); len(writers) < ev.Writers || n < minimum {
		return notSeen("%d of %d writers had a write acknowledged after the procedure, the least of them (%s) %d, and %d are needed", len(writers), ev.Writers, name, n, minimum)
	}
	return judgeAll(ev, h, func(h *histories) (interval, int64) {
		if !h.replaced {
			return interval{math.MaxInt64, math.MaxInt64}, math.MaxInt64
		}
		return interval{0, math.MaxInt64}, 0
	})
}
