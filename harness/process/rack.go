//go:build linux

package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/agent"
	"github.com/etcd-firedrill/firedrill/harness/owner"
)

// rackDir is a rack's directory in its drill's.
const rackDir = "rack"

// rack is the hosts of one cluster. It implements harness.Rack.
type rack struct {
	dir      string // holds bin and hosts
	fence    fence
	owner    *owner.Owner
	block    *block
	launcher *launcher

	mu        sync.Mutex
	closed    bool
	taken     int               // addresses handed out so far
	addresses map[string]string // by host name, kept when a host is destroyed
	slots     map[string]*slot  // by host name
}

// slot is where a host stands. Its mutex is held while the host is being
// provisioned, so that different hosts come up in parallel.
type slot struct {
	mu      sync.Mutex
	machine *machine
	host    *agent.Host
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
	k := &rack{fence: r.fence, owner: own, addresses: map[string]string{}, slots: map[string]*slot{}}
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
	k.launcher = newLauncher()
	return k, nil
}

// Provision makes a host's disk, powers it on and shakes hands with its agent.
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
	s, address, err := k.reserve(spec.Name)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.machine != nil && !s.machine.isGone() {
		return nil, errors.New("there is a host of this name, and it was not destroyed")
	}
	m := &machine{
		name: spec.Name, address: address, dir: filepath.Join(k.dir, "hosts", spec.Name),
		programs: filepath.Join(k.dir, "bin"), fence: k.fence, launcher: k.launcher,
	}
	if err := format(m.root(), m.programs); err != nil {
		return nil, errors.Join(fmt.Errorf("make its disk: %w", err), removeTree(m.dir))
	}
	host, err := agent.NewHost(ctx, spec, m)
	if err != nil {
		if words := m.lastWords(); words != "" {
			err = fmt.Errorf("%w\nthe agent's last words:\n%s", err, words)
		}
		return nil, errors.Join(err, m.Destroy(context.WithoutCancel(ctx)))
	}
	s.machine, s.host = m, host
	return host, nil
}

// reserve finds a host's place: the one it had, or the next vacant address.
func (k *rack) reserve(name string) (*slot, string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return nil, "", errors.New("the rack is closed")
	}
	if k.slots[name] == nil {
		k.slots[name] = &slot{}
	}
	var last error
	for k.addresses[name] == "" {
		if k.taken == mostHosts {
			return nil, "", errors.Join(errors.New("the rack has no address left"), last)
		}
		k.taken++
		candidate := k.block.address(k.taken)
		if last = k.block.vacant(candidate); last == nil {
			k.addresses[name] = candidate
		}
	}
	return k.slots[name], k.addresses[name], nil
}

// HowToEnter tells how to run a program on a host's disk. The host needs not be
// powered for that.
func (k *rack) HowToEnter(host string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	root := filepath.Join(k.dir, "hosts", host, "root")
	enter := "sudo chroot"
	if k.fence.user {
		enter = "unshare --map-root-user chroot"
	}
	return fmt.Sprintf("its disk is %s; its etcd is at http(s)://%s:%d; run its tools by: %s %s /%s/etcdctl --endpoints=… member list",
		root, k.addresses[host], harness.ClientPort, enter, root, binDir)
}

// closeLimit bounds Close: ends are SIGKILLs, and the rest is unlinking files.
const closeLimit = time.Minute

// Close ends every host and removes all that belongs to the rack, also when ctx
// has ended: an interrupted drill must clean up too. Hosts cannot outlive us
// here, so with keep it is their disks that stay, until `firedrill clean`
// removes them.
func (k *rack) Close(ctx context.Context, keep bool) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return nil
	}
	k.closed = true
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeLimit)
	defer cancel()
	errs := make(chan error)
	for _, s := range k.slots {
		go func() { errs <- s.clear(ctx, keep) }()
	}
	var all []error
	for range k.slots {
		all = append(all, <-errs)
	}
	if err := errors.Join(append(all, k.dismantle(keep))...); err != nil {
		return fmt.Errorf("close the rack in %s: %w", k.dir, err)
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
	if keep {
		err = s.host.PowerOff(ctx)
	} else {
		err = s.host.Destroy(ctx)
	}
	if errors.Is(err, harness.ErrHostGone) || errors.Is(err, harness.ErrHostOff) {
		err = nil
	}
	return errors.Join(err, s.host.Close())
}

// dismantle gives back what the rack itself took, as far as it got.
func (k *rack) dismantle(keep bool) error {
	var errs []error
	if k.launcher != nil {
		k.launcher.close()
	}
	if k.block != nil {
		errs = append(errs, k.block.release())
	}
	if k.dir != "" && !keep {
		errs = append(errs, removeTree(k.dir))
	}
	return errors.Join(append(errs, k.owner.Release(keep))...)
}
