//go:build linux

package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// RunOnStdio is the whole life of an agent whose session is its standard input
// and output. When the session ends, so does the host: all that runs on it is
// killed, and RunOnStdio returns nil. When ctx ends, etcd is stopped in order first.
func RunOnStdio(ctx context.Context, opt ServeOptions) error {
	unix.Umask(0o022)
	session, err := stdio()
	if err != nil {
		return fmt.Errorf("serve %s: %w", opt.Host, err)
	}
	a := New(opt)
	defer a.Close()
	var supervised sync.WaitGroup
	supervised.Go(func() {
		_ = a.Run(ctx) // it refuses only a closed agent
		if ctx.Err() != nil {
			_ = session.Close()
		}
	})
	err = a.Serve(context.WithoutCancel(ctx), session)
	a.Close()
	supervised.Wait()
	return err
}

// stream is a session over two files.
type stream struct{ in, out *os.File }

func (s stream) Read(p []byte) (int, error)  { return s.in.Read(p) }
func (s stream) Write(p []byte) (int, error) { return s.out.Write(p) }
func (s stream) Close() error                { return errors.Join(s.in.Close(), s.out.Close()) }

// stdio takes the standard streams as a session. They are moved to other
// descriptors: nothing that is printed by mistake may get into the session, and
// a write to a *standard output* that is closed would end us with SIGPIPE. They
// are made non-blocking, so that closing them unblocks a reader.
func stdio() (stream, error) {
	var moved [2]*os.File
	for fd := range moved {
		own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			return stream{}, err
		}
		if err := unix.SetNonblock(own, true); err != nil {
			return stream{}, err
		}
		moved[fd] = os.NewFile(uintptr(own), "session")
	}
	none, err := noInput()
	if err != nil {
		return stream{}, err
	}
	defer none.Close()
	if err := errors.Join(unix.Dup3(int(none.Fd()), 0, 0), unix.Dup3(2, 1, 0)); err != nil {
		return stream{}, err
	}
	return stream{in: moved[0], out: moved[1]}, nil
}

// RunOnSocket is the whole life of an agent that outlives its sessions: a
// container's main process, which is reached through a Unix socket. One
// session is served at a time; a new one takes the place of the old. It ends
// when ctx does: etcd is stopped in order, then all else is killed.
func RunOnSocket(ctx context.Context, path string, opt ServeOptions) error {
	unix.Umask(0o022)
	listener, err := listen(path)
	if err != nil {
		return fmt.Errorf("serve %s: %w", opt.Host, err)
	}
	a := New(opt)
	defer a.Close()
	serving, stop := context.WithCancel(context.Background())
	defer stop()
	var work sync.WaitGroup
	work.Go(func() {
		_ = a.Run(ctx) // it refuses only a closed agent
		_ = listener.Close()
		stop()
	})
	err = accept(serving, listener, a)
	if ctx.Err() != nil {
		err = nil
	}
	a.Close()
	work.Wait()
	return err
}

func listen(path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	// The disk outlives power cuts, and so does a socket's name on it.
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return net.Listen("unix", path)
}

func accept(ctx context.Context, listener net.Listener, a *Agent) error {
	var last *served
	defer func() { last.end() }()
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		last.end()
		last = serve(ctx, a, conn)
	}
}

// served is a session that is being served.
type served struct {
	cancel context.CancelFunc
	done   chan struct{}
}

func serve(ctx context.Context, a *Agent, conn net.Conn) *served {
	ctx, cancel := context.WithCancel(ctx)
	s := &served{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		_ = a.Serve(ctx, conn) // that it could not be greeted is no concern of the next one
	}()
	return s
}

func (s *served) end() {
	if s != nil {
		s.cancel()
		<-s.done
	}
}

// attachLimit is how long Attach waits for an agent that is about to listen.
const attachLimit = 10 * time.Second

// Attach relays standard input and output to the agent that listens at path,
// until either ends. An engine's exec runs it inside the container.
func Attach(path string) error {
	conn, err := dial(path)
	if err != nil {
		return fmt.Errorf("attach to the agent at %s: %w", path, err)
	}
	defer conn.Close()
	go func() {
		_, _ = io.Copy(conn, os.Stdin)
		_ = conn.CloseWrite()
	}()
	// The process ends with this; the other direction may wait on a silent
	// standard input for ever.
	_, err = io.Copy(os.Stdout, conn)
	return err
}

func dial(path string) (*net.UnixConn, error) {
	limit := time.NewTimer(attachLimit)
	defer limit.Stop()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
		if err == nil {
			return conn, nil
		}
		if !errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.ECONNREFUSED) {
			return nil, err
		}
		select {
		case <-again.C:
		case <-limit.C:
			return nil, fmt.Errorf("nobody listened within %v: %w", attachLimit, err)
		}
	}
}

// Main runs the agent if args, a whole command line, ask for it, and returns
// the process's exit status; ran is false if they do not.
//
//	firedrill agent stdio HOST         one session on the standard streams
//	firedrill agent socket PATH HOST   sessions through a Unix socket
//	firedrill agent attach PATH        relay the standard streams to that socket
//
// SIGTERM and SIGINT stop etcd in order and then the agent.
func Main(args []string) (status int, ran bool) {
	if len(args) < 4 || args[1] != "agent" {
		return 0, false
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	var err error
	switch mode, rest := args[2], args[3:]; {
	case mode == "stdio" && len(rest) == 1:
		err = RunOnStdio(ctx, ServeOptions{Host: rest[0]})
	case mode == "socket" && len(rest) == 2:
		err = RunOnSocket(ctx, rest[0], ServeOptions{Host: rest[1]})
	case mode == "attach" && len(rest) == 1:
		err = Attach(rest[0])
	default:
		return 0, false
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "firedrill agent:", err)
		return 1, true
	}
	return 0, true
}
