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
	"github.com/etcd-firedrill/firedrill/harness/observe"
)

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
	flags := harness.BirthFlags(name, peer, client, strings.Join(initial, ","), state, d.desk.Token)
	return harness.ChangeFlags(append(flags, d.scenario.Given.TLS.Flags()...), d.plan.args...)
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

// raiseQuota lets members hold what the cluster is born with: a quota is a flag of
// theirs, and not in a snapshot.
func (d *drill) raiseQuota() error {
	const perKey = 64 // beside the value
	bytes := int64(d.opts.PreloadKeys) * int64(d.plan.traffic.ValueSize+perKey)
	if d.opts.PreloadFrom != "" {
		info, err := os.Stat(d.opts.PreloadFrom)
		if err != nil {
			return fmt.Errorf("look at what the cluster is born from: %w", err)
		}
		bytes = info.Size()
	}
	if flag := harness.RaisedQuota(d.plan.args, bytes); flag != "" {
		d.plan.args = append(slices.Clone(d.plan.args), flag)
		d.timeline.say(harness.DrillEvent, "", "members are started with --%s: what they are born with nearly fills etcd's default quota of 2 GiB, or is larger", flag)
	}
	d.ev.EtcdArgs = d.plan.args
	return nil
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

// bootPatience is how long a member is waited for, at its first start, until it
// takes its peers' requests, before the next one is started. Each asks the others
// whether there is a cluster already (etcd's bootstrap): where their port is closed
// it goes on at once, and where it is open and nobody answers yet, after 1 s.
const bootPatience = 500 * time.Millisecond

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
	var last *hostLog
	for _, name := range d.founders() {
		if err := last.awaitPeerPort(ctx); err != nil {
			return err
		}
		last = nil
		if d.host(name) == nil {
			continue
		}
		err := d.startBorn(ctx, name)
		if errors.Is(err, harness.ErrHostOff) {
			continue
		}
		if err != nil {
			return err
		}
		if last, err = d.logOf(name); err != nil {
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

func quoted(names []string) string { return `"` + strings.Join(names, `" "`) + `"` }

func countOf(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
