package observe

import (
	"context"
	"fmt"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// Keys reads every key through one member at a revision, in byte order, and hands
// on each with the length of its value. What is handed on is the caller's only until it
// returns. Memory does not grow with the number of keys.
func Keys(ctx context.Context, t Target, revision int64, take func(key []byte, value int) error) error {
	each := func(kvs []*mvccpb.KeyValue) error {
		for _, kv := range kvs {
			if err := take(kv.Key, len(kv.Value)); err != nil {
				return err
			}
		}
		return nil
	}
	return with([]Target{t}, func(c *clientv3.Client) error {
		streamed, err := stream(ctx, c, revision, each)
		if err == nil && !streamed {
			err = pages(ctx, c, revision, each)
		}
		if err != nil {
			return fmt.Errorf("read all keys from %s at revision %d: %w", t.Host, revision, err)
		}
		return nil
	})
}

// Count asks one member how many keys there are at a revision.
func Count(ctx context.Context, t Target, revision int64) (keys int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, stallTimeout)
	defer cancel()
	err = with([]Target{t}, func(c *clientv3.Client) error {
		resp, err := c.Get(ctx, "\x00", clientv3.WithFromKey(), clientv3.WithRev(revision), clientv3.WithSerializable(), clientv3.WithCountOnly())
		if err != nil {
			return fmt.Errorf("count the keys of %s at revision %d: %w", t.Host, revision, err)
		}
		keys = resp.Count
		return nil
	})
	return keys, err
}

// DBSize asks one member how many bytes its database file has.
func DBSize(ctx context.Context, t Target) (bytes int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	err = with([]Target{t}, func(c *clientv3.Client) error {
		says, err := c.Status(ctx, t.Endpoint)
		if err != nil {
			return fmt.Errorf("ask etcd on %s for its status: %w", t.Host, err)
		}
		bytes = says.DbSize
		return nil
	})
	return bytes, err
}

// Applied waits until one member has applied a revision, for 10 s at most.
func Applied(ctx context.Context, t Target, revision int64) error {
	return with([]Target{t}, func(c *clientv3.Client) error {
		_, err := awaitRevision(ctx, c, t, revision, catchUpTimeout)
		return err
	})
}
