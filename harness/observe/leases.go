package observe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-firedrill/firedrill/harness"
)

// Leases asks for the given leases and for every other that a key under prefix
// carries: how long each has left, which keys it says are attached, and which
// keys were found that carry it. A lease that the cluster does not know has a
// negative Remaining. The views are in order of ID; now stamps them, before and after.
func Leases(ctx context.Context, t Target, ids []int64, prefix string, now func() time.Duration) (views []harness.LeaseView, err error) {
	err = with([]Target{t}, func(c *clientv3.Client) error {
		found, err := carriers(ctx, c, t, prefix)
		if err != nil {
			return err
		}
		wanted := slices.Clone(ids)
		for id := range found {
			wanted = append(wanted, id)
		}
		slices.Sort(wanted)
		for _, id := range slices.Compact(wanted) {
			asked := now()
			view, err := lease(ctx, c, id)
			if err != nil {
				return fmt.Errorf("ask etcd on %s for lease %x: %w", t.Host, id, err)
			}
			view.Found = append([]string{}, found[id]...)
			view.Asked, view.At = asked, now()
			views = append(views, view)
		}
		return nil
	})
	return views, err
}

// carriers maps leases to the keys under prefix that carry them, in byte order.
// Traffic writes leased keys beneath "lease/" alone; the rest is not looked at.
func carriers(ctx context.Context, c *clientv3.Client, t Target, prefix string) (map[int64][]string, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	// With their values: etcd 3.7 answers for keys alone from its index, which
	// does not know of leases.
	resp, err := c.Get(ctx, prefix+"lease/", clientv3.WithPrefix())
	if err != nil {
		return nil, fmt.Errorf("read the leased keys from %s: %w", t.Host, err)
	}
	found := map[int64][]string{}
	for _, kv := range resp.Kvs {
		if kv.Lease != 0 {
			found[kv.Lease] = append(found[kv.Lease], string(kv.Key))
		}
	}
	return found, nil
}

func lease(ctx context.Context, c *clientv3.Client, id int64) (harness.LeaseView, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	view := harness.LeaseView{ID: id, Remaining: -time.Second, Keys: []string{}}
	resp, err := c.TimeToLive(ctx, clientv3.LeaseID(id), clientv3.WithAttachedKeys())
	if errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return view, nil
	}
	if err != nil {
		return view, err
	}
	view.Remaining = time.Duration(resp.TTL) * time.Second // -1: the cluster does not know it
	view.Granted = time.Duration(resp.GrantedTTL) * time.Second
	for _, k := range resp.Keys {
		view.Keys = append(view.Keys, string(k))
	}
	slices.Sort(view.Keys)
	return view, nil
}
