//go:build linux

package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/agent"
	"github.com/etcd-firedrill/firedrill/harness/owner"
)

// rackDir is a rack's directory in its drill's.
const rackDir = "rack"

// rack is the hosts of one cluster. It implements harness.Rack.
type rack struct {
	dir    string // holds bin and hosts
	fence  fence
	owner  *owner.Owner
	block  *block
	parent *agent.Parent

	taken int                 // addresses looked at so far; only findAddress uses it
	hosts agent.Hosts[string] // by their addresses
}

func newRack(r *Runtime, drill string) (_ *rack, err error) {
	// Again: the base directory goes with the last drill in it.
	base, err := owner.Base(r.base)
	if err != nil {
		return nil, err
	}
	own, err := owner.Claim(base, drill)
	if err != nil {
		return nil, err
	}
	k := &rack{fence: r.fence, owner: own}
	defer func() {
		if err != nil {
			err = errors.Join(err, k.dismantle(false))
		}
	}()
	k.dir = filepath.Join(own.Dir(), rackDir)
	if err := os.Mkdir(k.dir, 0o700); err != nil {
		return nil, err
	}
	if err := stock(filepath.Join(k.dir, "bin"), r.etcdBin); err != nil {
		return nil, err
	}
	if k.block, err = claimBlock(anyPrefix); err != nil {
		return nil, err
	}
	k.parent = agent.NewParent()
	return k, nil
}

// root is a host's root directory, which holds its disk.
func (k *rack) root(host string) string { return filepath.Join(k.hostDir(host), rootDir) }

func (k *rack) hostDir(host string) string { return filepath.Join(k.dir, "hosts", host) }

// Provision makes a host's disk, powers it on and shakes hands with its agent.
func (k *rack) Provision(ctx context.Context, spec harness.HostSpec) (harness.Host, error) {
	return k.hosts.Provision(ctx, spec, k.findAddress, func(address string) (*agent.Host, error) { return k.build(ctx, spec, address) })
}

func (k *rack) build(ctx context.Context, spec harness.HostSpec, address string) (*agent.Host, error) {
	m := &machine{
		name: spec.Name, address: address, dir: k.hostDir(spec.Name),
		programs: filepath.Join(k.dir, "bin"), fence: k.fence, parent: k.parent,
	}
	if err := format(m.root(), m.programs); err != nil {
		return nil, errors.Join(fmt.Errorf("make its disk: %w", err), owner.RemoveTree(m.dir))
	}
	host, err := agent.NewHost(ctx, spec, m)
	if err != nil {
		if words := m.lastWords(); words != "" {
			err = fmt.Errorf("%w\nthe agent's last words:\n%s", err, words)
		}
		return nil, errors.Join(err, m.Destroy(context.WithoutCancel(ctx)))
	}
	return host, nil
}

// findAddress takes the block's next vacant address.
func (k *rack) findAddress(int) (string, error) {
	var last error
	for k.taken < mostHosts {
		k.taken++
		candidate := k.block.address(k.taken)
		if last = k.block.vacant(candidate); last == nil {
			return candidate, nil
		}
	}
	return "", errors.Join(errors.New("the rack has no address left"), last)
}

// HowToEnter tells how to run a program on a host's disk. The host needs not be
// powered for that.
func (k *rack) HowToEnter(host string) string {
	address, ok := k.hosts.Place(host)
	if !ok {
		return "there is no host " + host
	}
	root, enter := k.root(host), "sudo chroot"
	if k.fence.user {
		enter = "unshare --map-root-user chroot"
	}
	return fmt.Sprintf("its disk is %s; its etcd is at http(s)://%s:%d; run its tools by: %s %s /%s/etcdctl --endpoints=… member list",
		root, address, harness.ClientPort, enter, root, binDir)
}

// closeLimit bounds Close: ends are SIGKILLs, and the rest is unlinking files.
const closeLimit = time.Minute

// Close ends every host and removes all that belongs to the rack, also when ctx
// has ended: an interrupted drill must clean up too. Hosts cannot outlive us
// here, so with keep it is their disks that stay, until `firedrill clean`
// removes them.
func (k *rack) Close(ctx context.Context, keep bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeLimit)
	defer cancel()
	_, again, err := k.hosts.Close(func(h *agent.Host) error {
		end := h.Destroy
		if keep {
			end = h.PowerOff
		}
		if err := end(ctx); !errors.Is(err, harness.ErrHostGone) && !errors.Is(err, harness.ErrHostOff) {
			return err
		}
		return nil
	})
	if again {
		return nil
	}
	if err := errors.Join(err, k.dismantle(keep)); err != nil {
		return fmt.Errorf("close the rack in %s: %w", k.dir, err)
	}
	return nil
}

// dismantle gives back what the rack itself took, as far as it got.
func (k *rack) dismantle(keep bool) error {
	var errs []error
	if k.parent != nil {
		k.parent.Close()
	}
	if k.block != nil {
		errs = append(errs, k.block.release())
	}
	if k.dir != "" && !keep {
		errs = append(errs, owner.RemoveTree(k.dir))
	}
	return errors.Join(append(errs, k.owner.Release(keep))...)
}
