package harness

import (
	"context"
	"io"
)

// Runtime is where hosts come from.
type Runtime interface {
	// Name is "process" or "container".
	Name() string
	// Build returns an empty rack for one cluster. drill is the drill's ID; it
	// is carried by everything the rack creates. The rack holds the lock by
	// which `firedrill clean` knows that the drill has a living owner.
	Build(ctx context.Context, drill string) (Rack, error)
}

// Rack is the hosts of one cluster, on a network of their own.
type Rack interface {
	// Provision orders a new host, powers it on and returns once its agent
	// answers. The name may be that of a destroyed host: it then gets that
	// host's addresses and a new, empty disk.
	Provision(ctx context.Context, spec HostSpec) (Host, error)
	// HowToEnter tells a person how to get onto a host that is kept, e.g.
	// "docker exec …" or "chroot …".
	HowToEnter(host string) string
	// Close destroys every host and all that belongs to the rack. With keep it
	// leaves what can outlive the harness (containers) and says so by HowToEnter.
	Close(ctx context.Context, keep bool) error
}

// HostSpec says what a rack should provision.
type HostSpec struct {
	Name string // a DNS label: lower-case letters, digits and "-", unique in the rack
	// Event is called for everything that happens on the host, one call at a
	// time, in order. It must not block. nil: nobody listens.
	Event func(HostEvent)
	// Log receives etcd's own log as it is written, so that it is there when
	// the host no longer is. nil: discarded.
	Log io.Writer
}
