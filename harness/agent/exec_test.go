//go:build linux

package agent

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// exec runs a command, and returns what it printed.
func (w *world) exec(t *testing.T, in io.Reader, argv ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code, err := w.Exec(within(t, 30*time.Second), argv, harness.Streams{In: in, Out: &out, Err: &errs})
	if err != nil {
		t.Fatalf("%q: %v", argv, err)
	}
	return code, out.String(), errs.String()
}

func TestExec(t *testing.T) {
	w := boot(t, newMachine(t))
	w.sh(t, "mkdir /srv; printf '#!/bin/sh -eu\\necho $0 $#; false; echo no\\n' > /srv/script; printf '#!/opt/none\\n' > /srv/other; chmod 755 /srv/*")
	for _, tt := range []struct {
		argv           []string
		in             string
		code           int
		stdout, stderr string // stderr: a part of it
	}{
		{[]string{"pwd"}, "", 0, "/\n", ""},
		{[]string{"echo", "a  b", "*", "$HOME", `'"\`, ""}, "", 0, `a  b * $HOME '"\ ` + "\n", ""},
		{[]string{"cat"}, "\x00\xff\n", 0, "\x00\xff\n", ""},
		{[]string{"cat", "/none"}, "", 1, "", "cat: open /none"},
		{[]string{"false"}, "", 1, "", ""},
		{[]string{"exit", "7"}, "", 7, "", ""},
		{[]string{"test", "-e", "/srv"}, "", 0, "", ""},
		{[]string{"etcdutl", "version"}, "", 0, "etcdutl version: 3.7.3\nAPI version: 3.7\n", ""},
		{[]string{"/fake/etcd", "--print=problem", "--exit=9"}, "", 9, "", "problem\n"},
		{[]string{"/fake/etcd", "--crash"}, "", 137, "", ""},
		{[]string{"no-such-program"}, "", 127, "", "sh: no-such-program: not found\n"},
		{[]string{""}, "", 127, "", "not found"},
		{[]string{"/srv"}, "", 127, "", "not found"},
		{[]string{"if"}, "", 127, "", "sh: if: not found\n"},
		{[]string{"A=1"}, "", 127, "", "sh: A=1: not found\n"},
		{[]string{"rm -rf /"}, "", 127, "", "sh: rm -rf /: not found\n"},
		{[]string{"/srv/script", "x y"}, "", 1, "/srv/script 1\n", ""},
		{[]string{"/srv/other"}, "", 126, "", "sh: /srv/other: no such file or directory\n"},
		{[]string{"sh", "-c", "read a; echo $a; exec cat"}, "one\ntwo\n", 0, "one\ntwo\n", ""},
		{[]string{"sh"}, "cd /srv\npwd\nread x\nmine\necho $x; exit 4\n", 4, "/srv\nmine\n", ""},
	} {
		t.Run(strings.Join(tt.argv, " "), func(t *testing.T) {
			code, stdout, stderr := w.exec(t, strings.NewReader(tt.in), tt.argv...)
			if code != tt.code || stdout != tt.stdout || !strings.Contains(stderr, tt.stderr) || (tt.stderr == "" && stderr != "") {
				t.Errorf("exits with %d, prints %q and %q;\nwant %d, %q and %q", code, stdout, stderr, tt.code, tt.stdout, tt.stderr)
			}
		})
	}
	if _, err := w.Exec(within(t, time.Second), nil, harness.Streams{}); err == nil || !strings.Contains(err.Error(), "m1") {
		t.Errorf("no command at all: %v", err)
	}
	if code, out, _ := w.exec(t, nil, "cat"); code != 0 || out != "" {
		t.Errorf("without input cat ends with %d and prints %q", code, out)
	}
	if code, err := w.Exec(within(t, 10*time.Second), []string{"sh", "-c", "echo out; echo err >&2; exit 3"}, harness.Streams{}); code != 3 || err != nil {
		t.Errorf("with nobody listening it ends with %d, %v", code, err)
	}
}

// sh as POSIX has it, of a text, a file and its standard input.
func TestSh(t *testing.T) {
	w := boot(t, newMachine(t))
	w.sh(t, "mkdir -p /srv/sub; cd /srv; echo 'echo $0 $# $1; (exit 6)' > file; echo 'sh /srv/itself' > itself; echo 'if' > bad")
	for _, tt := range []struct {
		script         string
		stdout, stderr string // stderr: a part of it
	}{
		{"sh -c 'echo hi; exit 3'; echo $?", "hi\n3\n", ""},
		{"sh -c 'echo $0 $# $1'; sh -c 'echo $0 $# $1' name 'x y' z", "sh 0\nname 2 x y\n", ""},
		{"cd /srv; sh file; echo $?; sh ./file a b; sh -- file -x", "file 0\n6\n./file 2 a\nfile 1 -x\n", ""},
		{"sh -eu -c 'echo $1; false; echo no' - x; echo $?", "x\n1\n", ""},
		{"sh -u -c 'echo $nothing; echo no'; echo $?", "1\n", "nothing: unbound variable"},
		{"sh -x -c 'echo a'; sh -ex +x -c 'echo b'", "a\nb\n", "+ echo a\n"},
		{"sh -o pipefail -c 'false | true'; echo $?; sh -c 'false | true'; echo $?", "1\n0\n", ""},
		{"export A=1; B=2; sh -c 'echo $A$B; A=3; cd /tmp; pwd'; echo $A; pwd", "1\n/tmp\n1\n/\n", ""},
		{"cd /srv/sub; sh -c pwd; sh ../file", "/srv/sub\n../file 0\n", ""},
		{"f() { echo f; }; sh -c f; echo $?", "127\n", "sh: f: not found"},
		{"sh -c 'trap \"echo bye\" EXIT; exit 2'; echo $?", "bye\n2\n", ""},
		{"sh -c 'pidof etcd'; echo $?; sh -c 'sh -c \"exit 5\"'; echo $?", "1\n5\n", ""},
		{"sh -c 'echo out; echo err >&2' 2>&1 | cat", "out\nerr\n", ""},
		{"echo x y | xargs sh -c 'echo $0 $1 $2' me; find /srv/bad -exec sh -c 'echo $0' {} \\;", "me x y\n/srv/bad\n", ""},

		{"sh -c 'if true; then'; echo $?; sh -c 'a=(1)' name; echo $?", "2\n2\n", "name:1:"},
		{"sh /srv/bad; echo $?", "2\n", "/srv/bad:1:"},
		{"sh /srv; echo $?", "126\n", "sh: read /srv: is a directory"},
		{"sh /none; echo $?", "127\n", "sh: open /none: no such file"},
		{"sh -q; echo $?", "2\n", "sh: there is no option -q"},
		{"sh -o vi; echo $?", "2\n", "sh: -o takes one of allexport"},
		{"sh -c; echo $?", "2\n", "sh: -c takes a script"},
		{"sh /srv/itself; echo $?", "2\n", "sh: scripts call each other 64 deep"},

		{"printf 'echo $1 $#\\necho two' | sh -s a b; sh </dev/null; echo $?; sh <&-; echo $?", "a 2\ntwo\n0\n0\n", ""},
		{"printf 'read x\\nfirst\\necho $x\\ncat\\nthe\\nrest\\n' | sh", "first\nthe\nrest\n", ""},
		{"printf 'cat <<EOF\\n$0 a \\\\\\nb\\nEOF\\nif true\\nthen\\n  echo yes\\nfi; echo more\\n(exit 4)' | sh; echo $?", "gosh a b\nyes\nmore\n4\n", ""},
		{"printf 'f() {\\n  local x=$1\\n  echo $x\\n}\\nexport A=1\\nf 2\\nsh -c \"echo \\\\$A\"' | sh", "2\n1\n", ""},
		{"printf 'trap \"echo bye\" EXIT\\necho a\\nfalse' | sh; echo $?", "a\nbye\n1\n", ""},
		{"printf 'set -e\\nfalse\\necho no\\n' | sh; echo $?; printf 'false\\necho yes\\nexit 5\\necho no' | sh; echo $?", "1\nyes\n5\n", ""},
		{"printf 'echo a\\n\\n# nothing\\necho b; if then\\necho c\\n' | sh; echo $?", "a\n2\n", "sh:4:9:"},
		{"printf 'echo a; if true' | sh; echo $?", "2\n", "sh:1:9:"},
		{"printf 'false\\n\\n' | sh; echo $?; printf '' | sh; echo $?", "1\n0\n", ""},
	} {
		t.Run(tt.script, func(t *testing.T) {
			out, err := w.Run(within(t, 20*time.Second), tt.script)
			if err != nil {
				t.Fatal(err)
			}
			if out.Stdout != tt.stdout || !strings.Contains(out.Stderr, tt.stderr) || (tt.stderr == "" && out.Stderr != "") {
				t.Errorf("prints %q and %q;\nwant %q and %q", out.Stdout, out.Stderr, tt.stdout, tt.stderr)
			}
		})
	}
}

// A shell that is talked to answers each line when it is said.
func TestExecConversation(t *testing.T) {
	w := boot(t, newMachine(t))
	in, typed := io.Pipe()
	answers := make(chan string)
	ended := make(chan error, 1)
	go func() {
		var line strings.Builder // echo prints a line in parts
		answer := writerFunc(func(p []byte) (int, error) {
			if line.Write(p); p[len(p)-1] == '\n' {
				answers <- line.String()
				line.Reset()
			}
			return len(p), nil
		})
		code, err := w.Exec(within(t, 30*time.Second), []string{"sh"}, harness.Streams{In: in, Out: answer, Err: answer})
		if code != 3 {
			err = errors.Join(err, fmt.Errorf("its status is %d", code))
		}
		ended <- err
	}()
	say := func(line, want string) {
		t.Helper()
		if _, err := io.WriteString(typed, line+"\n"); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-answers:
			if got != want {
				t.Errorf("%s: %q, want %q", line, got, want)
			}
		case err := <-ended:
			t.Fatalf("%s: it ended with %v", line, err)
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: there is no answer", line)
		}
	}
	say("echo hello", "hello\n")
	say("x=5; cd /tmp; echo done", "done\n")
	say("echo $x $(pwd)", "5 /tmp\n")
	say("no-such-program", "sh: no-such-program: not found\n")
	say("etcdutl version | cat >/dev/null; echo $?", "0\n")
	if _, err := io.WriteString(typed, "exit 3\n"); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	_ = typed.Close()
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// silent is input that does not come, until the test has ended.
func silent(t *testing.T) io.Reader {
	r, w := io.Pipe()
	t.Cleanup(func() { _ = w.Close() })
	return r
}

// A command that is out of time ends, with all that it started, whatever it was
// waiting for.
func TestExecOutOfTime(t *testing.T) {
	w := boot(t, newMachine(t))
	never := func(t *testing.T) io.Writer {
		gate := make(chan struct{})
		t.Cleanup(func() { close(gate) })
		return writerFunc(func(p []byte) (int, error) { <-gate; return len(p), nil })
	}
	for name, c := range map[string]struct {
		argv []string
		in   func(*testing.T) io.Reader
		out  func(*testing.T) io.Writer
	}{
		"own command":             {argv: []string{"sleep", "60"}},
		"own command that reads":  {argv: []string{"cat"}, in: silent},
		"own command that is fed": {argv: []string{"sleep", "60"}, in: func(*testing.T) io.Reader { return endless{} }},
		"own command that prints": {argv: []string{"cat"}, in: func(*testing.T) io.Reader { return endless{} }},
		"program":                 {argv: []string{"/fake/etcd", "--stubborn"}, in: silent},
		"program that prints":     {argv: []string{"/fake/etcd", "--lines=100000000"}},
		"grandchild":              {argv: []string{"sh", "-c", "/fake/etcd --child --stubborn"}, in: silent},
		"background":              {argv: []string{"sh", "-c", "/fake/etcd --stubborn & wait"}},
		"nested":                  {argv: []string{"sh", "-c", "sh -c '/fake/etcd --stubborn | cat'"}},
		"shell that reads":        {argv: []string{"sh"}, in: silent},
		"shell that is fed":       {argv: []string{"sh"}, in: func(*testing.T) io.Reader { return strings.NewReader("while true; do true; done\n") }},
		"builtin that reads":      {argv: []string{"sh", "-c", "read x"}, in: silent},
		"builtin after a program": {argv: []string{"sh", "-c", "/fake/etcd --exit=0; read x"}, in: silent},
		"nobody listens":          {argv: []string{"cat"}, in: func(*testing.T) io.Reader { return endless{} }, out: never},
	} {
		t.Run(name, func(t *testing.T) {
			var s harness.Streams
			if c.in != nil {
				s.In = c.in(t)
			}
			if c.out != nil {
				s.Out = c.out(t)
			}
			before, files := len(inhabitants(t, w)), w.openFiles(t)
			runs := strings.Contains(strings.Join(c.argv, " "), "--stubborn")
			begun := func() bool { // the agent has made it an input, and what stays runs
				return w.openFiles(t) > files && (!runs || len(inhabitants(t, w)) > before)
			}
			var code int
			var err error
			outOfTime(t, begun, func(ctx context.Context) { code, err = w.Exec(ctx, c.argv, s) })
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "m1") {
				t.Errorf("the error is %v", err)
			}
			if code == 0 {
				t.Errorf("within %v the agent did not say that it has ended", hangUpLimit)
			}
			if after := inhabitants(t, w); len(after) > before {
				t.Errorf("still running: %v", after)
			}
		})
	}
	w.sh(t, "true")
}

// openFiles counts the files that the agent has open.
func (w *world) openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", w.machine.agent.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

// What a command leaves in the background ends with it.
func TestExecLeavesNothing(t *testing.T) {
	w := boot(t, newMachine(t))
	before := len(inhabitants(t, w))
	if code, out, _ := w.exec(t, nil, "sh", "-c", "/fake/etcd --stubborn & /fake/etcd --child & sleep 0.2; sh -c '/fake/etcd --stubborn & sleep 0.1'; echo on"); code != 0 || !strings.HasSuffix(out, "on\n") {
		t.Errorf("it ends with %d, %q", code, out)
	}
	if after := inhabitants(t, w); len(after) > before {
		t.Errorf("still running: %v", after)
	}
}

// Nothing is dropped of what goes in or comes out.
func TestExecMuch(t *testing.T) {
	const size = 50_000_000
	w := boot(t, newMachine(t))
	text := func() io.Reader { return io.LimitReader(&counting{}, size) }
	hash := sha256.New()
	_, _ = io.Copy(hash, text())
	want := fmt.Sprintf("%x  -\n", hash.Sum(nil))
	if code, out, errs := w.exec(t, text(), "sha256sum"); code != 0 || out != want {
		t.Errorf("in: %d, %q and %q, want %q", code, out, errs, want)
	}
	if code, _, errs := w.exec(t, text(), "sh", "-c", "cat > /tmp/much"); code != 0 {
		t.Fatal(errs)
	}
	hash.Reset()
	out, errs := writerFunc(func(p []byte) (int, error) { return hash.Write(p) }), &bytes.Buffer{}
	if code, err := w.Exec(within(t, 30*time.Second), []string{"cat", "/tmp/much"}, harness.Streams{Out: out, Err: errs}); code != 0 || err != nil {
		t.Errorf("out: %d, %v, %s", code, err, errs)
	}
	if got := fmt.Sprintf("%x  -\n", hash.Sum(nil)); got != want {
		t.Errorf("out: %q, want %q", got, want)
	}
	if code, _, errs := w.exec(t, nil, "/fake/etcd", "--lines=200000", "--exit=0"); code != 0 || len(errs) != 200_000*100 || !strings.HasSuffix(errs, "199999\n") {
		t.Errorf("a program: %d, %d bytes", code, len(errs))
	}
}

// counting counts, in bytes that say where they belong.
type counting struct{ n uint64 }

func (c *counting) Read(p []byte) (int, error) {
	for i := range p {
		c.n++
		p[i] = byte(c.n * 0x9e3779b97f4a7c15 >> 56)
	}
	return len(p), nil
}

// A program that has ended while its output was not taken in has printed it all
// the same, however long that takes.
func TestExecSlowReader(t *testing.T) {
	w := boot(t, newMachine(t))
	before := len(inhabitants(t, w))
	// More than the agent may send, and no more than that and what it and a pipe hold
	// beside. It is printed at once: how much may be sent depends on how many frames it
	// is sent in, and of lines each can be one.
	const size = 1_100_000
	var printed bytes.Buffer
	begun, gate, ended := make(chan struct{}, 1), make(chan struct{}), make(chan error, 1)
	out := writerFunc(func(p []byte) (int, error) {
		select {
		case begun <- struct{}{}:
		default:
		}
		<-gate
		return printed.Write(p)
	})
	go func() {
		_, err := w.Exec(within(t, 30*time.Second), []string{"/fake/etcd", "--bytes=1100000", "--exit=0"}, harness.Streams{Err: out})
		ended <- err
	}()
	<-begun
	becomes(t, "the program has ended", func() bool { return len(inhabitants(t, w)) == before })
	select {
	case err := <-ended:
		t.Errorf("the command ended, %v, and its output was not read", err)
	case <-time.After(2 * outputLinger):
	}
	close(gate)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if printed.Len() != size {
		t.Errorf("%d bytes of %d arrive", printed.Len(), size)
	}
}

// A process that left its command's process group and holds its output open holds
// nobody up, whether it prints or not. What the command printed is all there.
func TestExecEscaped(t *testing.T) {
	for name, does := range map[string]string{"silent": "--stubborn", "printing": "--lines=1000000000"} {
		t.Run(name, func(t *testing.T) {
			w := boot(t, newMachine(t))
			began := time.Now()
			code, out, _ := w.exec(t, nil, "sh", "-c", "/fake/etcd --print=begun --escaped="+does+" --print=ended --exit=4 2>&1")
			if took := time.Since(began); code != 4 || took > 5*outputLinger {
				t.Errorf("after %v it ends with %d", took, code)
			}
			var pid int
			if _, err := fmt.Sscanf(out, "begun\nchild %d\n", &pid); err != nil || !strings.Contains(out, "ended\n") {
				t.Fatalf("it prints %.200q", out)
			}
			if does == "--stubborn" {
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					t.Error(err)
				}
			}
			awaitGone(t, pid)
		})
	}
}

// A stream of the caller's that fails is the error, and the command ends.
func TestExecBrokenStreams(t *testing.T) {
	w := boot(t, newMachine(t))
	broken := errors.New("the disk is full")
	for name, s := range map[string]harness.Streams{
		"in":  {In: io.MultiReader(strings.NewReader("half"), failing{broken})},
		"out": {In: endless{}, Out: writerFunc(func([]byte) (int, error) { return 0, broken })},
	} {
		if _, err := w.Exec(within(t, 20*time.Second), []string{"sh", "-c", "cat && touch /tmp/whole"}, s); !errors.Is(err, broken) || !strings.Contains(err.Error(), "run sh on m1") {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
	if out, err := w.Run(within(t, 10*time.Second), "test -e /tmp/whole"); err != nil || out.ExitCode != 1 {
		t.Errorf("half of an input passed for the whole: %v, %v", out, err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// What a command did to the manifest is in the state when it has ended.
func TestExecManifest(t *testing.T) {
	w := boot(t, newMachine(t))
	if code, _, errs := w.exec(t, strings.NewReader(fakeManifest()), "sh", "-c", "cat > "+harness.ManifestPath); code != 0 {
		t.Fatal(errs)
	}
	if state, err := w.Etcd(within(t, 10*time.Second)); err != nil || state.PID == 0 {
		t.Errorf("etcd is %v, %v", state, err)
	}
	if code, out, errs := w.exec(t, nil, "pidof", "etcd"); code != 0 || out == "" {
		t.Errorf("pidof etcd: %d, %q, %q", code, out, errs)
	}
}

// Commands beside a command that takes its time.
func TestExecsAtOnce(t *testing.T) {
	w := boot(t, newMachine(t))
	ctx, cancel := context.WithCancel(within(t, 30*time.Second))
	long := make(chan error, 1)
	go func() {
		_, err := w.Exec(ctx, []string{"cat"}, harness.Streams{In: endless{}, Out: writerFunc(func([]byte) (int, error) { <-ctx.Done(); return 0, nil })})
		long <- err
	}()
	results := make(chan string, 20)
	for i := range cap(results) {
		go func() {
			code, out, errs := w.exec(t, strings.NewReader(fmt.Sprint(i)), "cat")
			results <- fmt.Sprintf("%s %d%s", out, code, errs)
		}()
	}
	var got, want []string
	for i := range cap(results) {
		got, want = append(got, <-results), append(want, fmt.Sprintf("%d 0", i))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("they print %q", got)
	}
	cancel()
	if err := <-long; !errors.Is(err, context.Canceled) {
		t.Errorf("the long one ends with %v", err)
	}
}
