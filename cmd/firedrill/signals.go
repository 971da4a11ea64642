package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// errInterrupted is the cause of a context that Ctrl-C or SIGTERM ended.
var errInterrupted = errors.New("interrupted")

// interrupts are the signals that end a command: Ctrl-C, SIGTERM and SIGHUP. The first
// ends the command's context. What was built is torn down all the same, and so it is at
// the second and third: it must not be left behind because somebody is in a hurry.
//
// SIGPIPE is taken too: by default a reader that goes away (run … | head) would
// end this process in the middle of a drill, with nothing torn down.
type interrupts struct {
	ctx context.Context
	end context.CancelCauseFunc

	mu    sync.Mutex
	told  io.Writer
	taker func(os.Signal) bool // see takenBy; nil: nobody
}

// interruptible returns a context that an interrupt ends. The returned function ends the
// watching and waits for it.
func interruptible(parent context.Context, told io.Writer) (*interrupts, func()) {
	i := &interrupts{told: told}
	i.ctx, i.end = context.WithCancelCause(parent)
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for s := range signals {
			if s != syscall.SIGPIPE {
				i.hear(s)
			}
		}
	}()
	return i, func() {
		signal.Stop(signals)
		close(signals)
		<-watched
		i.end(nil)
	}
}

// takenBy has somebody else hear the signals first, and is told by him whether that was
// all. Whatever is to be said goes elsewhere meanwhile. The returned function ends that.
func (i *interrupts) takenBy(taker func(os.Signal) bool, told io.Writer) func() {
	if i == nil {
		return func() {}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	before := i.told
	i.taker, i.told = taker, told
	return func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.taker, i.told = nil, before
	}
}

func (i *interrupts) hear(s os.Signal) {
	i.mu.Lock()
	taker, told := i.taker, i.told
	i.mu.Unlock()
	switch {
	case taker != nil && i.ctx.Err() == nil && taker(s):
	case i.ctx.Err() == nil:
		i.end(errInterrupted)
		fmt.Fprint(told, "firedrill: interrupted, tearing down\n")
	default:
		fmt.Fprint(told, "firedrill: still tearing down\nhint: after SIGKILL, `firedrill clean` removes what is left\n")
	}
}
