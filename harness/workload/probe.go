package workload

import (
	"context"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/client"
	"github.com/etcd-firedrill/firedrill/harness/ledger"
)

const (
	// probeEvery is the resolution of the measured outage.
	probeEvery = 20 * time.Millisecond
	// probeTimeout is shorter than opTimeout: a probe that waits longer would
	// tell nothing that the next ones do not.
	probeTimeout = time.Second
	// probesInFlight bounds what piles up in an outage; probeTimeout/probeEvery
	// is what usually does.
	probesInFlight = 64
	// probeRing is the number of keys. It is more than probesInFlight, so no
	// two probes in flight touch one key.
	probeRing = 128

	stockRing = 64
)

// probe sends a linearizable put every 20 ms, without waiting for the ones
// before, and one more as soon as a member can be reached again, which a tick
// would find up to 20 ms late. What would exceed the bound is left out: service
// is out then, and those in flight tell when it is back.
func (t *Traffic) probe(ctx context.Context) {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	reached := make(chan struct{}, 1)
	t.start(&t.keepers, func() { t.awaitReached(ctx, reached) })
	room := make(chan struct{}, probesInFlight)
	for n := uint64(0); ctx.Err() == nil; {
		select {
		case <-ctx.Done():
			return
		case <-reached:
		case <-tick.C:
		}
		select {
		case room <- struct{}{}:
			n++
			c := t.begin()
			t.start(&t.issuers, func() {
				defer func() { <-room }()
				defer c.release()
				op := t.put(c, c.link.client, put{
					kind: harness.ProbeOp, client: "probe", within: probeTimeout,
					key: fmt.Sprintf("%sg%d/probe/k%d", t.cfg.Prefix, c.gen, n%probeRing), version: n,
				})
				if op.Outcome == harness.Acked {
					t.service.acked(op.Return)
				}
			})
		default:
		}
	}
}

// put is a plain write of a unique value.
type put struct {
	kind    harness.OpKind
	client  string
	key     string
	version uint64
	lease   int64
	within  time.Duration
}

func (t *Traffic) put(c call, through *clientv3.Client, p put) harness.Operation {
	value := Value(t.cfg.Seed, p.key, p.version, t.cfg.Traffic.ValueSize)
	ctx, cancel := t.within(c, p.within)
	defer cancel()
	resp, err := through.Put(ctx, p.key, string(value), clientv3.WithLease(clientv3.LeaseID(p.lease)))
	a := answer{err: err, effective: true}
	if err == nil {
		a.header = resp.Header
	}
	return t.record(c, harness.Operation{
		Client: p.client, Kind: p.kind,
		Effects: []harness.Effect{{Key: p.key, Value: ledger.Hash(value), Lease: p.lease}},
	}, a)
}

// stock is one client as most applications have it: clientv3's own settings,
// one request at a time. Its outage is shown beside etcd's.
type stock struct {
	t      *Traffic
	client *clientv3.Client
}

func newStock(t *Traffic) (*stock, error) {
	c, err := client.NewStock(t.cfg.Endpoints, t.cfg.TLS)
	if err != nil {
		return nil, err
	}
	return &stock{t: t, client: c}, nil
}

func (s *stock) run(ctx context.Context) {
	tick := time.NewTicker(harness.StockPeriod)
	defer tick.Stop()
	for n := uint64(1); next(ctx, tick); n++ {
		s.step(n)
	}
}

func (s *stock) step(n uint64) {
	c := s.t.begin() // for its generation and epoch; the link is not used
	defer c.release()
	s.t.put(c, s.client, put{
		kind: harness.StockOp, client: "stock", within: opTimeout,
		key: fmt.Sprintf("%sg%d/stock/k%d", s.t.cfg.Prefix, c.gen, n%stockRing), version: n,
	})
}
