package drill

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// powered records a host that went on or off. What the trials do to hosts is
// their own.
func (d *drill) powered(host string, at time.Duration, on bool) {
	if l, err := d.logOf(host); on && err == nil {
		l.cameUp()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, over := d.ev.Marks[harness.Collected]; !over {
		d.ev.Power = append(d.ev.Power, harness.PowerRecord{Host: host, At: at, On: on})
	}
}

// living lists the hosts of the recovered cluster's site: all that are present
// but the dead.
func (d *drill) living(ctx context.Context) []harness.Host {
	return slices.DeleteFunc(d.present(), func(h harness.Host) bool { return d.isDead(ctx, h) })
}

// isDead tells whether a host is off and was left behind: the procedure is
// complete, and points clients at others. Where it pointed them nowhere, or did not
// come to its end, whoever is off is missed.
func (d *drill) isDead(ctx context.Context, h harness.Host) bool {
	d.mu.Lock()
	completed, announced := d.ev.Procedure.Completed, d.ev.Procedure.Announced
	d.mu.Unlock()
	if !completed || len(announced) == 0 || slices.Contains(announced, h.Name()) {
		return false
	}
	state, err := h.Etcd(ctx)
	d.noteLost(h, err)
	// Who recovers by hand may leave a host behind that is on, and no member any more.
	return errors.Is(err, harness.ErrHostOff) || err == nil && d.plan.byHand() && !state.Manifest
}
