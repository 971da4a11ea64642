//go:build linux

package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
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

// pipeHolds is what the pipe to an agent takes in that nobody reads (pipe(7)).
const pipeHolds = 64 << 10

// freeze stops the agent, and returns once it is stopped.
func freeze(t *testing.T, w *world) {
	t.Helper()
	agent := w.machine.agent.Process
	if err := agent.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	becomes(t, "the agent is stopped", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", agent.Pid))
		return err == nil && strings.HasPrefix(string(stat[bytes.LastIndexByte(stat, ')'):]), ") T")
	})
}

// stuck returns once more was taken in than goes, with what is put before it, into
// the pipe to an agent that is frozen: whatever is sent from then on is held up. It
// looks twice, for what was taken in is sent a moment later.
func (c *counted) stuck(t *testing.T) {
	t.Helper()
	full := 0
	becomes(t, "the pipe to the agent is full", func() bool {
		if c.n.Load() >= pipeHolds {
			full++
		}
		return full > 1
	})
}

func becomes(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(20 * time.Second); !holds(); {
		select {
		case <-limit:
			t.Fatalf("it never came to be that %s", what)
		case <-tick.C:
		}
	}
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
		freeze(t, w)
		go func() { sending <- w.Upload(ctx, "/x", 0o600, sent) }()
		sent.stuck(t)
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
		freeze(t, w)
		go func() { sending <- w.Upload(within(t, time.Minute), "/x", 0o600, sent) }()
		sent.stuck(t)
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
	t.Run("command with input", func(t *testing.T) {
		t.Parallel()
		w := boot(t, newMachine(t))
		ctx, cancel := context.WithCancelCause(within(t, time.Minute))
		sent, running := &counted{}, make(chan error, 1)
		freeze(t, w)
		go func() { _, err := w.Exec(ctx, []string{"cat"}, harness.Streams{In: sent}); running <- err }()
		sent.stuck(t)
		begun, enough := time.Now(), errors.New("somebody had enough")
		cancel(enough)
		if err := ended(t, running); !errors.Is(err, enough) || !errors.Is(err, harness.ErrAgentLost) || !strings.Contains(err.Error(), "m1") {
			t.Errorf("the command ends with %v", err)
		}
		if took := time.Since(begun); took > cutLimit+3*time.Second {
			t.Errorf("it took %v", took)
		}
		if err := w.Destroy(within(t, 10*time.Second)); err != nil {
			t.Error(err)
		}
	})
	// Who waits for a command waits no longer, the session lives on, and the agent
	// ends the command when it can.
	t.Run("command that runs", func(t *testing.T) {
		t.Parallel()
		w := boot(t, newMachine(t))
		ctx, cancel := context.WithCancel(within(t, time.Minute))
		before, running := len(inhabitants(t, w)), make(chan error, 1)
		begun := make(chan struct{}, 1)
		go func() {
			_, err := w.Exec(ctx, []string{"/fake/etcd", "--print=begun"}, harness.Streams{Err: writerFunc(func(p []byte) (int, error) {
				select {
				case begun <- struct{}{}:
				default:
				}
				return len(p), nil
			})})
			running <- err
		}()
		<-begun
		freeze(t, w)
		cancel()
		if err := ended(t, running); !errors.Is(err, context.Canceled) || errors.Is(err, harness.ErrAgentLost) {
			t.Errorf("the command ends with %v", err)
		}
		if err := w.machine.agent.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		w.sh(t, "true")
		becomes(t, "the command has ended", func() bool { return len(inhabitants(t, w)) == before })
	})
	// A reader of output that is stuck costs its command, and not the session.
	t.Run("output that is not taken in", func(t *testing.T) {
		t.Parallel()
		w := boot(t, newMachine(t))
		begun, gate, running := make(chan struct{}, 1), make(chan struct{}), make(chan error, 1)
		ctx, cancel := context.WithCancel(within(t, time.Minute))
		go func() {
			_, err := w.Exec(ctx, []string{"cat"}, harness.Streams{In: endless{}, Out: writerFunc(func(p []byte) (int, error) {
				select {
				case begun <- struct{}{}:
				default:
				}
				<-gate
				return len(p), nil
			})})
			running <- err
		}()
		<-begun
		cancel()
		if err := ended(t, running); !errors.Is(err, context.Canceled) || errors.Is(err, harness.ErrAgentLost) {
			t.Errorf("the command ends with %v", err)
		}
		w.sh(t, "true")
		if list := w.events.of(harness.AgentLost); len(list) > 0 {
			t.Error("the session was ended")
		}
		close(gate)
	})
	// Nothing is in its way but that it does not reply: the session lives on.
	t.Run("idle", func(t *testing.T) {
		t.Parallel()
		w := boot(t, newMachine(t))
		w.sh(t, "true")
		freeze(t, w)
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
