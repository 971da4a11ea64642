//go:build linux

package container

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/owner"
)

// What only containers have to show, beside what every runtime has.
var _ = Describe("a host that is a container", func() {
	var r *Runtime
	BeforeEach(needEngine)
	BeforeEach(func() {
		var err error
		r, err = open(Options{})
		Expect(err).NotTo(HaveOccurred())
	})
	it := func(text string, body func(SpecContext)) { It(text, body, SpecTimeout(time.Minute)) }

	it("runs on when it is kept, tells how to enter it, and is swept then", func(ctx SpecContext) {
		drill, k := build(ctx, r)
		host := bootCluster(ctx, k, "m1")[0]
		Expect(k.Close(ctx, true)).To(Succeed())
		_, err := host.Run(ctx, "true")
		Expect(err).To(HaveOccurred(), "we let go of it")
		Expect(dial(ctx, host.ClientAddress())).To(Succeed())

		enter := k.HowToEnter("m1")
		Expect(enter).To(ContainSubstring("http(s)://" + host.ClientAddress()))
		_, command, found := strings.Cut(enter, "docker exec "+k.containerName("m1")+" ")
		Expect(found).To(BeTrue(), enter)
		out := inContainer(ctx, r.engine, k.containerName("m1"), strings.Fields(strings.Replace(command, "http(s)", "http", 1)))
		Expect(out).To(ContainSubstring("m1, http://" + host.PeerAddress()))
		Expect(k.HowToEnter("m9")).To(ContainSubstring("no host m9"))

		Expect(sweepOnly(ctx, drill)).To(ConsistOf(And(ContainSubstring(drill), ContainSubstring("removed 1 container, 1 network"))))
		Expect(leftovers(drill)).To(BeEmpty())
		Expect(dial(ctx, host.ClientAddress())).To(MatchError(syscall.ECONNREFUSED))
	})

	it("has its address and its port whatever the order in which hosts come back", func(ctx SpecContext) {
		_, k := build(ctx, r)
		hosts := []harness.Host{}
		for _, name := range []string{"m3", "m1", "m2"} {
			hosts = append(hosts, provision(ctx, k, harness.HostSpec{Name: name}))
		}
		for _, h := range hosts {
			Expect(h.PowerOff(ctx)).To(Succeed())
		}
		slices.Reverse(hosts)
		for _, h := range hosts {
			Expect(h.PowerOn(ctx)).To(Succeed())
			seen, err := r.engine.api.ContainerInspect(ctx, k.containerName(h.Name()), client.ContainerInspectOptions{})
			Expect(err).NotTo(HaveOccurred())
			settings := seen.Container.NetworkSettings
			Expect(settings.Networks[k.network].IPAddress.String()).To(Equal(h.PeerAddress()), h.Name())
			published := settings.Ports[network.MustParsePort("2379/tcp")]
			Expect(published).To(HaveLen(1))
			Expect(net.JoinHostPort(published[0].HostIP.String(), published[0].HostPort)).To(Equal(h.ClientAddress()), h.Name())
		}
	})

	it("boots without its agent, which is put back", func(ctx SpecContext) {
		_, k := build(ctx, r)
		host := provision(ctx, k, harness.HostSpec{Name: "m1"})
		Expect(host.Upload(ctx, "/root/kept", 0o600, strings.NewReader("kept"))).To(Succeed())
		for _, damage := range []string{"rm -rf " + agentDir, "rm " + agentPath, "rm -rf " + agentDir + "; echo >" + agentDir} {
			run(ctx, host, damage)
			Expect(host.PowerOff(ctx)).To(Succeed())
			Expect(host.PowerOn(ctx)).To(Succeed(), "after %s", damage)
			Expect(run(ctx, host, "cat /root/kept")).To(Equal("kept"))
		}
	})

	it("that dies by itself is heard, and comes back when it is powered on", func(ctx SpecContext) {
		_, k := build(ctx, r)
		heard := make(chan harness.HostEventKind, 100)
		host := provision(ctx, k, harness.HostSpec{Name: "m1", Event: func(e harness.HostEvent) { heard <- e.Kind }})
		pending := make(chan error, 1)
		go func() { _, err := host.Exec(ctx, []string{"sleep", "1000"}, harness.Streams{}); pending <- err }()
		_, err := r.engine.api.ContainerKill(ctx, k.containerName("m1"), client.ContainerKillOptions{Signal: "SIGKILL"})
		Expect(err).NotTo(HaveOccurred())
		Eventually(ctx, pending).Should(Receive(MatchError(harness.ErrAgentLost)), "what was asked of it")
		Eventually(ctx, heard).Should(Receive(Equal(harness.AgentLost)))
		_, err = host.Run(ctx, "true")
		Expect(err).To(MatchError(harness.ErrAgentLost))
		Expect(host.PowerOff(ctx)).To(Succeed())
		Expect(host.PowerOn(ctx)).To(Succeed())
		run(ctx, host, "true")
	})

	it("that somebody removed is gone for its rack too", func(ctx SpecContext) {
		drill, k := build(ctx, r)
		host := provision(ctx, k, harness.HostSpec{Name: "m1"})
		Expect(r.engine.removeContainer(ctx, k.containerName("m1"))).To(Succeed())
		Expect(host.Destroy(ctx)).To(Succeed())
		Expect(k.Close(ctx, false)).To(Succeed())
		Expect(leftovers(drill)).To(BeEmpty())
	})

	it("has no orphans that nobody reaps", func(ctx SpecContext) {
		_, k := build(ctx, r)
		host := provision(ctx, k, harness.HostSpec{Name: "m1"})
		seen, err := r.engine.api.ContainerInspect(ctx, k.containerName("m1"), client.ContainerInspectOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(*seen.Container.HostConfig.Init).To(BeTrue())
		Expect(run(ctx, host, "cat /proc/1/comm")).NotTo(ContainSubstring("firedrill"), "the engine's init is first")
	})

	it("keeps its port to itself while it is off, and says who must go when it is taken", func(ctx SpecContext) {
		_, k := build(ctx, r)
		host := provision(ctx, k, harness.HostSpec{Name: "m1"})
		Expect(host.PowerOff(ctx)).To(Succeed())
		Expect(dial(ctx, host.ClientAddress())).To(MatchError(syscall.ECONNREFUSED))
		thief, err := net.Listen("tcp", host.ClientAddress())
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { _ = thief.Close() })
		Expect(host.PowerOn(ctx)).To(MatchError(And(ContainSubstring("power on m1"), ContainSubstring("hint:"), ContainSubstring(strings.Split(host.ClientAddress(), ":")[1]))))
		Expect(thief.Close()).To(Succeed())
		Expect(host.PowerOn(ctx)).To(Succeed())
		run(ctx, host, "true")
	})

	it("is not left half made", func(ctx SpecContext) {
		drill, k := build(ctx, r)
		ended, cancel := context.WithCancel(ctx)
		cancel()
		_, err := k.Provision(ended, harness.HostSpec{Name: "m1"})
		Expect(err).To(MatchError(And(ContainSubstring("provision m1"), ContainSubstring("canceled"))))
		Expect(leftovers(drill)).NotTo(ContainElement(ContainSubstring("container")))
		// Canceled at any moment on the way.
		for _, after := range []int{5, 30, 80, 150, 250, 400} {
			soon, cancel := context.WithTimeout(ctx, time.Duration(after)*time.Millisecond)
			host, err := k.Provision(soon, harness.HostSpec{Name: "m1"})
			cancel()
			if err == nil {
				Expect(host.Destroy(ctx)).To(Succeed())
			}
			Expect(leftovers(drill)).NotTo(ContainElement(ContainSubstring("container")), "canceled after %v ms: %v", after, err)
		}
		provision(ctx, k, harness.HostSpec{Name: "m1"})
	})

	it("needs its image, which is looked for nowhere else", func(ctx SpecContext) {
		drill, k := build(ctx, r)
		r.image = "firedrill-host:no-such-image"
		_, err := k.Provision(ctx, harness.HostSpec{Name: "m1"})
		Expect(err).To(MatchError(And(ContainSubstring("no-such-image"), ContainSubstring("removed from the engine"))))
		Expect(leftovers(drill)).NotTo(ContainElement(ContainSubstring("container")))
	})
})

var _ = Describe("racks of containers", func() {
	var r *Runtime
	BeforeEach(needEngine)
	BeforeEach(func() {
		var err error
		r, err = open(Options{})
		Expect(err).NotTo(HaveOccurred())
	})
	it := func(text string, body func(SpecContext)) { It(text, body, SpecTimeout(time.Minute)) }

	it("come up in parallel, each on a subnet of its own", func(ctx SpecContext) {
		const many = 6
		racks := make([]*rack, many)
		var all sync.WaitGroup
		for i := range racks {
			all.Go(func() {
				defer GinkgoRecover()
				_, racks[i] = build(ctx, r)
			})
		}
		all.Wait()
		for i, a := range racks {
			for _, b := range racks[:i] {
				Expect(a.subnet.Overlaps(b.subnet)).To(BeFalse())
			}
		}
	})

	it("take the next subnet when one is taken", func(ctx SpecContext) {
		_, k := build(ctx, r)
		free, err := freeSubnets()
		Expect(err).NotTo(HaveOccurred())
		among := append([]netip.Prefix{k.subnet, k.subnet}, free...)
		name := ourName(newDrill())
		none := func() map[string]string { return nil }
		DeferCleanup(func(ctx SpecContext) { Expect(r.engine.removeNetwork(ctx, name)).To(Succeed()) })
		Expect(r.createNetwork(ctx, name, none, among)).NotTo(Equal(k.subnet))
		_, err = r.createNetwork(ctx, ourName(newDrill()), none, []netip.Prefix{k.subnet})
		Expect(err).To(MatchError(ContainSubstring("overlap")))
	})

	it("belong to one owner, and nothing is made for a second", func(ctx SpecContext) {
		drill, k := build(ctx, r)
		_, err := r.Build(ctx, drill)
		Expect(err).To(MatchError(owner.ErrAlive))
		run(ctx, provision(ctx, k, harness.HostSpec{Name: "m1"}), "true")
	})

	it("are not left half made", func(ctx SpecContext) {
		for _, after := range []int{0, 1, 3, 10, 30} {
			drill := newDrill()
			soon, cancel := context.WithTimeout(ctx, time.Duration(after)*time.Millisecond)
			k, err := r.Build(soon, drill)
			cancel()
			if err == nil {
				Expect(k.Close(ctx, false)).To(Succeed())
			}
			Expect(leftovers(drill)).To(BeEmpty())
		}
	})
})

// build returns a rack that is closed, and looked after, at the spec's end.
func build(ctx context.Context, r *Runtime) (drill string, k *rack) {
	GinkgoHelper()
	drill = newDrill()
	built, err := r.Build(ctx, drill)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func(ctx SpecContext) {
		Expect(built.Close(ctx, false)).To(Succeed())
		Expect(leftovers(drill)).To(BeEmpty())
	}, NodeTimeout(time.Minute))
	return drill, built.(*rack)
}

func newDrill() string { return fmt.Sprintf("ct-%08x", rand.Uint32()) }

func provision(ctx context.Context, k *rack, spec harness.HostSpec) harness.Host {
	GinkgoHelper()
	host, err := k.Provision(ctx, spec)
	Expect(err).NotTo(HaveOccurred())
	return host
}

func dial(ctx context.Context, address string) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// bootCluster provisions hosts, starts one etcd cluster on them and waits until each
// member acknowledges a write.
func bootCluster(ctx context.Context, k *rack, names ...string) []harness.Host {
	GinkgoHelper()
	var hosts []harness.Host
	var cluster []string
	for _, name := range names {
		h := provision(ctx, k, harness.HostSpec{Name: name})
		hosts = append(hosts, h)
		cluster = append(cluster, fmt.Sprintf("%s=http://%s:%d", name, h.PeerAddress(), harness.PeerPort))
	}
	url := func(h harness.Host, port int) string { return fmt.Sprintf("http://%s:%d", h.PeerAddress(), port) }
	for _, h := range hosts {
		manifest := harness.Manifest(h.Name(), []string{
			"name=" + h.Name(), "data-dir=" + harness.DataDir,
			"listen-peer-urls=" + url(h, harness.PeerPort), "initial-advertise-peer-urls=" + url(h, harness.PeerPort),
			"listen-client-urls=" + url(h, harness.ClientPort), "advertise-client-urls=" + url(h, harness.ClientPort),
			"initial-cluster=" + strings.Join(cluster, ","),
		})
		Expect(h.Upload(ctx, harness.ManifestPath, 0o600, strings.NewReader(manifest))).To(Succeed())
	}
	for _, h := range hosts {
		Eventually(ctx, func() (harness.Output, error) {
			return h.Run(ctx, "etcdctl --command-timeout=2s --endpoints="+url(h, harness.ClientPort)+" put serving "+h.Name())
		}).Should(HaveField("ExitCode", BeZero()), "etcd on %s acknowledges a write", h.Name())
	}
	return hosts
}

// inContainer runs a command as docker exec does, and returns what it printed.
func inContainer(ctx context.Context, e *engine, name string, command []string) string {
	GinkgoHelper()
	exec, err := e.api.ExecCreate(ctx, name, client.ExecCreateOptions{Cmd: command, AttachStdout: true, AttachStderr: true})
	Expect(err).NotTo(HaveOccurred())
	stream, err := e.api.ExecAttach(ctx, exec.ID, client.ExecAttachOptions{})
	Expect(err).NotTo(HaveOccurred())
	defer stream.Close()
	var out strings.Builder
	_, err = stdcopy.StdCopy(&out, &out, stream.Reader)
	Expect(err).NotTo(HaveOccurred())
	return out.String()
}
