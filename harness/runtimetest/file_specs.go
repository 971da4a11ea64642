package runtimetest

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"math/rand/v2"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/etcd-firedrill/firedrill/harness"
)

func (b *bench) fileSpecs() {
	b.it("go there and back", b.oneFile)
	b.it("are replaced as a whole or not at all", b.interruptedUpload)
	b.it("go there and back as trees, large ones too", b.trees)
}

func (b *bench) oneFile(ctx SpecContext) {
	host := b.host(ctx, "m1")
	Expect(host.Upload(ctx, "/srv/deep/er/file", 0o640, strings.NewReader("first"))).To(Succeed(), "parents are made")
	Expect(host.Upload(ctx, "/srv/deep/er/file", 0o600, strings.NewReader("second"))).To(Succeed(), "it is replaced")
	Expect(download(ctx, host, "/srv/deep/er/file")).To(Equal("second"))
	Expect(host.Upload(ctx, "/srv/empty", 0o600, strings.NewReader(""))).To(Succeed())
	Expect(download(ctx, host, "/srv/empty")).To(BeEmpty())

	var missing bytes.Buffer
	err := host.Download(ctx, "/srv/nothing", &missing)
	Expect(err).To(MatchError(And(ContainSubstring("m1"), ContainSubstring("/srv/nothing"))))
	Expect(missing.Len()).To(BeZero())
	Expect(host.Download(ctx, "/srv", &missing)).NotTo(Succeed(), "a directory is no file")
}

func (b *bench) interruptedUpload(ctx SpecContext) {
	host := b.host(ctx, "m1")
	Expect(host.Upload(ctx, "/srv/file", 0o600, strings.NewReader("whole"))).To(Succeed())
	broken := errors.New("the source broke")
	half := io.MultiReader(io.LimitReader(endless('x'), 1<<20), failing{broken})
	Expect(host.Upload(ctx, "/srv/file", 0o600, half)).To(MatchError(broken))
	Expect(download(ctx, host, "/srv/file")).To(Equal("whole"))
	Expect(run(ctx, host, "ls /srv")).To(Equal("file\n"), "no half file stays")
}

// trees sends 2,000 small files and a large one, and compares what comes back
// by its sums: neither side may hold it in memory, so neither does the test.
func (b *bench) trees(ctx SpecContext) {
	host := b.host(ctx, "m1")
	reader, writer := io.Pipe()
	sent := make(chan map[string]string, 1)
	go func() {
		sums, err := writeTree(writer)
		writer.CloseWithError(err)
		sent <- sums
	}()
	Expect(host.UploadTree(ctx, "/srv/tree", reader)).To(Succeed())
	want := <-sent

	back, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := host.DownloadTree(ctx, "/srv/tree", w)
		w.CloseWithError(err)
		done <- err
	}()
	got, err := readTree(back)
	Expect(err).NotTo(HaveOccurred())
	Expect(<-done).NotTo(HaveOccurred())
	Expect(got).To(Equal(want))
	Expect(host.DownloadTree(ctx, "/srv/nothing", io.Discard)).NotTo(Succeed())
}

// writeTree writes a tree and returns the sum of each file by its name.
func writeTree(w io.Writer) (map[string]string, error) {
	random := rand.NewChaCha8([32]byte{1})
	out, sums := tar.NewWriter(w), map[string]string{}
	file := func(name string, size int64) error {
		if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o640, Size: size}); err != nil {
			return err
		}
		sum := sha256.New()
		_, err := io.Copy(io.MultiWriter(out, sum), io.LimitReader(random, size))
		sums[name] = describe(0o640, size, sum)
		return err
	}
	for dir := range 20 {
		name := fmt.Sprintf("dir%d", dir)
		if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755}); err != nil {
			return nil, err
		}
		for i := range 100 {
			if err := file(fmt.Sprintf("%s/file%d", name, i), int64(i*7)); err != nil {
				return nil, err
			}
		}
	}
	return sums, errors.Join(file("large", 64<<20), out.Close())
}

func readTree(r io.Reader) (map[string]string, error) {
	in, sums := tar.NewReader(r), map[string]string{}
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			_, err = io.Copy(io.Discard, r) // the stream's padding, or its writer never ends
			return sums, err
		}
		if err != nil {
			return nil, err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		sum := sha256.New()
		if _, err := io.Copy(sum, in); err != nil {
			return nil, err
		}
		sums[strings.TrimPrefix(h.Name, "./")] = describe(fs.FileMode(h.Mode).Perm(), h.Size, sum)
	}
}

func describe(mode fs.FileMode, size int64, sum hash.Hash) string {
	return fmt.Sprintf("%v %d %x", mode, size, sum.Sum(nil))
}

func download(ctx context.Context, host harness.Host, path string) (string, error) {
	var b bytes.Buffer
	err := host.Download(ctx, path, &b)
	return b.String(), err
}

// failing is a reader that fails.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
