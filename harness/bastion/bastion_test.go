package bastion

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/etcd-firedrill/firedrill/harness"
)

// callerMark has the test binary be a caller of its own: a program that can be
// killed.
const callerMark = "FIREDRILL_TEST_CALLER"

func TestMain(m *testing.M) {
	if Main(os.Args) {
		return
	}
	if slices.Contains(Tools, filepath.Base(os.Args[0])) {
		playTool(os.Args[1:])
	}
	if socket := os.Getenv(callerMark); socket != "" {
		code, err := Do(context.Background(), socket, Call{Verb: Exec, Args: []string{"m1", "sleep", "3600"}}, harness.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
		fmt.Fprintln(os.Stderr, code, err)
		os.Exit(code)
	}
	goleak.VerifyTestMain(m)
}

// estate is one that does what a test says.
type estate func(ctx context.Context, c Call, s harness.Streams) (int, error)

func (e estate) Do(ctx context.Context, c Call, s harness.Streams) (int, error) { return e(ctx, c, s) }

// serve serves an estate and returns where. The test fails if Serve does.
func serve(t *testing.T, e Estate) *Server {
	t.Helper()
	server, served := open(t, e)
	t.Cleanup(func() {
		if err := errors.Join(server.Close(), <-served); err != nil {
			t.Error(err)
		}
	})
	return server
}

// open serves an estate. Whoever calls it closes the server and hears what Serve says.
func open(t *testing.T, e Estate) (*Server, <-chan error) {
	t.Helper()
	// t.TempDir is too long for a socket where the test's name is.
	dir, err := os.MkdirTemp("", "bastion-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil { // and not RemoveAll: the socket must be gone
			t.Error(err)
		}
	})
	server, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(e) }()
	return server, served
}

func onM1(argv ...string) Call {
	return Call{By: "restore.sh", Verb: Exec, Args: append([]string{"m1"}, argv...)}
}

func TestACallIsCarried(t *testing.T) {
	hostile := "\x80\xff not text, \"quoted\"\n$(rm -rf /)"
	var got Call
	server := serve(t, estate(func(_ context.Context, c Call, s harness.Streams) (int, error) {
		got = c
		fmt.Fprint(s.Err, "told apart")
		n, err := io.Copy(s.Out, s.In)
		if err != nil || n == 0 {
			return 9, fmt.Errorf("copied %d bytes: %w", n, err)
		}
		return 42, nil
	}))
	want := onM1("etcdctl", "", hostile)
	input := strings.Repeat("0123456789", 1<<20)
	var out, errs bytes.Buffer
	code, err := Do(t.Context(), server.Path(), want, harness.Streams{In: strings.NewReader(input), Out: &out, Err: &errs})
	if code != 42 || err != nil {
		t.Errorf("it ended with %d, %v", code, err)
	}
	if out.String() != input || errs.String() != "told apart" {
		t.Errorf("%d bytes of output came, and %q on standard error", out.Len(), errs.String())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the estate was asked for something else: %s", diff)
	}
}

func TestTwentyAtOnce(t *testing.T) {
	const callers = 20
	var there atomic.Int32
	all := make(chan struct{}) // closed once all are there
	server := serve(t, estate(func(ctx context.Context, c Call, s harness.Streams) (int, error) {
		if there.Add(1) == callers {
			close(all)
		}
		select {
		case <-all:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
		text, err := io.ReadAll(s.In)
		fmt.Fprintf(s.Out, "%s heard %s", c.Args[0], text)
		return len(c.Args[0]), err
	}))
	var running sync.WaitGroup
	for i := range callers {
		running.Go(func() {
			name, said := fmt.Sprintf("m%d", i), strings.Repeat(fmt.Sprint(i), 100_000)
			var out bytes.Buffer
			code, err := Do(t.Context(), server.Path(), Call{Verb: Exec, Args: []string{name, "cat"}}, harness.Streams{In: strings.NewReader(said), Out: &out})
			if code != len(name) || err != nil || out.String() != name+" heard "+said {
				t.Errorf("%s ended with %d, %v, and printed %d bytes", name, code, err, out.Len())
			}
		})
	}
	running.Wait()
}

func TestAKilledCallerEndsItsCall(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan error, 1)
	server := serve(t, estate(func(ctx context.Context, _ Call, s harness.Streams) (int, error) {
		close(begun)
		// It goes on for as long as it is wanted, whatever it waits for.
		_, err := io.Copy(s.Out, s.In)
		<-ctx.Done()
		ended <- errors.Join(err, context.Cause(ctx))
		return 0, context.Cause(ctx)
	}))
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	caller := exec.Command(self)
	caller.Env = append(os.Environ(), callerMark+"="+server.Path())
	input, err := caller.StdinPipe() // which stays open: it is not the input that ends
	if err != nil {
		t.Fatal(err)
	}
	defer input.Close()
	if err := caller.Start(); err != nil {
		t.Fatal(err)
	}
	<-begun
	if err := caller.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Error("the killed caller's input ended as if it were whole, and its context without a cause")
	}
	if err := caller.Wait(); err == nil {
		t.Error("the caller was not killed")
	}
}

func TestACallersContextEndsItsCall(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	server := serve(t, estate(func(ctx context.Context, _ Call, _ harness.Streams) (int, error) {
		cancel(enough)
		<-ctx.Done()
		return 0, context.Cause(ctx)
	}))
	code, err := Do(ctx, server.Path(), onM1("sleep", "3600"), harness.Streams{})
	if code != CodeBroke || !errors.Is(err, enough) {
		t.Errorf("it ended with %d, %v", code, err)
	}
	if _, err := Do(ctx, server.Path(), onM1("true"), harness.Streams{}); !errors.Is(err, enough) {
		t.Errorf("a call after that ended with %v", err)
	}
}

func TestCloseEndsAllCalls(t *testing.T) {
	const callers = 5
	var there sync.WaitGroup
	there.Add(callers)
	var left atomic.Int32
	server, served := open(t, estate(func(ctx context.Context, _ Call, _ harness.Streams) (int, error) {
		left.Add(1)
		defer left.Add(-1)
		there.Done()
		<-ctx.Done()
		return 0, context.Cause(ctx)
	}))
	// One more has connected and says nothing.
	silent, err := net.Dial("unix", server.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	var running sync.WaitGroup
	for range callers {
		running.Go(func() {
			code, err := Do(t.Context(), server.Path(), onM1("sleep", "3600"), harness.Streams{})
			if code != CodeBroke || err == nil || !strings.Contains(err.Error(), "the drill is over") {
				t.Errorf("a call that was under way ended with %d, %v", code, err)
			}
		})
	}
	there.Wait()
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if n := left.Load(); n != 0 {
		t.Errorf("%d calls are left after Close", n)
	}
	running.Wait()
	if err := <-served; err != nil {
		t.Errorf("Serve returned %v", err)
	}
	if n, err := silent.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("who said nothing reads %d bytes, %v", n, err)
	}
	// Nobody is there any more.
	code, err := Do(t.Context(), server.Path(), onM1("true"), harness.Streams{})
	if code != CodeBroke || !errors.Is(err, ErrGone) {
		t.Errorf("a call after Close ended with %d, %v", code, err)
	}
	if err := server.Close(); err != nil {
		t.Errorf("closing it again: %v", err)
	}
	if err := server.Serve(nil); err == nil {
		t.Error("it was served twice")
	}
}

// A caller that takes nothing in, as one that was stopped, does not hold up the end.
func TestCloseDoesNotWaitForAFrozenCaller(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for relay.HangUpLimit")
	}
	server, served := open(t, estate(func(_ context.Context, _ Call, s harness.Streams) (int, error) {
		for {
			if _, err := s.Out.Write(make([]byte, 1<<20)); err != nil {
				return 0, err
			}
		}
	}))
	conn, err := net.Dial("unix", server.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := writeCall(conn, onM1("yes")); err != nil {
		t.Fatal(err)
	}
	// The first byte is of a frame that is larger than what a socket holds.
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(server.Close(), <-served); err != nil {
		t.Error(err)
	}
}

func TestClosedBeforeItWasServed(t *testing.T) {
	dir := t.TempDir()
	server, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if err := server.Serve(nil); err != nil {
		t.Errorf("Serve returned %v", err)
	}
}

// What a drill that is SIGKILLed leaves behind: a socket's file, and nobody there.
func TestNobodyThere(t *testing.T) {
	dir := t.TempDir()
	for name, path := range map[string]string{"no file": filepath.Join(dir, "none"), "a file": filepath.Join(dir, "s")} {
		if name == "a file" {
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
			if err != nil {
				t.Fatal(err)
			}
			l.SetUnlinkOnClose(false)
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
		code, err := Do(t.Context(), path, onM1("true"), harness.Streams{})
		if code != CodeBroke || !errors.Is(err, ErrGone) {
			t.Errorf("%s: %d, %v", name, code, err)
		}
	}
}

// The drill's process dies in the middle of a call.
func TestTheDrillDies(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = conn.Read(make([]byte, 1))
		_ = conn.Close()
	}()
	code, err := Do(t.Context(), path, onM1("true"), harness.Streams{})
	if code != CodeBroke || !errors.Is(err, ErrGone) {
		t.Errorf("%d, %v", code, err)
	}
}

func TestThePathIsTooLong(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("a-long-way-down/", 8))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	server, err := Listen(dir)
	if err == nil {
		_ = server.Close()
		t.Fatal("it was opened")
	}
	if text := err.Error(); !strings.Contains(text, dir) || !strings.Contains(text, "hint: ") {
		t.Errorf("the error is %q", text)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left in the directory: %v, %v", left, err)
	}
}

func TestTheSocketIsItsOwners(t *testing.T) {
	server := serve(t, estate(nil))
	info, err := os.Stat(server.Path())
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v", info.Mode())
	}
	if server, err := Listen(filepath.Dir(server.Path())); err == nil {
		_ = server.Close()
		t.Error("a second one was opened at the same path")
	}
}

// A game day's socket is found by its desk, and is no runbook's.
func TestAGameDaysSocket(t *testing.T) {
	dir := t.TempDir()
	runbooks, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	teams, err := ListenToTeam(dir)
	if err != nil {
		t.Fatal(err)
	}
	if GameDaySocket(dir) != teams.Path() || runbooks.Path() == teams.Path() {
		t.Errorf("%s and %s, to be found at %s", runbooks.Path(), teams.Path(), GameDaySocket(dir))
	}
	if err := errors.Join(runbooks.Close(), teams.Close()); err != nil {
		t.Error(err)
	}
}

// Whatever is sent to the socket, who sent it is answered, and nobody else suffers.
func TestGarbage(t *testing.T) {
	server := serve(t, estate(func(_ context.Context, _ Call, s harness.Streams) (int, error) {
		_, err := io.Copy(s.Out, s.In)
		return 0, err
	}))
	for name, c := range map[string]struct{ sent, answer string }{
		"HTTP":               {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "no call"},
		"JSON of others":     {`{"verb":"exec"}` + "\n", "no call"},
		"another protocol":   {`{"firedrill":2,"verb":"ls"}` + "\n", "no call"},
		"an array":           {"[]\n", "no call"},
		"half a line":        {`{"firedrill":1,"verb":`, "no call"},
		"a line without end": {strings.Repeat("x", mostLine+1), "no call"},
		"zeros":              {strings.Repeat("\x00", 100) + "\n", "no call"},
		"nothing":            {"", ""},
		"an unknown verb":    {`{"firedrill":1,"verb":"exce"}` + "\n", "did you mean exec?"},
		"too few arguments":  {`{"firedrill":1,"verb":"exec","args":["bTE="]}` + "\n", "exec NAME COMMAND"},
		"a call, and then frames of nobody's": {
			`{"firedrill":1,"verb":"exec","args":["bTE=","Y2F0"]}` + "\n" + strings.Repeat("\xff", 64), "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: server.Path(), Net: "unix"})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			var sending sync.WaitGroup
			sending.Go(func() {
				_, _ = io.WriteString(conn, c.sent) // it may be answered before all is read
				_ = conn.CloseWrite()
			})
			answer, err := io.ReadAll(conn)
			if err != nil && !errors.Is(err, syscall.ECONNRESET) {
				t.Error(err)
			}
			sending.Wait()
			if !strings.Contains(string(answer), c.answer) {
				t.Errorf("the answer is %q, want %q in it", answer, c.answer)
			}
		})
	}
	var out bytes.Buffer
	if code, err := Do(t.Context(), server.Path(), onM1("cat"), harness.Streams{In: strings.NewReader("still there"), Out: &out}); code != 0 || err != nil || out.String() != "still there" {
		t.Errorf("afterwards a call ends with %d, %v, and %q", code, err, out.String())
	}
}

func TestRefusedOrBroken(t *testing.T) {
	server := serve(t, estate(func(_ context.Context, c Call, s harness.Streams) (int, error) {
		fmt.Fprint(s.Err, "first this")
		if c.Args[0] == "m9" {
			return 0, fmt.Errorf("stop: %w", Refuse("there is no host %s\nhint: did you mean m1?", c.Args[0]))
		}
		return 0, errors.New("the session to m1's agent ended")
	}))
	for host, want := range map[string]struct {
		code int
		text string
	}{
		"m9": {CodeRefused, "stop: there is no host m9\nhint: did you mean m1?"},
		"m1": {CodeBroke, "the session to m1's agent ended"},
	} {
		var said bytes.Buffer
		code, err := Do(t.Context(), server.Path(), Call{Verb: Stop, Args: []string{host}}, harness.Streams{Err: &said})
		var no *Refusal
		if code != want.code || err == nil || err.Error() != want.text || errors.As(err, &no) != (code == CodeRefused) {
			t.Errorf("%s: %d, %v (%T)", host, code, err, err)
		}
		if said.String() != "first this" {
			t.Errorf("%s: it said %q", host, said.String())
		}
	}
}

// A panic ends its own call: the others go on, and the drill is told at the end.
func TestAPanic(t *testing.T) {
	server, served := open(t, estate(func(_ context.Context, c Call, _ harness.Streams) (int, error) {
		if c.Verb == Off {
			panic("a nil map")
		}
		return 7, nil
	}))
	code, err := Do(t.Context(), server.Path(), Call{Verb: Off, Args: []string{"m1"}}, harness.Streams{})
	if code != CodeBroke || err == nil || !strings.Contains(err.Error(), "a nil map") || !strings.Contains(err.Error(), "hint: please report this") {
		t.Errorf("it ended with %d, %v", code, err)
	}
	if code, err := Do(t.Context(), server.Path(), onM1("true"), harness.Streams{}); code != 7 || err != nil {
		t.Errorf("the next call ended with %d, %v", code, err)
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; err == nil || !strings.Contains(err.Error(), "a nil map") || !strings.Contains(err.Error(), "off [m1]") {
		t.Errorf("Serve returned %v", err)
	}
}

// What is wrong with a call is seen before anything is sent: nobody is there.
func TestNothingIsSentOfAWrongCall(t *testing.T) {
	code, err := Do(t.Context(), filepath.Join(t.TempDir(), "none"), Call{Verb: "exce"}, harness.Streams{})
	if code != CodeBroke || err == nil || errors.Is(err, ErrGone) {
		t.Errorf("%d, %v", code, err)
	}
	long := onM1("echo", strings.Repeat("x", mostLine))
	server := serve(t, estate(nil))
	if _, err := Do(t.Context(), server.Path(), long, harness.Streams{}); err == nil || !strings.Contains(err.Error(), "hint: ") {
		t.Errorf("a call that is too long: %v", err)
	}
}
