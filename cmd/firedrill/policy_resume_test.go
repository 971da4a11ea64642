package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness/hardware"
)

// A sweep whose hosts would lie on another file system is not gone on with: figures
// of both would be counted as one.
func TestAPolicyIsNotResumedOnAnotherDisk(t *testing.T) {
	const memory = "/dev/shm"
	is, was := hardware.This(memory).Disk, hardware.This(os.TempDir()).Disk
	if is == was {
		t.Skipf("%s and %s are both %q", memory, os.TempDir(), is)
	}
	th := newTheatre(t)
	th.write(t, "small.yaml", small)
	ctx, cancel := context.WithCancelCause(t.Context())
	th.during = func(context.Context) { cancel(errInterrupted) }
	if code := th.execute(ctx, "policy", "small.yaml", "--out", "s", "--runtime", "process"); code != exitBroke {
		t.Fatalf("exit %d, %s", code, th.stderr.String())
	}
	th.during = nil
	before := len(th.options)
	there := os.Getenv("TMPDIR")
	t.Setenv("TMPDIR", memory)
	says := fmt.Sprintf("the file system that hosts lie on, which TMPDIR chooses, is %s, and was %s", is, was)
	if code := th.policy(t, "--resume", "s"); code != exitBroke || !strings.Contains(th.stderr.String(), says) || len(th.options) != before {
		t.Errorf("exit %d, %s, want %q", code, th.stderr.String(), says)
	}
	t.Setenv("TMPDIR", there)
	if code := th.policy(t, "--resume", "s"); code != exitHeld {
		t.Errorf("exit %d, %s", code, th.stderr.String())
	}
}
