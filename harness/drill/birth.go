package drill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/etcd-firedrill/firedrill/fixtures/dataset"
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
	d.hosts[name] = h
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
	l, err := newHostLog(d.dir, name, func(err error) { d.broke(breakage{host: name, err: err}) })
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
	case e.Kind == harness.EtcdExited && e.Exit != nil:
		d.exited(e, at)
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

// bornFlags are the server flags of a host's etcd at the cluster's birth.
func (d *drill) bornFlags(name string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	peer, client := d.desk.Peers[name], d.desk.Clients[name]
	among, state := d.plan.hosts, "new"
	if at := slices.Index(among, name); at >= 0 && d.scenario.Given.Grown {
		among = among[:at+1]
		if at > 0 {
			state = "existing"
		}
	}
	initial := make([]string, 0, len(among))
	for _, h := range among {
		initial = append(initial, h+"="+d.desk.Peers[h])
	}
	return harness.ChangeFlags(append([]string{
		"name=" + name,
		"data-dir=" + harness.DataDir,
		"listen-peer-urls=" + peer,
		"initial-advertise-peer-urls=" + peer,
		"listen-client-urls=" + client,
		"advertise-client-urls=" + client,
		"initial-cluster=" + strings.Join(initial, ","),
		"initial-cluster-state=" + state,
		"initial-cluster-token=" + d.desk.Token,
	}, d.scenario.Given.TLS.Flags()...), d.plan.args...)
}

// founders are the hosts that the cluster is born on; others are added to it.
func (d *drill) founders() []string {
	if d.scenario.Given.Grown {
		return d.plan.hosts[:1]
	}
	return d.plan.hosts
}

// preload gives every founder the same snapshot to be born from, if one was asked for.
func (d *drill) preload(ctx context.Context) (err error) {
	path, info, err := d.preloadFile(ctx)
	if err != nil || path == "" {
		return err
	}
	if d.opts.PreloadFrom == "" {
		defer func() { err = errors.Join(err, os.Remove(path)) }()
	}
	d.ev.DatasetBefore = &info.Dataset
	d.timeline.say(harness.DrillEvent, "", "preloading %s (%d bytes)", countOf(int(info.Dataset.Keys), "key"), info.Dataset.Bytes)
	founders := d.founders()
	return d.everywhere(ctx, func(ctx context.Context, h harness.Host) error {
		if !slices.Contains(founders, h.Name()) {
			return nil // it joins later and gets everything from the others
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := h.Upload(ctx, bornSnapshot, 0o600, f); err != nil {
			return err
		}
		text, err := d.desk.Render("etcdutl snapshot restore "+bornSnapshot+" --data-dir "+harness.DataDir+
			" --name {{name}} --initial-advertise-peer-urls {{peer name}} --initial-cluster-token {{token}} --initial-cluster {{cluster "+
			quoted(founders)+"}} && rm "+bornSnapshot, h.Name())
		if err != nil {
			return err
		}
		out, err := h.Run(ctx, text)
		if err == nil && out.ExitCode != 0 {
			err = fmt.Errorf("restore the preloaded snapshot on %s: etcdutl exited with status %d: %s", h.Name(), out.ExitCode, out.Stderr)
		}
		return err
	})
}

const bornSnapshot = "/root/born.db"

func (d *drill) preloadFile(ctx context.Context) (string, dataset.Info, error) {
	if d.opts.PreloadFrom != "" {
		info, err := dataset.Read(ctx, d.opts.PreloadFrom, d.ev.TrafficPrefix)
		return d.opts.PreloadFrom, info, err
	}
	if d.opts.PreloadKeys == 0 {
		return "", dataset.Info{}, nil
	}
	path := filepath.Join(d.dir, "born.db")
	info, err := dataset.Write(ctx, path, dataset.Spec{Keys: d.opts.PreloadKeys, ValueSize: d.plan.traffic.ValueSize, Seed: d.opts.Seed})
	return path, info, err
}

// bootStagger separates the first starts. Members booted at the same instant
// can lose 1–2 s to each other's half-open listeners; measured with 30 ms
// between them: 0.4 s until the cluster serves.
const bootStagger = 30 * time.Millisecond

// boot writes the manifests and waits until the cluster serves. An etcd that
// will not start now is the harness's or the user's problem, not a finding.
func (d *drill) boot(ctx context.Context) error {
	begun := d.timeline.now()
	if err := d.startFounders(ctx); err != nil {
		return err
	}
	if err := d.awaitBirth(ctx); err != nil {
		if context.Cause(ctx) != nil && errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
			return hinted(errors.Join(err, d.lastLines(d.plan.hosts...)), etcdHint)
		}
		return err
	}
	d.mark(harness.Booted)
	d.timeline.say(harness.DrillEvent, "", "%s serving after %d ms", countOf(len(d.plan.hosts), "member"), (d.timeline.now() - begun).Milliseconds())
	return d.authenticate(ctx)
}

// startFounders starts etcd on the hosts that the cluster is born on. One that is
// off or gone, struck before it was first started, is left alone.
func (d *drill) startFounders(ctx context.Context) error {
	if err := d.placeFiles(ctx); err != nil {
		return err
	}
	for i, name := range d.founders() {
		if i > 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(bootStagger):
			}
		}
		if d.host(name) == nil {
			continue
		}
		if err := d.startBorn(ctx, name); err != nil && !errors.Is(err, harness.ErrHostOff) {
			return err
		}
	}
	return nil
}

// awaitBirth adds the members that the cluster is grown by, and waits until all
// serve.
func (d *drill) awaitBirth(ctx context.Context) error {
	for _, name := range d.plan.hosts[len(d.founders()):] {
		if err := d.grow(ctx, name); err != nil {
			return err
		}
	}
	return poll(ctx, "the cluster serves for the first time", func(ctx context.Context) (bool, string) {
		views := observe.Members(ctx, d.targets())
		for _, v := range views {
			if v.Error != "" || !v.Serves {
				return false, fmt.Sprintf("%s: %s %s", v.Host, v.Error, v.ServeError)
			}
		}
		return true, ""
	})
}

// startBorn starts etcd on a host with the flags that it is born with.
func (d *drill) startBorn(ctx context.Context, name string) error {
	flags := d.desk.Flags[name]
	if d.scenario.Given.Grown {
		// While it grows, so that it need not wait 5 s after each member. Whatever
		// starts etcd later has the flags on the desk, without this one.
		flags = harness.ChangeFlags(flags, "strict-reconfig-check=false")
	}
	return d.host(name).Upload(ctx, harness.ManifestPath, 0o600, strings.NewReader(harness.Manifest(name, flags)))
}

// grow adds a host to the cluster that serves on the first one: as a learner,
// which is the quickest way to a voter.
func (d *drill) grow(ctx context.Context, name string) error {
	first := d.host(d.plan.hosts[0])
	etcdctl, err := d.Render("{{etcdctl name}} --command-timeout=2s member ", first.Name())
	if err != nil {
		return err
	}
	var id string
	if err := poll(ctx, name+" is added", func(ctx context.Context) (bool, string) {
		out, err := first.Run(ctx, etcdctl+"add "+name+" --learner --peer-urls="+d.desk.Peers[name])
		if found := addedMember.FindStringSubmatch(out.Stdout); err == nil && found != nil {
			id = found[1]
		}
		return id != "", fmt.Sprintf("%v %s", err, out.Stderr)
	}); err != nil {
		return err
	}
	if err := d.startBorn(ctx, name); err != nil {
		return err
	}
	return poll(ctx, name+" is promoted", func(ctx context.Context) (bool, string) {
		out, err := first.Run(ctx, etcdctl+"promote "+id)
		return err == nil && out.ExitCode == 0, fmt.Sprintf("%v %s", err, out.Stderr)
	})
}

var addedMember = regexp.MustCompile(`Member +([0-9a-f]+) added`)

// placeFiles puts on the hosts' disks what they are born with beside etcd.
func (d *drill) placeFiles(ctx context.Context) error {
	for _, f := range d.scenario.Given.Files {
		names, err := f.On.Select(d.plan.hosts, "")
		if err != nil {
			return fmt.Errorf("place %s: %w", f.Path, err)
		}
		for _, name := range names {
			if err := d.host(name).Upload(ctx, f.Path, 0o644, strings.NewReader(f.Text)); err != nil {
				return err
			}
		}
	}
	return nil
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

func (d *drill) targets() []observe.Target { return d.targetsOf(d.present()) }

func (d *drill) targetsOf(hosts []harness.Host) []observe.Target {
	targets := make([]observe.Target, 0, len(hosts))
	for _, h := range hosts {
		targets = append(targets, observe.Target{Host: h.Name(), Endpoint: h.ClientAddress(), TLS: d.tls})
	}
	return targets
}

func quoted(names []string) string { return `"` + strings.Join(names, `" "`) + `"` }

func countOf(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
