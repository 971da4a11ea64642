package client

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-firedrill/firedrill/fixtures/localetcd"
)

func TestMain(m *testing.M) {
	localetcd.Main()
	goleak.VerifyTestMain(m)
}

// outage is how long an etcd is away here: long enough for gRPC's own back-off
// to have grown past a second.
const outage = 3 * time.Second

// A client that was there before an outage is served hardly later than one that
// comes fresh, and a stock client later than both: that difference is what New
// is for, and NewStock shows.
func TestBackOff(t *testing.T) {
	cluster, member := started(t)
	ours, theirs := open2(t, cluster)
	for _, c := range []*clientv3.Client{ours, theirs} {
		served(t, c)
	}
	if err := member.Kill(); err != nil {
		t.Fatal(err)
	}
	var back [2]time.Time
	var wg sync.WaitGroup
	for i, c := range []*clientv3.Client{ours, theirs} {
		wg.Go(func() { served(t, c); back[i] = time.Now() })
	}
	<-time.After(outage)
	if err := member.Start(); err != nil {
		t.Fatal(err)
	}
	fresh := freshlyServed(t, cluster)
	wg.Wait()
	if late := back[0].Sub(fresh); late > 100*time.Millisecond {
		t.Errorf("a client of New was served %s after a fresh one", late)
	}
	t.Logf("after a fresh client: New's %s, NewStock's %s", back[0].Sub(fresh), back[1].Sub(fresh))
	if !back[1].After(back[0]) {
		t.Errorf("a stock client was served %s before one of New", back[0].Sub(back[1]))
	}
}

// started is a cluster of one that runs.
func started(t *testing.T) (*localetcd.Cluster, *localetcd.Member) {
	t.Helper()
	cluster := localetcd.New(t.TempDir(), 1)
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := cluster.Members[0].Start(); err != nil {
		t.Fatal(err)
	}
	return cluster, cluster.Members[0]
}

func open2(t *testing.T, cluster *localetcd.Cluster) (ours, theirs *clientv3.Client) {
	t.Helper()
	ours, err := New(cluster.Endpoints(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ours.Close() })
	theirs, err = NewStock(cluster.Endpoints(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = theirs.Close() })
	return ours, theirs
}

// served waits until the client is answered, each try bounded.
func served(t *testing.T, c *clientv3.Client) {
	for deadline := time.Now().Add(30 * time.Second); ; {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		_, err := c.Get(ctx, "k")
		cancel()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("never served: %v", err)
			return
		}
	}
}

// freshlyServed tries with a new client every 10 ms and returns when one was served.
func freshlyServed(t *testing.T, cluster *localetcd.Cluster) time.Time {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); ; <-tick.C {
		c, err := New(cluster.Endpoints(), nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err = c.Get(ctx, "k")
		now := time.Now()
		cancel()
		_ = c.Close() // it was only for asking
		if err == nil {
			return now
		}
		if now.After(deadline) {
			t.Fatalf("no fresh client was served: %v", err)
		}
	}
}

func TestNoEndpoint(t *testing.T) {
	if _, err := New(nil, nil); err == nil || !strings.Contains(err.Error(), "no endpoint was given") {
		t.Error(err)
	}
}
