package observe

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// resumed lets a member answer again after a while, and waits for that at the end.
func resumed(t *testing.T, after time.Duration, resume func() error) {
	t.Helper()
	done := make(chan error, 1)
	time.AfterFunc(after, func() { done <- resume() })
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A slow answer is not taken for none where it is evidence; one that never comes
// is, and so is a refusal, at once.
func TestViewsAskASlowMemberAgain(t *testing.T) {
	cluster, targets := startCluster(t, 1)
	m, woken := cluster.Members[0], make(chan error, 1)
	if err := m.Pause(); err != nil {
		t.Fatal(err)
	}
	if v := Members(t.Context(), targets)[0]; v.Error == "" {
		t.Errorf("a paused member answered: %+v", v)
	}
	if v := views(t.Context(), targets, askTimeout+time.Second)[0]; !strings.Contains(v.Error, "deadline exceeded") || !v.TimedOut {
		t.Errorf("a paused member answered: %+v", v)
	}
	time.AfterFunc(askTimeout+time.Second, func() { woken <- m.Resume() })
	if v := Views(t.Context(), targets)[0]; v.Error != "" || !v.Serves || len(v.Members) != 1 || v.TimedOut {
		t.Errorf("a slow member: %+v", v)
	}
	if err := errors.Join(<-woken, m.Kill()); err != nil {
		t.Fatal(err)
	}
	// Were it asked again, that would be until somebody else puts an end to it.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if v := views(ctx, targets, time.Hour)[0]; v.Error == "" || v.TimedOut || ctx.Err() != nil {
		t.Errorf("a dead member, %v: %+v", ctx.Err(), v)
	}
}

// The member answers its status and serves nothing, for there is no quorum: that
// alone is asked again, and here it is so.
func TestViewsAskAMemberThatDoesNotServeAgain(t *testing.T) {
	cluster, targets := startCluster(t, 3)
	for _, m := range cluster.Members[:2] {
		if err := m.Pause(); err != nil {
			t.Fatal(err)
		}
		resumed(t, askTimeout+time.Second, m.Resume)
	}
	if v := Views(t.Context(), targets[2:])[0]; v.Error != "" || !v.Serves || v.ServeError != "" {
		t.Errorf("served late: %+v", v)
	}
}

// Only one that answers to the last and stays short is behind.
func TestBehindIsNotSlow(t *testing.T) {
	cluster, targets := startCluster(t, 1)
	const patience = 500 * time.Millisecond
	ask := func(ctx context.Context, revision int64) (behind int64, err error) {
		askErr := with(targets, func(c *clientv3.Client) error {
			behind, err = awaitRevision(ctx, c, targets[0], revision, patience)
			return nil
		})
		if askErr != nil {
			t.Fatal(askErr)
		}
		return behind, err
	}
	put(t, dial(t, cluster), "k", "v")
	if behind, err := ask(t.Context(), 2); behind != 0 || err != nil {
		t.Errorf("behind at %d, %v", behind, err)
	}
	if behind, err := ask(t.Context(), 99); behind != 2 || err == nil || !strings.Contains(err.Error(), "not within 500ms; last seen: 2") {
		t.Errorf("one that stays short: %d, %v", behind, err)
	}
	ended, cancel := context.WithTimeout(t.Context(), patience/2)
	defer cancel()
	if behind, err := ask(ended, 99); behind != 0 || err == nil {
		t.Errorf("one that was not waited for: %d, %v", behind, err)
	}
	// It falls silent as soon as it has answered once.
	m, answers := cluster.Members[0], 0
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{targets[0].Endpoint}, Logger: zap.NewNop(), DialOptions: []grpc.DialOption{
		grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, asks, says any, on *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			err := call(ctx, method, asks, says, on, opts...)
			if err != nil {
				return err
			}
			answers++
			return m.Pause()
		}),
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if behind, err := awaitRevision(t.Context(), c, targets[0], 99, patience); behind != 0 || err == nil || answers != 1 {
		t.Errorf("one that falls silent after %d answers: %d, %v", answers, behind, err)
	}
	if err := m.Resume(); err != nil {
		t.Fatal(err)
	}
}
