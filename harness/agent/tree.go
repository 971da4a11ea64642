//go:build linux

package agent

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
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
	if err := unpack(ctx, root, r, nil); err != nil {
		return fmt.Errorf("unpack into %s: %w", dir, err)
	}
	// The end of an archive comes before the end of its stream.
	_, err = io.Copy(io.Discard, r)
	return err
}

// unpack unpacks a tar stream into root. An entry that would land elsewhere,
// by its name or through a link, is an error, and so is what is neither a
// file, a directory nor a link. named, if not nil, is called for every entry.
func unpack(ctx context.Context, root *os.Root, r io.Reader, named func(string)) error {
	archive := tar.NewReader(r)
	dirs := map[string]fs.FileMode{} // modes that would keep us out, set at the end
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		name := path.Clean(header.Name)
		if !filepath.IsLocal(name) {
			return fmt.Errorf("entry %q would land outside", header.Name)
		}
		if err := unpackEntry(ctx, root, name, header, archive, dirs); err != nil {
			return fmt.Errorf("entry %q: %w", header.Name, err)
		}
		if named != nil {
			named(header.Name)
		}
	}
	var errs []error
	for name, mode := range dirs {
		errs = append(errs, root.Chmod(name, mode))
	}
	return errors.Join(errs...)
}

func unpackEntry(ctx context.Context, root *os.Root, name string, header *tar.Header, content io.Reader, dirs map[string]fs.FileMode) error {
	mode := header.FileInfo().Mode().Perm()
	if parent := path.Dir(name); parent != "." {
		if err := root.MkdirAll(parent, 0o755); err != nil {
			return err
		}
	}
	switch header.Typeflag {
	case tar.TypeDir:
		if err := root.MkdirAll(name, 0o755); err != nil {
			return err
		}
		if mode&0o700 != 0o700 {
			dirs[name] = mode
			return nil
		}
		return root.Chmod(name, mode)
	case tar.TypeReg:
		if err := makeWay(root, name); err != nil {
			return err
		}
		return unpackFile(ctx, root, name, mode, header, content)
	case tar.TypeSymlink:
		target := header.Linkname
		if path.IsAbs(target) || !filepath.IsLocal(path.Join(path.Dir(name), target)) {
			return fmt.Errorf("it is a link to %q, which leads outside", target)
		}
		if err := makeWay(root, name); err != nil {
			return err
		}
		return root.Symlink(target, name)
	}
	return fmt.Errorf("it is neither a file, a directory nor a symbolic link (type %q)", header.Typeflag)
}

// makeWay removes what is in a file's place, so that nothing is ever written
// through a link that lies there.
func makeWay(root *os.Root, name string) error {
	err := root.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func unpackFile(ctx context.Context, root *os.Root, name string, mode fs.FileMode, header *tar.Header, content io.Reader) (err error) {
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := io.Copy(file, readerUntil(ctx, content)); err != nil {
		return err
	}
	if err := file.Chmod(mode); err != nil {
		return err
	}
	return root.Chtimes(name, header.ModTime, header.ModTime)
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
	archive := tar.NewWriter(w)
	if err := pack(ctx, root, ".", archive, nil); err != nil {
		return fmt.Errorf("pack %s: %w", dir, err)
	}
	return archive.Close()
}

// pack writes what lies under start to the archive. etcd may be at work in
// there: a file that is gone when its turn comes is left out, one that grew is
// cut to the size it had, one that shrank is an error. Sockets, pipes and
// devices are left out. named, if not nil, is called for every entry.
func pack(ctx context.Context, root *os.Root, start string, archive *tar.Writer, named func(string)) error {
	return fs.WalkDir(root.FS(), start, func(name string, entry fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = packEntry(ctx, root, name, entry, archive)
		}
		if errors.Is(err, fs.ErrNotExist) && name != start {
			return nil
		}
		if err == nil && named != nil {
			named(name)
		}
		return err
	})
}

func packEntry(ctx context.Context, root *os.Root, name string, entry fs.DirEntry, archive *tar.Writer) error {
	if entry.Type().IsRegular() {
		return packFile(ctx, root, name, archive)
	}
	info, err := entry.Info()
	if err != nil {
		return err
	}
	target := ""
	switch {
	case entry.IsDir():
		name += "/"
	case entry.Type()&fs.ModeSymlink != 0:
		if target, err = root.Readlink(name); err != nil {
			return err
		}
	default:
		return nil
	}
	return writeHeader(archive, info, name, target)
}

func writeHeader(archive *tar.Writer, info fs.FileInfo, name, target string) error {
	header, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return err
	}
	header.Name = name
	header.Format = tar.FormatPAX
	return archive.WriteHeader(header)
}

func packFile(ctx context.Context, root *os.Root, name string, archive *tar.Writer) error {
	// Not blocking: it may have become a pipe since it was listed.
	file, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return nil
	}
	if err := writeHeader(archive, info, name, ""); err != nil {
		return err
	}
	n, err := io.Copy(archive, io.LimitReader(readerUntil(ctx, file), info.Size()))
	if err == nil && n < info.Size() {
		err = fmt.Errorf("%s shrank from %d to %d bytes while it was read", name, info.Size(), n)
	}
	return err
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
