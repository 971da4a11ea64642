//go:build linux

package process

import (
	"os"
	"runtime"
)

// launcher starts processes from one operating system thread that lives as
// long as the rack. The kernel sends a parent-death signal when the *thread*
// that forked ends, not the process, and the Go runtime ends idle threads as it
// likes: a host forked from an arbitrary thread could lose its power in the
// middle of a drill. A thread whose locked goroutine returns ends with it, so
// the launcher is closed last, when all its hosts are down.
type launcher struct {
	jobs chan func()
	done chan struct{}
}

func newLauncher() *launcher {
	l := &launcher{jobs: make(chan func()), done: make(chan struct{})}
	go func() {
		defer close(l.done)
		runtime.LockOSThread() // never unlocked: the thread must end with this goroutine, not be reused
		for job := range l.jobs {
			job()
		}
	}()
	return l
}

// start is os.StartProcess on the launcher's thread.
func (l *launcher) start(path string, argv []string, attr *os.ProcAttr) (p *os.Process, err error) {
	started := make(chan struct{})
	l.jobs <- func() {
		defer close(started)
		p, err = os.StartProcess(path, argv, attr)
	}
	<-started
	return p, err
}

// close ends the thread, and with it every process it started. (Not if it is
// the process's first thread, which the Go runtime only parks.)
func (l *launcher) close() {
	close(l.jobs)
	<-l.done
}
