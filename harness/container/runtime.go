//go:build linux

package container

import (
	"context"
	"errors"
	"fmt"

	"github.com/testcontainers/testcontainers-go"

	"github.com/etcd-firedrill/firedrill/fixtures/embedded"
	"github.com/etcd-firedrill/firedrill/harness"
)

// Options are the settings of a runtime. The zero value is ready to use.
type Options struct {
	// Image is the etcd image that hosts have, as `docker run` takes it; it is
	// pulled if need be. "" means our own binary and nothing else.
	Image string
}

// Runtime makes hosts out of containers. It implements harness.Runtime. Its
// connections to the engine end with the process.
type Runtime struct {
	engine   *engine
	provider *testcontainers.DockerProvider
	image    string
}

var _ harness.Runtime = (*Runtime)(nil)

// New returns the runtime, with the image of its hosts in the engine, or why
// it cannot work here and what to do about it.
func New(ctx context.Context, opt Options) (_ *Runtime, err error) {
	if err := embedded.Static(); err != nil {
		return nil, err
	}
	if err := settleTestcontainers(); err != nil {
		return nil, err
	}
	e, err := connect(ctx, patience)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.close())
		}
	}()
	if err := e.fits(ctx); err != nil {
		return nil, err
	}
	r := &Runtime{engine: e}
	if opt.Image == "" {
		r.image, err = e.ensureOwnImage(ctx)
	} else {
		r.image, err = e.ensureDerivedImage(ctx, opt.Image)
	}
	if err != nil {
		return nil, err
	}
	if r.provider, err = e.provider(); err != nil {
		return nil, err
	}
	// Housekeeping: that it could not be done is no reason not to drill.
	_, _ = e.pruneImages(ctx, imageLabel, imageAge)
	return r, nil
}

// Name is "container".
func (r *Runtime) Name() string { return "container" }

// Build returns an empty rack: a network and the drill's lock.
func (r *Runtime) Build(ctx context.Context, drill string) (harness.Rack, error) {
	k, err := newRack(ctx, r, drill)
	if err != nil {
		return nil, fmt.Errorf("build a rack for drill %s: %w", drill, err)
	}
	return k, nil
}
