//go:build linux

package agent

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/crew"
)

// A panic in what is told of a host costs the host and not the process, wherever
// it happens, and cannot get lost.
func TestTheListenerPanics(t *testing.T) {
	for _, at := range []harness.HostEventKind{
		harness.HostPowered, harness.EtcdStarted, harness.AgentLost, harness.HostUnpowered, harness.HostDestroyed, "log",
	} {
		t.Run(string(at), func(t *testing.T) {
			m := newMachine(t)
			w := &world{machine: m, events: &events{more: make(chan struct{})}, log: &locked{}}
			spec := harness.HostSpec{Name: "m1", Log: w.log, Event: func(ev harness.HostEvent) {
				w.events.add(ev)
				if ev.Kind == at {
					panic("out of order")
				}
			}}
			if at == "log" {
				spec.Log = panicky{}
			}
			ctx := within(t, 30*time.Second)
			h, err := NewHost(ctx, spec, m)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = m.PowerOff(ctx) })
			w.Host = h
			_ = h.Upload(ctx, harness.ManifestPath, 0o600, strings.NewReader(fakeManifest("--print=a line")))
			if at == harness.AgentLost {
				if err := m.agent.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			if at != harness.HostUnpowered && at != harness.HostDestroyed {
				w.events.await(t, harness.AgentLost, 1)
				if _, err := h.Run(ctx, "true"); !errors.Is(err, harness.ErrAgentLost) {
					t.Errorf("afterwards: %v", err)
				}
			}
			offErr := h.PowerOff(ctx)
			if at != harness.HostDestroyed {
				tellsOfPanic(t, "power off", offErr)
			}
			if found := processesIn(t, m.root); len(found) > 0 {
				t.Errorf("still running: %v", found)
			}
			tellsOfPanic(t, "destroy", h.Destroy(ctx))
			tellsOfPanic(t, "close", h.Close())
		})
	}
}

func tellsOfPanic(t *testing.T, doing string, err error) {
	t.Helper()
	var crash *crew.Crash
	if !errors.As(err, &crash) || !strings.Contains(err.Error(), "m1") || !strings.Contains(err.Error(), "panic_test.go") {
		t.Errorf("%s: %v, want the panic with its stack", doing, err)
	}
}

type panicky struct{}

func (panicky) Write([]byte) (int, error) { panic("out of order") }

// A panic in what ends a host is an error of the closing, and the others are
// closed all the same.
func TestTheClosingPanics(t *testing.T) {
	var rack Hosts[int]
	ctx := within(t, 30*time.Second)
	for _, name := range []string{"m1", "m2"} {
		m := newMachine(t)
		t.Cleanup(func() { _ = m.PowerOff(ctx) })
		_, err := rack.Provision(ctx, harness.HostSpec{Name: name}, func(taken int) (int, error) { return taken, nil },
			func(int) (*Host, error) { return NewHost(ctx, harness.HostSpec{Name: name}, m) })
		if err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan string, 2)
	places, _, err := rack.Close(func(h *Host) error {
		ended <- h.Name()
		if h.Name() == "m1" {
			panic("out of order")
		}
		return h.Destroy(ctx)
	})
	var crash *crew.Crash
	if !errors.As(err, &crash) || len(places) != 2 || len(ended) != 2 {
		t.Errorf("%d places, %d ended, %v", len(places), len(ended), err)
	}
}
