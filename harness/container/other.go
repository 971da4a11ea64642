//go:build !linux

package container

import (
	"context"
	"errors"
	"runtime"

	"github.com/etcd-firedrill/firedrill/harness"
)

var errSystem = errors.New("hosts run our own binary, which is for " + runtime.GOOS + " and not for Linux\nhint: run firedrill on Linux, in a virtual machine for one")

// Options are the settings of a runtime.
type Options struct {
	Image string
}

// Runtime cannot be had here.
type Runtime struct{}

// New says that there is no such runtime here.
func New(context.Context, Options) (*Runtime, error) { return nil, errSystem }

// Name is "container".
func (r *Runtime) Name() string { return "container" }

// Build says that there is no such runtime here.
func (r *Runtime) Build(context.Context, string) (harness.Rack, error) { return nil, errSystem }

// Available says that there is no such runtime here.
func Available(context.Context) (string, error) { return "", errSystem }

// Sweep finds nothing: nothing can have been started here.
func Sweep(context.Context) ([]string, error) { return nil, nil }
