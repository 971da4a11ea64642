//go:build linux

package operator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/etcd-firedrill/firedrill/harness/eviction"
)

// firstProcess is the number that a guard has in a PID namespace of its own, and that
// nothing which firedrill starts has in another.
const firstProcess = 1

// apart tells whether this guard is the first process of a PID namespace.
func apart() bool { return os.Getpid() == firstProcess }

// numberAnew has /proc show the processes of this namespace, by the numbers that they have in
// it. The mounts have to be apart by now, or everybody's /proc would be this one.
func numberAnew() error {
	const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if err := unix.Mount("proc", "/proc", "proc", flags, ""); err != nil {
		return fmt.Errorf("mount the /proc of its own processes: %w", err)
	}
	// A script that names a file by $$ counts on no earlier run of it having had that number,
	// and here all would count from 2. Not every kernel lets us choose.
	const least, most = 300, 30_000 // of those that no kernel reserves, and every one has
	last := strconv.Itoa(least + rand.IntN(most-least))
	_ = os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(last), 0)
	return nil
}

// tryHiding has a guard hide a directory, and do no more.
func tryHiding(ctx context.Context, dir string, apart bool) error {
	w := watched{mark: markBit, apart: apart, patience: guardLimit}
	if err := w.start(Program{Unseen: dir}, "/"); err != nil {
		return err
	}
	_, err := w.await(ctx)
	return err
}

// collect waits for the guard and for the last of what the program printed. stuck says that
// the guard is still there, which has sent its report, or was killed: the first process of a
// PID namespace has ended when all others have, and one of them may be stuck in the kernel.
func (w *watched) collect() (waited, stuck error) {
	if stuck = w.gone(); stuck == nil {
		return w.guard.Wait(), nil
	}
	w.over.close()
	go func() { _ = w.guard.Wait() }() // it is reaped whenever the kernel is done with it
	return nil, stuck
}

// gone waits until the guard's namespace has ended with it, for as long as we would wait for
// output that something holds open.
func (w *watched) gone() error {
	if !w.apart {
		return nil
	}
	limited, cancel := context.WithTimeout(context.Background(), outputLinger)
	defer cancel()
	pid := w.guard.Process.Pid // no other process's: nobody has reaped it
	guard := fmt.Sprintf("/proc/%d", pid)
	found, err := eviction.Find(func(proc string) bool { return proc == guard })
	for _, p := range found {
		err = errors.Join(err, p.Await(limited))
		p.Close()
	}
	if err != nil {
		return fmt.Errorf("%w\nhint: it waits for what this lists: pgrep -a . --nslist pid --ns %d", err, pid)
	}
	return nil
}

// shutter is closed when nothing is to be written any more.
type shutter struct {
	mu     sync.RWMutex
	closed bool
}

func (s *shutter) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

// before is w until the shutter is closed.
func (s *shutter) before(w io.Writer) io.Writer {
	if _, isFile := w.(*os.File); w == nil || isFile {
		return w // we carry nothing
	}
	return shuttered{s, w}
}

// shuttered is a writer behind a shutter. Two for one writer are equal, as os/exec needs it
// to make one stream of them.
type shuttered struct {
	by *shutter
	to io.Writer
}

func (s shuttered) Write(p []byte) (int, error) {
	s.by.mu.RLock()
	defer s.by.mu.RUnlock()
	if s.by.closed {
		return 0, os.ErrClosed
	}
	return s.to.Write(p)
}
