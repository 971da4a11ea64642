//go:build linux

package process

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/eviction"
	"github.com/etcd-firedrill/firedrill/harness/runtimetest"
)

var _ = Describe("a host's end", func() {
	Context("in a PID namespace", func() { ends(false) })
	Context("without one", func() { ends(true) })
})

// ends are the specs of how processes go, by the given fence.
func ends(weak bool) {
	const drill = "d1"
	var base string
	var k *rack
	BeforeEach(func(ctx SpecContext) {
		if weak && os.Geteuid() != 0 {
			Skip("an ordinary user gets no chroot without namespaces")
		}
		var err error
		base, err = filepath.EvalSymlinks(openDir(GinkgoTB()))
		Expect(err).NotTo(HaveOccurred())
		rt, err := newRuntime(base, weak)
		Expect(err).NotTo(HaveOccurred())
		built, err := rt.Build(ctx, drill)
		Expect(err).NotTo(HaveOccurred())
		k = built.(*rack)
		DeferCleanup(func(ctx SpecContext) { Expect(k.Close(ctx, false)).To(Succeed()) })
	})
	it := func(text string, body func(SpecContext)) { It(text, body, SpecTimeout(30*time.Second)) }
	provision := func(ctx context.Context, spec harness.HostSpec) harness.Host {
		GinkgoHelper()
		host, err := k.Provision(ctx, spec)
		Expect(err).NotTo(HaveOccurred())
		return host
	}
	processes := func() int {
		GinkgoHelper()
		return count(filepath.Join(base, drill))
	}

	it("has come when PowerOff returns", func(ctx SpecContext) {
		host := provision(ctx, harness.HostSpec{Name: "m1"})
		runEtcd(ctx, host)
		for range 10 {
			Expect(processes()).To(Equal(2), "the agent and etcd")
			Expect(host.PowerOff(ctx)).To(Succeed())
			Expect(processes()).To(BeZero())
			Expect(k.block.vacant(host.PeerAddress())).To(Succeed(), "its ports are free")
			Expect(host.PowerOn(ctx)).To(Succeed())
			awaitEtcd(ctx, host)
		}
	})

	it("has come when its agent was killed, and is told", func(ctx SpecContext) {
		told := make(chan harness.HostEvent, 10)
		host := provision(ctx, harness.HostSpec{Name: "m1", Event: func(e harness.HostEvent) {
			if e.Kind == harness.AgentLost {
				told <- e
			}
		}})
		runEtcd(ctx, host)
		pending := make(chan error, 1)
		go func() { _, err := host.Exec(ctx, []string{"sleep", "1000"}, harness.Streams{}); pending <- err }()
		killAgent(filepath.Join(base, drill))
		Eventually(ctx, pending).Should(Receive(MatchError(harness.ErrAgentLost)), "what was asked of it")
		Eventually(ctx, told).Should(Receive())
		Eventually(ctx, processes).Should(BeZero(), "etcd does not outlive its agent")
		_, err := host.Run(ctx, "true")
		Expect(err).To(MatchError(harness.ErrAgentLost))
		Expect(host.PowerOff(ctx)).To(Succeed())
		Expect(host.PowerOn(ctx)).To(Succeed())
		awaitEtcd(ctx, host)
	})

	it("comes with the harness's, though the agent cannot see that", func(ctx SpecContext) {
		var env []string
		if weak {
			env = []string{weakFence + "=1"}
		}
		_, kill := runtimetest.StartChild(ctx, "d2", append(env, "TMPDIR="+base), nil)
		theirs := filepath.Join(base, "firedrill-"+strconv.Itoa(os.Geteuid()), "d2")
		found, err := eviction.Find(inmates(theirs))
		Expect(err).NotTo(HaveOccurred())
		Expect(found).To(HaveLen(2), "the agent and etcd")
		for _, i := range found {
			// A stopped agent reads no end of file from its lifeline.
			Expect(i.Signal(unix.SIGSTOP)).To(Succeed())
		}
		kill()
		for _, i := range found {
			Expect(i.Await(ctx)).To(Succeed(), "the end of process %d", i.PID)
			i.Close()
		}
		Expect(count(theirs)).To(BeZero())
	})
}

// killAgent kills the one agent below dir, our own child, and nothing else.
func killAgent(dir string) {
	GinkgoHelper()
	found, err := eviction.Find(inmates(dir))
	Expect(err).NotTo(HaveOccurred())
	killed := 0
	for _, i := range found {
		// One that has ended meanwhile has no status.
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", i.PID))
		if err == nil && strings.Contains(string(status), fmt.Sprintf("\nPPid:\t%d\n", os.Getpid())) {
			Expect(i.Signal(unix.SIGKILL)).To(Succeed())
			killed++
		}
		i.Close()
	}
	Expect(killed).To(Equal(1))
}

func count(dir string) int {
	GinkgoHelper()
	found, err := eviction.Find(inmates(dir))
	Expect(err).NotTo(HaveOccurred())
	for _, i := range found {
		i.Close()
	}
	return len(found)
}

// runEtcd starts a one-member etcd and waits until its process is there.
func runEtcd(ctx context.Context, host harness.Host) {
	GinkgoHelper()
	url := func(port int) string { return fmt.Sprintf("http://%s:%d", host.PeerAddress(), port) }
	manifest := harness.Manifest(host.Name(), []string{
		"name=" + host.Name(), "data-dir=" + harness.DataDir,
		"listen-client-urls=" + url(harness.ClientPort), "advertise-client-urls=" + url(harness.ClientPort),
		"listen-peer-urls=" + url(harness.PeerPort), "initial-advertise-peer-urls=" + url(harness.PeerPort),
		"initial-cluster=" + host.Name() + "=" + url(harness.PeerPort),
	})
	Expect(host.Upload(ctx, harness.ManifestPath, 0o600, strings.NewReader(manifest))).To(Succeed())
	awaitEtcd(ctx, host)
}

func awaitEtcd(ctx context.Context, host harness.Host) {
	GinkgoHelper()
	_, err := host.AwaitEtcd(ctx, "etcd runs", func(s harness.EtcdState) bool { return s.PID != 0 })
	Expect(err).NotTo(HaveOccurred())
}
