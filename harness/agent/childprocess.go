//go:build linux

package agent

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// start starts cmd in a process group of its own. All three streams must be
// files: os/exec would open /dev/null, which a host need not have, and what it
// copies itself it gives up on when the reader is slow.
func start(from *Parent, cmd *exec.Cmd) (*process, error) {
	for _, stream := range []any{cmd.Stdin, cmd.Stdout, cmd.Stderr} {
		if file, ok := stream.(*os.File); !ok || file == nil {
			return nil, errors.New("a stream is not a file")
		}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := from.Start(cmd.Start); err != nil {
		return nil, err
	}
	return &process{cmd: cmd, pid: cmd.Process.Pid}, nil
}

// outputLinger is how long the output of an ended process is still read if
// something that left its process group holds it open.
const outputLinger = time.Second

// process is a child and its process group.
type process struct {
	cmd *exec.Cmd
	pid int

	mu     sync.Mutex
	reaped bool // the PID may be another's by now
}

// signal sends a signal to the process itself.
func (p *process) signal(sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return os.ErrProcessDone
	}
	return unix.Kill(p.pid, sig)
}

// kill ends the process and its group.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		// ESRCH: all of them are gone already.
		_ = unix.Kill(-p.pid, unix.SIGKILL)
	}
}

// wait waits for the process to end, ends what it leaves behind in its group,
// and returns how it ended. The rest of the group is killed while the dead
// leader still holds the group's number, so that nobody else can be hit.
func (p *process) wait() (syscall.WaitStatus, error) {
	for {
		err := unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EINTR) {
			return 0, fmt.Errorf("await process %d: %w", p.pid, err)
		}
	}
	p.mu.Lock()
	_ = unix.Kill(-p.pid, unix.SIGKILL)
	p.reaped = true
	p.mu.Unlock()

	err := p.cmd.Wait()
	reapGroup(p.pid)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && p.cmd.ProcessState == nil {
		return 0, fmt.Errorf("await process %d: %w", p.pid, err)
	}
	return p.cmd.ProcessState.Sys().(syscall.WaitStatus), nil
}

// reapGroup collects the dead of a process group whose leader was reaped and
// whose other members were killed. They are ours only where the agent is the
// first process and inherits orphans; elsewhere there are none to wait for. The
// group's number is not given to another process while it has members, and
// numbers just freed are given out last.
func reapGroup(group int) {
	for {
		_, err := unix.Wait4(-group, nil, 0, nil)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// pauses tells whether the process was stopped or continued since it was last
// asked. ok is false if neither.
func (p *process) pauses() (paused, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.reaped {
		const stopped, continued = 5, 6 // CLD_STOPPED, CLD_CONTINUED in waitid(2)
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, p.pid, &info, unix.WSTOPPED|unix.WCONTINUED|unix.WNOHANG, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || info.Signo == 0 {
			break
		}
		paused, ok = info.Code == stopped, info.Code == stopped || info.Code == continued
	}
	return paused, ok
}

// noInput returns a stream that is at its end, for processes that must have a
// standard input on hosts that have no /dev/null.
func noInput() (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return r, w.Close()
}
