package main

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
)

// The first signal ends a command, whichever it is, and the next ones say that it is heard.
func TestInterrupts(t *testing.T) {
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		var told strings.Builder
		i, stop := interruptible(t.Context(), &told)
		i.hear(s)
		if err := context.Cause(i.ctx); !errors.Is(err, errInterrupted) || told.String() != "firedrill: interrupted, tearing down\n" {
			t.Errorf("%s: %v, %q", s, err, told.String())
		}
		i.hear(s)
		if !strings.Contains(told.String(), "still tearing down\nhint: after SIGKILL, ") {
			t.Errorf("%s: %q", s, told.String())
		}
		stop()
	}
}

// Whoever takes the signals says which of them end the command, until he leaves.
func TestInterruptsAreTaken(t *testing.T) {
	var told, elsewhere strings.Builder
	i, stop := interruptible(t.Context(), &told)
	defer stop()
	var heard []os.Signal
	back := i.takenBy(func(s os.Signal) bool {
		heard = append(heard, s)
		return s == syscall.SIGHUP
	}, &elsewhere)
	i.hear(syscall.SIGHUP)
	if i.ctx.Err() != nil || elsewhere.Len() > 0 {
		t.Errorf("what was taken ends it: %v, %q", i.ctx.Err(), elsewhere.String())
	}
	i.hear(os.Interrupt)
	i.hear(os.Interrupt)
	if i.ctx.Err() == nil || len(heard) != 2 || !strings.Contains(elsewhere.String(), "tearing down\nfiredrill: still") || told.Len() > 0 {
		t.Errorf("%v, %v, %q, %q", i.ctx.Err(), heard, elsewhere.String(), told.String())
	}
	back()
	if i.hear(os.Interrupt); len(heard) != 2 || told.Len() == 0 {
		t.Errorf("%v, %q", heard, told.String())
	}
	(*interrupts)(nil).takenBy(nil, nil)() // a command that hears none
}
