package drill

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/crew"
	"github.com/etcd-firedrill/firedrill/harness/observe"
)

// provision orders the hosts that the cluster is born on, all at once.
func (d *drill) provision(ctx context.Context, rt harness.Runtime) error {
	rack, err := rt.Build(ctx, d.id)
	if err != nil {
		return err
	}
	d.rack = rack
	var wg crew.Crew
	errs := make([]error, len(d.plan.hosts))
	for i, name := range d.plan.hosts {
		wg.Go(func() { errs[i] = d.provisionHost(ctx, name) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, name := range d.plan.hosts {
		d.desk.Flags[name] = d.bornFlags(name)
	}
	if err := d.everywhere(ctx, d.issueTo); err != nil {
		return err
	}
	d.mark(harness.Provisioned)
	d.timeline.say(harness.DrillEvent, "", "%s up on the %s runtime", countOf(len(d.plan.hosts), "host"), rt.Name())
	return nil
}

// provisionHost orders one host and notes its addresses down. It also serves a
// procedure that orders new ones.
func (d *drill) provisionHost(ctx context.Context, name string) error {
	log, err := d.logOf(name)
	if err != nil {
		return err
	}
	h, err := d.rack.Provision(ctx, harness.HostSpec{Name: name, Event: d.hostEvent, Log: log})
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hosts[name], d.reached[name] = h, h.ClientAddress()
	scheme := d.scenario.Given.TLS.Scheme()
	d.desk.Peers[name] = fmt.Sprintf("%s://%s:%d", scheme, h.PeerAddress(), harness.PeerPort)
	d.desk.Clients[name] = fmt.Sprintf("%s://%s:%d", scheme, h.PeerAddress(), harness.ClientPort)
	return nil
}

func (d *drill) logOf(name string) (*hostLog, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if l, ok := d.logs[name]; ok {
		return l, nil
	}
	l, err := newHostLog(d.dir, name, func(err error) { d.broke(breakage{host: name, err: err}) }, func() { d.noSpace(name) })
	if err == nil {
		d.logs[name] = l
	}
	return l, err
}

// hostEvent records what happens on a host without being asked for. It runs in
// a goroutine of the host's.
func (d *drill) hostEvent(e harness.HostEvent) {
	if err := crew.Caught(func() { d.note(e) }); err != nil {
		d.broke(breakage{host: e.Host, err: fmt.Errorf("the record of what happens on %s panicked: %w", e.Host, err)})
		panic(err) // once the drill is over, only the host can still tell of it
	}
}

func (d *drill) note(e harness.HostEvent) {
	at := d.timeline.now()
	if e.Kind != harness.EtcdBackOff { // the exit was told, and the next start will be
		d.timeline.say(harness.HostLine, e.Host, "%s", told(e))
	}
	switch {
	case e.Kind == harness.AgentLost:
		d.broke(breakage{host: e.Host, err: fmt.Errorf("%w: on %s", harness.ErrAgentLost, e.Host)})
	case e.Kind == harness.ManifestBad:
		d.badManifest(e)
	case e.Kind == harness.EtcdStarted:
		d.started(e.Host, at)
		if hand := d.atWork(); hand != nil {
			hand.runsAgain(e.Host)
		}
	case e.Kind == harness.EtcdExited && e.Exit != nil:
		d.exited(e, at)
		if hand := d.atWork(); hand != nil && e.Exit.Asked {
			hand.places(e.Host) // its manifest was removed, or changed
		}
	case e.Kind == harness.HostDestroyed:
		d.destroyed(e.Host, at)
	case e.Kind == harness.HostPowered, e.Kind == harness.HostUnpowered:
		d.powered(e.Host, at, e.Kind == harness.HostPowered)
	}
}

// destroyed records a host that is gone. What is torn down after the evidence
// was collected is none of it.
func (d *drill) destroyed(host string, at time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, over := d.ev.Marks[harness.Collected]
	if _, already := d.ev.Gone[host]; !over && !already {
		d.ev.Gone[host] = at
	}
}

// started records an etcd that was started, until the evidence was collected.
func (d *drill) started(host string, at time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, over := d.ev.Marks[harness.Collected]; !over {
		d.ev.Starts = append(d.ev.Starts, harness.HostStart{Host: host, At: at})
	}
}

// atWork is whoever recovers by hand just now; nil: nobody.
func (d *drill) atWork() *hand {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.hand
}

// exited records an etcd that ended. What ends after the evidence was collected
// is the trials' own; they record it themselves.
func (d *drill) exited(e harness.HostEvent, at time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended(e.Host, *e.Exit)
	if _, over := d.ev.Marks[harness.Collected]; over {
		return
	}
	d.ev.Exits = append(d.ev.Exits, harness.HostExit{Host: e.Host, At: at, EtcdExit: *e.Exit})
}

// told is a host's event as a person says it.
func told(e harness.HostEvent) string {
	what := map[harness.HostEventKind]string{
		harness.EtcdStarted: "etcd started", harness.EtcdExited: "etcd",
		harness.ManifestBad: "the manifest cannot be run", harness.HostPowered: "host is on", harness.HostUnpowered: "host is off",
		harness.HostDestroyed: "host is gone, machine and disk", harness.AgentLost: "the agent is lost",
	}[e.Kind]
	switch {
	case what == "":
		what = string(e.Kind)
	case e.Kind == harness.EtcdExited:
		what += " " // "etcd exited with status 0"
	case e.Text != "":
		what += ": "
	}
	return what + e.Text
}

// everywhere does something on every host that is present, at once.
func (d *drill) everywhere(ctx context.Context, do func(context.Context, harness.Host) error) error {
	hosts := d.present()
	errs := make([]error, len(hosts))
	var wg crew.Crew
	for i, h := range hosts {
		wg.Go(func() { errs[i] = do(ctx, h) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (d *drill) host(name string) harness.Host {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.hosts[name]
}

// present lists the hosts that are not destroyed, in the order of their birth.
func (d *drill) present() []harness.Host {
	d.mu.Lock()
	defer d.mu.Unlock()
	var hosts []harness.Host
	for _, name := range d.names() {
		hosts = append(hosts, d.hosts[name])
	}
	return hosts
}

// running are the hosts whose etcd runs, but for these.
func (d *drill) running(ctx context.Context, but []string) (names []string) {
	for _, h := range d.present() {
		if state, err := h.Etcd(ctx); err == nil && state.PID != 0 && !slices.Contains(but, h.Name()) {
			names = append(names, h.Name())
		}
	}
	return names
}

// names lists the hosts that are not destroyed: those of the birth first, in
// order, then later ones. d.mu is held.
func (d *drill) names() []string {
	var names, later []string
	for _, name := range d.plan.hosts {
		if d.hosts[name] != nil {
			names = append(names, name)
		}
	}
	for name, h := range d.hosts {
		if h != nil && !slices.Contains(d.plan.hosts, name) {
			later = append(later, name)
		}
	}
	slices.Sort(later)
	return append(names, later...)
}

// everKnown lists the hosts that there are or were, in the order of names.
func (d *drill) everKnown() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	later := slices.Sorted(maps.Keys(d.hosts))
	return append(slices.Clone(d.plan.hosts), slices.DeleteFunc(later, func(name string) bool { return slices.Contains(d.plan.hosts, name) })...)
}

func (d *drill) targets() []observe.Target { return d.targetsOf(d.present()) }

func (d *drill) targetsOf(hosts []harness.Host) []observe.Target {
	targets := make([]observe.Target, 0, len(hosts))
	for _, h := range hosts {
		targets = append(targets, observe.Target{Host: h.Name(), Endpoint: h.ClientAddress(), TLS: d.tls})
	}
	return targets
}
