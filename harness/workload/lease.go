package workload

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-firedrill/firedrill/harness"
)

const (
	leaseTTL   = 60 * time.Second
	leaseRenew = 5 * time.Second
	leaseRetry = 100 * time.Millisecond
	leaseKeys  = 2
	// idleTTL is that of the lease that nobody renews: longer than any drill.
	idleTTL = time.Hour
)

// lease is one lease with its keys, kept alive through the disaster or, where it
// is idle, left to itself.
type lease struct {
	t     *Traffic
	index int
	idle  bool
	ttl   time.Duration
	keys  int
	// id is chosen, not granted: a grant whose answer was lost can be asked
	// for again without leaving a second lease behind.
	id    int64
	ready atomic.Bool // granted, and both keys acknowledged
}

func newLease(t *Traffic, index int) *lease {
	id := int64(identity(t.cfg.Seed, t.cfg.Prefix+"lease", uint64(index))&math.MaxInt64) | 1
	return &lease{t: t, index: index, ttl: leaseTTL, keys: leaseKeys, id: id}
}

// newLeases makes those that are kept alive and, where there are any, one that
// is not: the times of the others say nothing of what was done to them.
func newLeases(t *Traffic) (leases []*lease) {
	for i := range t.cfg.Traffic.Leases {
		leases = append(leases, newLease(t, i))
	}
	if n := len(leases); n > 0 {
		idle := newLease(t, n)
		idle.idle, idle.ttl, idle.keys = true, idleTTL, 1
		leases = append(leases, idle)
	}
	return leases
}

func (l *lease) run(ctx context.Context) {
	if !l.repeat(ctx, l.grant) {
		return
	}
	for k := range l.keys {
		version := uint64(0)
		if !l.repeat(ctx, func() bool { version++; return l.attach(k, version) }) {
			return
		}
	}
	l.ready.Store(true)
	if l.idle {
		return
	}
	tick := time.NewTicker(leaseRenew)
	defer tick.Stop()
	for next(ctx, tick) && l.renew() {
	}
}

// repeat tries until it succeeds; false: ctx ended first.
func (l *lease) repeat(ctx context.Context, try func() bool) bool {
	tick := time.NewTicker(leaseRetry)
	defer tick.Stop()
	for !try() {
		if !next(ctx, tick) {
			return false
		}
	}
	return true
}

func (l *lease) grant() bool {
	c := l.t.begin()
	defer c.release()
	ctx, cancel := context.WithTimeout(l.t.hard, opTimeout)
	defer cancel()
	_, err := clientv3.RetryLeaseClient(c.link.client).LeaseGrant(ctx, &pb.LeaseGrantRequest{ID: l.id, TTL: int64(l.ttl.Seconds())}, grpc.WaitForReady(true))
	return err == nil || errors.Is(rpctypes.Error(err), rpctypes.ErrLeaseExist)
}

func (l *lease) attach(k int, version uint64) bool {
	c := l.t.begin()
	defer c.release()
	op := l.t.put(c, c.link.client, put{
		kind: harness.LeaseOp, client: fmt.Sprintf("lease-%d", l.index), within: opTimeout,
		key: fmt.Sprintf("%slease/l%d/k%d", l.t.cfg.Prefix, l.index, k), version: version, lease: l.id,
	})
	return op.Outcome == harness.Acked
}

// renew keeps the lease alive; false once the cluster does not know it any
// more, for a client would then ask for a new one.
func (l *lease) renew() bool {
	c := l.t.begin()
	defer c.release()
	ctx, cancel := context.WithTimeout(l.t.hard, opTimeout)
	defer cancel()
	_, err := c.link.client.KeepAliveOnce(ctx, clientv3.LeaseID(l.id))
	return !errors.Is(err, rpctypes.ErrLeaseNotFound)
}
