package workload

import (
	"context"
	"errors"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/ledger"
)

// cacheNames are the components that the caches of a drill stand for.
var cacheNames = []string{"kube-apiserver", "kube-controller-manager"}

// cached is what the keys that are cached begin with, below the traffic's prefix:
// those of every generation, of writers, probe and stock client. Leased keys are
// not among them, since they go without anybody's doing. So what a cache holds is
// bounded: liveKeys of each writer and the two rings, in each generation, and of
// each key a revision and a hash. Preloaded data lie elsewhere.
const cached = "g"

// cache is an informer, as a Kubernetes component has one: it lists, watches
// from the revision after the list's, and where its stream breaks watches again
// from the one after the last that it saw, whatever the cluster's revision is by
// then. It lists again only if it is told "compacted", or restarted.
type cache struct {
	t     *Traffic
	name  string
	watch *watch

	mu   sync.Mutex
	held versions
	last int64 // the list's revision, or that of the last change seen since
	// A list is due while met is behind asked.
	asked, met int
	why        harness.ListReason // of the last that was asked for
	// complete is the revision up to which the present stream has told all, or can
	// tell nothing any more. 0: etcd has not taken the watch.
	complete int64
	// heard is the last change that it has from the history which it is served
	// from now, as far as is known.
	heard int64
	stale bool // the last of rec.Stale goes on
	rec   harness.CacheRecord
}

// version identifies what a key holds: a revision alone may be handed out twice.
type version struct {
	revision int64
	value    uint64 // ledger.Hash
}

type versions map[string]version

func newCache(t *Traffic, name string) *cache {
	c := &cache{t: t, name: name, asked: 1, why: harness.CacheBorn}
	key, end := t.cachedRange()
	c.watch = &watch{t: t, key: key, end: end, of: c}
	return c
}

func (c *cache) run(ctx context.Context) { c.watch.hold(ctx) }

// watches tells whether it has listed and etcd has taken its watch.
func (c *cache) watches() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.met == c.asked && c.complete > 0
}

// from is the revision after the last that it saw. If a list is due it lists.
func (c *cache) from(ctx context.Context, client *clientv3.Client) (revision int64, ok bool) {
	c.mu.Lock()
	due, asked, why, last := c.met < c.asked, c.asked, c.why, c.last
	c.complete = 0
	c.mu.Unlock()
	if !due {
		return last + 1, true
	}
	held, revision, err := c.t.read(ctx, client, 0)
	if err != nil {
		return 0, false
	}
	at := c.t.cfg.Clock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held, c.last, c.heard, c.met = held, revision, held.last(), asked
	c.rec.Lists = append(c.rec.Lists, harness.CacheList{At: at, Revision: revision, Keys: len(held), Reason: why})
	c.right(at)
	return revision + 1, c.met == c.asked
}

// opened looks whether the history that it watches now is the one that its
// contents are from: no informer does, and nothing of what it does depends on it.
func (c *cache) opened(ctx context.Context, client *clientv3.Client, from int64) (stay bool) {
	at := c.t.cfg.Clock()
	c.mu.Lock()
	due, held, last := c.met < c.asked, c.held, c.last
	known := c.stale || c.rec.Compared != nil // then nobody asks any more
	c.mu.Unlock()
	if due {
		return false // restarted before this stream could be broken
	}
	other := false
	if !known {
		there, _, err := c.t.read(ctx, client, last)
		switch {
		case errors.Is(err, rpctypes.ErrCompacted): // nothing is left to look at
		case errors.Is(err, rpctypes.ErrFutureRev):
			other = true
		case err != nil:
			return false
		default:
			other = !difference(held, there).Equal()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if other {
		c.stale, c.heard = true, 0
		c.rec.Stale = append(c.rec.Stale, harness.CacheSpan{Since: at})
	}
	c.complete = from - 1
	return true
}

// take applies changes. Told that some are missing, it will list.
func (c *cache) take(resp *pb.WatchResponse, _ int64) (left, over bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if resp.CompactRevision != 0 {
		c.due(harness.CacheTold)
		return true, false
	}
	if len(resp.Events) == 0 {
		c.complete = max(c.complete, resp.GetHeader().GetRevision())
	}
	for _, ev := range resp.Events {
		if ev.Type == mvccpb.Event_DELETE {
			delete(c.held, string(ev.Kv.Key))
		} else {
			c.held[string(ev.Kv.Key)] = version{ev.Kv.ModRevision, ledger.Hash(ev.Kv.Value)}
		}
		c.last, c.heard = max(c.last, ev.Kv.ModRevision), max(c.heard, ev.Kv.ModRevision)
		c.complete = max(c.complete, ev.Kv.ModRevision)
	}
	return false, false
}

// due asks for a list and returns which; mu is held.
func (c *cache) due(why harness.ListReason) (asked int) {
	c.asked++
	c.why = why
	return c.asked
}

// right ends what time it was stale for; mu is held.
func (c *cache) right(at time.Duration) {
	if c.stale {
		c.stale = false
		c.rec.Stale[len(c.rec.Stale)-1].Until = at
	}
}

// restart lets it drop what it knows and list, and returns which list that is.
func (c *cache) restart() (asked int) {
	c.mu.Lock()
	asked = c.due(harness.CacheRestarted)
	c.mu.Unlock()
	c.watch.renew()
	return asked
}

// RestartCaches restarts the components that the caches stand for: each drops
// what it knows and lists afresh. It returns once all have; when ctx ends first,
// the error names one that has not.
func (t *Traffic) RestartCaches(ctx context.Context) error {
	if t.issue.Err() != nil {
		return nil // stopped: there is nobody to restart
	}
	asked := make([]int, len(t.caches))
	for i, c := range t.caches {
		asked[i] = c.restart()
	}
	return t.await(ctx, "every restarted component has listed", func() (bool, string) {
		for i, c := range t.caches {
			c.mu.Lock()
			met := c.met
			c.mu.Unlock()
			if met < asked[i] && t.hard.Err() == nil {
				return false, c.name + " has not"
			}
		}
		return true, ""
	})
}

// Caches are the long-lived clients and what became of them. They are compared
// with the cluster by Stop.
func (t *Traffic) Caches() []harness.CacheRecord {
	list := make([]harness.CacheRecord, 0, len(t.caches))
	for _, c := range t.caches {
		list = append(list, c.record())
	}
	return list
}

func (c *cache) record() harness.CacheRecord {
	c.mu.Lock()
	defer c.mu.Unlock()
	rec := c.rec
	rec.Name, rec.Last = c.name, c.last
	rec.Lists = append([]harness.CacheList{}, rec.Lists...)
	rec.Stale = append([]harness.CacheSpan{}, rec.Stale...)
	return rec
}

// last is the greatest revision of a version, 0 if there is none.
func (v versions) last() (revision int64) {
	for _, is := range v {
		revision = max(revision, is.revision)
	}
	return revision
}

func (t *Traffic) cachedRange() (key, end string) {
	return t.cfg.Prefix + cached, clientv3.GetPrefixRangeEnd(t.cfg.Prefix + cached)
}

const (
	// pageKeys is how many keys are read at once: client-go's informers ask for 500.
	pageKeys = 500
	// pageBytes bounds a page of large values, so that opTimeout is enough for it.
	pageBytes = 16 << 20
)

// read reads the cached keys linearizably at one revision, 0: the present one.
func (t *Traffic) read(ctx context.Context, c *clientv3.Client, at int64) (held versions, revision int64, err error) {
	held = versions{}
	limit := min(pageKeys, max(1, pageBytes/t.cfg.Traffic.ValueSize))
	for key, end := t.cachedRange(); ; {
		resp, err := page(ctx, c, key, end, at, int64(limit))
		if err != nil {
			return nil, 0, err
		}
		if at == 0 {
			at = resp.Header.Revision
		}
		for _, kv := range resp.Kvs {
			held[string(kv.Key)] = version{kv.ModRevision, ledger.Hash(kv.Value)}
			key = string(kv.Key) + "\x00"
		}
		if !resp.More {
			return held, at, nil
		}
	}
}

func page(ctx context.Context, c *clientv3.Client, key, end string, at, limit int64) (*clientv3.GetResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, opTimeout)
	defer cancel()
	return c.Get(ctx, key, clientv3.WithRange(end), clientv3.WithRev(at), clientv3.WithLimit(limit))
}
