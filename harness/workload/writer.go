package workload

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/ledger"
)

// liveKeys is about how many keys a writer keeps alive in a generation: few
// enough that each sees several updates in a drill of seconds.
const liveKeys = 50

// writer is one client that owns its keys, as an API server's controller does.
// It never has two operations in flight.
type writer struct {
	t     *Traffic
	index int
	name  string
	rnd   *rand.Rand
	gen   int
	keys  keyspace
	acked atomic.Int64 // effective acknowledgements
}

func newWriter(t *Traffic, index int) *writer {
	return &writer{
		t: t, index: index, name: fmt.Sprintf("writer-%d", index), gen: -1,
		rnd: rand.New(rand.NewPCG(uint64(t.cfg.Seed), uint64(index))),
	}
}

func (w *writer) run(ctx context.Context) {
	for w.t.pace.Wait(ctx) == nil {
		w.step()
	}
}

// step is one transaction: the guarded changes succeed together, or the
// transaction tells what is there instead.
func (w *writer) step() {
	c := w.t.begin()
	defer c.release()
	if c.gen != w.gen {
		w.gen = c.gen
		w.keys = keyspace{prefix: fmt.Sprintf("%sg%d/w%d/", w.t.cfg.Prefix, c.gen, w.index)}
	}
	changes := w.keys.choose(w.rnd)
	op := harness.Operation{Client: w.name, Kind: harness.WriteOp}
	guards := make([]clientv3.Cmp, 0, len(changes))
	then := make([]clientv3.Op, 0, len(changes))
	otherwise := make([]clientv3.Op, 0, len(changes))
	for _, ch := range changes {
		guards = append(guards, clientv3.Compare(clientv3.ModRevision(ch.key.name), "=", ch.key.revision))
		otherwise = append(otherwise, clientv3.OpGet(ch.key.name, clientv3.WithKeysOnly()))
		effect := harness.Effect{Key: ch.key.name, Delete: ch.remove, Guarded: true, Guard: ch.key.revision}
		if ch.remove {
			then = append(then, clientv3.OpDelete(ch.key.name))
		} else {
			ch.key.version++
			value := Value(w.t.cfg.Seed, ch.key.name, ch.key.version, w.t.cfg.Traffic.ValueSize)
			effect.Value = ledger.Hash(value)
			then = append(then, clientv3.OpPut(ch.key.name, string(value)))
		}
		op.Effects = append(op.Effects, effect)
	}
	ctx, cancel := w.t.within(c, opTimeout)
	resp, err := c.link.client.Txn(ctx).If(guards...).Then(then...).Else(otherwise...).Commit()
	cancel()
	a := answer{err: err}
	if err == nil {
		a.header, a.effective = resp.Header, resp.Succeeded
	}
	op = w.t.record(c, op, a)
	switch {
	case op.Outcome == harness.Unknown:
		w.reread(changes)
	case op.Outcome == harness.Acked && !resp.Succeeded:
		for i, ch := range changes {
			ch.key.found(resp.Responses[i].GetResponseRange().GetKvs())
		}
	case op.Outcome == harness.Acked:
		w.acked.Add(1)
		for _, ch := range changes {
			ch.key.revision = op.Revision
			if ch.remove {
				ch.key.revision = 0
			}
		}
	}
	w.keys.settle(changes)
}

// reread asks what an unknown write did before its keys are touched again. It
// may yet take effect later: then the next guard fails, and the writer learns
// of it. A key that cannot be read is abandoned.
func (w *writer) reread(changes []change) {
	for _, ch := range changes {
		ch.key.lost = true
	}
	c := w.t.begin()
	defer c.release()
	if c.gen != w.gen || w.t.issue.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(w.t.hard, opTimeout)
	defer cancel()
	for _, ch := range changes {
		resp, err := c.link.client.Get(ctx, ch.key.name, clientv3.WithKeysOnly())
		if err != nil {
			return
		}
		ch.key.lost = false
		ch.key.found(resp.Kvs)
	}
}
