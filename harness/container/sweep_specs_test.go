//go:build linux

package container

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/etcd-firedrill/firedrill/harness/owner"
)

var _ = Describe("the sweep", func() {
	var e *engine
	var base, image string
	BeforeEach(needEngine)
	BeforeEach(func(ctx SpecContext) {
		e = engineOf()
		var err error
		base, err = owner.Base(filepath.Join(GinkgoT().TempDir(), "base"))
		Expect(err).NotTo(HaveOccurred())
		image, err = e.ensureOwnImage(ctx)
		Expect(err).NotTo(HaveOccurred())
	})
	it := func(text string, body func(SpecContext)) { It(text, body, SpecTimeout(time.Minute)) }
	// remains makes one of everything, called name, which goes at the spec's end.
	remain := func(ctx context.Context, name string, labels map[string]string) {
		GinkgoHelper()
		_, err := e.api.ContainerCreate(ctx, client.ContainerCreateOptions{
			Name: name, Config: &container.Config{Image: image, Cmd: []string{"x"}, Labels: maps.Clone(labels)},
		})
		Expect(err).NotTo(HaveOccurred())
		_, err = e.api.NetworkCreate(ctx, name, client.NetworkCreateOptions{Labels: labels})
		Expect(err).NotTo(HaveOccurred())
		_, err = e.api.VolumeCreate(ctx, client.VolumeCreateOptions{Name: name, Labels: labels})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func(ctx SpecContext) {
			Expect(e.remove(ctx, &remains{containers: []string{name}, networks: []string{name}, volumes: []string{name}})).To(Succeed())
		})
	}
	there := func(ctx context.Context, name string) []bool {
		_, c := e.api.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
		_, n := e.api.NetworkInspect(ctx, name, client.NetworkInspectOptions{})
		_, v := e.api.VolumeInspect(ctx, name, client.VolumeInspectOptions{})
		return []bool{c == nil, n == nil, v == nil}
	}
	all, none := []bool{true, true, true}, []bool{false, false, false}
	// sweep returns the lines about one drill: others may be swept as well.
	sweep := func(ctx context.Context, drill string) []string {
		GinkgoHelper()
		found, err := e.remains(ctx)
		Expect(err).NotTo(HaveOccurred())
		var lines []string
		for c, r := range found {
			if c.drill == drill {
				line, err := e.sweepDrill(ctx, c, r)
				Expect(err).NotTo(HaveOccurred())
				lines = append(lines, line)
			}
		}
		return lines
	}

	it("removes everything of the dead, and spares the living", func(ctx SpecContext) {
		drill := newDrill()
		own, err := owner.Claim(base, drill)
		Expect(err).NotTo(HaveOccurred())
		remain(ctx, ourName(drill), labels(base, drill))
		Expect(sweep(ctx, drill)).To(Equal([]string{""}), "nothing to tell")
		Expect(there(ctx, ourName(drill))).To(Equal(all))

		Expect(own.Release(true)).To(Succeed()) // as if we were killed: the lock stays, and nobody holds it
		Expect(sweep(ctx, drill)).To(Equal([]string{"removed 1 container, 1 network, 1 volume"}))
		Expect(there(ctx, ourName(drill))).To(Equal(none))
		Expect(filepath.Join(base, drill)).NotTo(BeAnExistingFile())
		Expect(sweep(ctx, drill)).To(BeEmpty())
	})

	it("removes a host's disk that outlived its container", func(ctx SpecContext) {
		drill := newDrill()
		disk, err := e.api.VolumeCreate(ctx, client.VolumeCreateOptions{Labels: labels(base, drill)}) // the engine names it
		Expect(err).NotTo(HaveOccurred())
		name := disk.Volume.Name
		DeferCleanup(func(ctx SpecContext) { Expect(e.remove(ctx, &remains{volumes: []string{name}})).To(Succeed()) })
		Expect(os.RemoveAll(base)).To(Succeed())
		Expect(sweep(ctx, drill)).To(Equal([]string{"removed 1 volume"}))
		_, gone := e.api.VolumeInspect(ctx, name, client.VolumeInspectOptions{})
		Expect(errdefs.IsNotFound(gone)).To(BeTrue(), "%v", gone)
	})

	it("takes a drill for dead whose lock is gone", func(ctx SpecContext) {
		drill := newDrill()
		remain(ctx, ourName(drill), labels(base, drill))
		Expect(os.RemoveAll(base)).To(Succeed())
		Expect(sweep(ctx, drill)).To(HaveLen(1))
		Expect(there(ctx, ourName(drill))).To(Equal(none))
	})

	it("leaves alone what belongs to another machine, and says so", func(ctx SpecContext) {
		drill := newDrill()
		elsewhere := labels(base, drill)
		elsewhere[machineLabel] = "another"
		remain(ctx, ourName(drill), elsewhere)
		Expect(sweep(ctx, drill)).To(ConsistOf(And(ContainSubstring("left alone"), ContainSubstring(`"another"`), ContainSubstring("docker rm -fv"))))
		Expect(there(ctx, ourName(drill))).To(Equal(all))
	})

	it("touches nothing that has our labels by accident, or only our name", func(ctx SpecContext) {
		drill := newDrill()
		remain(ctx, "not-ours-"+drill, labels(base, drill)) // as a container of an image that was committed from a host
		remain(ctx, ourName(drill)+"-x", nil)
		remain(ctx, ourName(drill)+"-y", map[string]string{drillLabel: ""})
		remain(ctx, ourName(drill)+"0", labels(base, drill)) // another drill's name begins like ours
		Expect(sweepOnly(ctx, drill)).To(BeEmpty())
		for _, name := range []string{"not-ours-" + drill, ourName(drill) + "-x", ourName(drill) + "-y", ourName(drill) + "0"} {
			Expect(there(ctx, name)).To(Equal(all), name)
		}
	})
})
