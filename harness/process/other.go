//go:build !linux

package process

import (
	"context"
	"errors"
	goruntime "runtime"

	"github.com/etcd-firedrill/firedrill/harness"
)

var errSystem = errors.New("the process runtime needs Linux, and this is " + goruntime.GOOS +
	"\nhint: use a Linux machine, a virtual one included")

// Options are the settings of a runtime.
type Options struct {
	Dir     string
	EtcdBin string
}

// Runtime cannot be had here.
type Runtime struct{}

// New says that there is no such runtime here.
func New(Options) (*Runtime, error) { return nil, errSystem }

// Name is "process".
func (r *Runtime) Name() string { return "process" }

// Build says that there is no such runtime here.
func (r *Runtime) Build(context.Context, string) (harness.Rack, error) { return nil, errSystem }

// Sweep finds nothing: nothing can have been started here.
func Sweep(context.Context, string) ([]string, error) { return nil, nil }
