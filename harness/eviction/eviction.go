//go:build linux

package eviction

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Rule tells whether a process is meant. proc is its directory, /proc/<pid>, and
// what is read there is read of the living process or not at all.
type Rule func(proc string) bool

// Process is one that was alive when it was found. It is closed by whoever found it.
type Process struct {
	PID int
	fd  int
}

// Close lets go of the process.
func (p Process) Close() { _ = unix.Close(p.fd) }

// Find lists the living processes that the rule means and that we may end.
// Never this process itself.
func Find(rule Rule) ([]Process, error) {
	seen, err := look(rule)
	return seen.found, err
}

// seen is what a look at all processes found.
type seen struct {
	found  []Process    // that the rule means, and that we may end
	others []string     // that it means, and that are somebody else's
	dead   map[int]bool // that had ended by the time they were looked at, whoever they were
}

// missed tells whether the look may have missed somebody: one that ended after processes were
// listed, and before it was looked at, may have started another that was not listed yet.
// What had ended in the look before has started nobody since.
func (s seen) missed(before map[int]bool) bool {
	for pid := range s.dead {
		if !before[pid] {
			return true
		}
	}
	return false
}

func look(rule Rule) (seen, error) {
	s := seen{dead: map[int]bool{}}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return s, fmt.Errorf("list processes: %w", err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		// First the handle, then the look: seen through an open handle of a
		// living process, what is read is that process's.
		fd, err := unix.PidfdOpen(pid, 0)
		if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) {
			if len(s.found) > 0 {
				break // these first: the next look finds the others
			}
			return s, fmt.Errorf("open a handle to process %d: %w", pid, err)
		}
		if err != nil {
			s.dead[pid] = true
			continue
		}
		p := Process{PID: pid, fd: fd}
		proc := filepath.Join("/proc", e.Name())
		meant := rule(proc)
		if p.ended() {
			s.dead[pid] = true
			meant = false
		}
		if !meant {
			p.Close()
			continue
		}
		if err := p.Signal(0); err != nil {
			if errors.Is(err, unix.EPERM) {
				s.others = append(s.others, e.Name()+" ("+nameOf(proc)+")")
			}
			p.Close()
			continue
		}
		s.found = append(s.found, p)
	}
	return s, nil
}

// nameOf is what the process calls itself, for people.
func nameOf(proc string) string {
	text, err := os.ReadFile(filepath.Join(proc, "comm"))
	if err != nil {
		return "?"
	}
	return strings.TrimSpace(string(text))
}

// End ends every process that the rule means and returns how many there were,
// once the last of their threads is gone, so that their ports are free. A
// process of another user's that we may not end is an error, and is not waited
// for; so is one that is still there when ctx ends.
func End(ctx context.Context, rule Rule) (ended int, err error) {
	var before map[int]bool
	for {
		now, err := look(rule)
		if err != nil || len(now.found) == 0 && !now.missed(before) {
			return ended, errors.Join(err, spared(now.others))
		}
		if len(now.found) == 0 && ctx.Err() != nil {
			return ended, fmt.Errorf("see whether all processes have ended: others end all the time: %w", context.Cause(ctx))
		}
		before = now.dead
		for _, p := range now.found {
			if kerr := p.Signal(unix.SIGKILL); !errors.Is(kerr, unix.ESRCH) {
				err = errors.Join(err, kerr)
			}
		}
		for _, p := range now.found {
			err = errors.Join(err, p.Await(ctx))
			p.Close()
		}
		if err != nil {
			return ended, err
		}
		ended += len(now.found)
	}
}

func spared(others []string) error {
	if len(others) == 0 {
		return nil
	}
	return fmt.Errorf("end process %s: they are another user's, and we may not\nhint: look at them and end them yourself: sudo kill -9 PID", strings.Join(others, ", "))
}

// Signal sends the process a signal; 0 only tells whether we might.
func (p Process) Signal(sig unix.Signal) error {
	if err := unix.PidfdSendSignal(p.fd, sig, nil, 0); err != nil {
		return fmt.Errorf("signal process %d: %w", p.PID, err)
	}
	return nil
}

// ended tells whether all threads of the process are gone. That nobody has
// reaped it yet does not matter: where orphans are reaped by nobody, they stay
// for ever.
func (p Process) ended() bool {
	n, _ := p.poll(0)
	return n == 1
}

// Await waits until the process has ended, or ctx has. A pidfd becomes readable when the whole
// thread group has, which is later than /proc's first sign of it.
func (p Process) Await(ctx context.Context) error {
	const slice = 20 * time.Millisecond // how late ctx's end may be noticed
	for {
		n, err := p.poll(slice)
		if n == 1 {
			return nil
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("await the end of process %d: %w", p.PID, err)
		}
		if ctx.Err() != nil {
			return fmt.Errorf("await the end of process %d, killed but still there: %w", p.PID, context.Cause(ctx))
		}
	}
}

func (p Process) poll(most time.Duration) (int, error) {
	return unix.Poll([]unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}, int(most.Milliseconds()))
}
