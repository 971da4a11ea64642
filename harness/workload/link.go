package workload

import (
	"context"
	"crypto/tls"
	"errors"
	"sync"

	"google.golang.org/grpc/connectivity"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-firedrill/firedrill/harness/client"
)

// link is the client of one epoch. It is closed once nothing is in flight on it.
type link struct {
	client   *clientv3.Client
	epoch    int
	inFlight sync.WaitGroup // raised under Traffic.mu while the link is current
	left     chan struct{}  // closed when the link is no longer current
}

func dial(endpoints []string, tls *tls.Config, epoch int) (*link, error) {
	c, err := client.New(endpoints, tls)
	if err != nil {
		return nil, err
	}
	return &link{client: c, epoch: epoch, left: make(chan struct{})}, nil
}

// while is a context that ends with the link's time; end ends it sooner and must
// be called.
func (l *link) while(ctx context.Context) (_ context.Context, end func()) {
	ctx, cancel := context.WithCancel(ctx)
	over := make(chan struct{})
	go func() {
		defer close(over)
		select {
		case <-l.left:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(); <-over }
}

// awaitReached tells, until ctx ends, each time that a member can be reached
// which could not, or through a new link. One that is not heard is not told again.
func (t *Traffic) awaitReached(ctx context.Context, reached chan<- struct{}) {
	for ctx.Err() == nil {
		t.mu.RLock()
		l := t.link
		t.mu.RUnlock()
		l.awaitReached(ctx, reached)
	}
}

func (l *link) awaitReached(ctx context.Context, reached chan<- struct{}) {
	ctx, end := l.while(ctx)
	defer end()
	connection := l.client.ActiveConnection()
	for state := connection.GetState(); connection.WaitForStateChange(ctx, state); {
		if state = connection.GetState(); state == connectivity.Ready {
			select {
			case reached <- struct{}{}:
			default:
			}
		}
	}
}

func (c call) release() { c.link.inFlight.Done() }

// Announce points every client at these endpoints (host:port) and no others,
// as a procedure tells its users to. A new epoch begins: operations sent from
// its return on go through fresh connections. Those in flight return through
// the old ones, which are closed then. The watcher, the caches and the lease
// keepers move too.
func (t *Traffic) Announce(endpoints []string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.issue.Err() != nil {
		return nil // stopped: there is nobody to tell
	}
	next, err := dial(endpoints, t.cfg.TLS, t.link.epoch+1)
	if err != nil {
		return err
	}
	old := t.link
	t.link = next
	// A stock client lives as long as its application, and is told new endpoints.
	t.stock.client.SetEndpoints(endpoints...)
	close(old.left)
	t.start(&t.keepers, func() {
		old.inFlight.Wait()
		t.closeClient(old.client)
	})
	return nil
}

// closeClient closes a client. That its context was cancelled by the closing
// itself is what Close returns when all went well.
func (t *Traffic) closeClient(c *clientv3.Client) {
	if err := c.Close(); err != nil && !errors.Is(err, c.Ctx().Err()) {
		t.fail(err)
	}
}
