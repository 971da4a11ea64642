//go:build linux

package operator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Run starts the shell as a process group of its own and returns when it has ended.
// code is its exit status (128+n: ended by signal n).
//
// Where In is our terminal, the shell has it meanwhile, as from any shell that starts
// another: Ctrl-C is for what runs in it, and where it is suspended so are we. It is
// not guarded, and what it leaves running goes on, as of any shell.
//
// When ctx ends it is hung up on, as where a terminal is closed (SIGHUP, to its group
// and to the one that has the terminal), and killed 2 s later; the error is ctx's.
func (s Shell) Run(ctx context.Context) (code int, err error) {
	if ctx.Err() != nil {
		return -1, context.Cause(ctx)
	}
	has, err := terminalOf(s.In)
	if err != nil {
		return -1, fmt.Errorf("start %s: %w", s.Path, err)
	}
	attr := &syscall.SysProcAttr{Setpgid: true}
	if has != nil {
		attr.Foreground, attr.Ctty = true, has.fd
	}
	process, err := os.StartProcess(s.Path, append([]string{s.Path}, s.Args...), &os.ProcAttr{Env: s.Env, Files: []*os.File{s.In, s.Out, s.Err}, Sys: attr})
	if err != nil {
		return -1, fmt.Errorf("start %s: %w\nhint: SHELL names the shell that is started", s.Path, err)
	}
	// Only now: what is ignored, a program inherits. Whoever takes a terminal back
	// does it from the background.
	signal.Ignore(syscall.SIGTTOU)
	defer signal.Reset(syscall.SIGTTOU)
	r := running{pid: process.Pid, terminal: has, ended: make(chan struct{})}
	_ = process.Release() // it is waited for here, its suspensions included
	waited := make(chan struct{})
	go func() {
		defer close(waited)
		r.wait()
	}()
	select {
	case <-r.ended:
	case <-ctx.Done():
		r.hangUp()
	}
	<-waited
	has.restore()
	if r.err != nil {
		return -1, fmt.Errorf("wait for %s: %w", s.Path, r.err)
	}
	if r.status.Signaled() {
		code = exitSignal + int(r.status.Signal())
	} else {
		code = r.status.ExitStatus()
	}
	if r.hungUp {
		err = context.Cause(ctx)
	}
	return code, err
}

// terminal is one that is ours to hand over.
type terminal struct {
	fd, group int // ours, which has it
	modes     *unix.Termios
}

// terminalOf is a file's terminal; nil: it is none, or not the one that controls us.
// From the background it could only be stolen.
func terminalOf(f *os.File) (*terminal, error) {
	fd := int(f.Fd())
	holder, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	if err != nil {
		return nil, nil
	}
	modes, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, fmt.Errorf("look at the terminal: %w", err)
	}
	if holder != unix.Getpgrp() {
		return nil, errors.New("it is to have the terminal, and this runs in the background\nhint: type it without &")
	}
	return &terminal{fd: fd, group: holder, modes: modes}, nil
}

// restore takes the terminal back, with the modes that it had. A shell that was
// killed leaves those of its line editor.
func (t *terminal) restore() {
	if t == nil {
		return
	}
	_ = unix.IoctlSetPointerInt(t.fd, unix.TIOCSPGRP, t.group)
	_ = unix.IoctlSetTermios(t.fd, unix.TCSETS, t.modes)
}

// running is a shell that was started.
type running struct {
	pid      int
	terminal *terminal
	ended    chan struct{} // closed when it has
	hungUp   bool

	mu     sync.Mutex // while it is held, pid is the shell's and nobody else's
	gone   bool
	status syscall.WaitStatus
	err    error
}

// wait waits until the shell has ended. While it is suspended, so are we.
func (r *running) wait() {
	defer close(r.ended)
	for {
		// Not reaped yet, so that nobody who signals it can meet another's process.
		err := unix.Waitid(unix.P_PID, r.pid, nil, unix.WEXITED|unix.WSTOPPED|unix.WNOWAIT, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		r.mu.Lock()
		if err == nil {
			_, err = syscall.Wait4(r.pid, &r.status, syscall.WUNTRACED|syscall.WNOHANG, nil)
		}
		r.gone, r.err = err != nil || r.status.Exited() || r.status.Signaled(), err
		gone := r.gone
		r.mu.Unlock()
		if gone {
			return
		}
		r.suspended()
	}
}

// suspended suspends us as well, until somebody has us go on.
func (r *running) suspended() {
	t := r.terminal
	if t == nil {
		return
	}
	shells, err := unix.IoctlGetTermios(t.fd, unix.TCGETS)
	t.restore()
	_ = syscall.Kill(0, syscall.SIGSTOP)
	_ = unix.IoctlSetPointerInt(t.fd, unix.TIOCSPGRP, r.pid)
	if err == nil {
		_ = unix.IoctlSetTermios(t.fd, unix.TCSETS, shells)
	}
	r.signal(syscall.SIGCONT)
}

// signal sends a signal to the shell's group, and to the one that has its terminal.
func (r *running) signal(sig syscall.Signal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone {
		return
	}
	_ = syscall.Kill(-r.pid, sig)
	if t := r.terminal; t != nil {
		if holder, err := unix.IoctlGetInt(t.fd, unix.TIOCGPGRP); err == nil && holder > 0 && holder != r.pid && holder != t.group {
			_ = syscall.Kill(-holder, sig)
		}
	}
}

// hangUp ends the shell.
func (r *running) hangUp() {
	r.hungUp = true
	r.signal(syscall.SIGHUP)
	r.signal(syscall.SIGCONT) // what is stopped hears nothing
	patience := time.NewTimer(grace)
	defer patience.Stop()
	select {
	case <-r.ended:
	case <-patience.C:
		r.signal(syscall.SIGKILL)
		<-r.ended
	}
}
