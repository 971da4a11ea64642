package drill

import (
	"context"
	"fmt"
	"time"
)

// pollInterval is how often a condition is looked at. Each look asks etcd or an
// agent, so it costs more than it waits.
const pollInterval = 50 * time.Millisecond

// poll looks at a condition until it holds. When ctx ends first, the error
// names the condition and what was seen last.
func poll(ctx context.Context, what string, look func(context.Context) (ok bool, seen string)) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	last := "nothing"
	for {
		ok, seen := look(ctx)
		if ok {
			return nil
		}
		if ctx.Err() == nil || last == "nothing" {
			last = seen
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w; last seen: %s", what, context.Cause(ctx), last)
		case <-tick.C:
		}
	}
}
