package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/etcd-firedrill/firedrill/harness"
)

// place is where the user wants hosts to come from.
type place struct {
	runtime string // auto, process, container
	image   string
	etcdBin string
}

// flags adds the flags of every command that starts hosts.
func (p *place) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&p.runtime, "runtime", "auto", "`where` hosts come from: process, container, auto")
	f.StringVar(&p.image, "image", "", "container runtime: take etcd from the image `ref`")
	f.StringVar(&p.etcdBin, "etcd-bin", "", "process runtime: take etcd, etcdctl and etcdutl from `dir`")
	if err := c.RegisterFlagCompletionFunc("runtime", cobra.FixedCompletions(runtimeNames, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // as in completeLabels
	}
}

// runtimeNames are what --runtime takes.
var runtimeNames = []string{"auto", "process", "container"}

// valid tells what contradicts itself, before anything is looked at.
func (p place) valid() error {
	switch {
	case !slices.Contains(runtimeNames, p.runtime):
		return unknown("runtime", p.runtime, runtimeNames, "--runtime takes auto, process or container")
	case p.image != "" && p.etcdBin != "":
		return hint(errors.New("--image is for containers and --etcd-bin for processes: both were given"), "give one of them")
	case p.image != "" && p.runtime == "process":
		return hint(errors.New("--image needs containers, but --runtime process was given"), "--etcd-bin gives the process runtime other binaries")
	case p.etcdBin != "" && p.runtime == "container":
		return hint(errors.New("--etcd-bin needs processes, but --runtime container was given"), "--image gives the container runtime another etcd")
	}
	return nil
}

// runtimes are the ways to make hosts, and a quick way to ask for an engine.
type runtimes struct {
	engine    func(context.Context) (name string, err error)
	process   func(place) (harness.Runtime, error)
	container func(context.Context, place) (harness.Runtime, error)
}

// choose returns the runtime; why is not empty if it was not the user's choice.
func (r runtimes) choose(ctx context.Context, p place) (rt harness.Runtime, why string, err error) {
	name := p.runtime
	if name == "auto" {
		name, why = r.auto(ctx, p)
	}
	if name == "container" {
		rt, err = r.container(ctx, p)
	} else {
		rt, err = r.process(p)
	}
	if err != nil && why != "" {
		err = fmt.Errorf("use the %s runtime (%s): %w", name, why, err)
	}
	return rt, why, err
}

func (r runtimes) auto(ctx context.Context, p place) (name, why string) {
	switch {
	case p.image != "":
		return "container", "because of --image"
	case p.etcdBin != "":
		return "process", "because of --etcd-bin"
	}
	engine, err := r.engine(ctx)
	if err != nil {
		return "process", "because no Docker engine answers"
	}
	return "container", "because " + engine + " answers"
}
