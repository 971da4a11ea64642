//go:build linux

package agent

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness/files"
)

// unpackInto unpacks a tar stream under dir, which is made if it is not there.
func unpackInto(ctx context.Context, dir string, r io.Reader) error {
	dir, err := hostPath(dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	r = readerUntil(ctx, r)
	if err := files.Unpack(root, r, nil); err != nil {
		return fmt.Errorf("unpack into %s: %w", dir, err)
	}
	// The end of an archive comes before the end of its stream.
	_, err = io.Copy(io.Discard, r)
	return err
}

// packFrom writes dir as a tar stream, names relative to dir.
func packFrom(ctx context.Context, dir string, w io.Writer) error {
	dir, err := hostPath(dir)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	archive := tar.NewWriter(writerUntil(ctx, w))
	if err := files.Pack(root, ".", archive, nil); err != nil {
		return fmt.Errorf("pack %s: %w", dir, err)
	}
	return archive.Close()
}

// readerUntil ends with ctx's error between two reads.
func readerUntil(ctx context.Context, r io.Reader) io.Reader { return untilReader{ctx, r} }

type untilReader struct {
	ctx context.Context
	r   io.Reader
}

func (u untilReader) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}

// writerUntil ends with ctx's error between two writes.
func writerUntil(ctx context.Context, w io.Writer) io.Writer { return untilWriter{ctx, w} }

type untilWriter struct {
	ctx context.Context
	w   io.Writer
}

func (u untilWriter) Write(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.w.Write(p)
}

// local is a path as os.Root takes it.
func local(p string) string {
	p = strings.TrimLeft(path.Clean(p), "/")
	if p == "" {
		return "."
	}
	return p
}
