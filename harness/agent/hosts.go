package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/crew"
)

// errRackClosed is returned for hosts that are wanted after Close.
var errRackClosed = errors.New("the rack is closed")

// Hosts is the hosts of one rack, by name, each in a place P: the addresses
// that a runtime gave it. A name keeps its place when its host is destroyed, so
// that a new host of the old name stands where the old one stood. Hosts of
// different names come up in parallel. The zero value is ready for use.
type Hosts[P any] struct {
	mu     sync.Mutex
	closed bool
	slots  map[string]*slot[P]
}

// slot is where a host stands. Its mutex is held while a host is put there.
type slot[P any] struct {
	place P
	mu    sync.Mutex
	host  *Host // nil: none came up yet
}

// Provision puts a host into its name's place. For a new name, find makes the
// place, told how many there are; it is not called twice at a time. build
// returns the host powered on, or leaves nothing behind. It is an error if there
// is a host of this name that was not destroyed.
func (r *Hosts[P]) Provision(ctx context.Context, spec harness.HostSpec, find func(taken int) (P, error), build func(P) (*Host, error)) (harness.Host, error) {
	host, err := r.provision(ctx, spec.Name, find, build)
	if err != nil {
		return nil, fmt.Errorf("provision %s: %w", spec.Name, err)
	}
	return host, nil
}

func (r *Hosts[P]) provision(ctx context.Context, name string, find func(int) (P, error), build func(P) (*Host, error)) (*Host, error) {
	if !harness.ValidHostName(name) {
		return nil, errors.New("a host's name must be a DNS label in lower case")
	}
	s, err := r.reserve(name, find)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.host != nil && !s.host.gone() {
		return nil, errors.New("there is a host of this name, and it was not destroyed")
	}
	if r.isClosed() { // while we waited for our turn
		return nil, errRackClosed
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	host, err := build(s.place)
	if err != nil {
		return nil, err
	}
	s.host = host
	return host, nil
}

func (r *Hosts[P]) reserve(name string, find func(taken int) (P, error)) (*slot[P], error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, errRackClosed
	}
	if s := r.slots[name]; s != nil {
		return s, nil
	}
	place, err := find(len(r.slots))
	if err != nil {
		return nil, err
	}
	if r.slots == nil {
		r.slots = map[string]*slot[P]{}
	}
	r.slots[name] = &slot[P]{place: place}
	return r.slots[name], nil
}

func (r *Hosts[P]) isClosed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

// Place is where a host of this name stands, or stood.
func (r *Hosts[P]) Place(name string) (place P, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.slots[name]; s != nil {
		return s.place, true
	}
	return place, false
}

// Close ends every host, all at once, and releases the sessions to them. There
// are no new hosts from here on. again is true if it was called before: nothing
// was done then. places are all that were ever found, for their giving back.
func (r *Hosts[P]) Close(end func(*Host) error) (places []P, again bool, err error) {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil, true, nil
	}
	r.closed = true // from here on nobody adds a slot
	r.mu.Unlock()
	errs := make(chan error)
	for _, s := range r.slots {
		go func() { errs <- crew.Surely(func() error { return s.clear(end) }) }()
		places = append(places, s.place)
	}
	for range places {
		err = errors.Join(err, <-errs)
	}
	return places, false, err
}

func (s *slot[P]) clear(end func(*Host) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.host == nil {
		return nil
	}
	return errors.Join(end(s.host), s.host.Close())
}
