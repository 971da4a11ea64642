//go:build linux

package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/relay"
)

func TestScripts(t *testing.T) {
	w := boot(t, newMachine(t))
	for _, tt := range []struct {
		name, script   string
		code           int
		stdout, stderr string // stderr: a part of it
	}{
		{"output", "echo out; echo err >&2", 0, "out\n", "err"},
		{"exit code", "exit 7", 7, "", ""},
		{"last command's status", "false", 1, "", ""},
		{"errexit", "set -e; false; echo not reached", 1, "", ""},
		{"failure in the middle", "false; echo reached", 0, "reached\n", ""},
		{"syntax error", "if true; then", 2, "", "sh:1:"},
		{"bash is not sh", "a=(1 2)", 2, "", "sh:1:"},
		{"unknown command", "frobnicate --now", 127, "", "sh: frobnicate: not found"},
		{"not a program", "touch /tmp/x; chmod 755 /tmp/x; echo '\x01\x02' > /tmp/x; /tmp/x", 126, "", "sh: /tmp/x: exec format error"},
		{"starts in the root directory", "pwd; echo $HOME; echo ${ETCDCTL_API-unset}", 0, "/\n/root\nunset\n", ""},
		{"path", "echo $PATH", 0, "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/opt/etcd/bin\n", ""},
		{"standard input is empty", "cat; echo end", 0, "end\n", ""},
		{"no /dev/null needed", "echo lost > /dev/null; cat < /dev/null; etcdctl version 2> /dev/null | cat > /dev/null", 0, "", ""},
		{"here-document", "cat > /tmp/doc <<'EOF'\na $b\nEOF\ncat /tmp/doc", 0, "a $b\n", ""},
		{"pipes", "printf 'b\\na\\n' | cat | cat", 0, "b\na\n", ""},
		{"real etcd tools", "etcdutl version", 0, "etcdutl version: 3.7.3\nAPI version: 3.7\n", ""},
		{"a killed command", "kill_me() { etcdctl --endpoints=127.0.0.1:1 watch x & sleep 0.1; }; kill_me; echo done", 0, "done\n", ""},
		{"relative paths", "mkdir -p /tmp/rel && cd /tmp/rel && echo 1 > a && cp a b && mv b c && cat c && rm a && ls", 0, "1\nc\n", ""},
		{"environment", "export A=1; B=2; C=3 etcdctl version > /dev/null; echo $A$B$C", 0, "12\n", ""},
		{"closed pipe", "cat /usr/local/bin/etcd | true", 0, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := w.Run(within(t, 20*time.Second), tt.script)
			if err != nil {
				t.Fatal(err)
			}
			if out.ExitCode != tt.code || out.Stdout != tt.stdout || !strings.Contains(out.Stderr, tt.stderr) || (tt.stderr == "" && out.Stderr != "") {
				t.Errorf("%s\nexits with %d, prints %q and %q;\nwant %d, %q and %q", tt.script, out.ExitCode, out.Stdout, out.Stderr, tt.code, tt.stdout, tt.stderr)
			}
			if out.Duration <= 0 {
				t.Error("it took no time")
			}
		})
	}
}

// outOfTime does something whose time is up soon after it is seen to have begun,
// however long that took: when what it starts runs, and the pipes are full.
func outOfTime(t *testing.T, begun func() bool, do func(context.Context)) {
	t.Helper()
	ctx, end := context.WithCancelCause(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); do(ctx) }()
	defer func() { end(nil); <-done }()
	becomes(t, "it has begun", begun)
	time.AfterFunc(300*time.Millisecond, func() { end(context.DeadlineExceeded) })
	<-done
}

// A script that is out of time ends with all that it started: programs,
// their children, commands of our own, in pipes and in the background.
func TestScriptOutOfTime(t *testing.T) {
	w := boot(t, newMachine(t))
	for name, script := range map[string]string{
		"own command":     "sleep 60",
		"loop":            "while true; do sleep 0.01; done",
		"busy loop":       "while true; do true; done",
		"program":         "/fake/etcd --stubborn",
		"grandchild":      "/fake/etcd --child --stubborn",
		"pipe":            "/fake/etcd --stubborn | cat",
		"background":      "/fake/etcd --stubborn & sleep 60",
		"subshell":        "(/fake/etcd --stubborn; echo more)",
		"substitution":    "x=$(/fake/etcd --stubborn)",
		"a full pipe":     "cat /usr/local/bin/etcd | sleep 60",
		"waiting for one": "/fake/etcd --stubborn & wait",
	} {
		t.Run(name, func(t *testing.T) {
			before := len(inhabitants(t, w))
			mark := w.machine.file("tmp/" + strings.ReplaceAll(name, " ", "-"))
			begun := func() bool {
				_, err := os.Stat(mark)
				return err == nil && (!strings.Contains(script, "/fake/etcd") || len(inhabitants(t, w)) > before)
			}
			var out harness.Output
			var err error
			outOfTime(t, begun, func(ctx context.Context) {
				out, err = w.Run(ctx, "echo begun; touch /tmp/"+filepath.Base(mark)+"; "+script)
			})
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "m1") {
				t.Errorf("the error is %v", err)
			}
			// An agent that does not end it within hangUpLimit is not heard any more.
			if !strings.HasPrefix(out.Stdout, "begun\n") {
				t.Errorf("the output so far is %q", out.Stdout)
			}
			if after := inhabitants(t, w); len(after) > before {
				t.Errorf("still running: %v", after)
			}
		})
	}
}

// What a script leaves in the background ends with it.
func TestScriptLeavesNothing(t *testing.T) {
	w := boot(t, newMachine(t))
	before := len(inhabitants(t, w))
	w.sh(t, "/fake/etcd --stubborn & /fake/etcd --child & (sleep 100; touch /tmp/late) & sleep 0.2; echo on")
	if after := inhabitants(t, w); len(after) > before {
		t.Errorf("still running: %v", after)
	}
}

// inhabitants lists the processes whose root is the machine's.
func inhabitants(t *testing.T, w *world) []string {
	t.Helper()
	return processesIn(t, w.machine.root)
}

func TestScriptsAtOnce(t *testing.T) {
	w := boot(t, newMachine(t))
	results := make(chan error, 20)
	for i := range cap(results) {
		go func() {
			out, err := w.Run(context.Background(), fmt.Sprintf("cd /tmp; echo %d > f%d; cat f%d; etcdctl version > /dev/null", i, i, i))
			if err == nil && (out.ExitCode != 0 || out.Stdout != strconv.Itoa(i)+"\n") {
				err = fmt.Errorf("script %d: %+v", i, out)
			}
			results <- err
		}()
	}
	for range cap(results) {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

func TestOutputIsBounded(t *testing.T) {
	w := boot(t, newMachine(t))
	w.sh(t, "/fake/etcd --lines=30000 --exit=0 2> /tmp/big")
	out, err := w.Run(within(t, 20*time.Second), "cat /tmp/big; echo the end; echo short >&2")
	if err != nil {
		t.Fatal(err)
	}
	total := int64(30000*100 + len("the end\n"))
	if want := total - 2*relay.MostKept; out.Dropped != want {
		t.Errorf("%d bytes were dropped, want %d", out.Dropped, want)
	}
	if len(out.Stdout) != 2*relay.MostKept || !strings.HasPrefix(out.Stdout, strings.Repeat("0", 99)+"\n") || !strings.HasSuffix(out.Stdout, "29999\nthe end\n") {
		t.Errorf("%d bytes were kept, from %.20q to %q", len(out.Stdout), out.Stdout, out.Stdout[len(out.Stdout)-20:])
	}
	if out.Stderr != "short\n" {
		t.Errorf("standard error is %q", out.Stderr)
	}
	if out, _ = w.Run(within(t, 20*time.Second), `printf '\377\000\200'`); out.Stdout != "\xff\x00\x80" {
		t.Errorf("what is no text comes back as %q", out.Stdout)
	}
}
