package drill

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/client"
	"github.com/etcd-firedrill/firedrill/harness/observe"
	"github.com/etcd-firedrill/firedrill/harness/trial"
)

// try runs the trials that the scenario's checks need: those of promises before
// those of hazards, because a hazard's may end the cluster, and restarts before
// losses. The return of the dead, which may end it for good, is the last of all.
func (d *drill) try(ctx context.Context) error {
	specs := trialsOf(d.scenario)
	full := "" // what earlier trials found of full disks
	for _, spec := range specs {
		t, err := trial.For(spec, specs)
		if err != nil {
			return err
		}
		record := harness.TrialRecord{Spec: spec}
		begun := d.timeline.now()
		if differs := d.awaitAsCollected(ctx); differs != "" {
			record.Reason = differs + full
		} else {
			begun = d.timeline.now()
			d.timeline.say(harness.TrialEvent, "", "trial: %s", t)
			var found string
			if record, found, err = d.carryOut(ctx, t); err != nil {
				return fmt.Errorf("trial %s: %w", spec, err)
			}
			if found != "" {
				full += fmt.Sprintf("; in trial %s %s", spec, found)
			}
		}
		record.Begun, record.Took = begun, d.timeline.now()-begun
		d.ev.Trials = append(d.ev.Trials, record)
		if !record.Ran {
			d.timeline.say(harness.TrialEvent, "", "not tried: %s: %s", t, record.Reason)
			continue
		}
		d.timeline.say(harness.TrialEvent, "", "%d of %d writes acknowledged after it", record.Acked, record.Sent)
	}
	return ctx.Err()
}

// carryOut carries one trial out, and tells what it found of full disks. Where somebody
// recovered by hand it is not tried for want of room, unless all was seen already: what is
// Violated by then is so on a full disk, too.
func (d *drill) carryOut(ctx context.Context, t harness.Trial) (record harness.TrialRecord, full string, err error) {
	heard := d.hearFull()
	err = within(ctx, trialDeadline+d.weight(trialDeadline), func(ctx context.Context) error {
		record, err = t.Try(ctx, recovered{d})
		return err
	})
	found := heard()
	switch {
	case err == nil && len(found) > 0:
		full = fmt.Sprintf("the disk of host %s was full: etcd found %s", strings.Join(found, ", "), diskFull)
	case err != nil && ctx.Err() == nil: // whatever ended the drill comes first
		full = d.fullInTrial(err)
	}
	if full == "" {
		return record, "", err
	}
	d.timeline.say(harness.WarningEvent, "", "%s", full)
	record.Notes = append(record.Notes, full)
	if cutShort := err != nil && !record.Ran; cutShort || d.refusedByDisk(record, found) {
		record.Ran, record.Reason = false, full
	}
	return record, full, nil
}

// refusedByDisk tells whether the dead seem to have been refused, and the disk of one of
// them was full: its etcd may have ended because of that, and would have served.
func (d *drill) refusedByDisk(record harness.TrialRecord, full []string) bool {
	if record.Return == nil || !slices.ContainsFunc(record.Struck, func(host string) bool { return slices.Contains(full, host) }) {
		return false
	}
	d.mu.Lock()
	ev := *d.ev
	d.mu.Unlock()
	ev.Trials = []harness.TrialRecord{record}
	return check.DeadStayOut{}.Judge(&ev).Verdict == harness.Held
}

// trialsOf lists what a scenario's checks need, each once, in the order of try.
func trialsOf(s harness.Scenario) (specs []harness.TrialSpec) {
	for _, checks := range [][]harness.Check{s.Promises, s.Hazards} {
		var theirs []harness.TrialSpec
		for _, c := range checks {
			for _, spec := range c.Needs() {
				if !slices.Contains(specs, spec) && !slices.Contains(theirs, spec) {
					theirs = append(theirs, spec)
				}
			}
		}
		slices.SortStableFunc(theirs, func(a, b harness.TrialSpec) int { return rank(a) - rank(b) })
		specs = append(specs, theirs...)
	}
	others := slices.DeleteFunc(slices.Clone(specs), returns)
	if len(others) < len(specs) {
		return append(others, trial.PowerOnTheDead{}.Spec())
	}
	return others
}

func returns(spec harness.TrialSpec) bool { return spec == trial.PowerOnTheDead{}.Spec() }

func rank(spec harness.TrialSpec) int {
	if spec == (trial.KillOneMember{}.Spec()) {
		return 1
	}
	return 0
}

// asCollectedPatience is how long the cluster may take to be again what it was
// before the last trial: a host that was off catches up.
const asCollectedPatience = 15 * time.Second

// awaitAsCollected waits until the cluster is what it was when the evidence was
// collected, and says what is not, "" if all is. Of another cluster a trial
// would tell nothing.
func (d *drill) awaitAsCollected(ctx context.Context) (differs string) {
	ctx, cancel := context.WithTimeout(ctx, asCollectedPatience+d.weight(asCollectedPatience))
	defer cancel()
	_ = poll(ctx, "the cluster is what it was", func(ctx context.Context) (bool, string) {
		now := recovered{d}.Members(ctx)
		if ctx.Err() == nil || differs == "" {
			differs = changed(d.ev.After, now)
		}
		return differs == "", differs
	})
	return differs
}

// changed says what one of the hosts that answered before tells otherwise now.
func changed(before, now []harness.MemberView) string {
	for _, was := range before {
		if was.Error != "" {
			continue
		}
		i := slices.IndexFunc(now, func(is harness.MemberView) bool { return is.Host == was.Host })
		switch {
		case i < 0:
			return was.Host + " is no longer there"
		case now[i].Error != "":
			return fmt.Sprintf("%s no longer answers: %s", was.Host, now[i].Error)
		case now[i].Membership() != was.Membership():
			return fmt.Sprintf("%s lists %s, and when the evidence was collected %s", was.Host, now[i].Membership(), was.Membership())
		case was.Serves && !now[i].Serves:
			return fmt.Sprintf("%s no longer serves: %s", was.Host, now[i].ServeError)
		}
	}
	return ""
}

// recovered is the recovered cluster as a trial sees it.
type recovered struct{ d *drill }

func (r recovered) Select(ctx context.Context, who harness.Selector) ([]harness.Host, error) {
	return r.d.selectAmong(ctx, r.hosts(), who)
}

// hosts are those that were the recovered cluster's when the evidence was collected.
func (r recovered) hosts() []harness.Host {
	return slices.DeleteFunc(r.d.present(), func(h harness.Host) bool { return !slices.Contains(r.d.ev.Hosts, h.Name()) })
}

// Dead lists those that were left behind and are off.
func (r recovered) Dead(ctx context.Context) []harness.Host {
	return slices.DeleteFunc(r.d.present(), func(h harness.Host) bool { return !r.d.isDead(ctx, h) })
}

// Look asks once.
func (r recovered) Look(ctx context.Context, hosts []harness.Host) []harness.MemberView {
	return observe.Members(ctx, r.d.targetsOf(hosts))
}

// Members asks the hosts that are on; the others' views say that they are off.
func (r recovered) Members(ctx context.Context) []harness.MemberView {
	var on []harness.Host
	var off []harness.MemberView
	for _, h := range r.hosts() {
		if _, err := h.Etcd(ctx); err != nil {
			r.d.noteLost(h, err)
			off = append(off, harness.MemberView{Host: h.Name(), Error: err.Error()})
			continue
		}
		on = append(on, h)
	}
	return append(observe.Views(ctx, r.d.targetsOf(on)), off...)
}

const (
	// tryPatience bounds one write of a trial, which is then sent again.
	tryPatience = 500 * time.Millisecond
	// tryAgain is how often those that are refused at once are sent again.
	tryAgain = 20 * time.Millisecond
)

// Lead asks the leader to hand its office to a host's member.
func (r recovered) Lead(ctx context.Context, host string) error {
	var leader string
	var heir uint64
	for _, v := range r.Members(ctx) {
		if v.Error == "" && v.Leader == v.MemberID {
			leader = v.Host
		}
		if v.Host == host {
			heir = v.MemberID
		}
	}
	if leader == "" || heir == 0 {
		return fmt.Errorf("no leader, or no member on %s, was heard", host)
	}
	c, err := client.New([]string{r.d.host(leader).ClientAddress()}, r.d.tls)
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, leadPatience)
	defer cancel()
	_, err = c.MoveLeader(ctx, heir)
	return err
}

// leadPatience bounds the handing over of leadership: an election time-out and some.
const leadPatience = 5 * time.Second

// Write puts n new keys under the traffic's prefix. The dump was taken before,
// so the ledger need not know of them.
func (r recovered) Write(ctx context.Context, below string, n int, hosts []string) (acked int, err error) {
	err = r.asking(ctx, fmt.Sprintf("put %d keys", n), hosts, func(ctx context.Context, c *clientv3.Client) (bool, error) {
		key := r.below(below) + strconv.Itoa(acked)
		if _, err := c.Put(ctx, key, key); err != nil {
			return false, err
		}
		acked++
		return acked == n, nil
	})
	return acked, err
}

// Read counts what Write put.
func (r recovered) Read(ctx context.Context, below string, hosts []string) (found int, err error) {
	err = r.asking(ctx, "count the keys put", hosts, func(ctx context.Context, c *clientv3.Client) (bool, error) {
		resp, err := c.Get(ctx, r.below(below), clientv3.WithPrefix(), clientv3.WithCountOnly())
		if err == nil {
			found = int(resp.Count)
		}
		return err == nil, err
	})
	return found, err
}

func (r recovered) below(name string) string {
	return r.d.ev.TrafficPrefix + "trial/" + name + "/"
}

// asking asks these hosts' etcds again and again, until all is done or ctx ends.
func (r recovered) asking(ctx context.Context, what string, hosts []string, ask func(context.Context, *clientv3.Client) (done bool, err error)) error {
	var endpoints []string
	for _, name := range hosts {
		endpoints = append(endpoints, r.d.host(name).ClientAddress())
	}
	c, err := client.New(endpoints, r.d.tls)
	if err != nil {
		return fmt.Errorf("dial %v for a trial: %w", hosts, err)
	}
	defer c.Close()
	tick := time.NewTicker(tryAgain)
	defer tick.Stop()
	for {
		// One that was sent to a member without leader would wait there for
		// seconds after the others have elected one.
		try, cancel := context.WithTimeout(ctx, tryPatience)
		done, err := ask(try, c)
		cancel()
		switch {
		case done:
			return nil
		case err != nil && ctx.Err() != nil:
			return fmt.Errorf("%s through %v: %w", what, hosts, err)
		case err != nil:
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	}
}
