//go:build linux

package agent

import (
	"context"
	"io"
	"os"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// What the agent itself costs: a script of nothing, a program, a command with its
// streams, a large file there and back.
func BenchmarkHost(b *testing.B) {
	root := benchMachine(b)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	h, err := NewHost(ctx, harness.HostSpec{Name: "m1"}, root)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = root.PowerOff(ctx); _ = h.Close() }()
	for name, script := range map[string]string{"nothing": "true", "own": "ls /", "program": "etcdutl version"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if out, err := h.Run(ctx, script); err != nil || out.ExitCode != 0 {
					b.Fatal(out, err)
				}
			}
		})
	}
	b.Run("exec", func(b *testing.B) {
		for b.Loop() {
			if code, err := h.Exec(ctx, []string{"true"}, harness.Streams{}); err != nil || code != 0 {
				b.Fatal(code, err)
			}
		}
	})
	const size = 256 << 20
	b.Run("streams", func(b *testing.B) {
		b.SetBytes(size) // there and back
		for b.Loop() {
			s := harness.Streams{In: io.LimitReader(endless{}, size), Out: io.Discard}
			if code, err := h.Exec(ctx, []string{"cat"}, s); err != nil || code != 0 {
				b.Fatal(code, err)
			}
		}
	})
	b.Run("upload", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			if err := h.Upload(ctx, "/large", 0o600, io.LimitReader(endless{}, size)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("download", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			if err := h.Download(ctx, "/large", io.Discard); err != nil {
				b.Fatal(err)
			}
		}
	})
	_ = os.Remove(root.file("large"))
}

func benchMachine(b *testing.B) *machine {
	b.Helper()
	m, err := makeMachine(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	return m
}
