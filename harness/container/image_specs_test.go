//go:build linux

package container

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/moby/moby/client"

	"github.com/etcd-firedrill/firedrill/harness"
)

var _ = Describe("the image of hosts", func() {
	BeforeEach(needEngine)
	it := func(text string, body func(SpecContext)) { It(text, body, SpecTimeout(time.Minute)) }

	it("follows from the binary alone", func(SpecContext) {
		dir := GinkgoT().TempDir()
		one, other := filepath.Join(dir, "one"), filepath.Join(dir, "other")
		Expect(os.WriteFile(one, []byte("program"), 0o755)).To(Succeed())
		Expect(os.WriteFile(other, []byte("another"), 0o700)).To(Succeed())
		first, err := describeImage(one)
		Expect(err).NotTo(HaveOccurred())
		Expect(os.Chtimes(one, time.Unix(1, 0), time.Unix(1, 0))).To(Succeed())
		Expect(describeImage(one)).To(Equal(first))
		Expect(describeImage(other)).NotTo(Equal(first))
		_, err = describeImage(filepath.Join(dir, "none"))
		Expect(err).To(MatchError(os.ErrNotExist))
	})

	it("is made once, by however many at a time, and used again", func(ctx SpecContext) {
		e := engineOf()
		own, err := describeOwnImage()
		Expect(err).NotTo(HaveOccurred())
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				defer GinkgoRecover()
				Expect(e.ensureOwnImage(ctx)).To(Equal(own.tag))
			})
		}
		all.Wait()
		before, err := e.api.ImageInspect(ctx, own.tag)
		Expect(err).NotTo(HaveOccurred())
		Expect(before.RootFS.Layers).To(HaveLen(1))

		Expect(e.ensureOwnImage(ctx)).To(Equal(own.tag))
		after, err := e.api.ImageInspect(ctx, own.tag)
		Expect(err).NotTo(HaveOccurred())
		Expect(after.ID).To(Equal(before.ID))
		Expect(lastUse(after)).To(BeTemporally(">", lastUse(before)), "its use is noted")
		images, err := e.api.ImageList(ctx, client.ImageListOptions{All: true, Filters: client.Filters{}.Add("label", imageLabel).Add("dangling", "true")})
		Expect(err).NotTo(HaveOccurred())
		Expect(images.Items).To(BeEmpty(), "none was made for nothing")
	})

	it("is removed when nobody wants it, and not before", func(ctx SpecContext) {
		e, label := engineOf(), "firedrill.test-"+word()
		ours := []string{"LABEL " + label + "=1"}
		idle, used := importImage(ctx, e, word(), ours), importImage(ctx, e, word(), append(ours, "CMD x"))
		made, err := e.api.ContainerCreate(ctx, client.ContainerCreateOptions{Image: used})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func(ctx SpecContext) { Expect(e.removeContainer(ctx, made.ID)).To(Succeed()) })

		Expect(e.pruneImages(ctx, label, time.Hour)).To(BeEmpty(), "somebody may be about to use them")
		Expect(e.pruneImages(ctx, label, 0)).To(ConsistOf(idle))
		Expect(e.pruneImages(ctx, label, 0)).To(BeEmpty())
		_, err = e.api.ImageInspect(ctx, used)
		Expect(err).NotTo(HaveOccurred(), "a container uses it")
	})
})

var _ = Describe("hosts on an image of the user's", func() {
	BeforeEach(needEngine)
	it := func(text string, body func(SpecContext)) { It(text, body, SpecTimeout(4*time.Minute)) }

	it("have its etcd, without a shell, and serve as a cluster", func(ctx SpecContext) {
		e := engineOf()
		// What could get into the way of a host, an image may have.
		ref := importImage(ctx, e, word(), []string{
			"USER 65534", `ENTRYPOINT ["/nothing"]`, `CMD ["/nothing"]`, "VOLUME /data", "WORKDIR /elsewhere", "ENV ETCDCTL_API=2",
			`HEALTHCHECK --interval=1s CMD ["/nothing"]`,
		}, etcd35(ctx)...)
		r, err := New(ctx, Options{Image: ref})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func(ctx SpecContext) {
			_, err := r.engine.api.ImageRemove(ctx, r.image, client.ImageRemoveOptions{PruneChildren: true})
			Expect(err).NotTo(HaveOccurred())
			Expect(r.engine.close()).To(Succeed())
		})
		derived, err := e.api.ImageInspect(ctx, r.image)
		Expect(err).NotTo(HaveOccurred())
		Expect(derived.Config.Labels).To(HaveKeyWithValue(drillLabel, ""), "the image is no drill's")
		again, err := New(ctx, Options{Image: ref})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(again.engine.close)
		Expect(again.image).To(Equal(r.image))
		same, err := e.api.ImageInspect(ctx, r.image)
		Expect(err).NotTo(HaveOccurred())
		Expect(same.ID).To(Equal(derived.ID), "it was not made again")

		drill, k := build(ctx, r)
		hosts := bootCluster(ctx, k, "m1", "m2", "m3")
		for _, h := range hosts {
			Expect(run(ctx, h, "etcd --version; etcdctl version; etcdutl version; pwd")).To(And(
				ContainSubstring("etcd Version: 3.5.35"), ContainSubstring("etcdctl version: 3.5.35"), ContainSubstring("etcdutl version: 3.5.35"), HaveSuffix("\n/\n")))
		}
		seen, err := e.api.ContainerInspect(ctx, k.containerName("m1"), client.ContainerInspectOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(seen.Container.State.Health).To(BeNil(), "the image's own check does not run")
		Expect(seen.Container.Mounts).To(HaveLen(2), "the image's volume, and the host's own")
		Expect(k.Close(ctx, false)).To(Succeed())
		volumes, err := e.api.VolumeList(ctx, client.VolumeListOptions{})
		Expect(err).NotTo(HaveOccurred())
		for _, v := range volumes.Items {
			Expect(v.Name).NotTo(BeElementOf(seen.Container.Mounts[0].Name, seen.Container.Mounts[1].Name), "both went with the host")
		}
		Expect(leftovers(drill)).To(BeEmpty())
	})

	it("need an image that is there, or can be had, and say so soon", func(ctx SpecContext) {
		begun := time.Now()
		// Nobody listens at that registry.
		_, err := New(ctx, Options{Image: "127.0.0.1:1/absent/etcd:v0"})
		Expect(err).To(MatchError(And(ContainSubstring("127.0.0.1:1/absent/etcd:v0"), ContainSubstring("pull"), ContainSubstring("hint:"))))
		Expect(time.Since(begun)).To(BeNumerically("<", 20*time.Second))
		_, err = New(ctx, Options{Image: "No/Such Name"})
		Expect(err).To(MatchError(ContainSubstring("No/Such Name")))
	})

	// In a process of its own, where nothing has asked testcontainers before.
	it("do not bring testcontainers' reaper along", func(ctx SpecContext) {
		self := exec.CommandContext(ctx, ownExecutable)
		self.Env = append(os.Environ(), pullThenBuild+"="+newDrill())
		out, err := self.CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), "%s", out)
	})

	it("need an etcd in it, for our machine", func(ctx SpecContext) {
		e := engineOf()
		empty := importImage(ctx, e, word(), nil)
		_, err := New(ctx, Options{Image: empty})
		Expect(err).To(MatchError(And(ContainSubstring(empty), ContainSubstring("holds no etcd in /usr/local/bin:"), ContainSubstring("hint:"))))
		half := importImage(ctx, e, word(), []string{"ENV PATH=/opt/etcd"}, program{"opt/etcd/etcd", ownExecutable})
		_, err = New(ctx, Options{Image: half})
		Expect(err).To(MatchError(And(ContainSubstring("holds no etcdctl in"), ContainSubstring(":/opt/etcd"))))
		foreign := loadForeignImage(ctx, e)
		_, err = New(ctx, Options{Image: foreign})
		Expect(err).To(MatchError(And(ContainSubstring("linux/s390x"), ContainSubstring("hint:"))))
		made, err := e.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: client.Filters{}.Add("name", "firedrill-image-")})
		Expect(err).NotTo(HaveOccurred())
		Expect(made.Items).To(BeEmpty())
	})
})

// engineOf returns the engine, for what specs do there by themselves.
func engineOf() *engine {
	GinkgoHelper()
	e, err := connect(context.Background(), patience)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(e.close)
	return e
}

func word() string { return fmt.Sprintf("%08x", rand.Uint32()) }

// program is a file in an image, copied from one on this machine.
type program struct{ name, from string }

// importImage makes an image of these programs alone, as `FROM scratch` would,
// and removes it when the spec is over.
func importImage(ctx context.Context, e *engine, name string, changes []string, programs ...program) string {
	GinkgoHelper()
	ref := "firedrill-test-" + name + ":1"
	content, stop := stream(func(w io.Writer) error { return writePrograms(w, programs) })
	defer stop()
	answer, err := e.api.ImageImport(ctx, client.ImageImportSource{Source: content, SourceName: "-"}, ref, client.ImageImportOptions{Changes: changes})
	Expect(err).NotTo(HaveOccurred())
	Expect(progressError(answer)).To(Succeed())
	Expect(answer.Close()).To(Succeed())
	removeImage(e, ref)
	return ref
}

// removeImage removes an image when the spec is over.
func removeImage(e *engine, ref string) {
	DeferCleanup(func(ctx SpecContext) {
		_, err := e.api.ImageRemove(ctx, ref, client.ImageRemoveOptions{Force: true, PruneChildren: true})
		if err != nil {
			Expect(err).To(MatchError(ContainSubstring("No such image")))
		}
	})
}

// loadForeignImage loads an image that is for a machine of another kind.
func loadForeignImage(ctx context.Context, e *engine) string {
	GinkgoHelper()
	image, err := describeImage(os.DevNull)
	Expect(err).NotTo(HaveOccurred())
	image.tag = "firedrill-test-" + word() + ":1"
	image.config = bytes.Replace(image.config, []byte(`"`+runtime.GOARCH+`"`), []byte(`"s390x"`), 1)
	content, stop := stream(func(w io.Writer) error { return image.writeArchive(w, os.DevNull) })
	defer stop()
	answer, err := e.api.ImageLoad(ctx, content)
	Expect(err).NotTo(HaveOccurred())
	Expect(progressError(answer)).To(Succeed())
	Expect(answer.Close()).To(Succeed())
	removeImage(e, image.tag)
	return image.tag
}

func writePrograms(w io.Writer, programs []program) error {
	out := tar.NewWriter(w)
	// An engine takes no empty image.
	if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "nothing/", Mode: 0o755}); err != nil {
		return err
	}
	for _, p := range programs {
		content, err := os.ReadFile(p.from)
		if err != nil {
			return err
		}
		if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: p.name, Mode: 0o755, Size: int64(len(content))}); err != nil {
			return err
		}
		if _, err := out.Write(content); err != nil {
			return err
		}
	}
	return out.Close()
}

// etcd35 builds the programs of etcd 3.5 from the module proxy.
func etcd35(ctx context.Context) []program {
	GinkgoHelper()
	dir := GinkgoT().TempDir()
	var programs []program
	for name, module := range map[string]string{"etcd": "server", "etcdctl": "etcdctl", "etcdutl": "etcdutl"} {
		path := filepath.Join(dir, name)
		build := exec.CommandContext(ctx, "go", "build", "-C", "../../fixtures/etcd35", "-trimpath", "-o", path, "go.etcd.io/etcd/"+module+"/v3")
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
		out, err := build.CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), "%s", out)
		programs = append(programs, program{"usr/local/bin/" + name, path})
	}
	return programs
}

// run runs a script that must succeed and returns its standard output.
func run(ctx context.Context, host harness.Host, script string) string {
	GinkgoHelper()
	out, err := host.Run(ctx, script)
	Expect(err).NotTo(HaveOccurred())
	Expect(out.ExitCode).To(BeZero(), "%s: %+v", script, out)
	return out.Stdout
}
