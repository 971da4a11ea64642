package fault

import (
	"context"
	"errors"
	"fmt"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/crew"
)

// each strikes all targets at the same moment and returns when every one is
// damaged. It returns the names of the hosts it struck, also beside an error.
func each(ctx context.Context, s harness.Strike, f fmt.Stringer, who harness.Selector, damage func(context.Context, harness.Host) error) ([]string, error) {
	hosts, err := s.Select(ctx, who)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f, err)
	}
	if len(hosts) == 0 {
		return nil, fmt.Errorf("%s: %s selects no host, so nothing would be damaged", f, who)
	}
	names := make([]string, len(hosts))
	errs := make([]error, len(hosts))
	var wg crew.Crew
	for i, h := range hosts {
		names[i] = h.Name()
		wg.Go(func() {
			if err := damage(ctx, h); err != nil {
				errs[i] = fmt.Errorf("%s: on %s: %w", f, h.Name(), err)
			}
		})
	}
	wg.Wait()
	return names, errors.Join(errs...)
}
