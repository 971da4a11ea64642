package workload

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/fixtures/localetcd"
	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/client"
	"github.com/etcd-firedrill/firedrill/harness/ledger"
	"github.com/etcd-firedrill/firedrill/harness/observe"
)

const prefix = "/firedrill/test/"

// book is a ledger in memory.
type book struct {
	mu      sync.Mutex
	ops     []harness.Operation
	events  []harness.WatchEvent
	refuses error
}

func (b *book) Append(op harness.Operation) (uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	op.ID = uint64(len(b.ops) + 1)
	b.ops = append(b.ops, op)
	return op.ID, b.refuses
}

func (b *book) Saw(e harness.WatchEvent) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, e)
	return nil
}

func (b *book) read() ([]harness.Operation, []harness.WatchEvent) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]harness.Operation(nil), b.ops...), append([]harness.WatchEvent(nil), b.events...)
}

// keys is a sink for a dump.
type keys map[string]harness.KeyState

func (k keys) Add(s harness.KeyState) error { k[s.Key] = s; return nil }

func startCluster(t *testing.T, n int, args ...string) *localetcd.Cluster {
	t.Helper()
	c := localetcd.New(t.TempDir(), n, args...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	eventually(t, "the cluster serves", func() error { return observe.FreshServed(t.Context(), targets(c)) })
	return c
}

func targets(c *localetcd.Cluster) []observe.Target {
	var list []observe.Target
	for _, m := range c.Members {
		list = append(list, observe.Target{Host: m.Name, Endpoint: m.Endpoint})
	}
	return list
}

func eventually(t *testing.T, what string, look func() error) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); ; <-tick.C {
		err := look()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("wait until %s: %v", what, err)
		}
	}
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func config(t *testing.T, ledger Ledger, endpoints []string) Config {
	t.Helper()
	started := time.Now()
	return Config{
		Seed: 7, Prefix: prefix, Ledger: ledger, Endpoints: endpoints,
		Traffic: harness.Traffic{Writers: 3, Rate: 150, ValueSize: 200, Leases: 2},
		Clock:   func() time.Duration { return time.Since(started) },
	}
}

func startTraffic(t *testing.T, cfg Config) *Traffic {
	t.Helper()
	traffic, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = traffic.Stop(context.Background()) // what it returned was looked at before, if at all
	})
	return traffic
}

// newMember is one member that is not started.
func newMember(t *testing.T) *localetcd.Member {
	t.Helper()
	c := localetcd.New(t.TempDir(), 1)
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c.Members[0]
}

func awaitRevision(t *testing.T, c *localetcd.Cluster, revision int64) {
	t.Helper()
	eventually(t, "the cluster is far enough", func() error {
		if v := observe.Members(t.Context(), targets(c))[0]; v.Revision < revision {
			return fmt.Errorf("revision %d of %d", v.Revision, revision)
		}
		return nil
	})
}

// compact compacts everything up to the cluster's present revision.
func compact(t *testing.T, cluster *localetcd.Cluster) {
	t.Helper()
	c, err := client.New(cluster.Endpoints(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	resp, err := c.Get(t.Context(), "x")
	if err == nil {
		_, err = c.Compact(t.Context(), resp.Header.Revision)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// What drills record to.
var _ Ledger = (*ledger.Writer)(nil)
