package harness

import (
	"context"
)

// ByTeam is an Action at the desk: people recover, each in a shell of their own,
// and say when they are done.
type ByTeam struct{}

func (ByTeam) String() string { return "firedrill shell" }

// Do waits for the team. That it was stopped before it was done is its failure; that it
// leaves the cluster as it is, its refusal.
func (ByTeam) Do(ctx context.Context, site Site, _ Host, _ string) (Output, error) {
	return site.AwaitTeam(ctx)
}
