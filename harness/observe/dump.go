package observe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/crew"
	"github.com/etcd-firedrill/firedrill/harness/ledger"
)

const (
	// stallTimeout is how long a dump may wait for its next keys.
	stallTimeout = 20 * time.Second
	// pageKeys and pageBytes bound one page for members that cannot stream.
	// Each page makes the member count all the keys after it, so pages of 1,000
	// are slow (measured: 24 s for 1 GiB); large values make them smaller.
	pageKeys  = 10_000
	pageBytes = 16 << 20
)

// besideDump is how many members hash while a dump is read. The dump is a chain
// of two processes, the member's and ours, which leaves about one core of two
// idle half of the time: one hash at a time fills the gaps, more of them take
// the dump's own turns (measured on 2 cores: 1.18 to 1.40 times the dump alone
// with three at once).
var besideDump = max(1, runtime.NumCPU()-1)

// Sink takes the keys of the traffic. Keys come in byte order, each once.
type Sink interface {
	Add(harness.KeyState) error
}

// Verified is what one dump and every member's hash at the dump's revision tell.
type Verified struct {
	Revision int64
	Dataset  harness.Dataset
	Hashes   []harness.MemberHash
}

// Verify reads every key through source and asks all targets for their hash at
// the same revision, both at once, which takes hardly longer than the dump.
// What a target could not answer is in its hash; the error is the dump's.
func Verify(ctx context.Context, source Target, targets []Target, prefix string, into Sink) (Verified, error) {
	var v Verified
	err := with([]Target{source}, func(c *clientv3.Client) error {
		var err error
		if v.Revision, err = present(ctx, c, source); err != nil {
			return err
		}
		var hashing crew.Crew
		hashing.Go(func() { v.Hashes = hashes(ctx, targets, v.Revision, besideDump, hashTimeout) })
		defer hashing.Wait() // also where the sink panics
		v.Dataset, err = dump(ctx, c, source, v.Revision, prefix, into)
		return err
	})
	return v, err
}

// Dump reads every key through one member at one revision, its present one:
// keys under prefix go to the sink, all others that have no lease into the
// dataset's sum. Memory does not grow with the number of keys.
func Dump(ctx context.Context, t Target, prefix string, into Sink) (revision int64, data harness.Dataset, err error) {
	err = with([]Target{t}, func(c *clientv3.Client) error {
		if revision, err = present(ctx, c, t); err != nil {
			return err
		}
		data, err = dump(ctx, c, t, revision, prefix, into)
		return err
	})
	return revision, data, err
}

// present is the revision of a linearizable read.
func present(ctx context.Context, c *clientv3.Client, t Target) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	resp, err := c.Get(ctx, "\x00", clientv3.WithCountOnly())
	if err != nil {
		return 0, fmt.Errorf("read all keys from %s: %w", t.Host, err)
	}
	return resp.Header.Revision, nil
}

func dump(ctx context.Context, c *clientv3.Client, t Target, revision int64, prefix string, into Sink) (harness.Dataset, error) {
	digest := NewDigest()
	under := []byte(prefix)
	take := func(kvs []*mvccpb.KeyValue) error {
		for _, kv := range kvs {
			var err error
			if bytes.HasPrefix(kv.Key, under) {
				err = into.Add(harness.KeyState{
					Key: string(kv.Key), Value: ledger.Hash(kv.Value), CreateRevision: kv.CreateRevision,
					ModRevision: kv.ModRevision, Version: kv.Version, Lease: kv.Lease,
				})
			} else if kv.Lease == 0 {
				err = digest.Add(kv.Key, kv.Value, kv.ModRevision)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	streamed, err := stream(ctx, c, revision, take)
	if err == nil && !streamed {
		err = pages(ctx, c, revision, take)
	}
	if err != nil {
		return harness.Dataset{}, fmt.Errorf("read all keys from %s at revision %d: %w", t.Host, revision, err)
	}
	return digest.Sum(), nil
}

// stream reads all keys in one stream, as members from 3.7 on can. streamed is
// false if the member cannot: nothing was taken then.
func stream(ctx context.Context, c *clientv3.Client, revision int64, take func([]*mvccpb.KeyValue) error) (streamed bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(stallTimeout, func() { cancel(fmt.Errorf("no key came for %s", stallTimeout)) })
	defer stalled.Stop()
	chunks, err := c.GetStream(ctx, "\x00", clientv3.WithFromKey(), clientv3.WithRev(revision), clientv3.WithSerializable())
	if err != nil {
		return true, err
	}
	// The stream's reader ends only when its channel is read to the end.
	defer func() {
		cancel(nil)
		for range chunks {
		}
	}()
	taken, promised := int64(0), int64(-1)
	for chunk := range chunks {
		if err := chunk.Err(); err != nil {
			if status.Code(err) == codes.Unimplemented {
				return false, nil
			}
			if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, ctx.Err()) {
				return true, cause
			}
			return true, err
		}
		stalled.Reset(stallTimeout)
		if err := take(chunk.Kvs); err != nil {
			return true, err
		}
		taken += int64(len(chunk.Kvs))
		if chunk.Header != nil { // the last chunk's alone
			promised = chunk.Count
		}
	}
	if taken != promised {
		return true, fmt.Errorf("the stream ended after %d keys of %d", taken, promised)
	}
	return true, nil
}

// pages reads all keys page by page, pinned to one revision.
func pages(ctx context.Context, c *clientv3.Client, revision int64, take func([]*mvccpb.KeyValue) error) error {
	for from, limit := "\x00", int64(256); ; {
		kvs, more, err := page(ctx, c, from, revision, limit)
		if err != nil {
			return err
		}
		if err := take(kvs); err != nil {
			return err
		}
		if !more {
			return nil
		}
		size := 0
		for _, kv := range kvs {
			size += len(kv.Key) + len(kv.Value)
		}
		from = string(kvs[len(kvs)-1].Key) + "\x00"
		limit = min(pageKeys, max(1, int64(pageBytes/(1+size/len(kvs)))))
	}
}

func page(ctx context.Context, c *clientv3.Client, from string, revision, limit int64) (kvs []*mvccpb.KeyValue, more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, stallTimeout)
	defer cancel()
	resp, err := c.Get(ctx, from, clientv3.WithFromKey(), clientv3.WithRev(revision), clientv3.WithSerializable(), clientv3.WithLimit(limit))
	if err != nil {
		return nil, false, err
	}
	return resp.Kvs, resp.More && len(resp.Kvs) > 0, nil
}
