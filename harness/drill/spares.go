package drill

import (
	"context"
	"errors"
	"slices"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/crew"
)

// provisionSpares orders as many clean hosts as were lost or are off, so that
// their addresses are known before anybody needs them.
func (d *drill) provisionSpares(ctx context.Context) error {
	missing := 0
	for _, name := range d.plan.hosts {
		h := d.host(name)
		if h == nil || isOff(ctx, h) {
			missing++
		}
	}
	// A team may have ordered hosts before anything was broken.
	names, known := make([]string, missing), d.everKnown()
	number := len(d.plan.hosts)
	for i := range names {
		for names[i] == "" || slices.Contains(known, names[i]) {
			number++
			names[i] = harness.HostName(number)
		}
	}
	d.mu.Lock()
	d.spares = names
	d.mu.Unlock()
	errs := make([]error, missing)
	var wg crew.Crew
	for i, name := range names {
		wg.Go(func() { errs[i] = d.orderNew(ctx, name) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// orderNew orders a clean host for somebody who recovers by hand. Where the site
// keeps no bundle of certificates to make a host's with, it has them already, from
// whoever installs machines.
func (d *drill) orderNew(ctx context.Context, name string) error {
	if err := (site{d}).Provision(ctx, name); err != nil {
		return err
	}
	if d.scenario.Backups.Bundle != "" {
		return nil
	}
	return d.issueTo(ctx, d.host(name))
}

func isOff(ctx context.Context, h harness.Host) bool {
	_, err := h.Etcd(ctx)
	return errors.Is(err, harness.ErrHostOff)
}
