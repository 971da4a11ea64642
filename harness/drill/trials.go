package drill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/client"
	"github.com/etcd-firedrill/firedrill/harness/observe"
	"github.com/etcd-firedrill/firedrill/harness/trial"
)

// try runs the trials that the scenario's checks need, restarts before losses:
// what takes a member away comes last.
func (d *drill) try(ctx context.Context) error {
	var specs []harness.TrialSpec
	for _, c := range slices.Concat(d.scenario.Promises, d.scenario.Hazards) {
		for _, spec := range c.Needs() {
			if !slices.Contains(specs, spec) {
				specs = append(specs, spec)
			}
		}
	}
	slices.SortStableFunc(specs, func(a, b harness.TrialSpec) int { return rank(a) - rank(b) })
	for _, spec := range specs {
		t, err := trial.For(spec)
		if err != nil {
			return err
		}
		begun := d.timeline.now()
		d.timeline.say(harness.TrialEvent, "", "trial: %s", t)
		var record harness.TrialRecord
		limit := trialDeadline + d.weight(trialDeadline)
		err = within(ctx, limit, func(ctx context.Context) error {
			record, err = t.Try(ctx, recovered{d})
			return err
		})
		if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			// That etcd does not come back in a trial is etcd's doing.
			record, err = harness.TrialRecord{Spec: spec, Reason: fmt.Sprintf("it was not over after %v: %v", limit, err)}, nil
		}
		if err != nil {
			return fmt.Errorf("trial %s: %w", spec, err)
		}
		record.Begun, record.Took = begun, d.timeline.now()-begun
		d.ev.Trials = append(d.ev.Trials, record)
		if !record.Ran {
			d.timeline.say(harness.TrialEvent, "", "not tried: %s", record.Reason)
			continue
		}
		d.timeline.say(harness.TrialEvent, "", "%d of %d writes acknowledged after it", record.Acked, record.Sent)
	}
	return nil
}

func rank(spec harness.TrialSpec) int {
	if spec.Name == "kill-one-member" {
		return 1
	}
	return 0
}

// recovered is the recovered cluster as a trial sees it.
type recovered struct{ d *drill }

func (r recovered) Select(ctx context.Context, who harness.Selector) ([]harness.Host, error) {
	return r.d.Select(ctx, who)
}

// Members asks the hosts that are on; the others' views say that they are off.
func (r recovered) Members(ctx context.Context) []harness.MemberView {
	var on []harness.Host
	var off []harness.MemberView
	for _, h := range r.d.present() {
		if _, err := h.Etcd(ctx); err != nil {
			r.d.noteLost(h, err)
			off = append(off, harness.MemberView{Host: h.Name(), Error: err.Error()})
			continue
		}
		on = append(on, h)
	}
	return append(observe.Members(ctx, targetsOf(on)), off...)
}

// tryPatience bounds one write of a trial, which is then sent again.
const tryPatience = 500 * time.Millisecond

// Write puts n new keys under the traffic's prefix. The dump was taken before,
// so the ledger need not know of them.
func (r recovered) Write(ctx context.Context, n int, hosts []string) (acked int, err error) {
	var endpoints []string
	for _, name := range hosts {
		endpoints = append(endpoints, r.d.host(name).ClientAddress())
	}
	c, err := client.New(endpoints, nil)
	if err != nil {
		return 0, fmt.Errorf("dial %v for a trial: %w", hosts, err)
	}
	defer c.Close()
	var last error
	for acked < n {
		key := fmt.Sprintf("%strial/%d", r.d.ev.TrafficPrefix, acked)
		// One that was sent to a member without leader would wait there for
		// seconds after the others have elected one.
		try, cancel := context.WithTimeout(ctx, tryPatience)
		_, last = c.Put(try, key, key)
		cancel()
		if last == nil {
			acked++
			continue
		}
		if ctx.Err() != nil {
			return acked, fmt.Errorf("write %d of %d through %v: %w", acked+1, n, hosts, last)
		}
	}
	return acked, nil
}
