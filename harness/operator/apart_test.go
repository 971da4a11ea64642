//go:build linux

package operator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/eviction"
)

// setApart is a desk, and a directory whose hiding sets its programs apart. What ends with
// the tag in its arguments is ended with the test.
func setApart(t *testing.T) (d *Desk, unseen, tag string) {
	t.Helper()
	unseen = t.TempDir()
	if err := tryHiding(within(t), unseen, true); err != nil {
		if os.Geteuid() == 0 && !errors.Is(err, unix.EPERM) {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	tag = fmt.Sprintf("%s-%d", strings.ReplaceAll(t.Name(), "/", "-"), os.Getpid())
	t.Cleanup(func() {
		if _, err := eviction.End(context.Background(), tagged(tag)); err != nil {
			t.Error(err)
		}
	})
	return newDesk(t), unseen, tag
}

// tagged knows processes by the last of their arguments: numbers that a program tells of
// itself are others for us, and its mark may be lost.
func tagged(tag string) eviction.Rule {
	return func(proc string) bool {
		text, err := os.ReadFile(filepath.Join(proc, "cmdline"))
		return err == nil && bytes.HasSuffix(text, []byte("\x00"+tag+"\x00"))
	}
}

// seen is how many there are of a rule.
func seen(t *testing.T, rule eviction.Rule) int {
	t.Helper()
	found, err := eviction.Find(rule)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range found {
		p.Close()
	}
	return len(found)
}

// TestHostile has a program that is out to leave something behind: without the mark, in
// another session, with nothing in its environment, and without a guard over it.
func TestHostile(t *testing.T) {
	const daemons = `
"$SELF" play daemon "$DIR/daemon" unmarked "$TAG"
setsid "$SELF" play daemon "$DIR/other" unmarked "$TAG"
`
	for name, c := range map[string]struct {
		then string
		code int
	}{
		"and ends":         {`kill -STOP $PPID; kill -9 $PPID; exit 3`, 3},
		"and kills itself": {`kill -9 $PPID; kill -9 $$`, 137},
		"and crashes it":   {`kill -ABRT $PPID; sleep 100`, -1}, // Go's runtime catches that one, and has us end of it
	} {
		t.Run(name, func(t *testing.T) {
			d, unseen, tag := setApart(t)
			environ, dir := env(t)
			var out strings.Builder
			code, err := d.Run(within(t), Program{
				Path: script(t, daemons+"echo begun\n"+c.then), Env: append(environ, "TAG="+tag),
				Unseen: unseen, Streams: harness.Streams{Out: &out},
			})
			if n := seen(t, tagged(tag)); n != 0 {
				t.Errorf("%d processes are left", n)
			}
			if code != c.code || errors.Is(err, ErrUnguarded) != (code == -1) || out.String() != "begun\n" || !exists(filepath.Join(dir, "other")) {
				t.Errorf("%d, %v, it said %q; want %d", code, err, out.String(), c.code)
			}
		})
	}
}

// TestHostileToTheEnd has such a program run until its context ends, or its guard is killed
// from outside, which nothing of it outlives either.
func TestHostileToTheEnd(t *testing.T) {
	reason := errors.New("it is late")
	for name, c := range map[string]struct {
		end  func(guard int, cancel context.CancelCauseFunc) error
		want error
	}{
		"its context": {func(_ int, cancel context.CancelCauseFunc) error { cancel(reason); return nil }, reason},
		"its guard":   {func(guard int, _ context.CancelCauseFunc) error { return unix.Kill(guard, unix.SIGKILL) }, ErrUnguarded},
	} {
		t.Run(name, func(t *testing.T) {
			d, unseen, tag := setApart(t)
			environ, dir := env(t)
			ctx, cancel := context.WithCancelCause(within(t))
			defer cancel(nil)
			w := watched{mark: deskMark(d.dir).ofProgram(1), apart: true, patience: guardLimit,
				path: script(t, `trap '' TERM; "$SELF" play daemon "$DIR/daemon" unmarked "$TAG"; : >"$DIR/up"; sleep 100`)}
			if err := w.start(Program{Env: append(environ, "TAG="+tag), Unseen: unseen}, d.Work()); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error)
			go func() {
				await(t, "it is up", func() bool { return exists(filepath.Join(dir, "up")) })
				ended <- c.end(w.guard.Process.Pid, cancel)
			}()
			_, err := w.await(ctx)
			if n := seen(t, tagged(tag)); n != 0 {
				t.Errorf("%d processes are left", n)
			}
			if killed := <-ended; killed != nil || !errors.Is(err, c.want) {
				t.Errorf("%v, %v; want %v", killed, err, c.want)
			}
		})
	}
}

// TestNumbers: /proc has a program's own processes, and none of ours; its number is none that
// every program has.
func TestNumbers(t *testing.T) {
	d, unseen, _ := setApart(t)
	environ, _ := env(t)
	var out strings.Builder
	code, err := d.Run(within(t), Program{
		Path: script(t, `cd /proc; for n in [0-9]*; do test $n = 1 -o $n -ge $$ || echo "it sees $n"; done
test "$(readlink $$/cwd)" = /proc || echo "it is another"
cat /proc/sys/kernel/ns_last_pid >/dev/null 2>&1 && test $$ -lt 300 && echo "it is number $$"; exit 0`),
		Env: environ, Unseen: unseen, Streams: harness.Streams{Out: &out},
	})
	if code != 0 || err != nil || out.String() != "" {
		t.Errorf("%d, %v: %s", code, err, out.String())
	}
}

// TestStuck has one process of a program's namespace never end, as one is that is stuck in the
// kernel: here nobody reaps it. The program's end does not wait for it.
func TestStuck(t *testing.T) {
	nsenter, err := exec.LookPath("nsenter")
	if err != nil {
		t.Skip(err)
	}
	d, unseen, tag := setApart(t)
	environ, dir := env(t)
	var out strings.Builder
	w := watched{mark: deskMark(d.dir).ofProgram(1), apart: true, patience: guardLimit,
		path: script(t, `: >"$DIR/up"; while ! test -e "$DIR/go"; do sleep 0.01; done; echo over; exit 6`)}
	if err := w.start(Program{Env: environ, Unseen: unseen, Streams: harness.Streams{Out: &out}}, d.Work()); err != nil {
		t.Fatal(err)
	}
	await(t, "it is up", func() bool { return exists(filepath.Join(dir, "up")) })
	guest := exec.Command(nsenter, "-t", fmt.Sprint(w.guard.Process.Pid), "-p", os.Args[0], "play", "stay", "marked", tag)
	guest.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	up, err := guest.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := guest.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := up.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(guest.Process.Signal(unix.SIGSTOP), os.WriteFile(filepath.Join(dir, "go"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	code, err := w.await(within(t))
	if code != 6 || err == nil || !strings.Contains(err.Error(), "left what could not be") || !strings.Contains(err.Error(), "\nhint: ") || out.String() != "over\n" {
		t.Errorf("%d, %v, it said %q", code, err, out.String())
	}
	if took := time.Since(begun); took < outputLinger || took > 2*outputLinger {
		t.Errorf("it took %v", took)
	}
	_ = guest.Process.Kill() // whose child is reaped now by whoever inherits it
	_ = guest.Wait()
	await(t, "the guard has ended", func() bool { return unix.Kill(w.guard.Process.Pid, 0) != nil })
}

// refusedNamespaces is a drill in a place where mounts may be set apart, and numbers not.
func refusedNamespaces(args []string) error {
	if err := os.WriteFile("/proc/sys/user/max_pid_namespaces", []byte("0"), 0); err != nil {
		return err
	}
	d, err := OpenDesk(args[0], "d1")
	if err != nil {
		return err
	}
	code, err := d.Run(context.Background(), Program{Path: args[1], Unseen: args[2], Env: os.Environ(), Streams: harness.Streams{Out: os.Stdout, Err: os.Stderr}})
	fmt.Println("ended with", code)
	return errors.Join(err, d.Close(false))
}

// TestRefused has no PID namespace to be had: a program runs as ever, and is kept from seeing
// what it is not to see.
func TestRefused(t *testing.T) {
	unseen := t.TempDir()
	if err := os.WriteFile(filepath.Join(unseen, "ledger.bin"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	environ, _ := env(t)
	cmd := exec.CommandContext(within(t), os.Args[0], "play", "refused", newBase(t),
		script(t, `test $PPID != 1 && echo "no first process"; ls -A "$LOOK"; "$SELF" play daemon "$DIR/daemon"; exit 4`), unseen)
	environ = append(environ, "LOOK="+unseen)
	cmd.Env = environ
	ids := []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER, UidMappings: ids, GidMappings: []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}}}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC) || strings.Contains(string(out), "permission denied") {
		t.Skipf("no user namespace in which to refuse it: %v, %s", err, out)
	}
	if err != nil || string(out) != "no first process\nended with 4\n" {
		t.Errorf("%v, it says %s", err, out)
	}
}
