package workload

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/ledger"
)

// watchRetry is the pause before a stream that broke is opened again.
const watchRetry = 20 * time.Millisecond

// watcher is the held watcher: an informer that is never restarted. It speaks
// the watch protocol itself, since clientv3 resumes streams in its own way and
// does not tell. It resumes at the last revision it saw plus one, whatever the
// cluster's revision is by then, and ends only when etcd tells it that it
// missed something.
type watcher struct {
	t *Traffic

	mu       sync.Mutex
	rec      harness.WatcherRecord
	reopen   context.CancelFunc // ends the present stream; nil: none
	progress func() error       // asks on the present stream; nil: none
}

func newWatcher(t *Traffic) *watcher { return &watcher{t: t} }

func (w *watcher) record() harness.WatcherRecord {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rec
}

func (w *watcher) run(ctx context.Context) {
	pause := time.NewTicker(watchRetry)
	defer pause.Stop()
	for !w.attempt(ctx) && next(ctx, pause) {
	}
}

// attempt watches through the present link until the stream breaks or the link
// is left. It is true once the watcher was told that it missed something.
func (w *watcher) attempt(ctx context.Context) (told bool) {
	c := w.t.begin()
	defer c.release()
	ctx, cancel := context.WithCancel(ctx)
	moved := make(chan struct{})
	defer func() { cancel(); <-moved }()
	go func() {
		defer close(moved)
		select {
		case <-c.link.left:
			cancel()
		case <-ctx.Done():
		}
	}()
	from, ok := w.from(ctx, c.link.client)
	if !ok {
		return false
	}
	// As an API server asks: a member without a leader must say so, not keep
	// a stream that nothing will ever come from.
	stream, err := pb.NewWatchClient(c.link.client.ActiveConnection()).Watch(clientv3.WithRequireLeader(ctx), grpc.WaitForReady(true))
	if err != nil {
		return false
	}
	if err := stream.Send(w.request(from)); err != nil {
		return false
	}
	w.hold(cancel, func() error {
		return stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_ProgressRequest{ProgressRequest: &pb.WatchProgressRequest{}}})
	})
	defer w.hold(nil, nil)
	for {
		resp, err := stream.Recv()
		if err != nil {
			return false
		}
		if done, told := w.take(resp, from); done {
			return told
		}
	}
}

func (w *watcher) request(from int64) *pb.WatchRequest {
	return &pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: &pb.WatchCreateRequest{
		Key: []byte(w.t.cfg.Prefix), RangeEnd: []byte(clientv3.GetPrefixRangeEnd(w.t.cfg.Prefix)), StartRevision: from,
	}}}
}

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

func (w *watcher) hold(reopen context.CancelFunc, progress func() error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reopen, w.progress = reopen, progress
}

// take takes one response. done: the watch on this stream is over; told: for
// good, because etcd said that changes are missing.
func (w *watcher) take(resp *pb.WatchResponse, from int64) (done, told bool) {
	at := w.t.cfg.Clock()
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case resp.CompactRevision != 0:
		// clientv3 reports it by this text, and so do the clients built on it.
		w.rec.Told = fmt.Sprintf("etcdserver: mvcc: required revision has been compacted (watched from %d, compacted at %d)", from, resp.CompactRevision)
		w.rec.ToldAt = at
		return true, true
	case resp.Canceled:
		return true, false // no leader, overload: to be opened again
	case resp.Created:
		if !w.rec.Opened {
			w.rec.Opened, w.rec.From = true, from
		}
		return false, false
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
	nudge   = time.Second     // silence after which it connects anew meanwhile
	inquire = 100 * time.Millisecond
)

// drain gives the watcher time to see everything up to a revision: it asks for
// progress, and lets it connect anew where its member may hang. It returns once
// the watcher saw it, is known to be complete up to it, was told, or the time is over.
func (w *watcher) drain(ctx context.Context, until int64) {
	ctx, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	ask, again := time.NewTicker(inquire), time.NewTicker(nudge)
	defer ask.Stop()
	defer again.Stop()
	for {
		if rec := w.record(); rec.Told != "" || max(rec.Last, rec.Progress) >= until {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-ask.C:
			w.mu.Lock()
			if w.progress != nil {
				_ = w.progress() // a stream that is broken is seen by its reader
			}
			w.mu.Unlock()
		case <-again.C:
			w.mu.Lock()
			if w.reopen != nil {
				w.reopen()
			}
			w.mu.Unlock()
		}
	}
}
