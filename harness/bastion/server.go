package bastion

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/crew"
	"github.com/etcd-firedrill/firedrill/harness/relay"
)

// Estate is what calls are made to: hosts, backups, clients.
type Estate interface {
	// Do carries out one call, which has passed Call.Check. Several are made at
	// once. When ctx ends, because the caller hung up or the bastion closes, it ends
	// what it does and returns; from then on the streams only fail. An error that is
	// a *Refusal says that what was asked for cannot be, any other that the drill
	// broke; the caller reads its text, after what came on the streams.
	Do(ctx context.Context, c Call, s harness.Streams) (code int, err error)
}

// Refusal is an error of an Estate that is of the operator's making, or the
// disaster's: an unknown host, one that is off, a backup that is damaged. The drill
// is well.
type Refusal struct{ Err error }

// Refuse says no, as fmt.Errorf does.
func Refuse(format string, args ...any) error { return &Refusal{fmt.Errorf(format, args...)} }

func (r *Refusal) Error() string { return r.Err.Error() }

// Unwrap returns the reason.
func (r *Refusal) Unwrap() error { return r.Err }

// The codes that Do returns with an error.
const (
	CodeRefused = 1 // the error is a *Refusal
	CodeBroke   = 3 // any other
)

// MostPath is how many bytes the path of a Unix socket may have, everywhere.
const MostPath = 99

// The names of the socket's file. That of a game day is another one, so that whoever
// looks for it does not find a runbook's.
const (
	socketName    = "bastion.sock"
	gameDaySocket = "gameday.sock"
)

// lineLimit is how long a caller may take from connecting to the end of the call's
// line.
const lineLimit = time.Minute

// errOver is why calls end that Close ends.
var errOver = errors.New("the drill is over, and what was under way was ended with it")

// Server takes calls. Serve is called once.
type Server struct {
	listener *net.UnixListener
	ctx      context.Context // of every call
	end      context.CancelCauseFunc

	mu     sync.Mutex
	closed bool
	serves chan struct{} // closed when Serve has returned; nil: it was not called
	calls  sync.WaitGroup
	crash  error // the first panic of the estate's
}

// Listen opens the socket, in a directory that nobody else may enter. Its file is
// for its owner alone, and goes with Close.
func Listen(dir string) (*Server, error) { return listen(filepath.Join(dir, socketName)) }

// ListenToTeam is Listen for a game day, which others have to find: see
// GameDaySocket.
func ListenToTeam(dir string) (*Server, error) { return listen(GameDaySocket(dir)) }

// GameDaySocket is the path of a game day's socket, whose desk is in dir.
func GameDaySocket(dir string) string { return filepath.Join(dir, gameDaySocket) }

func listen(path string) (*Server, error) {
	dir := filepath.Dir(path)
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open the bastion in %s: %w", dir, err)
	}
	if len(path) > MostPath {
		return nil, fmt.Errorf("open the bastion at %s: a Unix socket's path has %d bytes at most, and this one has %d\nhint: have TMPDIR name a directory with a shorter path", path, MostPath, len(path))
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("open the bastion at %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("open the bastion at %s: %w", path, err), listener.Close())
	}
	s := &Server{listener: listener}
	s.ctx, s.end = context.WithCancelCause(context.Background())
	return s, nil
}

// Path is the socket's, absolute: the value of SocketVariable.
func (s *Server) Path() string { return s.listener.Addr().String() }

// Serve takes calls until Close, several at a time. A panic of the estate's ends its
// call alone: the caller is told, and so is whoever called Serve when it returns. Any
// other error says that no calls can be taken any more.
func (s *Server) Serve(e Estate) error {
	s.mu.Lock()
	if s.serves != nil {
		s.mu.Unlock()
		return fmt.Errorf("take calls at %s: somebody does already", s.Path())
	}
	serves := make(chan struct{})
	s.serves = serves
	s.mu.Unlock()
	defer close(serves)
	for {
		conn, err := s.listener.AcceptUnix()
		if shortOfFiles(err) && s.breathe() {
			continue // callers wait in the socket's queue meanwhile
		}
		if err != nil {
			return s.over(err)
		}
		if !s.begin(func() { s.answer(conn, e) }) {
			_ = conn.Close() // nothing was read, nobody is told
		}
	}
}

// acceptPause is how long is waited before another call is taken, where there are no
// file descriptors for it.
const acceptPause = 50 * time.Millisecond

func shortOfFiles(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM) || errors.Is(err, syscall.ECONNABORTED)
}

// breathe waits a while; false if the bastion closes.
func (s *Server) breathe() bool {
	pause := time.NewTimer(acceptPause)
	defer pause.Stop()
	select {
	case <-pause.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// begin begins a call, unless the bastion closes.
func (s *Server) begin(call func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.calls.Go(call)
	return true
}

// over is what Serve returns once nothing is accepted any more. If that is not
// Close's doing, calls that are under way go on until it is called.
func (s *Server) over(err error) error {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		s.calls.Wait()
		err = nil
	} else {
		err = fmt.Errorf("take calls at %s: %w", s.Path(), err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(err, s.crash)
}

// answer answers one call.
func (s *Server) answer(conn *net.UnixConn, e Estate) {
	defer conn.Close()
	// Who closes does not wait for a caller that says nothing.
	forget := context.AfterFunc(s.ctx, func() { _ = conn.SetReadDeadline(time.Now()) })
	_ = conn.SetReadDeadline(time.Now().Add(lineLimit))
	if s.ctx.Err() != nil {
		return // the deadline just set may be the later one
	}
	buffered := bufio.NewReaderSize(conn, 64<<10)
	call, err := readCall(buffered)
	if !forget() || err != nil && !errors.Is(err, errNoCall) {
		return // it is over, or the caller is gone
	}
	_ = conn.SetReadDeadline(time.Time{})
	// The error is that the caller could not be told, and so nobody can.
	_ = relay.Serve(s.ctx, begun{conn, buffered}, func(ctx context.Context, streams harness.Streams) (int, error) {
		if err == nil {
			err = call.Check()
		}
		if err != nil {
			return CodeRefused, err
		}
		return s.do(ctx, e, call, streams)
	})
}

// begun is a connection of which something was read ahead.
type begun struct {
	*net.UnixConn
	ahead *bufio.Reader
}

func (b begun) Read(p []byte) (int, error) { return b.ahead.Read(p) }

// do has the estate carry out a call.
func (s *Server) do(ctx context.Context, e Estate, call Call, streams harness.Streams) (code int, err error) {
	crash := crew.Caught(func() { code, err = e.Do(ctx, call, streams) })
	var no *Refusal
	switch {
	case crash != nil:
		s.mu.Lock()
		if s.crash == nil {
			s.crash = fmt.Errorf("%s %s: the drill itself panicked: %w", call.Verb, call.Args, crash)
		}
		s.mu.Unlock()
		return CodeBroke, fmt.Errorf("firedrill itself panicked: %w\nhint: please report this", crash)
	case err == nil:
		return code, nil
	case s.ctx.Err() != nil:
		return CodeBroke, context.Cause(s.ctx)
	case errors.As(err, &no):
		return CodeRefused, err
	}
	return CodeBroke, err
}

// Close takes no further call, ends those that are under way, and returns when none
// is left and Serve has returned. A caller that takes nothing in holds it up for
// relay.HangUpLimit at most; an Estate that goes on, for as long as it does.
func (s *Server) Close() error {
	s.mu.Lock()
	again := s.closed
	s.closed = true
	serves := s.serves
	s.mu.Unlock()
	s.end(errOver)
	var err error
	if !again {
		err = s.listener.Close()
	}
	s.calls.Wait()
	if serves != nil {
		<-serves
	}
	return err
}
