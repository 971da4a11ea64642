//go:build linux

package agent

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// counted is endless and counts what was read of it.
type counted struct{ n atomic.Int64 }

func (c *counted) Read(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return len(p), nil
}

// freeze stops the agent, once content goes into its session, and returns when
// no more of it does.
func freeze(t *testing.T, w *world, sent *counted) {
	t.Helper()
	settles := func(enough func(before, now int64) bool) {
		t.Helper()
		limit := time.After(20 * time.Second)
		for before := sent.n.Load(); ; {
			select {
			case <-limit:
				t.Fatalf("%d bytes were taken in", sent.n.Load())
			case <-time.After(200 * time.Millisecond):
			}
			now := sent.n.Load()
			if enough(before, now) {
				return
			}
			before = now
		}
	}
	settles(func(_, now int64) bool { return now > 0 })
	if err := w.machine.agent.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	settles(func(before, now int64) bool { return before == now })
}

// ended is how something ended that must end by itself.
func ended(t *testing.T, what <-chan error) error {
	t.Helper()
	select {
	case err := <-what:
		return err
	case <-time.After(40 * time.Second):
		t.Fatal("it hangs")
		return nil
	}
}

// An agent that is frozen while something large is sent to it holds nobody up
// for longer than cutLimit: neither who sends, nor who merely asks meanwhile.
func TestFrozenAgent(t *testing.T) {
	t.Run("upload", func(t *testing.T) {
		t.Parallel()
		w := boot(t, newMachine(t))
		ctx, cancel := context.WithCancelCause(within(t, time.Minute))
		sent, sending := &counted{}, make(chan error, 1)
		go func() { sending <- w.Upload(ctx, "/x", 0o600, sent) }()
		freeze(t, w, sent)
		begun, enough := time.Now(), errors.New("somebody had enough")
		cancel(enough)
		if err := ended(t, sending); !errors.Is(err, enough) || !errors.Is(err, harness.ErrAgentLost) || !strings.Contains(err.Error(), "m1") {
			t.Errorf("sending ends with %v", err)
		}
		if took := time.Since(begun); took > cutLimit+3*time.Second {
			t.Errorf("it took %v", took)
		}
		w.events.await(t, harness.AgentLost, 1)
		if err := w.Destroy(within(t, 10*time.Second)); err != nil {
			t.Error(err)
		}
	})
	t.Run("beside an upload", func(t *testing.T) {
		t.Parallel()
		w := boot(t, newMachine(t))
		sent := &counted{}
		sending, asking := make(chan error, 1), make(chan error, 1)
		go func() { sending <- w.Upload(within(t, time.Minute), "/x", 0o600, sent) }()
		freeze(t, w, sent)
		go func() { _, err := w.Run(within(t, 100*time.Millisecond), "true"); asking <- err }()
		if err := ended(t, asking); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, harness.ErrAgentLost) {
			t.Errorf("asking ends with %v", err)
		}
		if err := ended(t, sending); !errors.Is(err, harness.ErrAgentLost) {
			t.Errorf("sending ends with %v", err)
		}
		if err := w.PowerOff(within(t, 10*time.Second)); err != nil {
			t.Error(err)
		}
	})
	// Nothing is in its way but that it does not reply: the session lives on.
	t.Run("idle", func(t *testing.T) {
		t.Parallel()
		w := boot(t, newMachine(t))
		w.sh(t, "true")
		if err := w.machine.agent.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		asking := make(chan error, 1)
		go func() { _, err := w.Run(within(t, 100*time.Millisecond), "true"); asking <- err }()
		if err := ended(t, asking); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, harness.ErrAgentLost) {
			t.Errorf("asking ends with %v", err)
		}
		if err := w.machine.agent.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		w.sh(t, "true")
	})
}
