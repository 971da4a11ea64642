package main

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

// stalled is a terminal that stands still until it is let go.
type stalled struct {
	mu      sync.Mutex
	shown   bytes.Buffer
	goes    chan struct{}
	reached chan struct{} // closed at the first write
	once    sync.Once
}

func newStalled() *stalled {
	return &stalled{goes: make(chan struct{}), reached: make(chan struct{})}
}

func (s *stalled) Write(p []byte) (int, error) {
	s.once.Do(func() { close(s.reached) })
	<-s.goes
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown.Write(p)
}

func (s *stalled) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown.String()
}

// Whoever writes does not wait for an output that stands still; it has everything once it
// goes on, in order, as far as there was room.
func TestLooseOutput(t *testing.T) {
	to := newStalled()
	l := loosen(to)
	l.most = 12
	say := func(text string) {
		if n, err := l.Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("%q: %d, %v", text, n, err)
		}
	}
	say("one\n")
	<-to.reached // by the first alone
	say("two\n")
	say("three\n")
	say("too much\n")
	say("4\n") // for which there would be room, and which would stand in the wrong place
	if err := l.end(10 * time.Millisecond); !errors.Is(err, errStandsStill) {
		t.Errorf("in the end: %v", err)
	}
	close(to.goes)
	<-l.done
	if want := "one\ntwo\nthree\n… (11 bytes more were not shown)\n"; to.text() != want {
		t.Errorf("%q, want %q", to.text(), want)
	}
	say("late\n") // which is nobody's error
}

// gone is a terminal that was closed.
type gone struct{ writes int }

var errGone = errors.New("input/output error")

func (g *gone) Write([]byte) (int, error) { g.writes++; return 0, errGone }

func TestLooseOutputIsGone(t *testing.T) {
	to := &gone{}
	l := loosen(to)
	for range 100 {
		if _, err := l.Write([]byte("line\n")); err != nil {
			t.Error(err)
		}
	}
	if err := l.end(time.Minute); !errors.Is(err, errGone) || to.writes != 1 {
		t.Errorf("after %d writes: %v", to.writes, err)
	}
	var whole strings.Builder
	if l = loosen(&whole); l.end(time.Minute) != nil || whole.Len() > 0 {
		t.Errorf("of nothing: %q", whole.String())
	}
}
