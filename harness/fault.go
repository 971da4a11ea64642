package harness

import (
	"context"
	"fmt"
)

// Fault damages a cluster and leaves it damaged: it never heals what it broke.
// A fault is a plain value that prints as what it does, e.g.
// "ruin the data directory on all-but(m1)".
type Fault interface {
	fmt.Stringer
	// Inject resolves its targets, damages them and returns when the damage has
	// taken effect (etcd has exited, the host is off, …). It returns the names
	// of the hosts it struck. An error means that the harness could not do it.
	Inject(ctx context.Context, s Strike) ([]string, error)
}

// Strike is what a fault is given at the moment of disaster.
type Strike interface {
	// Select resolves a selector against the cluster as it is now.
	Select(ctx context.Context, who Selector) ([]Host, error)
	// Render renders a template for the host it runs on, as a step's text is (see
	// Desk): whoever damages a cluster by its own tools needs the certificates too.
	Render(text, on string) (string, error)
	// AwaitBackup waits until the site's backup job has begun and taken a backup
	// that verifies, from now on. It is an error where the site takes none.
	AwaitBackup(ctx context.Context) error
}
