package workload

import (
	"context"
	"fmt"
	"sync"

	"github.com/etcd-firedrill/firedrill/harness"
)

// Stop stops sending, waits until every operation has returned (at most their
// time-out; at once if ctx ends), gives the watcher time to see what was
// acknowledged, compares the caches with the cluster (see Caches), and closes
// everything: afterwards no goroutine is left. The
// error tells that the ledger refused a record or that a client panicked: the
// evidence has a hole. A second call returns what the first did.
func (t *Traffic) Stop(ctx context.Context) (harness.WatcherRecord, error) {
	t.stop.Do(func() {
		t.stopIssue()
		release := context.AfterFunc(ctx, t.cut)
		t.issuers.Wait()
		t.mu.RLock()
		tail, link := t.tail, t.link
		t.mu.RUnlock()
		var last sync.WaitGroup
		t.start(&last, func() { t.watcher.drain(ctx, tail) })
		for _, c := range t.caches {
			t.start(&last, func() { c.compare(ctx) })
		}
		last.Wait()
		release()
		t.cut()
		t.keepers.Wait()
		t.closeClient(link.client)
		t.closeClient(t.stock.client)
		t.stopped = t.watcher.record()
		if err := t.broken(); err != nil {
			t.stopErr = fmt.Errorf("traffic: %w", err)
		}
	})
	return t.stopped, t.stopErr
}
