package agent

import (
	"runtime"

	"github.com/etcd-firedrill/firedrill/harness/crew"
)

// Parent is the thread that processes are started from which must die with us.
// The kernel sends a parent-death signal when the *thread* that forked ends, not
// the process, and the Go runtime ends idle threads as it likes: a child forked
// from an arbitrary thread could be killed in the middle of its work. A locked
// thread ends with its goroutine, so a Parent is closed last.
type Parent struct {
	jobs chan func()
	done chan struct{}
}

// NewParent makes one. The caller closes it.
func NewParent() *Parent {
	p := &Parent{jobs: make(chan func()), done: make(chan struct{})}
	go func() {
		defer close(p.done)
		runtime.LockOSThread() // never unlocked: the thread must end with this goroutine, not be reused
		for job := range p.jobs {
			job()
		}
	}()
	return p
}

// Start runs start, which starts a process, on the parent's thread. A panic in
// it is the error.
func (p *Parent) Start(start func() error) error {
	ended := make(chan error)
	p.jobs <- func() { ended <- crew.Surely(start) }
	return <-ended
}

// Close ends the thread, and with it every process it started. (Not if it is
// the process's first thread, which the Go runtime only parks.)
func (p *Parent) Close() {
	close(p.jobs)
	<-p.done
}
