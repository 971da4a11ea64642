//go:build linux

package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// inmate is a process that lives in a host. It is held by a pidfd, so that a
// PID that was given to somebody else meanwhile is never mistaken for it.
type inmate struct {
	pid int
	fd  int
}

func (i inmate) close() { _ = unix.Close(i.fd) }

// inmates lists the processes whose root directory is dir or lies in it. The
// root is what makes a process part of a host: it is inherited by all
// descendants, whatever session or process group they move to, nobody else on
// the machine has it, and no record that could be stale is needed to find them.
func inmates(dir string) ([]inmate, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var found []inmate
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		// First the handle, then the look: seen through an open handle of a
		// living process, the root is that process's.
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue // it ended meanwhile
		}
		root, err := os.Readlink("/proc/" + e.Name() + "/root")
		if err == nil && within(dir, root) && unix.PidfdSendSignal(fd, 0, nil, 0) == nil {
			found = append(found, inmate{pid: pid, fd: fd})
			continue
		}
		_ = unix.Close(fd) // another user's, a zombie, or simply elsewhere
	}
	return found, nil
}

// within tells whether path, as /proc shows it, is dir or lies in it.
func within(dir, path string) bool {
	path = strings.TrimSuffix(path, " (deleted)")
	return path == dir || strings.HasPrefix(path, dir+"/")
}

// evict ends every process whose root lies in dir and returns how many there
// were, once the last of their threads is gone, so that their ports are free.
func evict(ctx context.Context, dir string) (int, error) {
	ended := 0
	for {
		found, err := inmates(dir)
		if err != nil || len(found) == 0 {
			return ended, err
		}
		for _, i := range found {
			err = errors.Join(err, i.kill())
		}
		for _, i := range found {
			err = errors.Join(err, i.await(ctx))
			i.close()
		}
		if err != nil {
			return ended, err
		}
		ended += len(found)
	}
}

func (i inmate) kill() error {
	err := unix.PidfdSendSignal(i.fd, unix.SIGKILL, nil, 0)
	if err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("kill process %d: %w", i.pid, err)
	}
	return nil
}

// await waits for the process to end. A pidfd becomes readable when the whole
// thread group has, which is later than /proc's first sign of it.
func (i inmate) await(ctx context.Context) error {
	const slice = 20 * time.Millisecond // how late ctx's end may be noticed
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(i.fd), Events: unix.POLLIN}}, int(slice.Milliseconds()))
		if n == 1 {
			return nil
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("await the end of process %d: %w", i.pid, err)
		}
		if ctx.Err() != nil {
			return fmt.Errorf("await the end of process %d, killed but still there: %w", i.pid, context.Cause(ctx))
		}
	}
}
