//go:build linux

package container

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/agent"
	"github.com/etcd-firedrill/firedrill/harness/owner"
)

// rack is the hosts of one cluster. It implements harness.Rack.
type rack struct {
	runtime *Runtime
	base    string // of the owner's lock
	drill   string
	owner   *owner.Owner
	network string // its name
	subnet  netip.Prefix

	mu     sync.Mutex
	closed bool
	places map[string]place // by host name, kept when a host is destroyed
	slots  map[string]*slot // by host name
}

// slot is where a host stands. Its mutex is held while the host is being
// provisioned, so that different hosts come up in parallel.
type slot struct {
	mu      sync.Mutex
	machine *machine
	host    *agent.Host
}

func newRack(ctx context.Context, r *Runtime, drill string) (_ *rack, err error) {
	base, err := owner.Base("")
	if err != nil {
		return nil, err
	}
	free, err := freeSubnets()
	if err != nil {
		return nil, err
	}
	own, err := owner.Claim(base, drill)
	if err != nil {
		return nil, err
	}
	k := &rack{
		runtime: r, base: base, drill: drill, owner: own, network: ourName(drill),
		places: map[string]place{}, slots: map[string]*slot{},
	}
	if k.subnet, err = r.createNetwork(ctx, k.network, k.labels, free); err != nil {
		// It may be there although there is an error.
		clean, cancel := closing(ctx)
		defer cancel()
		return nil, errors.Join(err, r.engine.removeNetwork(clean, k.network), own.Release(false))
	}
	return k, nil
}

func (k *rack) labels() map[string]string { return labels(k.base, k.drill) }

func (k *rack) containerName(host string) string { return k.network + "-" + host }

// Provision makes a host's container, powers it on and shakes hands with its agent.
func (k *rack) Provision(ctx context.Context, spec harness.HostSpec) (harness.Host, error) {
	host, err := k.provision(ctx, spec)
	if err != nil {
		return nil, fmt.Errorf("provision %s: %w", spec.Name, err)
	}
	return host, nil
}

func (k *rack) provision(ctx context.Context, spec harness.HostSpec) (*agent.Host, error) {
	if !harness.ValidHostName(spec.Name) {
		return nil, errors.New("a host's name must be a DNS label in lower case")
	}
	s, at, err := k.reserve(spec.Name)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.machine != nil && !s.machine.isGone() {
		return nil, errors.New("there is a host of this name, and it was not destroyed")
	}
	if k.isClosed() { // while we waited for our turn
		return nil, errClosed
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	m, err := k.create(ctx, spec.Name, at)
	if err != nil {
		return nil, err
	}
	host, err := agent.NewHost(ctx, spec, m)
	if err == nil {
		err = furnish(ctx, host)
	}
	if err != nil {
		clean, cancel := closing(ctx)
		defer cancel()
		if host != nil {
			return nil, errors.Join(err, host.Destroy(clean))
		}
		return nil, errors.Join(err, m.Destroy(clean))
	}
	s.machine, s.host = m, host
	return host, nil
}

// furnish makes the directories that every host has. An image need not have them.
func furnish(ctx context.Context, host *agent.Host) error {
	out, err := host.Run(ctx, "mkdir -p /etc/kubernetes/manifests /root /run /tmp /var/lib /var/log")
	if err == nil && out.ExitCode != 0 {
		err = fmt.Errorf("make its directories: status %d: %s", out.ExitCode, out.Stderr)
	}
	return err
}

var errClosed = errors.New("the rack is closed")

func (k *rack) isClosed() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.closed
}

// reserve finds a host's place: the one it had, or the next.
func (k *rack) reserve(name string) (*slot, place, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return nil, place{}, errClosed
	}
	at, ok := k.places[name]
	if !ok {
		if len(k.places) == mostHosts {
			return nil, place{}, fmt.Errorf("the rack has no address left in %s", k.subnet)
		}
		p, err := reservePort()
		if err != nil {
			return nil, place{}, err
		}
		at = place{address: nth(k.subnet, 2+len(k.places)), port: p}
		k.places[name], k.slots[name] = at, &slot{}
	}
	return k.slots[name], at, nil
}

// HowToEnter tells how to run a program on a host that was kept, which runs on.
func (k *rack) HowToEnter(host string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	at, ok := k.places[host]
	if !ok {
		return "there is no host " + host
	}
	return fmt.Sprintf("its container is %s; its etcd is at http(s)://127.0.0.1:%d; run its tools by: docker exec %[1]s etcdctl --endpoints=http(s)://%[3]s:%[4]d member list",
		k.containerName(host), at.port.number, at.address, harness.ClientPort)
}

// closeLimit bounds Close, in which the engine has most to do.
const closeLimit = time.Minute

// closing is a context for cleaning up, also when ctx has ended.
func closing(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), closeLimit)
}

// Close removes every host and all that belongs to the rack, also when ctx has
// ended: an interrupted drill must clean up too. With keep the containers run
// on, until `firedrill clean` removes them.
func (k *rack) Close(ctx context.Context, keep bool) error {
	k.mu.Lock()
	if k.closed {
		k.mu.Unlock()
		return nil
	}
	k.closed = true // from here on nobody adds a slot or a place
	k.mu.Unlock()
	ctx, cancel := closing(ctx)
	defer cancel()
	errs := make(chan error)
	for _, s := range k.slots {
		go func() { errs <- s.clear(ctx, keep) }()
	}
	var all []error
	for range k.slots {
		all = append(all, <-errs)
	}
	for _, at := range k.places {
		all = append(all, at.port.release())
	}
	if !keep {
		all = append(all, k.runtime.engine.removeNetwork(ctx, k.network))
	}
	if err := errors.Join(append(all, k.owner.Release(keep))...); err != nil {
		return fmt.Errorf("close the rack of drill %s: %w\nhint: firedrill clean removes what is left", k.drill, err)
	}
	return nil
}

func (s *slot) clear(ctx context.Context, keep bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.host == nil {
		return nil
	}
	var err error
	if !keep {
		err = s.host.Destroy(ctx)
	}
	return errors.Join(err, s.host.Close())
}
