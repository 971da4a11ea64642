package runtimetest

import (
	"context"
	"io"
	"net"
	"strings"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/etcd-firedrill/firedrill/harness"
)

func (b *bench) powerSpecs() {
	b.it("is cut and comes back, with disk and addresses kept", b.offAndOn)
	b.it("is cut also from an etcd that is paused", b.offWhilePaused)
	b.it("of a destroyed host never comes back", b.destroyed)
	b.it("of a new host with the old name: same addresses, empty disk", b.reprovisioned)
	b.it("is refused to names that are none, or are taken", b.badNames)
}

func (b *bench) offAndOn(ctx SpecContext) {
	heard := &recorder{}
	host := provision(ctx, b.rack, harness.HostSpec{Name: "m1", Event: heard.note})
	peer, client := host.PeerAddress(), host.ClientAddress()
	boot(ctx, host)
	Expect(put(ctx, host, "kept", "through the outage")).To(Succeed())
	Expect(host.Upload(ctx, "/root/kept", 0o600, strings.NewReader("on disk"))).To(Succeed())

	for range 2 {
		Expect(host.PowerOff(ctx)).To(Succeed())
		expectEvery(ctx, host, harness.ErrHostOff)
		expectNoService(ctx, host)

		Expect(host.PowerOn(ctx)).To(Succeed())
		Expect(host.PeerAddress()).To(Equal(peer))
		Expect(host.ClientAddress()).To(Equal(client))
		Expect(run(ctx, host, "cat /root/kept")).To(Equal("on disk"))
		Expect(running(ctx, host).Starts).To(Equal(1), "counted since the agent came up")
		awaitServing(ctx, host)
		Expect(get(ctx, host, "kept")).To(Equal("through the outage"))
	}
	Expect(heard.kinds()).To(ContainElements(harness.HostPowered, harness.HostUnpowered))
	Expect(heard.kinds()).NotTo(ContainElement(harness.AgentLost), "a wanted power cut is no loss of the agent")
}

func (b *bench) offWhilePaused(ctx SpecContext) {
	host := b.host(ctx, "m1")
	boot(ctx, host)
	Expect(host.Signal(ctx, syscall.SIGSTOP)).To(Succeed())
	Expect(host.PowerOff(ctx)).To(Succeed())
	Expect(host.PowerOn(ctx)).To(Succeed())
	awaitServing(ctx, host)
}

func (b *bench) destroyed(ctx SpecContext) {
	heard := &recorder{}
	host := provision(ctx, b.rack, harness.HostSpec{Name: "m1", Event: heard.note})
	boot(ctx, host)
	Expect(host.Destroy(ctx)).To(Succeed())
	expectEvery(ctx, host, harness.ErrHostGone)
	Expect(host.PowerOn(ctx)).To(MatchError(harness.ErrHostGone))
	Expect(host.PowerOff(ctx)).To(MatchError(harness.ErrHostGone))
	_, err := (&net.Dialer{}).DialContext(ctx, "tcp", host.ClientAddress())
	Expect(err).To(MatchError(syscall.ECONNREFUSED), "nobody is at its address")
	Expect(heard.kinds()).To(ContainElement(harness.HostDestroyed))
	Expect(heard.kinds()).NotTo(ContainElement(harness.AgentLost))
}

func (b *bench) reprovisioned(ctx SpecContext) {
	old, neighbour := b.host(ctx, "m1"), b.host(ctx, "m2")
	boot(ctx, old)
	Expect(put(ctx, old, "gone", "with its disk")).To(Succeed())
	Expect(old.Upload(ctx, "/root/gone", 0o600, strings.NewReader("gone"))).To(Succeed())
	Expect(old.Destroy(ctx)).To(Succeed())

	host := b.host(ctx, "m1")
	Expect(host.PeerAddress()).To(Equal(old.PeerAddress()))
	Expect(host.ClientAddress()).To(Equal(old.ClientAddress()))
	Expect(host.PeerAddress()).NotTo(Equal(neighbour.PeerAddress()))
	Expect(host.Download(ctx, "/root/gone", io.Discard)).NotTo(Succeed(), "the new disk is empty")
	Expect(host.Etcd(ctx)).To(Equal(harness.EtcdState{}))
	_, err := old.Run(ctx, "true")
	Expect(err).To(MatchError(harness.ErrHostGone), "the old host stays gone, whoever has its name")
	boot(ctx, host)
	Expect(get(ctx, host, "gone")).To(BeEmpty())
}

func (b *bench) badNames(ctx SpecContext) {
	b.host(ctx, "m1")
	for _, name := range []string{"m1", "", "M1", "../m2", "a/b", "-m", "everyone"} {
		_, err := b.rack.Provision(ctx, harness.HostSpec{Name: name})
		Expect(err).To(MatchError(ContainSubstring("provision "+name)), "name %q", name)
	}
}

// expectEvery asks everything of a host that cannot answer.
func expectEvery(ctx context.Context, host harness.Host, want error) {
	GinkgoHelper()
	asked := map[string]error{
		"Upload":       host.Upload(ctx, "/x", 0o600, strings.NewReader("x")),
		"Download":     host.Download(ctx, "/root/kept", io.Discard),
		"UploadTree":   host.UploadTree(ctx, "/x", strings.NewReader("")),
		"DownloadTree": host.DownloadTree(ctx, "/root", io.Discard),
		"Signal":       host.Signal(ctx, syscall.SIGTERM),
	}
	_, asked["Run"] = host.Run(ctx, "true")
	_, asked["Exec"] = host.Exec(ctx, []string{"true"}, harness.Streams{})
	_, asked["Etcd"] = host.Etcd(ctx)
	_, asked["AwaitEtcd"] = host.AwaitEtcd(ctx, "anything", func(harness.EtcdState) bool { return true })
	for method, err := range asked {
		Expect(err).To(MatchError(want), "%s", method)
		Expect(err).To(MatchError(ContainSubstring(host.Name())), "%s names the host", method)
	}
}
