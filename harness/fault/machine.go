package fault

import (
	"context"
	"fmt"

	"github.com/etcd-firedrill/firedrill/harness"
)

// LoseHost destroys machine and disk. They never come back; a new host may be
// given the name.
type LoseHost struct{ Who harness.Selector }

func (f LoseHost) String() string { return fmt.Sprintf("lose host %s, machine and disk", f.Who) }

// Inject destroys the hosts.
func (f LoseHost) Inject(ctx context.Context, s harness.Strike) ([]string, error) {
	return each(ctx, s, f, f.Who, func(ctx context.Context, h harness.Host) error { return h.Destroy(ctx) })
}

// PowerOff pulls the plug and leaves it pulled; disk and addresses are kept.
type PowerOff struct{ Who harness.Selector }

func (f PowerOff) String() string { return fmt.Sprintf("power off %s", f.Who) }

// Inject powers the hosts off.
func (f PowerOff) Inject(ctx context.Context, s harness.Strike) ([]string, error) {
	return each(ctx, s, f, f.Who, func(ctx context.Context, h harness.Host) error { return h.PowerOff(ctx) })
}
