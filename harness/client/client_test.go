package client

import (
	"context"
	"crypto/tls"
	"net"
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

// Where nobody answers a client of New knocks again and again, and a stock client hardly ever: by
// that an outage lasts longer for it, which is what New is for, and what NewStock shows.
func TestBackOff(t *testing.T) {
	var ours, theirs int
	var both sync.WaitGroup
	both.Go(func() { ours = knocks(t, New) })
	both.Go(func() { theirs = knocks(t, NewStock) })
	both.Wait()
	t.Logf("New's knocks %d times, NewStock's %d", ours, theirs)
	if theirs == 0 || ours < 10*theirs {
		t.Errorf("a client of New knocks %d times, while a stock client does %d times", ours, theirs)
	}
}

// knocks counts how often a client tries to connect within 3 s: long enough for gRPC's own
// back-off to have grown past a second.
func knocks(t *testing.T, open func([]string, *tls.Config) (*clientv3.Client, error)) (n int) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Error(err)
		return 0
	}
	var door sync.WaitGroup
	defer func() { _ = l.Close(); door.Wait() }() // n is what it is when nobody knocks any more
	door.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // nobody is at the door any more
			}
			_ = conn.Close()
			n++
		}
	})
	c, err := open([]string{l.Addr().String()}, nil)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		if _, err := c.Get(ctx, "k"); err == nil {
			t.Error("somebody answers")
			break
		}
	}
	return n
}

// Both kinds are served again after an outage.
func TestServedAgain(t *testing.T) {
	cluster, member := started(t)
	ours, theirs := open2(t, cluster)
	for _, c := range []*clientv3.Client{ours, theirs} {
		served(t, c)
	}
	if err := member.Kill(); err != nil {
		t.Fatal(err)
	}
	var both sync.WaitGroup
	for _, c := range []*clientv3.Client{ours, theirs} {
		both.Go(func() { served(t, c) })
	}
	if err := member.Start(); err != nil {
		t.Fatal(err)
	}
	both.Wait()
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

func TestNoEndpoint(t *testing.T) {
	if _, err := New(nil, nil); err == nil || !strings.Contains(err.Error(), "no endpoint was given") {
		t.Error(err)
	}
}
