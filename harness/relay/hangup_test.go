package relay

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

var errEnough = errors.New("somebody had enough")

// stuck is a writer that takes nothing in until the test has ended.
func stuck(t *testing.T) io.Writer {
	gate := make(chan struct{})
	t.Cleanup(func() { close(gate) })
	return writerFunc(func(p []byte) (int, error) { <-gate; return len(p), nil })
}

// endless is input that never ends.
var endless = readerFunc(func(p []byte) (int, error) { return len(p), nil })

// A caller that hangs up ends the command, whatever either of them is doing, and
// waits for its end.
func TestHangUp(t *testing.T) {
	for name, c := range map[string]struct {
		s    func(t *testing.T, enough func()) harness.Streams
		does func(context.Context, harness.Streams) error
	}{
		"it waits": {
			func(*testing.T, func()) harness.Streams { return harness.Streams{} },
			func(ctx context.Context, _ harness.Streams) error { <-ctx.Done(); return nil },
		},
		"it reads what does not come": {
			func(t *testing.T, _ func()) harness.Streams {
				in, typed := io.Pipe()
				t.Cleanup(func() { _ = typed.Close() })
				return harness.Streams{In: in}
			},
			func(_ context.Context, s harness.Streams) error { _, err := io.ReadAll(s.In); return err },
		},
		"it does not read what comes": {
			func(*testing.T, func()) harness.Streams { return harness.Streams{In: endless} },
			func(ctx context.Context, _ harness.Streams) error { <-ctx.Done(); return nil },
		},
		"it prints for ever": {
			func(_ *testing.T, enough func()) harness.Streams {
				lines := 0 // while something is printed no time passes
				return harness.Streams{Out: writerFunc(func(p []byte) (int, error) {
					if lines++; lines == 100 {
						enough()
					}
					return len(p), nil
				})}
			},
			func(_ context.Context, s harness.Streams) error { _, err := io.Copy(s.Out, endless); return err },
		},
		"it prints, and nothing is read": {
			func(t *testing.T, _ func()) harness.Streams { return harness.Streams{Err: stuck(t), In: endless} },
			func(_ context.Context, s harness.Streams) error { _, err := io.Copy(s.Err, endless); return err },
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				caller, server := net.Pipe()
				var streamErr, why error
				served := serve(t.Context(), server, func(ctx context.Context, s harness.Streams) (int, error) {
					streamErr = c.does(ctx, s)
					why = context.Cause(ctx)
					return 130, why
				})
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { cancel(errEnough) })
				begun := time.Now()
				code, err := Call(ctx, caller, c.s(t, func() { cancel(errEnough) }))
				if took := time.Since(begun) - time.Second; took > HangUpLimit {
					t.Errorf("it took %v to get away", took)
				}
				if !errors.Is(err, errEnough) || code != 130 {
					t.Errorf("the caller gets %d, %v", code, err)
				}
				if err := served(); err != nil {
					t.Errorf("the end was not told: %v", err)
				}
				if !errors.Is(why, ErrHungUp) || streamErr != nil && !errors.Is(streamErr, ErrHungUp) {
					t.Errorf("the command ends because of %v, its stream because of %v", why, streamErr)
				}
			})
		})
	}
}

// A connection that is closed hangs up too. What was read of the input until then
// does not pass for all of it.
func TestCallerGone(t *testing.T) {
	caller, server := sockets(t)
	go func() {
		_, _ = caller.Write(encode(kindInput, "half"))
		_ = caller.Close()
	}()
	var got []byte
	var streamErr, why error
	_ = Serve(within(t), server, func(ctx context.Context, s harness.Streams) (int, error) {
		got, streamErr = io.ReadAll(s.In)
		why = context.Cause(ctx)
		return 0, nil
	})
	if !errors.Is(streamErr, ErrHungUp) || !errors.Is(why, ErrHungUp) {
		t.Errorf("%q, then %v and %v", got, streamErr, why)
	}
}

// What breaks on the way ends both sides.
func TestConnectionBreaks(t *testing.T) {
	caller, server := sockets(t)
	served := serve(within(t), server, func(ctx context.Context, s harness.Streams) (int, error) {
		if _, err := s.Out.Write([]byte("half")); err != nil {
			return 0, err
		}
		_ = server.Close()
		<-ctx.Done()
		return 0, nil
	})
	var out strings.Builder
	code, err := Call(within(t), caller, harness.Streams{Out: &out})
	if !errors.Is(err, ErrCut) || code != 0 || out.String() != "half" {
		t.Errorf("the caller gets %q, %d, %v", &out, code, err)
	}
	if err := served(); !errors.Is(err, ErrCut) {
		t.Errorf("serving ends with %v", err)
	}
}

// When the serving side wants to end, so does the command, whoever does not listen.
func TestServerEnds(t *testing.T) {
	t.Run("and is heard", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			caller, server := net.Pipe()
			ctx, cancel := context.WithCancelCause(t.Context())
			served := serve(ctx, server, func(ctx context.Context, s harness.Streams) (int, error) {
				_, err := io.Copy(s.Out, endless)
				if !errors.Is(err, errEnough) {
					t.Errorf("printing ends with %v", err)
				}
				return 3, context.Cause(ctx)
			})
			time.AfterFunc(time.Second, func() { cancel(errEnough) })
			code, err := Call(t.Context(), caller, harness.Streams{Out: writerFunc(func(p []byte) (int, error) {
				<-ctx.Done() // until then it reads nothing
				return len(p), nil
			})})
			var remote *RemoteError
			if code != 3 || !errors.As(err, &remote) || remote.Text != errEnough.Error() {
				t.Errorf("the caller gets %d, %v", code, err)
			}
			if err := served(); err != nil {
				t.Error(err)
			}
		})
	})
	// The other end exists and nobody is there: a process that was stopped.
	t.Run("and is not", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			caller, server := net.Pipe()
			defer caller.Close()
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel(errEnough) })
			begun := time.Now()
			err := Serve(ctx, server, func(ctx context.Context, s harness.Streams) (int, error) {
				_, err := s.Out.Write([]byte("is anybody there?"))
				return 0, err
			})
			if took := time.Since(begun) - time.Second; took > 2*HangUpLimit || !errors.Is(err, ErrCut) {
				t.Errorf("it takes %v to end with %v", took, err)
			}
		})
	})
}

// A caller gets away from a server that is not there any more, in whatever way.
func TestFrozenServer(t *testing.T) {
	for name, freeze := range map[string]func(server net.Conn){
		"it takes nothing in":           func(net.Conn) {},
		"it takes all in, and is still": func(server net.Conn) { _, _ = io.Copy(io.Discard, server) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				caller, server := net.Pipe()
				frozen := make(chan struct{})
				go func() { defer close(frozen); freeze(server) }()
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { cancel(errEnough) })
				begun := time.Now()
				_, err := Call(ctx, caller, harness.Streams{In: endless})
				if took := time.Since(begun) - time.Second; took > HangUpLimit || !errors.Is(err, errEnough) {
					t.Errorf("it takes %v to end with %v", took, err)
				}
				_ = server.Close()
				<-frozen
			})
		})
	}
}

// Neither does a caller wait for ever for his own reader of output, once he has
// had enough. Nothing is written to that afterwards.
func TestStuckOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		caller, server := net.Pipe()
		served := serve(t.Context(), server, func(_ context.Context, s harness.Streams) (int, error) {
			_, err := s.Out.Write([]byte("one line"))
			_, again := s.Out.Write([]byte("another"))
			return 5, errors.Join(err, again)
		})
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Hour, func() { cancel(errEnough) })
		begun := time.Now()
		gate, writes := make(chan struct{}), 0
		code, err := Call(ctx, caller, harness.Streams{Out: writerFunc(func(p []byte) (int, error) {
			writes++
			<-gate
			return len(p), nil
		})})
		if took := time.Since(begun); code != 5 || !errors.Is(err, errEnough) || took != time.Hour+HangUpLimit {
			t.Errorf("after %v the caller gets %d, %v", took, code, err)
		}
		if err := served(); err != nil {
			t.Error(err)
		}
		close(gate)
		synctest.Wait()
		if writes != 1 {
			t.Errorf("%d writes were begun", writes)
		}
	})
}

// A stream of the caller's that fails ends the command, and is why.
func TestStreamsThatFail(t *testing.T) {
	broken := errors.New("the disk is full")
	half := io.MultiReader(strings.NewReader("half"), readerFunc(func([]byte) (int, error) { return 0, broken }))
	full := writerFunc(func([]byte) (int, error) { return 0, broken })
	for name, c := range map[string]struct {
		s    harness.Streams
		want string
	}{
		"in":  {harness.Streams{In: half}, "read the command's input: the disk is full"},
		"out": {harness.Streams{Out: full}, "pass on what the command printed: the disk is full"},
		"err": {harness.Streams{Err: full}, "pass on what the command printed: the disk is full"},
	} {
		t.Run(name, func(t *testing.T) {
			caller, server := sockets(t)
			var got []byte
			var why error
			served := serve(within(t), server, func(ctx context.Context, s harness.Streams) (int, error) {
				_, _ = s.Out.Write([]byte("out"))
				_, _ = s.Err.Write([]byte("err"))
				var err error
				if got, err = io.ReadAll(s.In); err == nil && name == "in" {
					t.Errorf("%q passes for the whole input", got)
				}
				<-ctx.Done()
				why = context.Cause(ctx)
				return 9, why
			})
			code, err := Call(within(t), caller, c.s)
			if !errors.Is(err, broken) || err.Error() != c.want || code != 9 {
				t.Errorf("the caller gets %d, %v; want %q", code, err, c.want)
			}
			if err := served(); err != nil || !errors.Is(why, ErrHungUp) {
				t.Errorf("serving ends with %v, the command because of %v", err, why)
			}
		})
	}
}
