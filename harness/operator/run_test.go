//go:build linux

package operator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/etcd-firedrill/firedrill/harness"
)

func TestExitCodes(t *testing.T) {
	d := newDesk(t)
	for text, want := range map[string]int{
		"":                       0,
		"exit 7":                 7,
		"no-such-command":        127,
		"kill -9 $$":             137,
		"kill -TERM $$":          143,
		"exec sh -c 'exit 3'":    3,
		"(exit 4) & wait $!":     4,
		"exit 200; echo not run": 200,
	} {
		if code, out, err := run(t, d, text); code != want || err != nil || out != "" {
			t.Errorf("%q: %d, %v, printed %q; want %d", text, code, err, out, want)
		}
	}
}

// TestWhatAProgramIsGiven looks at everything that a program has from us.
func TestWhatAProgramIsGiven(t *testing.T) {
	d := newDesk(t)
	secret := t.TempDir() // the drill's run directory, as it were
	t.Chdir(secret)
	ledger, err := os.Create(filepath.Join(secret, "ledger.bin"))
	if err != nil {
		t.Fatal(err)
	}
	defer ledger.Close()
	// As whoever started us may have left it open, not to be closed by exec.
	kept, err := unix.FcntlInt(ledger.Fd(), unix.F_DUPFD, 50)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(kept)
	t.Setenv("FIREDRILL_RUN", secret)

	environ, _ := env(t)
	environ = append(environ, "TEXT=two words\nand lines", "EMPTY=")
	var out bytes.Buffer
	self := strings.TrimPrefix(environ[0], "SELF=")
	args := []string{"two words", "", "--help", "*", "line\nline"}
	code, err := d.Run(within(t), Program{Path: self, Args: append([]string{"play", "look"}, args...), Env: environ, Streams: harness.Streams{Out: &out}})
	if code != 0 || err != nil {
		t.Fatal(code, err)
	}
	if strings.Contains(out.String(), secret) {
		t.Errorf("what the program sees leads to %s: %s", secret, out.String())
	}
	var v view
	if err := json.Unmarshal(out.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(v.Args, args) {
		t.Errorf("its arguments are %q, want %q", v.Args, args)
	}
	if !slices.Equal(v.Env, environ) {
		t.Errorf("its environment is %q, want %q", v.Env, environ)
	}
	if v.Dir != d.Work() {
		t.Errorf("it works in %s, want %s", v.Dir, d.Work())
	}
	if len(v.Files) != 3 || v.Files["0"] != os.DevNull || v.Files["2"] != os.DevNull || !strings.HasPrefix(v.Files["1"], "pipe:") {
		t.Errorf("its descriptors are %v", v.Files)
	}
	// A pipe of which it has both ends leads nowhere: by one it learns that it has started the
	// program, which may be looking already.
	ends := map[string]int{}
	for _, to := range v.ParentFiles {
		ends[to]++
	}
	maps.DeleteFunc(v.ParentFiles, func(_, to string) bool { return strings.HasPrefix(to, "pipe:") && ends[to] > 1 })
	if v.ParentHolds != "" {
		t.Error(v.ParentHolds)
	}
	if len(v.ParentFiles) != 5 {
		t.Errorf("its guard's descriptors are %v, want the streams and two pipes", v.ParentFiles)
	}
	if v.ParentDir != "/" || !v.Leader {
		t.Errorf("its guard works in %s; it leads a session: %v", v.ParentDir, v.Leader)
	}
	// The guard catches signals; what it ignored, the program would too.
	if strings.Trim(v.Blocked, "0") != "" || strings.Trim(v.Ignored, "0") != strings.Trim(ignored(t), "0") {
		t.Errorf("it blocks signals %s and ignores %s", v.Blocked, v.Ignored)
	}
}

// TestUnseen has a program, and what it starts and leaves behind, find a directory empty, by
// whatever path; nobody else does, and nothing tells where it is before it is looked for.
func TestUnseen(t *testing.T) {
	dir := t.TempDir()
	if err := Hides(within(t), dir); err != nil {
		if os.Geteuid() == 0 && !errors.Is(err, unix.EPERM) {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	d := newDesk(t)
	file, link := filepath.Join(dir, "ledger.bin"), filepath.Join(t.TempDir(), "link")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Symlink(dir, link)); err != nil {
		t.Fatal(err)
	}
	environ, made := env(t)
	var out strings.Builder
	code, err := d.Run(within(t), Program{
		Path: script(t, `cd "$DIR"; ls -A "$LOOK"; setsid sh -c 'ls -A "$LOOK"'; (: >"$LOOK/new") 2>/dev/null && echo "it writes there"
tr '\0' ' ' </proc/$PPID/cmdline; tr '\0' ' ' </proc/$PPID/environ; : >made`),
		Env: append(environ, "LOOK="+link), Streams: harness.Streams{Out: &out}, Unseen: dir,
	})
	if code != 0 || err != nil {
		t.Fatal(code, err)
	}
	if text := out.String(); strings.Contains(text, "ledger.bin") || strings.Contains(text, "it writes there") || strings.Contains(text, dir) || !strings.Contains(text, "guard") {
		t.Errorf("it sees %s", text)
	}
	if !exists(file) || !exists(filepath.Join(made, "made")) {
		t.Error("what is hidden from it, or what it made elsewhere, is not there")
	}
	if mounts, err := os.ReadFile("/proc/self/mountinfo"); err != nil || strings.Contains(string(mounts), dir) {
		t.Errorf("%v, it is mounted for us as well: %s", err, mounts)
	}
	if code, err := d.Run(within(t), Program{Path: script(t, "exit 5"), Unseen: dir + "/nothing"}); code != -1 || err == nil || !strings.Contains(err.Error(), "keep the program from seeing") {
		t.Errorf("%d, %v: what is not there cannot be hidden", code, err)
	}
}

// TestNobodyHides: where it may not be done, that is known before a program is run.
func TestNobodyHides(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	dir, err := os.MkdirTemp("/tmp", "firedrill-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(publicCopy(t, dir), "play", "hides", dir)
	cmd.SysProcAttr, cmd.Dir = asNobody(), "/"
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "operation not permitted") {
		t.Errorf("%v, it says %s", err, out)
	}
}

// TestNoEnvironment gives a program none, which is not ours.
func TestNoEnvironment(t *testing.T) {
	d := newDesk(t)
	t.Setenv("FIREDRILL_RUN", "firedrill-runs/latest")
	var out strings.Builder
	code, err := d.Run(within(t), Program{Path: script(t, `echo "${FIREDRILL_RUN-nothing} ${HOME-nothing}"`), Streams: harness.Streams{Out: &out}})
	if code != 0 || err != nil || out.String() != "nothing nothing\n" {
		t.Errorf("%d, %v, it found %q", code, err, out.String())
	}
}

// ignored are the signals that a program ignores which we start ourselves.
func ignored(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("/bin/sh", "-c", "exec cat /proc/self/status").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if value, ok := strings.CutPrefix(line, "SigIgn:"); ok {
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("no SigIgn in %s", out)
	return ""
}

func TestPaths(t *testing.T) {
	d := newDesk(t)
	path := script(t, `echo "$0"; pwd; rm -rf "$PWD"`)
	t.Chdir(filepath.Dir(path))
	for range 2 { // the second finds the place that the first removed
		var out strings.Builder
		code, err := d.Run(within(t), Program{Path: "restore.sh", Env: []string{"PATH=" + os.Getenv("PATH")}, Streams: harness.Streams{Out: &out}})
		if want := path + "\n" + d.Work() + "\n"; code != 0 || err != nil || out.String() != want {
			t.Errorf("%d, %v, it said %q, want %q", code, err, out.String(), want)
		}
	}
	elsewhere := t.TempDir()
	var out strings.Builder
	if _, err := d.Run(within(t), Program{Path: script(t, "pwd"), Dir: elsewhere, Streams: harness.Streams{Out: &out}}); err != nil || out.String() != elsewhere+"\n" {
		t.Errorf("it worked in %q, %v, want %s", out.String(), err, elsewhere)
	}
	_, err := d.Run(within(t), Program{Path: script(t, "pwd"), Dir: elsewhere + "/nothing"})
	if !errors.Is(err, os.ErrNotExist) || errors.Is(err, ErrUnfit) || !strings.Contains(err.Error(), "run restore.sh: ") {
		t.Errorf("working nowhere: %v", err)
	}
}

func TestStreams(t *testing.T) {
	d := newDesk(t)
	file, err := os.Open(script(t, "of a file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for name, c := range map[string]struct {
		in   io.Reader
		want string
	}{
		"none":   {nil, ""},
		"reader": {strings.NewReader("of a reader"), "of a reader"},
		"long":   {io.LimitReader(zeros{}, 1<<20), strings.Repeat("\x00", 1<<20)},
		"file":   {file, "#!/bin/sh\nof a file\n"},
	} {
		var out strings.Builder
		environ, _ := env(t)
		code, err := d.Run(within(t), Program{Path: script(t, "cat"), Env: environ, Streams: harness.Streams{In: c.in, Out: &out}})
		if code != 0 || err != nil || out.String() != c.want {
			t.Errorf("%s: %d, %v, printed %d bytes, want %d", name, code, err, out.Len(), len(c.want))
		}
	}

	var both strings.Builder
	if _, err := d.Run(within(t), Program{Path: script(t, "echo 1; echo 2 >&2; echo 3"), Streams: harness.Streams{Out: &both, Err: &both}}); err != nil || both.String() != "1\n2\n3\n" {
		t.Errorf("one writer for both has %q, %v", both.String(), err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestSilentInput has a standard input that never comes, as a terminal's where
// nobody types: the program's end does not wait for it.
func TestSilentInput(t *testing.T) {
	d := newDesk(t)
	in, silent := io.Pipe()
	defer silent.Close()
	code, err := d.Run(within(t), Program{Path: script(t, "exit 5"), Streams: harness.Streams{In: in}})
	if code != 5 || err != nil {
		t.Error(code, err)
	}
}

// TestClosesItsStreams has a program that has nothing more to say or to hear,
// and still has something to do.
func TestClosesItsStreams(t *testing.T) {
	d := newDesk(t)
	environ, dir := env(t)
	var out strings.Builder
	type end struct {
		code int
		err  error
	}
	ended := make(chan end)
	go func() {
		code, err := d.Run(within(t), Program{
			Path: script(t, `echo said; exec <&- >&- 2>&-; : >"$DIR/closed"; while ! test -e "$DIR/go"; do sleep 0.01; done; exit 6`),
			Env:  environ, Streams: harness.Streams{In: strings.NewReader("unheard"), Out: &out, Err: &out},
		})
		ended <- end{code, err}
	}()
	await(t, "the streams are closed", func() bool { return exists(filepath.Join(dir, "closed")) })
	select {
	case e := <-ended:
		t.Fatalf("Run returned before the program had ended: %d, %v", e.code, e.err)
	default:
	}
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if e := <-ended; e.code != 6 || e.err != nil || out.String() != "said\n" {
		t.Errorf("%d, %v, it said %q", e.code, e.err, out.String())
	}
}

// TestPrintsMuch lets more pass through than we have any room for.
func TestPrintsMuch(t *testing.T) {
	d := newDesk(t)
	const bytes = 256 << 20
	var out counter
	environ, _ := env(t)
	p := Program{Path: script(t, "head -c 268435456 /dev/zero"), Env: environ, Streams: harness.Streams{Out: &out}}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	code, err := d.Run(within(t), p)
	runtime.ReadMemStats(&after)
	if code != 0 || err != nil || out.n != bytes {
		t.Errorf("%d, %v, printed %d bytes, want %d", code, err, out.n, bytes)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 4<<20 {
		t.Errorf("%d bytes were allocated for it", took)
	}
}

// counter counts what it is given, and takes no more than most bytes; 0: all.
type counter struct{ n, most int }

var errFull = errors.New("the writer takes no more")

func (c *counter) Write(p []byte) (int, error) {
	if c.most > 0 && c.n+len(p) > c.most {
		return 0, errFull
	}
	c.n += len(p)
	return len(p), nil
}

// TestNobodyTakesItsOutput has a program that would print for ever.
func TestNobodyTakesItsOutput(t *testing.T) {
	d := newDesk(t)
	environ, _ := env(t)
	out := counter{most: 1 << 20}
	code, err := d.Run(within(t), Program{Path: script(t, "exec cat /dev/zero"), Env: environ, Streams: harness.Streams{Out: &out}})
	if code != 128+int(unix.SIGPIPE) || !errors.Is(err, errFull) || !strings.Contains(err.Error(), "run restore.sh: take its output: ") {
		t.Errorf("%d, %v", code, err)
	}
}

func TestUnfit(t *testing.T) {
	d := newDesk(t)
	dir := t.TempDir()
	at := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o755); err != nil {
		t.Fatal(err)
	}
	loose := filepath.Join(dir, "loose")
	if err := os.Symlink("/nothing/there", loose); err != nil {
		t.Fatal(err)
	}
	dynamic, err := exec.LookPath("true")
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := os.ReadFile(dynamic)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere = bytes.ReplaceAll(elsewhere, []byte("/lib64/ld-linux-"), []byte("/nowhere/linux--"))
	for name, c := range map[string]struct {
		path  string
		wants []string
	}{
		"no such file":    {filepath.Join(dir, "nothing"), []string{"there is no file"}},
		"below a file":    {at("file", "x", 0o600) + "/x", []string{"not a directory"}},
		"a loose link":    {loose, []string{"is a link to /nothing/there, which is not there"}},
		"a directory":     {dir, []string{"is a directory"}},
		"a pipe":          {pipe, []string{"is not a file"}},
		"not executable":  {at("plain", "#!/bin/sh\n", 0o644), []string{"is not executable", "\nhint: chmod +x " + dir + "/plain"}},
		"empty":           {at("empty", "", 0o755), []string{"is empty", "#!/bin/sh"}},
		"no #! line":      {at("bare", "echo é\n", 0o755), []string{"has no #! line", "#!/bin/sh"}},
		"an empty #!":     {at("emptier", "#! \nexit\n", 0o755), []string{"names nothing", "#!/bin/sh"}},
		"no interpreter":  {at("fish", "#!/usr/bin/fishy -e\n", 0o755), []string{"by /usr/bin/fishy, which is not there", "install it"}},
		"a directory's":   {at("dir", "#! /usr\n", 0o755), []string{"by /usr, which is not there, or not executable"}},
		"Windows":         {at("crlf", "#!/bin/sh\r\nexit\r\n", 0o755), []string{"CR LF", "sed -i"}},
		"another machine": {at("alien", "\x7fELF\x02\x01\x01\x00\xff\xff\xff\xff", 0o755), []string{"exec format error", "\nhint: it is no program for this machine"}},
		"data":            {at("data", "\x01\x02\x00\x03", 0o755), []string{"exec format error"}},
		"no loader":       {at("dynamic", string(elsewhere), 0o755), []string{"dynamically linked by /nowhere/linux--", "a static one"}},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "no loader" && !bytes.Contains(elsewhere, []byte("/nowhere/linux--")) {
				t.Skipf("%s is not linked as it is on a 64-bit PC", dynamic)
			}
			code, err := d.Run(within(t), Program{Path: c.path})
			if code != -1 || !errors.Is(err, ErrUnfit) {
				t.Fatalf("%d, %v", code, err)
			}
			for _, want := range append(c.wants, "run "+filepath.Base(c.path)+": ", "\nhint: ") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("it says %q, without %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "exec format") {
				return // the kernel alone could tell
			}
			if err := Check(c.path); !errors.Is(err, ErrUnfit) {
				t.Errorf("looked at before: %v", err)
			}
		})
	}
	if err := Check(script(t, "exit 1")); err != nil {
		t.Error(err)
	}
	if err := Check(dynamic); err != nil {
		t.Error(err)
	}
}

// TestGuardByHand types the guard's own command.
func TestGuardByHand(t *testing.T) {
	for _, args := range [][]string{{"guard"}, {"guard", "1", "/", "/bin/true"}, {"guard", "--help"}} {
		cmd := exec.Command(os.Args[0], args...)
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 3 || !strings.Contains(string(out), "\nhint: ") {
			t.Errorf("%q: %v, it says %q", args, err, out)
		}
	}
	if Main([]string{"firedrill"}) || Main([]string{"firedrill", "run", "guard"}) || Main(nil) {
		t.Error("another command was taken for the guard")
	}
}

func TestEndedContext(t *testing.T) {
	d := newDesk(t)
	reason := errors.New("it is late")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(reason)
	environ, dir := env(t)
	code, err := d.Run(ctx, Program{Path: script(t, `: >"$DIR/ran"`), Env: environ})
	if code != -1 || !errors.Is(err, reason) || exists(filepath.Join(dir, "ran")) {
		t.Errorf("%d, %v, it ran: %v", code, err, exists(filepath.Join(dir, "ran")))
	}
}
