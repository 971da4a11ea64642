package workload

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/client"
)

func TestOutcome(t *testing.T) {
	for _, c := range []struct {
		err  error
		want harness.Outcome
	}{
		{nil, harness.Acked},
		// A server sends this one as a plain error, so it comes with code Unknown.
		{rpctypes.Error(status.Error(codes.Unknown, "etcdserver: too many requests")), harness.Rejected},
		{rpctypes.ErrRequestTooLarge, harness.Rejected},
		{rpctypes.ErrEmptyKey, harness.Rejected},
		{rpctypes.Error(rpctypes.ErrGRPCNotSupportedForLearner), harness.Rejected},
		// Applied all the same, 31 of 96 times.
		{rpctypes.ErrNoSpace, harness.Unknown},
		{rpctypes.ErrNoLeader, harness.Unknown},
		{rpctypes.ErrLeaderChanged, harness.Unknown},
		{rpctypes.ErrTimeout, harness.Unknown},
		{rpctypes.ErrStopped, harness.Unknown},
		{status.Error(codes.Unavailable, "connection refused"), harness.Unknown},
		{status.Error(codes.ResourceExhausted, "quota of some proxy"), harness.Unknown},
		{context.DeadlineExceeded, harness.Unknown},
		{errors.New("etcdserver: too many requests"), harness.Unknown}, // not by etcd's client
	} {
		if got := outcome(c.err); got != c.want {
			t.Errorf("%v: %v, want %v", c.err, got, c.want)
		}
	}
}

// What etcd itself refuses before proposing is Rejected, and is not there.
func TestRejectedByEtcd(t *testing.T) {
	cluster := startCluster(t, 1, "--max-request-bytes=4096")
	c, err := client.New(cluster.Endpoints(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx := within(t, 20*time.Second)
	before, err := c.Get(ctx, "large")
	if err != nil {
		t.Fatal(err)
	}
	_, large := c.Put(ctx, "large", strings.Repeat("x", 8192))
	_, empty := c.Put(ctx, "", "x")
	_, txn := c.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision("large"), "=", 0)).Then(clientv3.OpPut("large", strings.Repeat("x", 8192))).Commit()
	for what, err := range map[string]error{"a large put": large, "an empty key": empty, "a large transaction": txn} {
		if got := outcome(err); got != harness.Rejected {
			t.Errorf("%s: %v (%v)", what, got, err)
		}
	}
	after, err := c.Get(ctx, "large")
	if err != nil {
		t.Fatal(err)
	}
	if after.Count != 0 || after.Header.Revision != before.Header.Revision {
		t.Errorf("a rejected write took effect: %d keys, revision %d then %d", after.Count, before.Header.Revision, after.Header.Revision)
	}
	// A learner refuses before it would forward anything.
	learner := startLearner(t, c)
	l, err := client.New([]string{learner}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	eventually(t, "the learner answers", func() error {
		_, err := l.Put(ctx, "on-learner", "x")
		if outcome(err) != harness.Rejected {
			return errors.Join(errors.New("not rejected"), err)
		}
		return nil
	})
	if found, err := c.Get(ctx, "on-learner"); err != nil || found.Count != 0 {
		t.Errorf("a write that a learner rejected: %v, %v", found, err)
	}
}

func startLearner(t *testing.T, c *clientv3.Client) (endpoint string) {
	t.Helper()
	newcomer := newMember(t)
	added, err := c.MemberAddAsLearner(t.Context(), []string{newcomer.PeerURL()})
	if err != nil {
		t.Fatal(err)
	}
	initial := []string{"learner=" + newcomer.PeerURL()}
	for _, m := range added.Members {
		if m.ID != added.Member.ID {
			initial = append(initial, m.Name+"="+m.PeerURLs[0])
		}
	}
	if err := newcomer.Start("--name=learner", "--initial-cluster-state=existing", "--initial-cluster="+strings.Join(initial, ",")); err != nil {
		t.Fatal(err)
	}
	return newcomer.Endpoint
}
