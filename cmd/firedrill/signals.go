package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// errInterrupted is the cause of a context that Ctrl-C or SIGTERM ended.
var errInterrupted = errors.New("interrupted")

// interruptible returns a context that ends at Ctrl-C, SIGTERM or SIGHUP. A
// drill is torn down all the same, and so it is at the second and third: what
// was built must not be left behind because somebody is in a hurry. The
// returned function ends the watching and waits for it.
//
// SIGPIPE is taken too: by default a reader that goes away (run … | head) would
// end this process in the middle of a drill, with nothing torn down.
func interruptible(parent context.Context, told io.Writer) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for s := range signals {
			switch {
			case s == syscall.SIGPIPE:
			case ctx.Err() == nil:
				cancel(errInterrupted)
				fmt.Fprint(told, "firedrill: interrupted, tearing down\n")
			default:
				fmt.Fprint(told, "firedrill: still tearing down\nhint: after SIGKILL, `firedrill clean` removes what is left\n")
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(signals)
		<-watched
		cancel(nil)
	}
}
