package drill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-firedrill/firedrill/fixtures/dataset"
	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/client"
	"github.com/etcd-firedrill/firedrill/harness/observe"
)

// failPatience is how long the first installation is watched for the starts that
// fail. An etcd that cannot start ends within a second; twice that often, and
// more, where the machine is busy.
const failPatience = 20 * time.Second

// install starts etcd for the first time on hosts that were struck before, and
// watches until the starts there have failed. That they do not is no error: a
// premise misses it.
func (d *drill) install(ctx context.Context) error {
	if err := d.startFounders(ctx); err != nil {
		return err
	}
	watch, cancel := context.WithTimeout(ctx, failPatience)
	defer cancel()
	for _, h := range d.struckHosts() {
		_, err := h.AwaitEtcd(watch, "etcd failed to start", func(now harness.EtcdState) bool { return now.Exits >= check.FailedStarts })
		switch {
		case err == nil:
			d.timeline.say(harness.DrillEvent, h.Name(), "etcd does not start: it ended %d times", check.FailedStarts)
		case errors.Is(err, harness.ErrAgentLost) || ctx.Err() != nil:
			return err
		case !errors.Is(err, harness.ErrHostOff):
			d.timeline.say(harness.WarningEvent, h.Name(), "it was not seen that etcd does not start: %v", err)
		}
	}
	d.lookAtInstallation(ctx)
	return ctx.Err()
}

// lookPatience is how long the members that start may take to serve: an election
// and some. Without a quorum they never do.
const lookPatience = 5 * time.Second

// lookAtInstallation tells what an operator finds, for people: the members that
// did start serve, if they are a quorum.
func (d *drill) lookAtInstallation(ctx context.Context) {
	var struck, found []string
	for _, h := range d.struckHosts() {
		struck = append(struck, h.Name())
	}
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	_ = poll(ctx, "the others serve", func(ctx context.Context) (bool, string) {
		views := observe.Members(ctx, d.targets())
		if ctx.Err() != nil && found != nil {
			return false, "" // what was cut short says less than the look before
		}
		all := true
		found = nil
		for _, v := range views {
			how := " serves"
			switch {
			case v.Error != "":
				how = " does not answer"
			case !v.Serves:
				how = " does not serve"
			}
			found = append(found, v.Host+how)
			all = all && (v.Serves || slices.Contains(struck, v.Host))
		}
		return all, ""
	})
	d.timeline.say(harness.DrillEvent, "", "installed: %s", strings.Join(found, ", "))
}

// struckHosts are the hosts that faults have struck and that are still there.
func (d *drill) struckHosts() []harness.Host {
	return slices.DeleteFunc(d.present(), func(h harness.Host) bool {
		return !slices.ContainsFunc(d.ev.Faults, func(f harness.FaultRecord) bool { return slices.Contains(f.Hosts, h.Name()) })
	})
}

// awaitCreated looks whether the procedure has created a cluster. That it has
// not is no error: clients come all the same, and the checks see what they get.
func (d *drill) awaitCreated(ctx context.Context) error {
	wait, cancel := d.patient(ctx)
	defer cancel()
	if err := d.awaitRedundancy(wait); err != nil {
		d.timeline.say(harness.DrillEvent, "", "no whole cluster was created: %v", err)
		return nil
	}
	d.mark(harness.Booted) // every member serves, and more
	return nil
}

// announced are the members that the procedure points clients at; all that are
// there if it never did.
func (d *drill) announced() []observe.Target {
	targets := d.targets()
	if to := d.ev.Procedure.Announced; len(to) > 0 {
		targets = slices.DeleteFunc(targets, func(t observe.Target) bool { return !slices.Contains(to, t.Host) })
	}
	return targets
}

const (
	// preloadBatch keys are put in one transaction, of at most preloadBytes unless
	// a single value is larger: etcd takes 128 operations and 1.5 MiB.
	preloadBatch = 100
	preloadBytes = 512 << 10
	// preloadTries is how often a transaction is sent that was not acknowledged
	// within preloadPatience.
	preloadTries    = 5
	preloadPatience = 10 * time.Second
)

// preloadServed puts the preloaded keys into a cluster that the procedure has
// created: it was installed empty, so they cannot be there before it serves.
// That it does not take them is no error but a warning, and nothing was preloaded.
func (d *drill) preloadServed(ctx context.Context) error {
	if d.opts.PreloadKeys == 0 {
		return nil
	}
	targets := d.announced()
	if err := observe.FreshServed(ctx, targets); err != nil {
		d.timeline.say(harness.WarningEvent, "", "nothing is preloaded, because nobody is served: %v", err)
		return ctx.Err()
	}
	endpoints := make([]string, 0, len(targets))
	for _, t := range targets {
		endpoints = append(endpoints, t.Endpoint)
	}
	c, err := client.New(endpoints, d.tls)
	if err != nil {
		return err
	}
	defer c.Close()
	loader := &loader{client: c, digest: observe.NewDigest()}
	spec := dataset.Spec{Keys: d.opts.PreloadKeys, ValueSize: d.plan.traffic.ValueSize, Seed: d.opts.Seed}
	for key, value := range spec.Pairs() {
		if err = loader.add(ctx, key, value); err != nil {
			break
		}
	}
	if err == nil {
		err = loader.flush(ctx)
	}
	if err != nil {
		d.timeline.say(harness.WarningEvent, "", "the cluster did not take the keys to preload: %v", err)
		return ctx.Err()
	}
	loaded := loader.digest.Sum()
	d.ev.DatasetBefore = &loaded
	d.timeline.say(harness.DrillEvent, "", "preloaded %s (%d bytes)", countOf(int(loaded.Keys), "key"), loaded.Bytes)
	return nil
}

// loader puts keys in batches, and sums up what was acknowledged.
type loader struct {
	client *clientv3.Client
	digest *observe.Digest
	batch  [][2][]byte
	bytes  int
}

func (l *loader) add(ctx context.Context, key, value []byte) error {
	size := len(key) + len(value)
	if len(l.batch) == preloadBatch || len(l.batch) > 0 && l.bytes+size > preloadBytes {
		if err := l.flush(ctx); err != nil {
			return err
		}
	}
	l.batch = append(l.batch, [2][]byte{key, value})
	l.bytes += size
	return nil
}

// flush puts the batch in one transaction. One that was not acknowledged is sent
// again: the same values, of which the last revision counts.
func (l *loader) flush(ctx context.Context) error {
	if len(l.batch) == 0 {
		return nil
	}
	puts := make([]clientv3.Op, 0, len(l.batch))
	for _, kv := range l.batch {
		puts = append(puts, clientv3.OpPut(string(kv[0]), string(kv[1])))
	}
	var resp *clientv3.TxnResponse
	var err error
	for range preloadTries {
		once, cancel := context.WithTimeout(ctx, preloadPatience)
		resp, err = l.client.Txn(once).Then(puts...).Commit()
		cancel()
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("put %s and %d more: %w", l.batch[0][0], len(l.batch)-1, err)
	}
	for _, kv := range l.batch {
		if err := l.digest.Add(kv[0], kv[1], resp.Header.Revision); err != nil {
			return err
		}
	}
	l.batch, l.bytes = l.batch[:0], 0
	return nil
}

// openToClients begins the traffic on what the procedure has created, and waits
// until it is steady. That it does not become so is no error, as in settle: the
// checks miss what was not acknowledged. Where the procedure did not complete and
// nobody is served, there is nothing to wait for.
func (d *drill) openToClients(ctx context.Context) error {
	if err := d.beginTraffic(ctx, d.announced()); err != nil {
		return err
	}
	if !d.ev.Procedure.Completed {
		if err := observe.FreshServed(ctx, d.announced()); err != nil {
			d.timeline.say(harness.DrillEvent, "", "no steady state: %v", err)
			return ctx.Err()
		}
	}
	bounded, cancel := context.WithTimeout(ctx, d.steadyDeadline())
	defer cancel()
	wait, done := d.patient(bounded)
	defer done()
	if err := d.traffic.AwaitSteady(wait, steadyAcks); err != nil {
		d.timeline.say(harness.DrillEvent, "", "no steady state: %v", err)
		return ctx.Err()
	}
	// What they are now is not what they were before the strike, which was
	// nothing: Before stays empty.
	serving := -1
	views := observe.Members(ctx, d.targets())
	for i, v := range views {
		if v.Error == "" {
			d.ev.EtcdVersion = v.Version
		}
		if v.Serves && serving < 0 {
			serving = i
		}
	}
	if serving >= 0 {
		if err := d.leasesBefore(ctx, d.targets()[serving]); err != nil {
			d.timeline.say(harness.WarningEvent, views[serving].Host, "the leases could not be read: %v", err)
		}
	}
	d.mark(harness.SteadyStateSeen)
	d.timeline.say(harness.DrillEvent, "", "steady state: every writer acknowledged, for the first time")
	return ctx.Err()
}
