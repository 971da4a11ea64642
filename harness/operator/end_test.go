//go:build linux

package operator

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/owner"
)

// leaves is the part of a script that leaves three processes behind: one in the
// background, and two daemons, of which one has lost its mark.
const leaves = `
sleep 100 & echo $! >"$DIR/background"
"$SELF" play daemon "$DIR/daemon"
"$SELF" play daemon "$DIR/unmarked" unmarked
`

var left = []string{"background", "daemon", "unmarked"}

// TestNothingIsLeft ends a program that leaves processes in other sessions.
func TestNothingIsLeft(t *testing.T) {
	d := newDesk(t)
	environ, dir := env(t)
	begun := time.Now()
	code, err := d.Run(within(t), Program{Path: script(t, leaves+"exit 3"), Env: environ})
	if code != 3 || err != nil {
		t.Errorf("%d, %v", code, err)
	}
	for _, name := range left {
		if n := pid(t, filepath.Join(dir, name)); unix.Kill(n, 0) == nil {
			t.Errorf("the %s process %d is left", name, n)
		}
	}
	t.Log("took", time.Since(begun))
}

// TestTheGuardIsKilled has a program that kills its parent.
func TestTheGuardIsKilled(t *testing.T) {
	d := newDesk(t)
	environ, dir := env(t)
	var out strings.Builder
	code, err := d.Run(within(t), Program{
		Path: script(t, `"$SELF" play daemon "$DIR/daemon"; sleep 100 & echo begun; kill -9 $PPID; sleep 100`),
		Env:  environ, Streams: harness.Streams{Out: &out},
	})
	if code != -1 || !errors.Is(err, ErrUnguarded) || out.String() != "begun\n" {
		t.Errorf("%d, %v, it said %q", code, err, out.String())
	}
	if n := pid(t, filepath.Join(dir, "daemon")); alive(n) {
		t.Errorf("the daemon %d is left", n)
	}
	// What else was left is looked for when the desk is closed.
}

// TestTheGuardIsStopped has a program that stops its parent, which can then
// neither see its end nor hear that it is to end it.
func TestTheGuardIsStopped(t *testing.T) {
	d := newDesk(t)
	environ, dir := env(t)
	reason := errors.New("it is late")
	ctx, cancel := context.WithCancelCause(within(t))
	path := script(t, `"$SELF" play daemon "$DIR/daemon"; kill -STOP $PPID; : >"$DIR/stopped"; sleep 100`)
	w := watched{mark: deskMark(d.dir).ofProgram(1), path: path, patience: 100 * time.Millisecond}
	if err := w.start(Program{Env: environ}, d.Work()); err != nil {
		t.Fatal(err)
	}
	go func() {
		await(t, "the guard is stopped", func() bool { return exists(filepath.Join(dir, "stopped")) })
		cancel(reason)
	}()
	code, err := w.await(ctx)
	if code != -1 || !errors.Is(err, ErrUnguarded) || !errors.Is(err, reason) {
		t.Errorf("%d, %v", code, err)
	}
	if n := pid(t, filepath.Join(dir, "daemon")); alive(n) {
		t.Errorf("the daemon %d is left", n)
	}
}

// TestProgramsOfOneDesk ends one and leaves the other alone.
func TestProgramsOfOneDesk(t *testing.T) {
	d := newDesk(t)
	environ, dir := env(t)
	ended := make(chan error)
	go func() {
		code, err := d.Run(within(t), Program{Path: script(t, `: >"$DIR/up"; while ! test -e "$DIR/go"; do sleep 0.01; done; exit 8`), Env: environ})
		if code != 8 && err == nil {
			err = fmt.Errorf("it ended with %d", code)
		}
		ended <- err
	}()
	await(t, "the first is up", func() bool { return exists(filepath.Join(dir, "up")) })
	if _, _, err := run(t, d, "kill -9 $PPID; sleep 100"); !errors.Is(err, ErrUnguarded) {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error("the other one:", err)
	}
}

// TestTheContextEnds ends programs by their context: one that cleans up after
// itself, and one that hears nothing.
func TestTheContextEnds(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		code int
		out  string
	}{
		// In the background: a shell heeds no trap before what it runs in front has ended,
		// and a child that is forked just then is not told.
		"cleans up":     {`trap 'echo cleaned up; exit 9' TERM; echo begun; : >"$DIR/up"; sleep 100 & wait`, 9, "begun\ncleaned up\n"},
		"minds nothing": {`trap '' TERM HUP INT; echo begun; : >"$DIR/up"; sleep 100`, 137, "begun\n"},
		"was stopped":   {`echo begun; : >"$DIR/up"; kill -STOP $$`, 143, "begun\n"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			environ, dir := env(t)
			reason := errors.New("it is late")
			ctx, cancel := context.WithCancelCause(within(t))
			defer cancel(nil)
			go func() {
				await(t, "it is up", func() bool { return exists(filepath.Join(dir, "up")) && exists(filepath.Join(dir, "unmarked")) })
				cancel(reason)
			}()
			var out strings.Builder
			code, err := d.Run(ctx, Program{Path: script(t, leaves+c.text), Env: environ, Streams: harness.Streams{Out: &out}})
			if code != c.code || !errors.Is(err, reason) || out.String() != c.out {
				t.Errorf("%d, %v, it said %q; want %d, %q", code, err, out.String(), c.code, c.out)
			}
			for _, name := range left {
				if n := pid(t, filepath.Join(dir, name)); alive(n) {
					t.Errorf("the %s process %d is left", name, n)
				}
			}
		})
	}
}

// TestTheDrillIsKilled kills the process that runs a program, and, then, the
// guard with it.
func TestTheDrillIsKilled(t *testing.T) {
	for name, withGuard := range map[string]bool{"alone": false, "with the guard": true} {
		t.Run(name, func(t *testing.T) {
			base := newBase(t)
			environ, dir := env(t)
			text := leaves + `echo $$ >"$DIR/program"; echo $PPID; sleep 100`
			if !withGuard {
				text = "trap '' TERM\n" + text
			}
			other := exec.Command(os.Args[0], "play", "drill", base, script(t, text))
			other.Env = environ
			other.Stderr = os.Stderr
			out, err := other.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := other.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(out).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			guard, err := strconv.Atoi(strings.TrimSpace(line))
			if err != nil {
				t.Fatal(err)
			}
			if withGuard {
				// Stopped first, so that it cannot see the other's end.
				if err := errors.Join(unix.Kill(guard, unix.SIGSTOP), other.Process.Kill(), unix.Kill(guard, unix.SIGKILL)); err != nil {
					t.Fatal(err)
				}
			} else if err := other.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = other.Wait()
			base, err = owner.Resolve(base)
			if err != nil {
				t.Fatal(err)
			}
			desk := filepath.Join(base, "d1", deskDir)
			if withGuard {
				await(t, "the program died with its guard", func() bool { return !alive(pid(t, filepath.Join(dir, "program"))) })
			} else {
				// The guard is the last that bears the mark.
				await(t, "all are gone", func() bool { return len(bearers(t, desk)) == 0 })
				for _, name := range append(left, "program") {
					if n := pid(t, filepath.Join(dir, name)); alive(n) {
						t.Errorf("the %s process %d is left", name, n)
					}
				}
			}

			heir, err := owner.Inherit(base, "d1")
			if err != nil {
				t.Fatal(err)
			}
			ended, err := Sweep(t.Context(), heir.Dir())
			if err != nil || (ended > 0) != withGuard {
				t.Errorf("sweeping ended %d, %v", ended, err)
			}
			if pids := bearers(t, desk); len(pids) > 0 || exists(desk) {
				t.Errorf("processes %v are left, and the desk: %v", pids, exists(desk))
			}
			if err := heir.Release(false); err != nil || exists(base) {
				t.Errorf("%v, and %s is still there: %v", err, base, exists(base))
			}
			if withGuard { // its mark and its guard are gone: nothing is left to know it by
				_ = unix.Kill(pid(t, filepath.Join(dir, "unmarked")), unix.SIGKILL)
			}
		})
	}
}

func TestMarks(t *testing.T) {
	a, b := deskMark("/tmp/firedrill-0/1/desk"), deskMark("/tmp/firedrill-0/2/desk")
	if a == b || a&programMask != 0 || a < markBit || a.ofProgram(3) != a|3 || a.ofProgram(1<<programBits) != a {
		t.Errorf("the marks are %x, %x, the third program's is %x", a, b, a.ofProgram(3))
	}
	if own := markOf("/proc/self"); own != 0 {
		t.Errorf("we bear the mark %x", own)
	}
	environ, _ := env(t)
	base := newBase(t)
	other := exec.Command(os.Args[0], "play", "lowered", base, script(t, "exit 0"))
	other.Env = environ
	out, err := other.CombinedOutput()
	for _, want := range []string{"run restore.sh: mark the program", "the hard limit is 1000", "\nhint: ulimit -Hx"} {
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("where it cannot be marked: %v, %q, want %q", err, out, want)
		}
	}
}

// TestAsAnOrdinaryUser runs all of the above as one.
func TestAsAnOrdinaryUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("they were run by an ordinary user already")
	}
	dir, err := os.MkdirTemp("/tmp", "firedrill-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	// It is a whole run, which has what time is left of this one's.
	ctx := t.Context()
	if limit, limited := t.Deadline(); limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, limit.Add(-10*time.Second))
		defer cancel()
	}
	cmd := exec.CommandContext(ctx, publicCopy(t, dir))
	cmd.Env = append(os.Environ(), "TMPDIR="+dir, "HOME="+dir)
	cmd.Dir = dir
	cmd.SysProcAttr = asNobody()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
