package workload

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// watchRetry is the pause before a stream that broke is opened again.
const watchRetry = 20 * time.Millisecond

// watch is a watch on a range of keys that is held open through whatever
// happens: where its stream breaks, or the endpoints change, another is opened.
// It speaks the watch protocol itself, since clientv3 resumes streams in its own
// way and does not tell.
type watch struct {
	t        *Traffic
	key, end string // the range, as etcd takes it
	of       watching

	mu       sync.Mutex
	reopen   context.CancelFunc // ends the present stream; nil: none
	progress func() error       // asks on the present stream; nil: none
}

// watching is whose watch it is. Its methods are called one at a time.
type watching interface {
	// from is the revision to watch from, asked before each stream; ok is false
	// if it cannot be told now.
	from(ctx context.Context, c *clientv3.Client) (revision int64, ok bool)
	// opened is called when etcd has taken the watch. If it is false the stream
	// is left.
	opened(ctx context.Context, c *clientv3.Client, from int64) (stay bool)
	// take takes events, progress, and that the watch's revision was compacted.
	// left: no more of this stream is wanted; over: nor of any other.
	take(resp *pb.WatchResponse, from int64) (left, over bool)
}

// hold watches until it is over or ctx ends.
func (w *watch) hold(ctx context.Context) {
	pause := time.NewTicker(watchRetry)
	defer pause.Stop()
	for !w.attempt(ctx) && next(ctx, pause) {
	}
}

// attempt watches through the present link until the stream breaks or the link
// is left. It is true once the watch is over.
func (w *watch) attempt(ctx context.Context) (over bool) {
	c := w.t.begin()
	defer c.release()
	ctx, end := c.link.while(ctx)
	defer end()
	from, ok := w.of.from(ctx, c.link.client)
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
	w.present(end, func() error {
		return stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_ProgressRequest{ProgressRequest: &pb.WatchProgressRequest{}}})
	})
	defer w.present(nil, nil)
	for {
		resp, err := stream.Recv()
		switch {
		case err != nil:
			return false
		case resp.CompactRevision != 0 || !resp.Canceled && !resp.Created:
			if left, over := w.of.take(resp, from); left {
				return over
			}
		case resp.Canceled:
			return false // no leader, overload: to be opened again
		case !w.of.opened(ctx, c.link.client, from):
			return false
		}
	}
}

func (w *watch) request(from int64) *pb.WatchRequest {
	return &pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: &pb.WatchCreateRequest{
		Key: []byte(w.key), RangeEnd: []byte(w.end), StartRevision: from,
	}}}
}

func (w *watch) present(reopen context.CancelFunc, progress func() error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reopen, w.progress = reopen, progress
}

// connected tells whether there is a stream that is not known to be broken.
func (w *watch) connected() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reopen != nil
}

// ask asks on the present stream up to which revision it is complete.
func (w *watch) ask() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.progress != nil {
		_ = w.progress() // a stream that is broken is seen by its reader
	}
}

// renew lets the present stream be followed by another.
func (w *watch) renew() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.reopen != nil {
		w.reopen()
	}
}

// inquire is how often a watch that is pursued is asked how far it is.
const inquire = 100 * time.Millisecond

// pursue gives the watch time until enough was seen: it asks for progress, and
// every while lets it connect anew where its member may hang. It returns whether
// there was enough before ctx ended.
func (w *watch) pursue(ctx context.Context, every time.Duration, enough func() bool) bool {
	asked, again := time.NewTicker(inquire), time.NewTicker(every)
	defer asked.Stop()
	defer again.Stop()
	for !enough() {
		select {
		case <-ctx.Done():
			return false
		case <-asked.C:
			w.ask()
		case <-again.C:
			w.renew()
		}
	}
	return true
}
