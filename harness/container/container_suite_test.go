//go:build linux

package container

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/moby/moby/client"

	"github.com/etcd-firedrill/firedrill/fixtures/required"
	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/owner"
	"github.com/etcd-firedrill/firedrill/harness/runtimetest"
)

func TestContainer(t *testing.T) {
	if testing.Short() {
		t.Skip("hosts are not short")
	}
	SetDefaultEventuallyTimeout(20 * time.Second)
	SetDefaultEventuallyPollingInterval(20 * time.Millisecond)
	RegisterFailHandler(Fail)
	RunSpecs(t, "the container runtime")
}

var _ = Describe("containers", func() {
	BeforeEach(needEngine)
	runtimetest.Specs(func() (harness.Runtime, error) { return open(Options{}) }, runtimetest.Options{
		Sweep:     func(ctx context.Context) ([]string, error) { return sweepOnly(ctx, "rt-") },
		Leftovers: leftovers,
	})
})

// needEngine skips a spec where no engine answers, unless one is required.
func needEngine(ctx SpecContext) {
	if required.Is(required.Container) {
		return // the spec fails without one
	}
	if _, err := Available(ctx); err != nil {
		Skip("no container engine: " + err.Error())
	}
}

// open returns a runtime whose connections end with the spec.
func open(opt Options) (*Runtime, error) {
	r, err := New(context.Background(), opt)
	if err != nil {
		return nil, err
	}
	DeferCleanup(r.engine.close)
	return r, nil
}

// sweepOnly is Sweep without the images, and without any drill whose ID does not
// begin like those of a suite: an engine is everybody's, and others are at work.
func sweepOnly(ctx context.Context, prefix string) ([]string, error) {
	e, err := connect(ctx, patience)
	if err != nil {
		return nil, err
	}
	defer e.close()
	return e.sweepDrills(ctx, func(drill string) bool { return strings.HasPrefix(drill, prefix) })
}

// leftovers lists what is left of a drill, in the engine and on this machine.
func leftovers(drill string) []string {
	ctx := context.Background()
	e, err := connect(ctx, patience)
	Expect(err).NotTo(HaveOccurred())
	defer e.close()
	all, err := e.remains(ctx)
	Expect(err).NotTo(HaveOccurred())
	var left []string
	for c, r := range all {
		if c.drill == drill {
			left = append(left, r.String())
		}
	}
	// What lost its labels would still have its name.
	named := client.Filters{}.Add("name", "firedrill-"+drill)
	containers, err := e.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: named})
	Expect(err).NotTo(HaveOccurred())
	for _, c := range containers.Items {
		left = append(left, fmt.Sprint("container ", c.Names))
	}
	dir := filepath.Join(owner.DefaultBase(), drill)
	if _, err := os.Lstat(dir); err == nil {
		left = append(left, dir)
	}
	return left
}
