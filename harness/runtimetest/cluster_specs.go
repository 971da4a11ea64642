package runtimetest

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/etcd-firedrill/firedrill/harness"
)

func (b *bench) clusterSpecs() {
	b.it("of three members serve, and lose one", b.threeMembers)
	b.it("side by side do not meet", b.twoClusters)
	b.it("are gone when their rack is closed, and so is everything of theirs", b.closed)
	b.it("are closed also by somebody whose time is up", b.closedLate)
}

func (b *bench) threeMembers(ctx SpecContext) {
	hosts := provisionAll(ctx, b.rack, "m1", "m2", "m3")
	boot(ctx, hosts...)
	Expect(put(ctx, hosts[0], "kept", "by the majority")).To(Succeed())
	Expect(run(ctx, hosts[1], fmt.Sprintf("etcdctl --endpoints=http://%s:%d member list", hosts[1].PeerAddress(), harness.ClientPort))).
		To(And(ContainSubstring("m1"), ContainSubstring("m2"), ContainSubstring("m3")))

	Expect(hosts[0].Destroy(ctx)).To(Succeed())
	awaitServing(ctx, hosts[1])
	Expect(get(ctx, hosts[2], "kept")).To(Equal("by the majority"))
}

// provisionAll provisions hosts at once, as a drill does.
func provisionAll(ctx SpecContext, rack harness.Rack, names ...string) []harness.Host {
	hosts, errs := make([]harness.Host, len(names)), make(chan error, len(names))
	for i, name := range names {
		go func() {
			var err error
			hosts[i], err = rack.Provision(ctx, harness.HostSpec{Name: name})
			errs <- err
		}()
	}
	for range names {
		Expect(<-errs).NotTo(HaveOccurred())
	}
	return hosts
}

// twoClusters gives both the same host names, ports, paths and token.
func (b *bench) twoClusters(ctx SpecContext) {
	other := b.build(ctx, newDrill())
	here, there := b.host(ctx, "m1"), provision(ctx, other, harness.HostSpec{Name: "m1"})
	Expect(here.ClientAddress()).NotTo(Equal(there.ClientAddress()))
	boot(ctx, here)
	boot(ctx, there)
	Expect(put(ctx, here, "where", "here")).To(Succeed())
	Expect(put(ctx, there, "where", "there")).To(Succeed())
	Expect(here.Upload(ctx, "/root/where", 0o600, strings.NewReader("here"))).To(Succeed())

	Expect(get(ctx, here, "where")).To(Equal("here"))
	Expect(there.PowerOff(ctx)).To(Succeed())
	Expect(get(ctx, here, "where")).To(Equal("here"))
	expectNoService(ctx, there)
	Expect(other.Close(ctx, false)).To(Succeed())
	Expect(run(ctx, here, "cat /root/where")).To(Equal("here"))
	awaitServing(ctx, here)
}

func (b *bench) closed(ctx SpecContext) {
	drill := newDrill()
	rack := b.build(ctx, drill)
	heard := &recorder{}
	on := provision(ctx, rack, harness.HostSpec{Name: "on", Event: heard.note})
	off, gone := provision(ctx, rack, harness.HostSpec{Name: "off"}), provision(ctx, rack, harness.HostSpec{Name: "gone"})
	boot(ctx, on)
	Expect(off.PowerOff(ctx)).To(Succeed())
	Expect(gone.Destroy(ctx)).To(Succeed())
	Expect(rack.HowToEnter("on")).NotTo(BeEmpty())
	if b.opt.Leftovers != nil {
		Expect(b.leftovers(drill)).NotTo(BeEmpty(), "what looks for leftovers sees a living rack")
	}

	Expect(rack.Close(ctx, false)).To(Succeed())
	Expect(b.leftovers(drill)).To(BeEmpty())
	expectNoService(ctx, on)
	Expect(heard.kinds()).NotTo(ContainElement(harness.AgentLost))
	Expect(rack.Close(ctx, false)).To(Succeed(), "closing again does nothing")
	_, err := rack.Provision(ctx, harness.HostSpec{Name: "late"})
	Expect(err).To(MatchError(ContainSubstring("provision late")), "a closed rack takes no hosts")
	_, err = on.Run(ctx, "true")
	Expect(err).To(MatchError(harness.ErrHostGone))
}

// closedLate is what Ctrl-C makes of a drill: its context has ended.
func (b *bench) closedLate(ctx SpecContext) {
	drill := newDrill()
	rack := b.build(ctx, drill)
	provision(ctx, rack, harness.HostSpec{Name: "m1"})
	Expect(rack.Close(ended(), false)).To(Succeed())
	Expect(b.leftovers(drill)).To(BeEmpty())
}
