package main

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// loose is output that may stand still, or be gone, while something goes on that must not
// wait for it: a game day outlives the terminal that it was begun in. Writing never waits
// and never fails; what became of it is told in the end.
type loose struct {
	to   io.Writer
	more chan struct{} // there is something to write; closed in the end
	done chan struct{} // closed when everything is written, or cannot be
	most int           // bytes that are held

	mu    sync.Mutex
	held  []byte // not written yet
	lost  int    // bytes that there was no room for, after those that are held
	ended bool
	err   error
}

// mostHeld is how many bytes wait for an output that stands still: more than a game day
// says in days.
const mostHeld = 64 << 20

func loosen(to io.Writer) *loose {
	l := &loose{to: to, more: make(chan struct{}, 1), done: make(chan struct{}), most: mostHeld}
	go l.carry()
	return l
}

func (l *loose) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost > 0 || len(l.held)+len(p) > l.most {
		l.lost += len(p)
	} else {
		l.held = append(l.held, p...)
	}
	if !l.ended {
		select {
		case l.more <- struct{}{}:
		default: // it is known already
		}
	}
	return len(p), nil
}

func (l *loose) carry() {
	defer close(l.done)
	for range l.more {
		l.carryOne()
	}
	l.carryOne()
}

// carryOne writes what is held.
func (l *loose) carryOne() {
	l.mu.Lock()
	text, lost, err := l.held, l.lost, l.err
	l.held, l.lost = nil, 0
	l.mu.Unlock()
	if err != nil {
		return
	}
	if lost > 0 {
		text = fmt.Appendf(text, "… (%d bytes more were not shown)\n", lost)
	}
	if len(text) == 0 {
		return
	}
	if _, err = l.to.Write(text); err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.err = err
	}
}

// errStandsStill is why output was not written.
var errStandsStill = errors.New("it stands still")

// end waits until everything is written, for so long at most, and says why it was not.
func (l *loose) end(patience time.Duration) error {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	close(l.more)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-l.done:
		return l.err
	case <-timer.C:
		return errStandsStill
	}
}
