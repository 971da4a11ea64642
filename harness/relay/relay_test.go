package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime/metrics"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/crew"
)

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// sockets are the two ends of a Unix socket's connection.
func sockets(t *testing.T) (caller, server net.Conn) {
	t.Helper()
	dir, err := os.MkdirTemp("", "relay") // t.TempDir's is too long for a socket's path
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	caller, err = net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = caller.Close(), server.Close() })
	return caller, server
}

type run = func(context.Context, harness.Streams) (int, error)

// serve serves one command at the other end of the connection returned. After
// served, the serving has ended, with this error.
func serve(ctx context.Context, server net.Conn, do run) (served func() error) {
	ended := make(chan error, 1)
	go func() {
		err := Serve(ctx, server, do)
		_ = server.Close()
		ended <- err
	}()
	return func() error { return <-ended }
}

// words is what a command may do that says what it is given.
func words(_ context.Context, s harness.Streams) (int, error) {
	text, err := io.ReadAll(s.In)
	if err != nil {
		return 1, err
	}
	fmt.Fprintf(s.Out, "%d bytes: %s", len(text), text)
	fmt.Fprint(s.Err, "no complaints")
	return 7, nil
}

func TestStreams(t *testing.T) {
	pipe := func(*testing.T) (net.Conn, net.Conn) { return net.Pipe() }
	for name, connect := range map[string]func(*testing.T) (net.Conn, net.Conn){"pipe": pipe, "socket": sockets} {
		t.Run(name, func(t *testing.T) {
			for in, want := range map[io.Reader]string{
				strings.NewReader("hello"): "5 bytes: hello",
				strings.NewReader(""):      "0 bytes: ",
				nil:                        "0 bytes: ",
			} {
				caller, server := connect(t)
				served := serve(within(t), server, words)
				var out, errs bytes.Buffer
				code, err := Call(within(t), caller, harness.Streams{In: in, Out: &out, Err: &errs})
				if code != 7 || err != nil || out.String() != want || errs.String() != "no complaints" {
					t.Errorf("it ends with %d, %v, and says %q and %q; want %q", code, err, &out, &errs, want)
				}
				if err := served(); err != nil {
					t.Error(err)
				}
				if _, err := caller.Write([]byte("x")); !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.ErrClosedPipe) {
					t.Errorf("the caller's connection is still open: %v", err)
				}
			}
		})
	}
	t.Run("output that nobody wants", func(t *testing.T) {
		caller, server := net.Pipe()
		served := serve(within(t), server, words)
		if code, err := Call(within(t), caller, harness.Streams{}); code != 7 || err != nil {
			t.Errorf("it ends with %d, %v", code, err)
		}
		if err := served(); err != nil {
			t.Error(err)
		}
	})
}

func TestEnds(t *testing.T) {
	for name, c := range map[string]struct {
		code int
		err  error
		want string
	}{
		"well":                 {0, nil, ""},
		"badly":                {137, nil, ""},
		"refused":              {1, errors.New("m1 is lost\nhint: look elsewhere"), "m1 is lost\nhint: look elsewhere"},
		"broken":               {3, fmt.Errorf("run on m1: %w", harness.ErrAgentLost), "run on m1: " + harness.ErrAgentLost.Error()},
		"without a text":       {3, errors.New(""), ""},
		"not in UTF-8":         {3, errors.New("a\xffb"), "a\uFFFDb"},
		"with a very long one": {3, errors.New(strings.Repeat("é", mostPayload)), strings.Repeat("é", mostText/2) + "…"},
		"in the middle of one": {3, errors.New("x" + strings.Repeat("é", mostPayload)), "x" + strings.Repeat("é", mostText/2-1) + "\uFFFD…"},
	} {
		t.Run(name, func(t *testing.T) {
			caller, server := net.Pipe()
			served := serve(within(t), server, func(context.Context, harness.Streams) (int, error) { return c.code, c.err })
			code, err := Call(within(t), caller, harness.Streams{})
			if code != c.code {
				t.Errorf("the code is %d, want %d", code, c.code)
			}
			var remote *RemoteError
			if c.err == nil && err != nil || c.err != nil && (!errors.As(err, &remote) || remote.Text != c.want || errors.Is(err, ErrCut)) {
				t.Errorf("the error is %.60q, want %.60q", err, c.want)
			}
			if err := served(); err != nil {
				t.Error(err)
			}
		})
	}
}

// What is printed arrives while the command runs, and it may hang on what is said then.
func TestConversation(t *testing.T) {
	caller, server := sockets(t)
	served := serve(within(t), server, func(_ context.Context, s harness.Streams) (int, error) {
		for n, answer := 1, make([]byte, 1); ; n++ {
			fmt.Fprintf(s.Out, "question %d", n)
			switch _, err := s.In.Read(answer); {
			case errors.Is(err, io.EOF):
				return n, nil
			case err != nil:
				return 0, err
			}
		}
	})
	in, typed := io.Pipe()
	asked := 0
	code, err := Call(within(t), caller, harness.Streams{In: in, Out: writerFunc(func(p []byte) (int, error) {
		if asked++; string(p) != fmt.Sprintf("question %d", asked) {
			t.Errorf("question %d is %q", asked, p)
		}
		go func() {
			if asked == 100 {
				_ = typed.Close()
			} else {
				_, _ = typed.Write([]byte("!"))
			}
		}()
		return len(p), nil
	})})
	if code != 100 || err != nil || asked != 100 {
		t.Errorf("after %d questions it ends with %d, %v", asked, code, err)
	}
	if err := served(); err != nil {
		t.Error(err)
	}
}

// Output and errors are passed on in the order in which they were printed, by
// one goroutine, whoever printed them.
func TestOrder(t *testing.T) {
	caller, server := sockets(t)
	const lines = 2000
	served := serve(within(t), server, func(_ context.Context, s harness.Streams) (int, error) {
		for n := range lines {
			fmt.Fprintf([]io.Writer{s.Out, s.Err}[n%2], "%d\n", n)
		}
		var printing sync.WaitGroup
		for range 4 {
			printing.Go(func() {
				for range 100 {
					fmt.Fprintln(s.Out, "together")
				}
			})
		}
		printing.Wait()
		return 0, nil
	})
	var both bytes.Buffer // without a lock: the race detector looks
	if _, err := Call(within(t), caller, harness.Streams{Out: &both, Err: &both}); err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for n := range lines {
		fmt.Fprintln(&want, n)
	}
	want.WriteString(strings.Repeat("together\n", 400))
	if both.String() != want.String() {
		t.Errorf("%d bytes are printed, not as they were", both.Len())
	}
	if err := served(); err != nil {
		t.Error(err)
	}
}

// heap is how many bytes live objects and not yet collected ones take.
func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// A gigabyte passes, either way, and what is held of it does not grow.
func TestGigabyte(t *testing.T) {
	const size, most = 1 << 30, 64 << 20
	caller, server := sockets(t)
	served := serve(within(t), server, func(_ context.Context, s harness.Streams) (int, error) {
		_, err := io.CopyBuffer(s.Out, s.In, make([]byte, 256<<10))
		return 0, err
	})
	var taken int64
	var highest uint64
	before := heap()
	code, err := Call(within(t), caller, harness.Streams{
		In: io.LimitReader(readerFunc(func(p []byte) (int, error) { return len(p), nil }), size),
		Out: writerFunc(func(p []byte) (int, error) {
			if taken += int64(len(p)); taken&(16<<20-1) < int64(len(p)) {
				highest = max(highest, heap())
			}
			return len(p), nil
		}),
	})
	if code != 0 || err != nil || taken != size {
		t.Errorf("%d bytes of %d come through, %d, %v", taken, size, code, err)
	}
	if highest > before+most {
		t.Errorf("it took %d MB of memory", (highest-before)>>20)
	}
	if err := served(); err != nil {
		t.Error(err)
	}
}

// A reader that takes nothing in holds the command up, and gets everything in the end.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 16 << 20
		caller, server := net.Pipe()
		var printed atomic.Int64
		served := serve(t.Context(), server, func(_ context.Context, s harness.Streams) (int, error) {
			for line := make([]byte, 1000); printed.Load() < size; {
				n, err := s.Out.Write(line)
				printed.Add(int64(n))
				if err != nil {
					return 1, err
				}
			}
			return 0, nil
		})
		gate, ended := make(chan struct{}), make(chan struct{})
		var got int64
		go func() {
			defer close(ended)
			code, err := Call(t.Context(), caller, harness.Streams{Out: writerFunc(func(p []byte) (int, error) {
				<-gate
				got += int64(len(p))
				return len(p), nil
			})})
			if code != 0 || err != nil {
				t.Errorf("it ends with %d, %v", code, err)
			}
		}()
		synctest.Wait()
		if n := printed.Load(); n == 0 || n > windowSize {
			t.Errorf("with nobody reading it prints %d bytes", n)
		}
		close(gate)
		<-ended
		if got != printed.Load() {
			t.Errorf("%d bytes of %d arrive", got, printed.Load())
		}
		if err := served(); err != nil {
			t.Error(err)
		}
	})
}

// Both sides may be held up by readers of their own, and neither holds up the other
// direction: a program that first says all and then listens, as no pipe would stop
// it, is not stopped here.
func TestDirectionsAreIndependent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 8 << 20
		caller, server := net.Pipe()
		served := serve(t.Context(), server, func(_ context.Context, s harness.Streams) (int, error) {
			printed := make(chan error, 1)
			go func() {
				_, err := io.CopyN(s.Out, readerFunc(func(p []byte) (int, error) { return len(p), nil }), size)
				printed <- err
			}()
			_, err := io.Copy(io.Discard, s.In)
			return 0, errors.Join(err, <-printed)
		})
		said := make(chan struct{})
		left := size
		code, err := Call(t.Context(), caller, harness.Streams{
			In: readerFunc(func(p []byte) (int, error) {
				if left == 0 {
					close(said)
					return 0, io.EOF
				}
				n := min(len(p), left)
				left -= n
				return n, nil
			}),
			Out: writerFunc(func(p []byte) (int, error) { <-said; return len(p), nil }),
		})
		if code != 0 || err != nil {
			t.Errorf("it ends with %d, %v", code, err)
		}
		if err := served(); err != nil {
			t.Error(err)
		}
	})
}

// A command that has read enough ends, however much more there is to read, and
// so it does if nothing ever comes.
func TestInputThatNeverEnds(t *testing.T) {
	never := make(chan struct{})
	for name, in := range map[string]io.Reader{
		"endless": readerFunc(func(p []byte) (int, error) { return len(p), nil }),
		"silent":  readerFunc(func([]byte) (int, error) { <-never; return 0, io.EOF }),
	} {
		t.Run(name, func(t *testing.T) {
			caller, server := sockets(t)
			served := serve(within(t), server, func(_ context.Context, s harness.Streams) (int, error) {
				if name == "endless" {
					_, err := io.ReadFull(s.In, make([]byte, 3_000_000))
					return 4, err
				}
				return 4, nil
			})
			if code, err := Call(within(t), caller, harness.Streams{In: in}); code != 4 || err != nil {
				t.Errorf("it ends with %d, %v", code, err)
			}
			if err := served(); err != nil {
				t.Error(err)
			}
		})
	}
	close(never)
}

// Streams are of no use any more once the command has ended.
func TestStreamsAfterTheEnd(t *testing.T) {
	caller, server := net.Pipe()
	var kept harness.Streams
	reading := make(chan error, 1)
	served := serve(within(t), server, func(_ context.Context, s harness.Streams) (int, error) {
		kept = s
		go func() { _, err := s.In.Read(make([]byte, 1)); reading <- err }()
		return 0, nil
	})
	in, _ := io.Pipe()
	var out bytes.Buffer
	if code, err := Call(within(t), caller, harness.Streams{In: in, Out: &out, Err: &out}); code != 0 || err != nil {
		t.Errorf("it ends with %d, %v", code, err)
	}
	_ = in.Close()
	if err := served(); err != nil {
		t.Error(err)
	}
	if err := <-reading; err == nil || errors.Is(err, io.EOF) {
		t.Errorf("a read that went on ends with %v", err)
	}
	for _, w := range []io.Writer{kept.Out, kept.Err} {
		if _, err := w.Write([]byte("late")); err == nil {
			t.Error("something is printed after the end")
		}
	}
	if out.Len() > 0 {
		t.Errorf("%q was printed", &out)
	}
}

// A panic in a caller's stream is that call's error.
func TestStreamsThatPanic(t *testing.T) {
	for name, s := range map[string]harness.Streams{
		"in":  {In: readerFunc(func([]byte) (int, error) { panic("out of order") })},
		"out": {Out: writerFunc(func([]byte) (int, error) { panic("out of order") })},
	} {
		t.Run(name, func(t *testing.T) {
			caller, server := net.Pipe()
			served := serve(within(t), server, func(ctx context.Context, s harness.Streams) (int, error) {
				fmt.Fprintln(s.Out, "here")
				<-ctx.Done()
				return 0, nil
			})
			_, err := Call(within(t), caller, s)
			var crash *crew.Crash
			if !errors.As(err, &crash) || !strings.Contains(err.Error(), "relay_test.go") {
				t.Errorf("it ends with %v", err)
			}
			if err := served(); err != nil {
				t.Error(err)
			}
		})
	}
}
