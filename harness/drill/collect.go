package drill

import (
	"context"
	"errors"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/crew"
	"github.com/etcd-firedrill/firedrill/harness/ledger"
	"github.com/etcd-firedrill/firedrill/harness/observe"
)

// settle waits until service is calm and redundancy is back. Where that does
// not come, the marks are missing and the checks say so.
func (d *drill) settle(ctx context.Context) error {
	whole := ctx
	ctx, cancel := d.patient(ctx)
	defer cancel()
	ended, _ := d.ev.At(harness.ProcedureEnded)
	var redundantErr error
	var waiting crew.Crew
	// After a refusal nothing was done about the members that are missing, and a
	// cluster that the procedure creates was waited for before clients came.
	if d.ev.Procedure.Refused == "" && !d.scenario.AtBirth {
		waiting.Go(func() { redundantErr = d.awaitRedundancy(ctx) })
	}
	var writersErr error
	waiting.Go(func() { writersErr = d.traffic.AwaitWriters(ctx, check.RestoredAcks) })
	calmErr := d.traffic.AwaitCalm(ctx, ended, calm)
	if calmErr != nil && d.ev.Procedure.Refused != "" && d.traffic.ServedSince(ended) {
		// Service is there, and calm is waited for as it is after a procedure that completed.
		calmErr = d.traffic.AwaitCalm(whole, ended, calm)
	}
	if calmErr == nil {
		d.mark(harness.Settled)
	}
	waiting.Wait()
	for _, err := range []error{calmErr, writersErr, redundantErr} {
		if err != nil {
			d.timeline.say(harness.DrillEvent, "", "not settled: %v", err)
		}
	}
	return nil
}

// patient bounds the wait for what a procedure that did not complete can hardly
// have brought about.
func (d *drill) patient(ctx context.Context) (context.Context, context.CancelFunc) {
	switch {
	case len(d.plan.steps) == 0 || d.ev.Procedure.Completed:
		return context.WithCancel(ctx)
	case d.ev.Procedure.Refused != "":
		return context.WithTimeout(ctx, refusedPatience)
	}
	return context.WithTimeout(ctx, failedPatience)
}

func (d *drill) awaitRedundancy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, redundancyPatience+d.weight(redundancyPatience))
	defer cancel()
	err := poll(ctx, "every voter is healthy, caught up and has the same hash", func(ctx context.Context) (bool, string) {
		targets := d.targetsOf(d.living(ctx))
		return observe.Redundant(ctx, targets, len(targets))
	})
	if err == nil {
		d.mark(harness.Redundant)
		d.timeline.say(harness.DrillEvent, "", "redundant: every voter is healthy, caught up, and has the same hash")
	}
	return err
}

// collect stops the traffic and looks at what came back. What etcd does not let
// be looked at is left out of the evidence, and no check passes on it; what our
// own disk does not let be kept is an error.
func (d *drill) collect(ctx context.Context) error {
	if err := d.makeRoom(); err != nil {
		return err
	}
	watcher, err := d.traffic.Stop(ctx)
	if err != nil {
		return err
	}
	d.ev.Caches = d.traffic.Caches()
	d.traffic = nil
	d.mark(harness.TrafficEnded)
	d.timeline.say(harness.DrillEvent, "", "collecting evidence")
	d.timeline.quiet()
	if d.game != nil {
		d.game.unmeasured()
	}
	d.ev.Watcher = watcher
	d.ev.Survivors = nonNil(d.ev.Survivors)
	if d.backups != nil {
		d.ev.Backups = d.backups.list()
		d.ev.KeptAfter = append(d.ev.KeptAfter, d.keptBackups(ctx)...)
	}
	living := d.living(ctx)
	d.ev.Hosts = hostNames(living)
	targets := d.targetsOf(living)
	d.ev.DisksAfter = d.disks(ctx) // before the members are asked, who may take long to answer
	d.ev.After = observe.Views(ctx, targets)
	d.unseenReplacement()
	if source, ok := serving(d.ev.After, targets); ok {
		if err := d.dump(ctx, source, targets); err != nil {
			return err
		}
		if err := d.askAsApp(ctx, source); err != nil {
			return err
		}
	} else {
		d.timeline.say(harness.WarningEvent, "", "no member serves, so what the cluster holds cannot be read")
	}
	// A member that is not there because our own agent is gone is no finding.
	if err := d.everywhere(ctx, agentThere); err != nil {
		return err
	}
	d.mark(harness.Collected)
	return ctx.Err()
}

func agentThere(ctx context.Context, h harness.Host) error {
	if _, err := h.Etcd(ctx); errors.Is(err, harness.ErrAgentLost) {
		return err
	}
	return nil
}

func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// serving chooses the member to read from: the first that answered a
// linearizable read.
func serving(views []harness.MemberView, targets []observe.Target) (observe.Target, bool) {
	for i, v := range views {
		if v.Error == "" && v.Serves {
			return targets[i], true
		}
	}
	return observe.Target{}, false
}

// dumpFile is the dump's file, which remembers what kept it from being written: the
// error of a read may be the member's, this one is ours.
type dumpFile struct {
	*ledger.DumpWriter
	err error
}

func (k *dumpFile) Add(s harness.KeyState) error {
	k.err = k.DumpWriter.Add(s)
	return k.err
}

// dump reads every key through one member, and every member's hash at that
// same revision. What could not be read is a warning and not in the evidence.
func (d *drill) dump(ctx context.Context, source observe.Target, targets []observe.Target) error {
	out, err := ledger.CreateDump(d.dir)
	if err != nil {
		return err
	}
	file := &dumpFile{DumpWriter: out}
	found, err := observe.Verify(ctx, source, targets, d.ev.TrafficPrefix, file)
	d.ev.Hashes = found.Hashes
	if file.err != nil {
		return errors.Join(err, out.Abort())
	}
	if err != nil {
		d.timeline.say(harness.WarningEvent, source.Host, "what the cluster holds could not be read: %v", err)
		return out.Abort()
	}
	if err := out.Close(); err != nil {
		return err
	}
	d.ev.DatasetAfter = &found.Dataset
	ids := make([]int64, 0, len(d.ev.LeasesBefore))
	for _, l := range d.ev.LeasesBefore {
		ids = append(ids, l.ID)
	}
	if d.ev.LeasesAfter, err = observe.Leases(ctx, source, ids, d.ev.TrafficPrefix, d.timeline.now); err != nil {
		d.timeline.say(harness.WarningEvent, source.Host, "what became of the leases could not be read: %v", err)
	}
	return nil
}
