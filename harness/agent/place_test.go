//go:build linux

package agent

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// near is a machine whose disk is in reach.
type near struct {
	*machine
	placed map[string]fs.FileMode
	fails  error
}

func (n near) Place(_ context.Context, path string, mode fs.FileMode, _ *os.File) error {
	n.placed[path] = mode
	return n.fails
}

// Where a disk is in reach the machine itself puts the file there, else it is
// uploaded: each time from its beginning.
func TestPlace(t *testing.T) {
	content := bytes.Repeat([]byte("etcd"), 100_000)
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Write(content); err != nil {
		t.Fatal(err)
	}
	ctx := within(t, 30*time.Second)
	w := boot(t, newMachine(t))
	for range 2 {
		if err := w.Place(ctx, "/root/file", 0o400, file); err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if err := w.Download(ctx, "/root/file", &got); err != nil || !bytes.Equal(got.Bytes(), content) {
			t.Errorf("%d bytes of %d, %v", got.Len(), len(content), err)
		}
	}

	n := near{machine: newMachine(t), placed: map[string]fs.FileMode{}}
	h, err := NewHost(ctx, harness.HostSpec{Name: "m2"}, &n)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Place(ctx, "/root/file", 0o400, file); err != nil || n.placed["/root/file"] != 0o400 {
		t.Errorf("%v, %v", n.placed, err)
	}
	n.fails = errors.New("no room")
	if err := h.Place(ctx, "/root/file", 0o400, file); !errors.Is(err, n.fails) {
		t.Errorf("%v", err)
	}
	if err := h.Destroy(ctx); err != nil {
		t.Fatal(err)
	}
	if err := h.Place(ctx, "/root/file", 0o400, file); !errors.Is(err, harness.ErrHostGone) {
		t.Errorf("on a host that is gone: %v", err)
	}
}
