package runtimetest

import (
	"bytes"
	"sync"

	"github.com/etcd-firedrill/firedrill/harness"
)

// recorder keeps the events of a host.
type recorder struct {
	mu     sync.Mutex
	events []harness.HostEvent
}

func (r *recorder) note(e harness.HostEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func (r *recorder) kinds() []harness.HostEventKind {
	r.mu.Lock()
	defer r.mu.Unlock()
	var kinds []harness.HostEventKind
	for _, e := range r.events {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

// text returns what the first event of a kind said.
func (r *recorder) text(kind harness.HostEventKind) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e.Kind == kind {
			return e.Text
		}
	}
	return ""
}

// transcript keeps what is written to it.
type transcript struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (t *transcript) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buffer.Write(b)
}

func (t *transcript) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buffer.String()
}
