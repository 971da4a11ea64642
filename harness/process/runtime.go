//go:build linux

package process

import (
	"context"
	"fmt"
	"os"

	"github.com/etcd-firedrill/firedrill/fixtures/embedded"
	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/owner"
)

// Options are the settings of a runtime. The zero value is ready to use.
type Options struct {
	// Dir is the base directory, under which every drill has its own. "" is owner.DefaultBase.
	Dir string
	// EtcdBin is a directory to take etcd, etcdctl and etcdutl from. "" means
	// those in our own binary.
	EtcdBin string
}

// Runtime makes hosts out of processes. It implements harness.Runtime.
type Runtime struct {
	base    string
	etcdBin string
	fence   fence
}

var _ harness.Runtime = (*Runtime)(nil)

// New returns the runtime, or why it cannot work here and what to do about it.
// It starts nothing that stays.
func New(opt Options) (*Runtime, error) {
	r := &Runtime{etcdBin: opt.EtcdBin}
	if err := embedded.Static(); err != nil {
		return nil, err
	}
	if err := checkKernel(); err != nil {
		return nil, err
	}
	var err error
	if r.base, err = owner.Base(opt.Dir); err != nil {
		return nil, fmt.Errorf("prepare the directory for hosts: %w", err)
	}
	defer os.Remove(r.base) // unless drills are in it
	if err := checkFileSystem(r.base); err != nil {
		return nil, err
	}
	if r.etcdBin != "" {
		if err := checkPrograms(r.etcdBin); err != nil {
			return nil, err
		}
	}
	if r.fence, err = bestFence(r.base); err != nil {
		return nil, err
	}
	return r, nil
}

// Name is "process".
func (r *Runtime) Name() string { return "process" }

// Build returns an empty rack: a directory, a block of loopback addresses and
// the drill's lock.
func (r *Runtime) Build(_ context.Context, drill string) (harness.Rack, error) {
	rack, err := newRack(r, drill)
	if err != nil {
		return nil, fmt.Errorf("build a rack for drill %s: %w", drill, err)
	}
	return rack, nil
}
