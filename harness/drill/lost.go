package drill

import (
	"context"
	"errors"
	"fmt"

	"github.com/etcd-firedrill/firedrill/harness"
)

// loseForGood notes down which hosts the strike left without power, with their disks: the
// documents call them lost, and to plug them in again would undo the disaster. It does
// not where the scenario's own procedure brings them back.
func (d *drill) loseForGood(ctx context.Context, struck []string) {
	if d.scenario.OldHostsReturn {
		return
	}
	for _, name := range struck {
		h := d.host(name)
		if h == nil {
			continue
		}
		if _, err := h.Etcd(ctx); errors.Is(err, harness.ErrHostOff) {
			d.mu.Lock()
			d.lost[h] = true
			d.mu.Unlock()
		}
	}
}

// power tells whether a host can be given power by whoever recovers by hand.
func (d *drill) power(h harness.Host) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lost[h] {
		return fmt.Errorf("%w: %s is lost for good in this drill: no power brings it back\nhint: firedrill host new NAME orders a new, clean one", errMistake, h.Name())
	}
	return nil
}
