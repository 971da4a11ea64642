package workload

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/etcd-firedrill/firedrill/harness"
)

// Count is how many operations of one kind ended how.
type Count struct{ Acked, Rejected, Unknown int64 }

// Stats are the numbers of operations that have ended so far.
type Stats struct {
	Writes, Probes, Stock, Leases Count
}

// tally counts operations by kind and outcome.
type tally struct {
	counts [harness.LeaseOp + 1][harness.Rejected + 1]atomic.Int64
}

func (c *tally) count(op harness.Operation) { c.counts[op.Kind][op.Outcome].Add(1) }

func (c *tally) of(kind harness.OpKind) Count {
	n := &c.counts[kind]
	return Count{Acked: n[harness.Acked].Load(), Rejected: n[harness.Rejected].Load(), Unknown: n[harness.Unknown].Load()}
}

// Stats returns the numbers so far.
func (t *Traffic) Stats() Stats {
	return Stats{
		Writes: t.tally.of(harness.WriteOp), Probes: t.tally.of(harness.ProbeOp),
		Stock: t.tally.of(harness.StockOp), Leases: t.tally.of(harness.LeaseOp),
	}
}

// AwaitSteady waits until every writer has at least perWriter effective
// acknowledgements, probes and the stock client are acknowledged, the watcher
// sees changes, every lease is granted with its keys, and every cache has listed
// and watches. When ctx ends first, the error says who lacked what.
func (t *Traffic) AwaitSteady(ctx context.Context, perWriter int) error {
	return t.await(ctx, "traffic is steady", func() (bool, string) {
		lacking := t.lacking(perWriter)
		return lacking == "", lacking
	})
}

// AwaitWriters begins to count at once and waits until every writer has that
// many more effective acknowledgements. When ctx ends first, the error says who
// lacked what.
func (t *Traffic) AwaitWriters(ctx context.Context, more int) error {
	from := make([]int64, len(t.writers))
	for i, w := range t.writers {
		from[i] = w.acked.Load()
	}
	return t.await(ctx, fmt.Sprintf("every writer is acknowledged %d times", more), func() (bool, string) {
		for i, w := range t.writers {
			if n := w.acked.Load() - from[i]; n < int64(more) {
				return false, fmt.Sprintf("%s has %d of %d acknowledgements", w.name, n, more)
			}
		}
		return true, ""
	})
}

// lacking names the first part that is not steady, "" if all are.
func (t *Traffic) lacking(perWriter int) string {
	for _, w := range t.writers {
		if n := w.acked.Load(); n < int64(perWriter) {
			return fmt.Sprintf("%s has %d of %d acknowledgements", w.name, n, perWriter)
		}
	}
	for _, l := range t.leases {
		if !l.ready.Load() {
			return fmt.Sprintf("lease-%d (%x) is not granted with its keys", l.index, l.id)
		}
	}
	for _, c := range t.caches {
		if !c.watches() {
			return fmt.Sprintf("%s has not listed, or does not watch", c.name)
		}
	}
	switch watched := t.watcher.record(); {
	case !t.Serving():
		return "probes are not acknowledged"
	case t.tally.of(harness.StockOp).Acked == 0:
		return "the stock client is not acknowledged"
	case !watched.Opened:
		return "the watcher is not open"
	case watched.Events == 0:
		return "the watcher saw nothing"
	}
	return ""
}
