package bastion

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

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-firedrill/firedrill/harness"
)

// playTool is a tool of a test's: a shell with this script.
func playTool(args []string) {
	err := syscall.Exec("/bin/sh", append([]string{"sh", "-c"}, args...), os.Environ())
	fmt.Fprintln(os.Stderr, err)
	os.Exit(99)
}

// notes are an estate that writes down which tools were run, and how that ended.
type notes struct {
	calls chan Call
	ended chan error
	codes chan int
}

func newNotes() notes {
	return notes{make(chan Call, 9), make(chan error, 9), make(chan int, 9)}
}

func (n notes) Do(ctx context.Context, c Call, s harness.Streams) (int, error) {
	n.calls <- c
	code, err := AwaitTool(s)
	n.codes <- code
	n.ended <- err
	return code, err
}

// called is a tool that is about to be run where the bastion at this socket is known.
func called(t *testing.T, socket string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(t.TempDir(), "etcdctl")
	if err := os.Symlink(self, bin); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), bin, args...)
	cmd.Env = append(os.Environ(), SocketVariable+"="+socket, ByVariable+"=ann", "ETCDCTL="+bin)
	return cmd
}

// What a tool is asked for is told before it runs, and how it ended after. It is run as it
// was called, and so is what it starts itself.
func TestAToolIsToldOf(t *testing.T) {
	n := newNotes()
	server := serve(t, n)
	cmd := called(t, server.Path(), `cat; echo "$@" >&2; "$ETCDCTL" "exit 3"; exit $(($? + 4))`, "sh", "--user=root:secret", "--password", "secret", "put", "k")
	cmd.Stdin = strings.NewReader("from here")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != 7 {
		t.Errorf("it ended with %v", err)
	}
	if out.String() != "from here" || errs.String() != "--user=root:secret --password secret put k\n" {
		t.Errorf("it printed %q and %q", out.String(), errs.String())
	}
	want := Call{By: "ann", Verb: Tool, Args: []string{"etcdctl", cmd.Args[1], "sh", "--user=root:***", "--password", "***", "put", "k"}}
	if diff := cmp.Diff(want, <-n.calls); diff != "" {
		t.Errorf("it was announced otherwise: %s", diff)
	}
	if inner := <-n.calls; inner.Args[1] != "exit 3" {
		t.Errorf("what it started was announced as %v", inner.Args)
	}
	for range 2 {
		if err := <-n.ended; err != nil {
			t.Error(err)
		}
	}
	if inner, outer := <-n.codes, <-n.codes; inner != 3 || outer != 7 {
		t.Errorf("they are said to have ended with %d and %d", inner, outer)
	}
}

// Signals are the tool's, and whoever waits for it sees which one ended it.
func TestAToolIsSignalled(t *testing.T) {
	for name, c := range map[string]struct {
		script, ends string
		code         int
	}{
		"and ends of it":      {"echo up; exec sleep 600", "signal: terminated", 128 + 15},
		"and does as it says": {"trap 'exit 9' TERM; echo up; while :; do sleep 0.05; done", "exit status 9", 9},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNotes()
			cmd := called(t, serve(t, n).Path(), c.script)
			up, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := up.Read(make([]byte, 2)); err != nil {
				t.Error(err)
			}
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
			if err := cmd.Wait(); err == nil || err.Error() != c.ends {
				t.Errorf("it ended with %v", err)
			}
			if code := <-n.codes; code != c.code {
				t.Errorf("it is said to have ended with %d", code)
			}
		})
	}
}

// A tool that is killed with what told of it is gone, and it is said that nobody knows how.
func TestAToolIsKilled(t *testing.T) {
	n := newNotes()
	cmd := called(t, serve(t, n).Path(), "echo up; exec sleep 600")
	up, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := up.Read(make([]byte, 3)); err != nil {
		t.Error(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	// It ends when the tool, which holds it as well, has.
	if n, err := up.Read(make([]byte, 1)); n != 0 {
		t.Errorf("it went on: %v", err)
	}
	_ = cmd.Wait()
	if err := <-n.ended; err == nil || !strings.Contains(err.Error(), "nobody told how it ended") {
		t.Errorf("it ended with %v", err)
	}
}

// Without a bastion that answers a tool is what it always was; where the rules say no, it
// is not run.
func TestAToolWithoutABastion(t *testing.T) {
	busy, served := open(t, estate(func(ctx context.Context, _ Call, s harness.Streams) (int, error) {
		fmt.Fprintln(s.Out, "begin")
		<-ctx.Done()
		return 0, context.Cause(ctx)
	}))
	paused := serve(t, estate(func(context.Context, Call, harness.Streams) (int, error) { return 0, Refuse("the exercise is paused") }))
	broken := serve(t, estate(func(context.Context, Call, harness.Streams) (int, error) { return 0, errors.New("the disk is full") }))
	for name, c := range map[string]struct {
		socket, says string
		code         int
	}{
		"nobody is there":   {"/nowhere/bastion.sock", "ran", 5},
		"not in a drill":    {"", "ran", 5},
		"the drill broke":   {broken.Path(), "ran", 5},
		"it is paused":      {paused.Path(), "etcdctl: firedrill: the exercise is paused", CodeRefused},
		"it ends meanwhile": {busy.Path(), "ran", 5},
	} {
		cmd := called(t, c.socket, "read -r line; echo ran; exit 5")
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if name == "it ends meanwhile" {
			if err := errors.Join(busy.Close(), <-served); err != nil {
				t.Error(err)
			}
		}
		_ = in.Close()
		_ = cmd.Wait()
		if got := strings.TrimSpace(out.String()); got != c.says || cmd.ProcessState.ExitCode() != c.code {
			t.Errorf("%s: exit code %d, %q", name, cmd.ProcessState.ExitCode(), got)
		}
	}
}

// Secrets are not told, and everything else is.
func TestMasked(t *testing.T) {
	for line, want := range map[string]string{
		"":                           "",
		"get --prefix /":             "get --prefix /",
		"--user root get k":          "--user root get k",
		"--user root:s get k":        "--user root:*** get k",
		"--user=root:s:t get k":      "--user=root:*** get k",
		"--password=s get k":         "--password=*** get k",
		"get k --password s":         "get k --password ***",
		"get k --password":           "get k --password",
		"--auth-jwt-token eyJ get k": "--auth-jwt-token *** get k",
		"user add ann:s":             "user add ann:***",
		"user add ann":               "user add ann",
		"us ad ann:s":                "us ad ann:***",
		"--endpoints x user add a:s": "--endpoints x user add a:***",
		"user add a --new-user-password s --interactive=false": "user add a --new-user-password *** --interactive=false",
		"make-mirror --dest-user r:s --dest-password=s h:2379": "make-mirror --dest-user r:*** --dest-password=*** h:2379",
		"put user add:s":         "put user add:s",
		"--key /pki/client.key":  "--key /pki/client.key",
		"put k user add secret:": "put k user add secret:***", // more than needed
	} {
		args := strings.Fields(line)
		before := strings.Join(args, " ")
		if got := strings.Join(Masked(args), " "); got != want {
			t.Errorf("%q is told as %q", line, got)
		}
		if after := strings.Join(args, " "); after != before {
			t.Errorf("%q was changed itself: %q", before, after)
		}
	}
}

func TestMaskedCommand(t *testing.T) {
	for line, want := range map[string]string{
		"":                             "",
		"m1 cat /etc/etcd/etcdctl.yml": "m1 cat /etc/etcd/etcdctl.yml",
		"m1 -- etcdctl --user root:s --password s get k": "m1 -- etcdctl --user root:*** --password *** get k",
		"m1 env ETCDCTL_API=3 /bin/etcdctl user add a:s": "m1 env ETCDCTL_API=3 /bin/etcdctl user add a:***",
		"m1 mail --user ann:s":                           "m1 mail --user ann:s",
	} {
		words := strings.Fields(line)
		if got := strings.Join(MaskedCommand(words), " "); got != want {
			t.Errorf("%q is told as %q", line, got)
		}
		if after := strings.Join(words, " "); after != line {
			t.Errorf("%q was changed itself: %q", line, after)
		}
	}
}
