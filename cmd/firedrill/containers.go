package main

import (
	"context"
	"fmt"
	"io"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/container"
)

// engineName asks, quickly, which container engine answers.
func engineName(ctx context.Context) (string, error) { return container.Available(ctx) }

func newContainers(ctx context.Context, p place) (harness.Runtime, error) {
	return container.New(ctx, container.Options{Image: p.image})
}

// sweepContainers sweeps nothing where no engine answers, and says so: what an
// engine that is down still has can be swept when it is up again.
func sweepContainers(ctx context.Context, told io.Writer) ([]string, error) {
	if _, absent := container.Available(ctx); absent != nil {
		fmt.Fprintf(told, "no container was looked for: %v\n", absent)
		return nil, nil
	}
	return container.Sweep(ctx)
}
