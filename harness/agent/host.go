package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/crew"
)

// errReleased is returned by the methods of a Host after Close.
var errReleased = errors.New("the session to the host was released")

// Host is a machine for its whole life: power and place from a runtime, all
// else through the machine's agent. It implements harness.Host; its methods may
// be called from several goroutines.
//
// Power changes hands one at a time. While the host is off its methods return
// an error that wraps harness.ErrHostOff, once it is destroyed
// harness.ErrHostGone, and harness.ErrAgentLost when the session ended by
// itself, until the host is powered off and on again.
type Host struct {
	spec  harness.HostSpec
	power Power

	switching sync.Mutex // held while power changes
	telling   sync.Mutex // held while an event is delivered

	mu      sync.Mutex
	link    *link // nil: see down
	down    error // why there is no session
	lost    chan struct{}
	latest  news
	crash   error         // the first panic in what the events or the log are told to
	changed chan struct{} // closed and replaced when latest, link or down change
}

var _ harness.Host = (*Host)(nil)

// NewHost powers a machine on and returns once its agent has answered. From
// then on spec.Event is told what happens on the host, what happened before
// included, and etcd's log goes to spec.Log. If it fails the machine is powered
// off again.
func NewHost(ctx context.Context, spec harness.HostSpec, power Power) (*Host, error) {
	h := &Host{spec: spec, power: power, down: harness.ErrHostOff, changed: make(chan struct{})}
	if err := h.PowerOn(ctx); err != nil {
		return nil, err
	}
	return h, nil
}

// Name is the host's name in its rack.
func (h *Host) Name() string { return h.spec.Name }

// PeerAddress is an IP address by which other hosts of the rack reach this one.
func (h *Host) PeerAddress() string { return h.power.PeerAddress() }

// ClientAddress is host:port by which the harness reaches this host's etcd.
func (h *Host) ClientAddress() string { return h.power.ClientAddress() }

// gone tells whether the host was destroyed.
func (h *Host) gone() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return errors.Is(h.down, harness.ErrHostGone)
}

// PowerOn brings the host up, with the disk and the addresses it had, and
// returns once its agent has answered. It is an error if it is up already.
func (h *Host) PowerOn(ctx context.Context) error {
	h.switching.Lock()
	defer h.switching.Unlock()
	h.mu.Lock()
	up, down := h.link != nil, h.down
	h.mu.Unlock()
	switch {
	case up:
		return h.wrap("power on", errors.New("it is on already"))
	case !errors.Is(down, harness.ErrHostOff):
		return h.wrap("power on", down)
	}
	session, err := h.power.PowerOn(ctx)
	if err != nil {
		return h.wrap("power on", err)
	}
	l, err := shakeHands(ctx, session)
	if err != nil {
		off, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupLimit)
		defer cancel()
		return h.wrap("reach the agent", errors.Join(err, h.power.PowerOff(off)))
	}
	lost := make(chan struct{})
	h.set(func() { h.link, h.down, h.latest, h.lost = l, nil, news{}, lost })
	h.tell(harness.HostEvent{Kind: harness.HostPowered})
	// They fail only with the session, of which guard tells.
	_ = l.follow(ctx, verbWatch, func(r io.Reader) { h.surely(func() { h.readNews(r) }) })
	_ = l.follow(ctx, verbLog, func(r io.Reader) { h.surely(func() { h.readLog(r) }) })
	go func() {
		defer close(lost)
		h.surely(func() { h.guard(l) })
	}()
	return nil
}

// cleanupLimit bounds the powering off of a machine that did not come up.
const cleanupLimit = 10 * time.Second

// guard waits for the session's end and tells of it if nobody wanted it.
func (h *Host) guard(l *link) {
	<-l.mux.CloseChan()
	l.close()
	unwanted := false
	h.set(func() {
		if h.link == l {
			unwanted = true
			h.link, h.down = nil, harness.ErrAgentLost
			if h.crash != nil {
				h.down = fmt.Errorf("%w: %w", harness.ErrAgentLost, h.crash)
			}
		}
	})
	if unwanted {
		h.tell(harness.HostEvent{Kind: harness.AgentLost, Text: harness.ErrAgentLost.Error()})
	}
}

// surely does what runs code of others: Event, or Log's Write. If that panics the
// host is of no use any more, for what happens on it is not told: its session
// ends, and Close returns the panic.
func (h *Host) surely(do func()) {
	err := crew.Caught(do)
	if err == nil {
		return
	}
	h.mu.Lock()
	if h.crash == nil {
		h.crash = fmt.Errorf("what is told of %s panicked: %w", h.spec.Name, err)
	}
	l := h.link
	h.mu.Unlock()
	if l != nil {
		_ = l.mux.Close() // it always succeeds; guard tells
	}
}

func (h *Host) crashed() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.crash
}

// PowerOff is as pulling the plug: nothing is flushed or told. It is nil if the
// host is off already.
func (h *Host) PowerOff(ctx context.Context) error {
	h.switching.Lock()
	defer h.switching.Unlock()
	h.mu.Lock()
	l, lost, down := h.link, h.lost, h.down
	h.mu.Unlock()
	if l == nil && !errors.Is(down, harness.ErrAgentLost) {
		if errors.Is(down, harness.ErrHostOff) {
			return nil
		}
		return h.wrap("power off", down)
	}
	h.set(func() { h.link, h.down = nil, harness.ErrHostOff })
	if err := h.power.PowerOff(ctx); err != nil {
		forget(l, lost)
		return h.wrap("power off", err)
	}
	h.drain(ctx, l)
	forget(l, lost)
	h.tell(harness.HostEvent{Kind: harness.HostUnpowered})
	return h.crashed()
}

// drainLimit is how long the last words of a host whose power is gone are
// waited for: they are in a buffer of ours or nowhere.
const drainLimit = time.Second

// drain lets the session end by itself, so that what etcd had logged arrives.
func (h *Host) drain(ctx context.Context, l *link) {
	if l == nil {
		return
	}
	limit := time.NewTimer(drainLimit)
	defer limit.Stop()
	select {
	case <-l.mux.CloseChan():
	case <-limit.C:
	case <-ctx.Done():
	}
}

// forget ends a session and waits for what followed it.
func forget(l *link, lost <-chan struct{}) {
	if l != nil {
		l.close()
	}
	if lost != nil {
		<-lost
	}
}

// Destroy removes the machine and its disk. It is nil if it is gone already.
func (h *Host) Destroy(ctx context.Context) error {
	h.switching.Lock()
	defer h.switching.Unlock()
	h.mu.Lock()
	l, lost, down := h.link, h.lost, h.down
	h.mu.Unlock()
	if errors.Is(down, harness.ErrHostGone) {
		return nil
	}
	h.set(func() { h.link, h.down = nil, harness.ErrHostOff })
	if err := h.power.Destroy(ctx); err != nil {
		forget(l, lost)
		return h.wrap("destroy", err)
	}
	h.set(func() { h.down = harness.ErrHostGone })
	h.drain(ctx, l)
	forget(l, lost)
	h.tell(harness.HostEvent{Kind: harness.HostDestroyed})
	return h.crashed()
}

// Close releases the session without touching the machine, which may then
// live on (a container) or not (a process, whose lifeline the session is). The
// error is a panic in what spec.Event or spec.Log did.
func (h *Host) Close() error {
	h.switching.Lock()
	defer h.switching.Unlock()
	h.mu.Lock()
	l, lost := h.link, h.lost
	h.mu.Unlock()
	h.set(func() {
		h.link = nil
		if !errors.Is(h.down, harness.ErrHostGone) {
			h.down = errReleased
		}
	})
	forget(l, lost)
	return h.crashed()
}

// set changes what mu guards and wakes those who wait for a change.
func (h *Host) set(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
	close(h.changed)
	h.changed = make(chan struct{})
}

// tell delivers an event, one at a time.
func (h *Host) tell(e harness.HostEvent) {
	if h.spec.Event == nil {
		return
	}
	h.telling.Lock()
	defer h.telling.Unlock()
	e.Host = h.spec.Name
	h.surely(func() { h.spec.Event(e) })
}

func (h *Host) readNews(r io.Reader) {
	for {
		var n news
		if err := readFrame(r, &n); err != nil {
			return // the session ended; guard tells
		}
		h.learn(n)
		if n.Event != nil {
			h.tell(harness.HostEvent{Kind: n.Event.Kind, Exit: n.Event.Exit, Text: n.Event.Text})
		}
	}
}

// learn takes news unless newer ones are known.
func (h *Host) learn(n news) {
	h.mu.Lock()
	newer := n.Number > h.latest.Number
	h.mu.Unlock()
	if newer {
		h.set(func() {
			if n.Number > h.latest.Number {
				h.latest = n
			}
		})
	}
}

func (h *Host) readLog(r io.Reader) {
	w := h.spec.Log
	if w == nil {
		w = io.Discard
	}
	content := &chunkReader{r: r}
	if _, err := io.Copy(w, content); err == nil {
		return
	}
	// The session ended, or the log's reader is broken. In that case what comes
	// is thrown away, so that nothing waits for a reader that will not read.
	_, _ = io.Copy(io.Discard, content)
}

func (h *Host) wrap(verb string, err error) error {
	return fmt.Errorf("%s %s: %w", verb, h.spec.Name, err)
}
