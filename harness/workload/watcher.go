package workload

import (
	"context"
	"fmt"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/ledger"
)

// watcher is the held watcher: an informer that is never restarted. It resumes
// at the last revision it saw plus one, whatever the cluster's revision is by
// then, and ends only when etcd tells it that it missed something.
type watcher struct {
	t     *Traffic
	watch *watch

	mu  sync.Mutex
	rec harness.WatcherRecord
}

func newWatcher(t *Traffic) *watcher {
	w := &watcher{t: t}
	w.watch = &watch{t: t, key: t.cfg.Prefix, end: clientv3.GetPrefixRangeEnd(t.cfg.Prefix), of: w}
	return w
}

func (w *watcher) record() harness.WatcherRecord {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rec
}

func (w *watcher) run(ctx context.Context) { w.watch.hold(ctx) }

// from is the revision to watch from: the one after the last seen, or, before
// anything was, the one after the cluster's own.
func (w *watcher) from(ctx context.Context, c *clientv3.Client) (revision int64, ok bool) {
	if rec := w.record(); rec.Opened {
		return max(rec.From, rec.Last+1), true
	}
	ctx, cancel := context.WithTimeout(ctx, opTimeout)
	defer cancel()
	resp, err := c.Get(ctx, w.t.cfg.Prefix, clientv3.WithCountOnly())
	if err != nil {
		return 0, false
	}
	return resp.Header.Revision + 1, true
}

// opened notes that the watcher watches.
func (w *watcher) opened(_ context.Context, _ *clientv3.Client, from int64) (stay bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.rec.Opened {
		w.rec.Opened, w.rec.From = true, from
	}
	return true
}

// take takes one response. Once etcd said that changes are missing, it is over.
func (w *watcher) take(resp *pb.WatchResponse, from int64) (left, over bool) {
	at := w.t.cfg.Clock()
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case resp.CompactRevision != 0:
		// clientv3 reports it by this text, and so do the clients built on it.
		w.rec.Told = fmt.Sprintf("etcdserver: mvcc: required revision has been compacted (watched from %d, compacted at %d)", from, resp.CompactRevision)
		w.rec.ToldAt = at
		return true, true
	case len(resp.Events) == 0:
		// A watch from a future revision is "complete" up to a present one that
		// says nothing about what it was told before.
		if revision := resp.GetHeader().GetRevision(); revision >= w.rec.Last {
			w.rec.Progress = max(w.rec.Progress, revision)
		}
		return false, false
	}
	for _, ev := range resp.Events {
		seen := harness.WatchEvent{Key: string(ev.Kv.Key), Delete: ev.Type == mvccpb.Event_DELETE, Revision: ev.Kv.ModRevision, At: at}
		if !seen.Delete {
			seen.Value = ledger.Hash(ev.Kv.Value)
		}
		if err := w.t.cfg.Ledger.Saw(seen); err != nil {
			w.t.fail(fmt.Errorf("record what the watcher saw: %w", err))
		}
		w.rec.Events++
		w.rec.Last = max(w.rec.Last, seen.Revision)
	}
	return false, false
}

const (
	catchUp = 5 * time.Second // the longest that Stop waits for the watcher
	nudge   = time.Second     // time after which it connects anew meanwhile
)

// drain gives the watcher time to see everything up to a revision. It returns
// once the watcher saw it, is known to be complete up to it, was told, or the time
// is over.
func (w *watcher) drain(ctx context.Context, until int64) {
	ctx, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	w.watch.pursue(ctx, nudge, func() bool {
		rec := w.record()
		return rec.Told != "" || max(rec.Last, rec.Progress) >= until
	})
}
