package runtimetest

import (
	"fmt"
	"strings"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/etcd-firedrill/firedrill/harness"
)

func (b *bench) etcdSpecs() {
	b.it("boots from its manifest, and is heard", b.boots)
	b.it("is restarted in place after a crash", b.crashes)
	b.it("is restarted after it exited with status 0", b.exitsZero)
	b.it("is stopped when its manifest is moved away, and started when it is back", b.manifestMoved)
	b.it("is restarted when its manifest is changed", b.manifestChanged)
	b.it("is not run from a manifest that is none, and the reason is told", b.manifestBad)
	b.it("is paused and resumed", b.paused)
}

func (b *bench) boots(ctx SpecContext) {
	heard, log := &recorder{}, &transcript{}
	host := provision(ctx, b.rack, harness.HostSpec{Name: "m1", Event: heard.note, Log: log})
	state, err := host.Etcd(ctx)
	Expect(err).NotTo(HaveOccurred())
	Expect(state).To(Equal(harness.EtcdState{}), "a new host runs no etcd")
	Expect(host.Signal(ctx, syscall.SIGTERM)).To(MatchError(ContainSubstring("m1")), "nothing to signal")

	boot(ctx, host)
	state = running(ctx, host)
	Expect(state.Manifest).To(BeTrue())
	Expect(state.Starts).To(Equal(1))
	Expect(state.LastExit).To(BeNil())
	Eventually(ctx, heard.kinds).Should(ContainElement(harness.EtcdStarted), "etcd's start is told")
	Eventually(ctx, log.text).Should(ContainSubstring("ready to serve client requests"), "etcd's own log is delivered")

	status := run(ctx, host, fmt.Sprintf("etcdctl --endpoints=http://%s:%d endpoint status", host.PeerAddress(), harness.ClientPort))
	Expect(status).To(ContainSubstring(host.PeerAddress()), "the host's own etcdctl reaches its etcd")
}

func (b *bench) crashes(ctx SpecContext) {
	heard := &recorder{}
	host := provision(ctx, b.rack, harness.HostSpec{Name: "m1", Event: heard.note})
	boot(ctx, host)
	Expect(put(ctx, host, "kept", "through the crash")).To(Succeed())
	before := running(ctx, host)

	Expect(host.Signal(ctx, syscall.SIGKILL)).To(Succeed())
	after := await(ctx, host, "etcd was started again", func(s harness.EtcdState) bool {
		return s.Starts == before.Starts+1 && s.PID != 0
	})
	Expect(after.Exits).To(Equal(1))
	Expect(after.LastExit).To(Equal(&harness.EtcdExit{Code: -1, Signal: "killed"}))
	Expect(after.PID).NotTo(Equal(before.PID))
	awaitServing(ctx, host)
	Expect(get(ctx, host, "kept")).To(Equal("through the crash"))
	Eventually(ctx, heard.kinds).Should(Equal([]harness.HostEventKind{
		harness.HostPowered, harness.EtcdStarted, harness.EtcdExited, harness.EtcdStarted,
	}), "what happened is told in its order")
}

func (b *bench) exitsZero(ctx SpecContext) {
	heard := &recorder{}
	host := provision(ctx, b.rack, harness.HostSpec{Name: "m1", Event: heard.note})
	Expect(order(ctx, host, []string{"version"})).To(Succeed()) // etcd --version prints and exits 0
	state := await(ctx, host, "etcd exited twice", func(s harness.EtcdState) bool { return s.Exits >= 2 })
	Expect(state.LastExit).To(Equal(&harness.EtcdExit{Code: 0}))
	Expect(state.Manifest).To(BeTrue())
	Eventually(ctx, heard.kinds).Should(ContainElement(harness.EtcdBackOff), "the wait before the next start is told")
}

func (b *bench) manifestMoved(ctx SpecContext) {
	host := b.host(ctx, "m1")
	boot(ctx, host)
	Expect(put(ctx, host, "kept", "through the stop")).To(Succeed())

	run(ctx, host, "mv "+harness.ManifestPath+" /root/etcd.yaml")
	stopped := await(ctx, host, "etcd was stopped", func(s harness.EtcdState) bool { return s.PID == 0 && !s.Manifest })
	Expect(stopped.LastExit).NotTo(BeNil())
	Expect(stopped.LastExit.Asked).To(BeTrue(), "it was stopped by the agent")
	expectNoService(ctx, host)

	run(ctx, host, "mv /root/etcd.yaml "+harness.ManifestPath)
	Expect(running(ctx, host).Starts).To(Equal(stopped.Starts + 1))
	awaitServing(ctx, host)
	Expect(get(ctx, host, "kept")).To(Equal("through the stop"))
}

func (b *bench) manifestChanged(ctx SpecContext) {
	log := &transcript{}
	host := provision(ctx, b.rack, harness.HostSpec{Name: "m1", Log: log})
	boot(ctx, host)
	before := running(ctx, host)

	Expect(order(ctx, host, append(flags(host, host), "max-txn-ops=77"))).To(Succeed())
	after := await(ctx, host, "etcd was restarted", func(s harness.EtcdState) bool {
		return s.Starts == before.Starts+1 && s.PID != 0
	})
	Expect(after.LastExit).NotTo(BeNil())
	Expect(after.LastExit.Asked).To(BeTrue())
	awaitServing(ctx, host)
	Eventually(ctx, log.text).Should(ContainSubstring("--max-txn-ops=77"), "etcd runs with the flags of the new manifest")
}

func (b *bench) manifestBad(ctx SpecContext) {
	heard := &recorder{}
	host := provision(ctx, b.rack, harness.HostSpec{Name: "m1", Event: heard.note})
	Expect(host.Upload(ctx, harness.ManifestPath, 0o600, strings.NewReader("kind: Tea\n"))).To(Succeed())
	Eventually(ctx, heard.kinds).Should(ContainElement(harness.ManifestBad), "a bad manifest is told")
	Expect(heard.text(harness.ManifestBad)).NotTo(BeEmpty())
	state, err := host.Etcd(ctx)
	Expect(err).NotTo(HaveOccurred())
	Expect(state.Starts).To(BeZero())
}

func (b *bench) paused(ctx SpecContext) {
	host := b.host(ctx, "m1")
	boot(ctx, host)
	before := running(ctx, host)

	Expect(host.Signal(ctx, syscall.SIGSTOP)).To(Succeed())
	await(ctx, host, "etcd is paused", func(s harness.EtcdState) bool { return s.Paused && s.PID == before.PID })
	expectNoService(ctx, host)

	Expect(host.Signal(ctx, syscall.SIGCONT)).To(Succeed())
	Expect(running(ctx, host).PID).To(Equal(before.PID), "the same process goes on")
	awaitServing(ctx, host)
}
