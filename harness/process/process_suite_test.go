//go:build linux

package process

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/eviction"
	"github.com/etcd-firedrill/firedrill/harness/runtimetest"
)

func TestProcess(t *testing.T) {
	if testing.Short() {
		t.Skip("hosts are not short")
	}
	SetDefaultEventuallyTimeout(20 * time.Second)
	SetDefaultEventuallyPollingInterval(20 * time.Millisecond)
	RegisterFailHandler(Fail)
	RunSpecs(t, "the process runtime")
}

var _ = Describe("processes", func() { conform(false) })

// Root in a plain container may chroot but gets no PID namespace.
var _ = Describe("processes without a PID namespace", func() {
	BeforeEach(func() {
		if os.Geteuid() != 0 {
			Skip("an ordinary user gets no chroot without a user namespace, nor a reason to do without a PID namespace in it")
		}
	})
	conform(true)
})

func conform(weak bool) {
	var base string
	BeforeEach(func() {
		base = openDir(GinkgoTB())
		base, _ = filepath.EvalSymlinks(base)
		GinkgoT().Setenv("TMPDIR", base) // so that child harnesses use it too
		base = filepath.Join(base, fmt.Sprintf("firedrill-%d", os.Geteuid()))
	})
	opt := runtimetest.Options{
		Within:          30 * time.Second,
		DiesWithHarness: true,
		Sweep:           func(ctx context.Context) ([]string, error) { return Sweep(ctx, base) },
		Leftovers:       func(drill string) []string { return leftovers(filepath.Join(base, drill)) },
	}
	if weak {
		opt.ChildEnv = []string{weakFence + "=1"}
	}
	runtimetest.Specs(func() (harness.Runtime, error) { return newRuntime(base, weak) }, opt)
}

// leftovers lists what is left of a drill: its directory and its processes.
func leftovers(dir string) []string {
	var left []string
	if _, err := os.Lstat(dir); err == nil {
		left = append(left, dir)
	}
	found, err := eviction.Find(inmates(dir))
	Expect(err).NotTo(HaveOccurred())
	for _, i := range found {
		left = append(left, fmt.Sprintf("process %d", i.PID))
		i.Close()
	}
	return left
}
