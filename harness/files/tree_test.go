package files

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func open(t *testing.T, dir string) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

func packed(t *testing.T, dir string, named func(string)) *bytes.Buffer {
	t.Helper()
	var stream bytes.Buffer
	archive := tar.NewWriter(&stream)
	if err := Pack(open(t, dir), ".", archive, named); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return &stream
}

// shape is what lies under dir: modes, link targets, contents, times of files.
func shape(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		text := info.Mode().String()
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			text += " to " + target
		case info.Mode().IsRegular():
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text += " of " + info.ModTime().UTC().Format(time.RFC3339) + ": " + string(content)
		}
		found[name] = text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestThereAndBack(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	write := func(name, content string, mode fs.FileMode) {
		t.Helper()
		path := filepath.Join(from, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		when := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	write("a file", "text", 0o640)
	write("member/wal/0.wal", strings.Repeat("w", 1<<20), 0o600)
	write("member/tool", "#!/bin/sh", 0o755)
	if err := os.Symlink("../a file", filepath.Join(from, "member/link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(from, "empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{from, to} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	stream := packed(t, from, func(name string) { names = append(names, name) })
	// What lies there already is replaced, a link by the file and not through it.
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("not ours"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(to, "a file")); err != nil {
		t.Fatal(err)
	}
	if err := Unpack(open(t, to), stream, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(shape(t, from), shape(t, to)); diff != "" {
		t.Errorf("what came back differs: %s", diff)
	}
	if content, err := os.ReadFile(outside); err != nil || string(content) != "not ours" {
		t.Errorf("outside there is %q now, %v", content, err)
	}
	want := []string{".", "a file", "empty", "member", "member/link", "member/tool", "member/wal", "member/wal/0.wal"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("the entries named: %s", diff)
	}
}

// A host's tree is as foreign to the operator's machine as the other way round.
func TestNothingLandsOutside(t *testing.T) {
	for name, entries := range map[string][]tar.Header{
		"by an absolute name":   {{Name: "/evil", Typeflag: tar.TypeReg}},
		"by dots":               {{Name: "a/../../evil", Typeflag: tar.TypeReg}},
		"as an absolute link":   {{Name: "a", Typeflag: tar.TypeSymlink, Linkname: "/"}},
		"as a link that climbs": {{Name: "a/b", Typeflag: tar.TypeSymlink, Linkname: "../../evil"}},
		"as a device":           {{Name: "null", Typeflag: tar.TypeChar}},
		"as a hard link":        {{Name: "a", Typeflag: tar.TypeLink, Linkname: "b"}},
		"through a link that lies there": {
			{Name: "out/evil", Typeflag: tar.TypeReg},
		},
	} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			dir := filepath.Join(parent, "dir")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("..", filepath.Join(dir, "out")); err != nil {
				t.Fatal(err)
			}
			var stream bytes.Buffer
			archive := tar.NewWriter(&stream)
			for _, h := range entries {
				if err := archive.WriteHeader(&h); err != nil {
					t.Fatal(err)
				}
			}
			if err := archive.Close(); err != nil {
				t.Fatal(err)
			}
			if err := Unpack(open(t, dir), &stream, nil); err == nil {
				t.Error("it was unpacked")
			}
			left, err := os.ReadDir(parent)
			if err != nil || len(left) != 1 {
				t.Errorf("beside the directory there is %v now, %v", left, err)
			}
		})
	}
}

// A stream that breaks off is no archive, wherever it does. That it broke off its
// reader must say: an archive that merely ends between two entries looks whole.
func TestBrokenOff(t *testing.T) {
	from := t.TempDir()
	if err := os.WriteFile(filepath.Join(from, "file"), bytes.Repeat([]byte("x"), 2000), 0o600); err != nil {
		t.Fatal(err)
	}
	whole := packed(t, from, nil).Bytes()
	cut := errors.New("the connection broke")
	for n := 0; n < len(whole)-1024; n += 100 {
		stream := io.MultiReader(bytes.NewReader(whole[:n]), iotest.ErrReader(cut))
		if err := Unpack(open(t, t.TempDir()), stream, nil); !errors.Is(err, cut) {
			t.Errorf("after %d of %d bytes: %v", n, len(whole), err)
		}
	}
}
