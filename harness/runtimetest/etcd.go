package runtimetest

import (
	"context"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"github.com/etcd-firedrill/firedrill/harness"
)

// attempt bounds one request of a fresh client; requests are repeated until the
// named condition holds or the spec's deadline passes.
const attempt = 2 * time.Second

// redial is how a client's connection is tried again: gRPC's own second of
// back-off would be most of what the suite takes.
var redial = backoff.Config{BaseDelay: 10 * time.Millisecond, Multiplier: 1.5, MaxDelay: 50 * time.Millisecond}

// flags are etcd's on one host of a cluster, as "name=value".
func flags(host harness.Host, cluster ...harness.Host) []string {
	peer := func(h harness.Host) string { return fmt.Sprintf("http://%s:%d", h.PeerAddress(), harness.PeerPort) }
	client := fmt.Sprintf("http://%s:%d", host.PeerAddress(), harness.ClientPort)
	var initial []string
	for _, h := range cluster {
		initial = append(initial, h.Name()+"="+peer(h))
	}
	return []string{
		"name=" + host.Name(),
		"data-dir=" + harness.DataDir,
		"listen-peer-urls=" + peer(host),
		"initial-advertise-peer-urls=" + peer(host),
		"listen-client-urls=" + client,
		"advertise-client-urls=" + client,
		"initial-cluster=" + strings.Join(initial, ","),
		"initial-cluster-state=new",
	}
}

// order puts the manifest of one member in place.
func order(ctx context.Context, host harness.Host, flags []string) error {
	manifest := harness.Manifest(host.Name(), flags)
	return host.Upload(ctx, harness.ManifestPath, 0o600, strings.NewReader(manifest))
}

// boot starts one cluster of these hosts and waits until it acknowledges a write.
func boot(ctx context.Context, hosts ...harness.Host) {
	GinkgoHelper()
	for _, h := range hosts {
		Expect(order(ctx, h, flags(h, hosts...))).To(Succeed())
	}
	for _, h := range hosts {
		awaitServing(ctx, h)
	}
}

// awaitServing waits until one member, asked by itself, acknowledges a write.
func awaitServing(ctx context.Context, host harness.Host) {
	GinkgoHelper()
	Eventually(ctx, func() error { return put(ctx, host, "serving", host.Name()) }).
		Should(Succeed(), "etcd on %s acknowledges a write", host.Name())
}

// silence is how long a host that must not serve is listened to.
const silence = 300 * time.Millisecond

// expectNoService sees that a write is not acknowledged.
func expectNoService(ctx context.Context, host harness.Host) {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	Expect(put(ctx, host, "unwanted", "write")).NotTo(Succeed(), "etcd on %s must not serve", host.Name())
}

// running waits until etcd runs, and returns its state.
func running(ctx context.Context, host harness.Host) harness.EtcdState {
	GinkgoHelper()
	state, err := host.AwaitEtcd(ctx, "etcd runs", func(s harness.EtcdState) bool { return s.PID != 0 && !s.Paused })
	Expect(err).NotTo(HaveOccurred())
	return state
}

// await waits until etcd's state is as described.
func await(ctx context.Context, host harness.Host, what string, cond func(harness.EtcdState) bool) harness.EtcdState {
	GinkgoHelper()
	state, err := host.AwaitEtcd(ctx, what, cond)
	Expect(err).NotTo(HaveOccurred())
	return state
}

// withClient asks one member through a client of its own: a connection made
// before a disaster would add its back-off to the answer.
func withClient(ctx context.Context, host harness.Host, use func(context.Context, *clientv3.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, attempt)
	defer cancel()
	client, err := clientv3.New(clientv3.Config{
		Endpoints: []string{"http://" + host.ClientAddress()}, Context: ctx, Logger: zap.NewNop(),
		DialOptions: []grpc.DialOption{grpc.WithConnectParams(grpc.ConnectParams{Backoff: redial, MinConnectTimeout: attempt})},
	})
	if err != nil {
		return err
	}
	defer client.Close()
	return use(ctx, client)
}

func put(ctx context.Context, host harness.Host, key, value string) error {
	return withClient(ctx, host, func(ctx context.Context, c *clientv3.Client) error {
		_, err := c.Put(ctx, key, value)
		return err
	})
}

// get reads linearizably. A missing key reads as "".
func get(ctx context.Context, host harness.Host, key string) (value string, err error) {
	err = withClient(ctx, host, func(ctx context.Context, c *clientv3.Client) error {
		answer, err := c.Get(ctx, key)
		if err == nil && len(answer.Kvs) == 1 {
			value = string(answer.Kvs[0].Value)
		}
		return err
	})
	return value, err
}
