//go:build linux

package process

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// placed is a machine with a root directory and nothing in it.
func placed(t *testing.T) *machine {
	t.Helper()
	m := &machine{name: "m1", dir: t.TempDir()}
	if err := os.Mkdir(m.root(), 0o755); err != nil {
		t.Fatal(err)
	}
	return m
}

func nameless(t *testing.T, dir string, content []byte) *os.File {
	t.Helper()
	f, err := os.OpenFile(dir, os.O_RDWR|unix.O_TMPFILE, 0o600)
	if errors.Is(err, unix.EOPNOTSUPP) {
		t.Skip("this file system has no files without names")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if _, err := f.Write(content); err != nil {
		t.Fatal(err)
	}
	return f
}

// A file without a name is linked, on every host the same.
func TestPlaceLinks(t *testing.T) {
	content := bytes.Repeat([]byte("etcd"), 1000)
	a, b := placed(t), placed(t)
	f := nameless(t, a.dir, content)
	for _, m := range []*machine{a, b, a} { // what is there is replaced
		if err := m.Place(t.Context(), "/root/snapshot.db", 0o400, f); err != nil {
			t.Fatal(err)
		}
	}
	ours, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []*machine{a, b} {
		path := filepath.Join(m.root(), "root/snapshot.db")
		theirs, err := os.Stat(path)
		if err != nil || !os.SameFile(ours, theirs) || theirs.Mode() != 0o400 {
			t.Errorf("%+v, %v", theirs, err)
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes of %d, %v", len(got), len(content), err)
		}
	}
}

// A file that has lost its name can only be copied.
func TestPlaceCopies(t *testing.T) {
	content := bytes.Repeat([]byte("etcd"), 1<<20)
	m := placed(t)
	f, err := os.Create(filepath.Join(m.dir, "gone"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(f.Name()); err != nil {
		t.Fatal(err)
	}
	if err := m.Place(t.Context(), "snapshot.db", 0o400, f); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(m.root(), "snapshot.db")); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes of %d, %v", len(got), len(content), err)
	}
	ended, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	if err := m.Place(ended, "again.db", 0o400, f); !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
}

// No path and no link on the disk leads out of it.
func TestPlaceStaysOnTheDisk(t *testing.T) {
	m := placed(t)
	outside := t.TempDir()
	f := nameless(t, m.dir, []byte("x"))
	if err := os.Symlink(outside, filepath.Join(m.root(), "link")); err != nil {
		t.Fatal(err)
	}
	if err := m.Place(t.Context(), "/link/file", 0o400, f); err == nil {
		t.Error("a link was followed out of the disk")
	}
	if err := m.Place(t.Context(), "/../../up", 0o400, f); err != nil {
		t.Errorf("the root directory is its own parent: %v", err)
	}
	if _, err := os.Stat(filepath.Join(m.root(), "up")); err != nil {
		t.Error(err)
	}
	if err := m.Place(t.Context(), "/", 0o400, f); err == nil || !strings.Contains(err.Error(), "root directory") {
		t.Errorf("%v", err)
	}
	if left, err := os.ReadDir(outside); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}
