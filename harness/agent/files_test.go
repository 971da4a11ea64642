//go:build linux

package agent

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestUploadAndDownload(t *testing.T) {
	w := boot(t, newMachine(t))
	ctx := within(t, 60*time.Second)
	large := make([]byte, 20<<20+123)
	_, _ = rand.Read(large)
	for name, content := range map[string][]byte{"/deep/er/small": []byte("hello\n"), "/empty": {}, "/var/large": large, "relative": []byte("means the root directory")} {
		if err := w.Upload(ctx, name, 0o640, bytes.NewReader(content)); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(w.machine.file(name))
		if err != nil || info.Mode().Perm() != 0o640 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
		var back bytes.Buffer
		if err := w.Download(ctx, name, &back); err != nil || !bytes.Equal(back.Bytes(), content) {
			t.Errorf("%s comes back with %d bytes of %d, %v", name, back.Len(), len(content), err)
		}
	}
	if err := w.Download(ctx, "/no/such/file", io.Discard); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "m1") {
		t.Errorf("a file that is not there: %v", err)
	}
	if err := w.Download(ctx, "/etc", io.Discard); err == nil {
		t.Error("a directory was downloaded as a file")
	}
	if err := w.Upload(ctx, "/etc", 0o600, strings.NewReader("x")); err == nil {
		t.Error("a file took a directory's place")
	}
	if err := w.Upload(ctx, "", 0o600, strings.NewReader("x")); err == nil {
		t.Error("an empty path was taken")
	}
}

// brokenReader fails after some bytes.
type brokenReader struct{ left int }

func (b *brokenReader) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errors.New("the disk here broke")
	}
	n := min(b.left, len(p))
	b.left -= n
	return n, nil
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("the disk here is full") }

// An upload that breaks off leaves what was there, and nothing beside it.
func TestUploadIsAtomic(t *testing.T) {
	w := boot(t, newMachine(t))
	ctx := within(t, 60*time.Second)
	if err := w.Upload(ctx, "/data/file", 0o600, strings.NewReader("as it was")); err != nil {
		t.Fatal(err)
	}
	err := w.Upload(ctx, "/data/file", 0o600, &brokenReader{left: 3 << 20})
	if err == nil || !strings.Contains(err.Error(), "the disk here broke") {
		t.Errorf("the error is %v", err)
	}
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	r, _ := io.Pipe() // says nothing, for ever
	defer r.Close()
	go func() { <-short.Done(); r.Close() }()
	if err := w.Upload(short, "/data/file", 0o600, r); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the error is %v", err)
	}
	if err := w.Download(ctx, "/data/file", brokenWriter{}); err == nil || !strings.Contains(err.Error(), "full") {
		t.Errorf("the error is %v", err)
	}
	limit := time.After(5 * time.Second)
	for {
		got := w.sh(t, "cat /data/file; ls -a /data")
		if !strings.Contains(got, ".file.") && strings.HasPrefix(got, "as it was") {
			return
		}
		select {
		case <-limit:
			t.Fatalf("after 5 s there is still %q", got)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func TestTreesThereAndBack(t *testing.T) {
	w := boot(t, newMachine(t))
	ctx := within(t, 120*time.Second)
	here := t.TempDir()
	for i := range 300 {
		dir := filepath.Join(here, fmt.Sprintf("d%d/e%d", i%7, i%3))
		if err := os.MkdirAll(dir, 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%d", i)), bytes.Repeat([]byte{byte(i)}, i*997), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("d1/e1", filepath.Join(here, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(here, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	if err := packFrom(ctx, here, &packed); err != nil {
		t.Fatal(err)
	}
	if err := w.UploadTree(ctx, "/var/lib/tree", bytes.NewReader(packed.Bytes())); err != nil {
		t.Fatal(err)
	}
	var back bytes.Buffer
	if err := w.DownloadTree(ctx, "/var/lib/tree", &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(listing(t, packed.Bytes()), listing(t, back.Bytes())); diff != "" {
		t.Errorf("the tree that comes back differs (-sent +got):\n%s", diff)
	}
	// A second time, over what is there.
	if err := w.UploadTree(ctx, "/var/lib/tree", bytes.NewReader(packed.Bytes())); err != nil {
		t.Errorf("over an existing tree: %v", err)
	}
	if err := w.DownloadTree(ctx, "/no/such/dir", io.Discard); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
}

// listing tells name, mode, size and content of every entry.
func listing(t *testing.T, archive []byte) map[string]string {
	t.Helper()
	all := map[string]string{}
	r := tar.NewReader(bytes.NewReader(archive))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all[h.Name] = fmt.Sprintf("%v %s %d %x", h.FileInfo().Mode(), h.Linkname, h.Size, content[:min(8, len(content))])
	}
}

// archive packs entries as they are, hostile ones too.
func archive(t *testing.T, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		body := "from the archive"
		if h.Typeflag != tar.TypeReg {
			body = ""
		}
		h.Size, h.Mode = int64(len(body)), 0o644
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Nothing that an archive holds lands outside the directory it is unpacked in.
func TestHostileTrees(t *testing.T) {
	w := boot(t, newMachine(t))
	ctx := within(t, 60*time.Second)
	reg := func(name string) tar.Header { return tar.Header{Name: name, Typeflag: tar.TypeReg} }
	link := func(name, to string) tar.Header {
		return tar.Header{Name: name, Linkname: to, Typeflag: tar.TypeSymlink}
	}
	w.sh(t, "mkdir -p /outside /into/here && echo safe > /outside/file")
	for name, entries := range map[string][]tar.Header{
		"absolute":                {reg("/outside/file")},
		"dot dot":                 {reg("../../outside/file")},
		"dot dot inside":          {reg("a/../../../outside/file")},
		"absolute link":           {link("l", "/outside"), reg("l/file")},
		"relative link":           {link("l", "../../outside"), reg("l/file")},
		"link in a directory":     {link("a/b/l", "../../../../outside"), reg("a/b/l/file")},
		"links in a chain":        {link("a", "."), link("a/b", "../../outside")},
		"hard link":               {{Name: "h", Linkname: "/outside/file", Typeflag: tar.TypeLink}},
		"device":                  {{Name: "d", Typeflag: tar.TypeChar}},
		"pipe":                    {{Name: "p", Typeflag: tar.TypeFifo}},
		"the directory's own dir": {reg("..")},
	} {
		t.Run(name, func(t *testing.T) {
			if err := w.UploadTree(ctx, "/into/here", bytes.NewReader(archive(t, entries...))); err == nil {
				t.Error("it was taken")
			}
			if got := w.sh(t, "cat /outside/file; ls /outside; rm -rf /into/here; mkdir /into/here"); got != "safe\nfile\n" {
				t.Errorf("outside there is now %q", got)
			}
		})
	}
	t.Run("a link that lies there", func(t *testing.T) {
		// Planted with an absolute path, as the host sees it.
		if err := os.Symlink("/outside", w.machine.file("into/here/dir")); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("/outside/file", w.machine.file("into/here/file")); err != nil {
			t.Fatal(err)
		}
		if err := w.UploadTree(ctx, "/into/here", bytes.NewReader(archive(t, reg("dir/file")))); err == nil {
			t.Error("it was written through a link to a directory")
		}
		if err := w.UploadTree(ctx, "/into/here", bytes.NewReader(archive(t, reg("file")))); err != nil {
			t.Errorf("a link in a file's place is replaced: %v", err)
		}
		if got := w.sh(t, "cat /outside/file /into/here/file"); got != "safe\nfrom the archive" {
			t.Errorf("there is now %q", got)
		}
	})
	t.Run("not an archive", func(t *testing.T) {
		if err := w.UploadTree(ctx, "/into/here", strings.NewReader(strings.Repeat("no tar", 1000))); err == nil {
			t.Error("it was taken")
		}
	})
}

// No path, as the host means it, reaches the machine around it.
func TestPathsStayOnTheHost(t *testing.T) {
	w := boot(t, newMachine(t))
	ctx := within(t, 60*time.Second)
	outside := t.TempDir()
	precious := filepath.Join(outside, "precious")
	if err := os.WriteFile(precious, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, w.machine.file("way-out")); err != nil {
		t.Fatal(err)
	}
	up := strings.Repeat("../", 20)
	for _, path := range []string{precious, up + precious, "/way-out/precious", "/" + up + precious} {
		if err := w.Download(ctx, path, io.Discard); err == nil {
			t.Errorf("%s was read", path)
		}
		_ = w.Upload(ctx, path, 0o600, strings.NewReader("overwritten"))
		_ = w.UploadTree(ctx, filepath.Dir(path), bytes.NewReader(archive(t, tar.Header{Name: "precious", Typeflag: tar.TypeReg})))
		_, _ = w.Run(ctx, "echo overwritten > "+path+"; rm -rf "+path+" "+filepath.Dir(path)+"/*; cd "+up+"; rm -rf way-out/*")
		if text, err := os.ReadFile(precious); err != nil || string(text) != "mine" {
			t.Fatalf("through %s it became %q, %v", path, text, err)
		}
	}
}
