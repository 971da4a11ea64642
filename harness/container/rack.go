//go:build linux

package container

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
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

	hosts agent.Hosts[place]
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
	return k.hosts.Provision(ctx, spec, k.findPlace, func(at place) (*agent.Host, error) { return k.build(ctx, spec, at) })
}

func (k *rack) build(ctx context.Context, spec harness.HostSpec, at place) (*agent.Host, error) {
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

// findPlace takes the subnet's next address, and a port of ours.
func (k *rack) findPlace(taken int) (place, error) {
	if taken == mostHosts {
		return place{}, fmt.Errorf("the rack has no address left in %s", k.subnet)
	}
	p, err := reservePort()
	return place{address: nth(k.subnet, 2+taken), port: p}, err
}

// HowToEnter tells how to run a program on a host that was kept, which runs on.
func (k *rack) HowToEnter(host string) string {
	at, ok := k.hosts.Place(host)
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
	ctx, cancel := closing(ctx)
	defer cancel()
	places, again, err := k.hosts.Close(func(h *agent.Host) error {
		if keep {
			return nil
		}
		return h.Destroy(ctx)
	})
	if again {
		return nil
	}
	all := []error{err}
	for _, at := range places {
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
