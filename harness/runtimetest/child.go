package runtimetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// The environment by which a test binary is told to be a child harness.
const (
	childDrill = "FIREDRILL_CHILD_DRILL" // the drill's ID
	childEnds  = "FIREDRILL_CHILD_ENDS"  // "killed": it waits for that; "closed": it closes its rack and exits
	// childServes begins the line that tells the client address of its etcd.
	childServes = "serves at "
)

// childLimit bounds a child's life until its etcd serves.
const childLimit = time.Minute

// Child makes this process what a spec started it for, if it did: a program on
// a host, or a harness of its own, which builds a rack with one etcd on it, tells
// the address, and waits to be killed. It returns false, having done nothing, in
// any other process, and exits with status 1 when something went wrong.
func Child(newRuntime func() (harness.Runtime, error)) (ran bool) {
	if program(os.Args) {
		return true
	}
	drill := os.Getenv(childDrill)
	if drill == "" {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), childLimit)
	err := child(ctx, newRuntime, drill, os.Getenv(childEnds) == "closed")
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "child harness:", err)
		os.Exit(1)
	}
	return true
}

// ChildEnv is the environment that makes a process a child harness which ends
// by itself, its rack closed, once its etcd has acknowledged a write.
func ChildEnv(drill string) []string {
	return []string{childDrill + "=" + drill, childEnds + "=closed"}
}

func child(ctx context.Context, newRuntime func() (harness.Runtime, error), drill string, closes bool) (err error) {
	runtime, err := newRuntime()
	if err != nil {
		return err
	}
	rack, err := runtime.Build(ctx, drill)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rack.Close(ctx, false)) }()
	host, err := rack.Provision(ctx, harness.HostSpec{Name: "m1"})
	if err != nil {
		return err
	}
	if err := order(ctx, host, flags(host, host)); err != nil {
		return err
	}
	if err := serving(ctx, host); err != nil {
		return err
	}
	out, err := host.Run(ctx, "mkdir -p /srv/locked/within && chmod 000 /srv/locked && rm -rf /tmp && mkdir /tmp && etcdctl version >/tmp/version && cat /tmp/version")
	if err != nil || !strings.Contains(out.Stdout, "etcdctl version") {
		return errors.Join(err, fmt.Errorf("run a script on m1: %+v", out))
	}
	fmt.Println(childServes + host.ClientAddress())
	if closes {
		return nil
	}
	_, err = io.Copy(io.Discard, os.Stdin) // until we are killed, or our parent was
	return err
}

// serving is awaitServing without Gomega, which a child has not.
func serving(ctx context.Context, host harness.Host) error {
	const pause = 20 * time.Millisecond
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		last := put(ctx, host, "serving", host.Name())
		if last == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("await that etcd on %s serves: %w; last: %w", host.Name(), ctx.Err(), last)
		}
	}
}
