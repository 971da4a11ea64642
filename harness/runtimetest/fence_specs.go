package runtimetest

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/etcd-firedrill/firedrill/harness"
)

// up leads out of any directory by which a host could be kept.
const up = "../../../../../../../../../../../.."

func (b *bench) fenceSpecs() {
	b.it("holds against scripts", b.hostileScripts)
	b.it("holds against names of files", b.hostileNames)
	b.it("holds against trees, and refuses what would land outside their directory", b.hostileTrees)
	b.it("holds against etcd's own flags", b.hostileFlags)
}

// canary is something on the operator's machine that no host may see or touch.
type canary struct{ dir, file string }

const song = "the operator's own"

func newCanary() canary {
	dir := GinkgoT().TempDir()
	c := canary{dir: dir, file: filepath.Join(dir, "canary")}
	Expect(os.WriteFile(c.file, []byte(song), 0o666)).To(Succeed())
	Expect(os.Chmod(dir, 0o777)).To(Succeed()) // whatever user the host is: only the fence protects it
	return c
}

func (c canary) expectAlive() {
	GinkgoHelper()
	Expect(os.ReadFile(c.file)).To(BeEquivalentTo(song))
	entries, err := os.ReadDir(c.dir)
	Expect(err).NotTo(HaveOccurred())
	Expect(entries).To(HaveLen(1), "nothing was put beside it")
}

func (b *bench) hostileScripts(ctx SpecContext) {
	c := newCanary()
	host := b.host(ctx, "m1")
	for _, way := range []string{c.file, up + c.file, "/tmp/" + up + c.file, "/proc/1/root" + c.file, "/proc/self/cwd/" + up + c.file} {
		for _, script := range []string{
			"cat " + way,
			"cat <" + way,
			"rm -rf " + way + " " + filepath.Dir(way),
			"cd " + filepath.Dir(way) + " && rm -rf canary",
			"echo overwritten >" + way,
			"mkdir -p " + filepath.Dir(way) + "/new; touch " + filepath.Dir(way) + "/new/file; cp /etc/kubernetes " + way,
			"etcdutl snapshot restore --data-dir " + filepath.Dir(way) + "/restored " + way,
		} {
			out, err := host.Run(ctx, script)
			Expect(err).NotTo(HaveOccurred(), script)
			Expect(out.Stdout+out.Stderr).NotTo(ContainSubstring(song), script)
			c.expectAlive()
		}
	}
	// The whole disk, and then more of the same, is the host's own affair.
	_, err := host.Run(ctx, "rm -rf /var /etc /root /tmp /srv "+up+"/tmp")
	Expect(err).NotTo(HaveOccurred())
	c.expectAlive()
	Expect(host.PowerOff(ctx)).To(Succeed())
	Expect(host.PowerOn(ctx)).To(Succeed(), "an empty disk still boots")
	boot(ctx, host)
}

func (b *bench) hostileNames(ctx SpecContext) {
	c := newCanary()
	host := b.host(ctx, "m1")
	for _, name := range []string{c.file, up + c.file, "/var/" + up + c.file} {
		var seen bytes.Buffer
		_ = host.Download(ctx, name, &seen) // refused or not found: that is all the same, if only it is not ours
		Expect(seen.String()).NotTo(ContainSubstring(song), name)
		_ = host.Upload(ctx, name, 0o600, strings.NewReader("overwritten"))
		c.expectAlive()
		_ = host.Upload(ctx, filepath.Dir(name)+"/beside", 0o600, strings.NewReader("new"))
		c.expectAlive()
		_ = host.DownloadTree(ctx, filepath.Dir(name), &seen)
		Expect(seen.String()).NotTo(ContainSubstring(song), name)
	}
	for _, name := range []string{"", "/", "/nul\x00byte", "/" + strings.Repeat("x", 5000)} {
		Expect(host.Upload(ctx, name, 0o600, strings.NewReader("x"))).NotTo(Succeed(), "%.20q", name)
	}
}

func (b *bench) hostileTrees(ctx SpecContext) {
	c := newCanary()
	host := b.host(ctx, "m1")
	Expect(host.Upload(ctx, "/tmp/outside/theirs", 0o600, strings.NewReader("the host's other file"))).To(Succeed())
	link := func(name, to string) tar.Header {
		return tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: to, Mode: 0o777}
	}
	hard := func(name, to string) tar.Header {
		return tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: to, Mode: 0o600}
	}
	file := func(name string) tar.Header {
		return tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o600, Size: int64(len(payload))}
	}
	for name, entries := range map[string][]tar.Header{
		"an absolute name":            {file("/tmp/outside/planted")},
		"a name with ..":              {file("../outside/planted")},
		"a hidden ..":                 {file("a/../../outside/planted")},
		"the operator's file":         {file(up + c.file)},
		"through a relative link":     {link("a", "../outside"), file("a/planted")},
		"through an absolute link":    {link("a", "/tmp/outside"), file("a/planted")},
		"through the operator's dir":  {link("a", c.dir), file("a/planted")},
		"through a chain of links":    {link("a", "b"), link("b", ".."), file("a/outside/planted")},
		"over a link":                 {link("a", "/tmp/outside/theirs"), file("a")},
		"a hard link to outside":      {hard("a", "../outside/theirs"), file("a")},
		"a hard link, absolute":       {hard("a", "/tmp/outside/theirs"), file("a")},
		"a hard link to the operator": {hard("a", c.file), file("a")},
	} {
		By(name)
		err := host.UploadTree(ctx, "/tmp/inside", tree(entries))
		if name != "over a link" { // replacing the link itself would be as good as refusing it
			Expect(err).To(MatchError(ContainSubstring("m1")), name)
		}
		Expect(run(ctx, host, "ls /tmp/outside; cat /tmp/outside/theirs")).To(Equal("theirs\nthe host's other file"), name)
		c.expectAlive()
		run(ctx, host, "rm -rf /tmp/inside")
	}
	Expect(host.UploadTree(ctx, "/tmp/inside", strings.NewReader("this is no tar stream"))).NotTo(Succeed())
}

const payload = "planted"

func tree(entries []tar.Header) io.Reader {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range entries {
		Expect(w.WriteHeader(&h)).To(Succeed())
		if h.Size > 0 {
			_, err := w.Write([]byte(payload))
			Expect(err).NotTo(HaveOccurred())
		}
	}
	Expect(w.Close()).To(Succeed())
	return &b
}

// hostileFlags gives etcd a data directory on the operator's machine: what it
// means there is a directory of that name on the host.
func (b *bench) hostileFlags(ctx SpecContext) {
	c := newCanary()
	host := b.host(ctx, "m1")
	dir := filepath.Join(c.dir, "etcd")
	Expect(order(ctx, host, harness.ChangeFlags(flags(host, host), "data-dir="+dir))).To(Succeed())
	awaitServing(ctx, host)
	c.expectAlive()
	Expect(run(ctx, host, fmt.Sprintf("ls %s", dir))).To(Equal("member\n"))
}
