package runtimetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/etcd-firedrill/firedrill/harness"
)

// Options say what a runtime does differently from others.
type Options struct {
	// Within bounds each spec. 0: one minute.
	Within time.Duration
	// Leftovers lists what is left of a drill on this machine: processes,
	// directories, containers, networks, volumes. It must be empty after Close.
	Leftovers func(drill string) []string
	// DiesWithHarness: hosts lose their power with the process that made them,
	// without anybody's doing. Otherwise Sweep has to end them.
	DiesWithHarness bool
	// Sweep is what `firedrill clean` does for this runtime.
	Sweep func(context.Context) ([]string, error)
	// ChildEnv is added to the environment of child harnesses (see Child), on
	// top of this process's own.
	ChildEnv []string
}

// Specs declares the suite; call it in a container node's body. newRuntime is
// called for each spec, so that none depends on what another did.
func Specs(newRuntime func() (harness.Runtime, error), opt Options) {
	if opt.Within == 0 {
		opt.Within = time.Minute
	}
	b := &bench{opt: opt, newRuntime: newRuntime}
	BeforeEach(b.setUp, NodeTimeout(opt.Within))

	Describe("etcd on a host", b.etcdSpecs)
	Describe("power", b.powerSpecs)
	Describe("commands", b.commandSpecs)
	Describe("commands with streams", b.streamSpecs)
	Describe("files", b.fileSpecs)
	Describe("the fence", b.fenceSpecs)
	Describe("clusters", b.clusterSpecs)
	Describe("the harness's death", b.deathSpecs)
}

// bench is where one spec works: a runtime and one rack on it.
type bench struct {
	opt        Options
	newRuntime func() (harness.Runtime, error)

	runtime harness.Runtime
	drill   string
	rack    harness.Rack
}

func (b *bench) it(text string, body func(SpecContext)) {
	It(text, body, SpecTimeout(b.opt.Within))
}

func (b *bench) setUp(ctx SpecContext) {
	var err error
	b.runtime, err = b.newRuntime()
	Expect(err).NotTo(HaveOccurred())
	b.drill = newDrill()
	b.rack = b.build(ctx, b.drill)
}

// newDrill returns a drill ID that no other test, parallel ones included, uses.
func newDrill() string { return fmt.Sprintf("rt-%08x", rand.Uint32()) }

// build returns a rack that is closed, and looked after, at the spec's end.
func (b *bench) build(ctx context.Context, drill string) harness.Rack {
	rack, err := b.runtime.Build(ctx, drill)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func(ctx SpecContext) {
		Expect(rack.Close(ctx, false)).To(Succeed())
		Expect(b.leftovers(drill)).To(BeEmpty(), "left behind by a closed rack")
	}, NodeTimeout(b.opt.Within))
	return rack
}

func (b *bench) leftovers(drill string) []string {
	if b.opt.Leftovers == nil {
		return nil
	}
	return b.opt.Leftovers(drill)
}

// host provisions a host that nobody listens to.
func (b *bench) host(ctx context.Context, name string) harness.Host {
	return provision(ctx, b.rack, harness.HostSpec{Name: name})
}

func provision(ctx context.Context, rack harness.Rack, spec harness.HostSpec) harness.Host {
	GinkgoHelper()
	host, err := rack.Provision(ctx, spec)
	Expect(err).NotTo(HaveOccurred())
	return host
}

// run runs a script that must succeed and returns its standard output.
func run(ctx context.Context, host harness.Host, script string) string {
	GinkgoHelper()
	out, err := host.Run(ctx, script)
	Expect(err).NotTo(HaveOccurred())
	Expect(out.ExitCode).To(BeZero(), "%s: %+v", script, out)
	return out.Stdout
}
