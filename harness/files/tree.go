package files

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"
)

// Unpack unpacks a tar stream into root, to its archive's end, which may come before
// the stream's. An entry that would land elsewhere, by its name or through a link, is
// an error, and so is what is neither a file, a directory nor a symbolic link. What
// lies where an entry lands is replaced, but for a directory that holds anything.
// named, if not nil, is called for every entry.
//
// A stream that breaks off must end in an error: one that merely ends between two
// entries is taken for whole. Whoever wants to end it has the stream return an error,
// too; what was unpacked by then stays.
func Unpack(root *os.Root, r io.Reader, named func(string)) error {
	archive := tar.NewReader(r)
	dirs := map[string]fs.FileMode{} // modes that would keep us out, set at the end
	for {
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
		if err := unpackEntry(root, name, header, archive, dirs); err != nil {
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

func unpackEntry(root *os.Root, name string, header *tar.Header, content io.Reader, dirs map[string]fs.FileMode) error {
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
		return unpackFile(root, name, mode, header, content)
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

func unpackFile(root *os.Root, name string, mode fs.FileMode, header *tar.Header, content io.Reader) (err error) {
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := io.Copy(file, content); err != nil {
		return err
	}
	if err := file.Chmod(mode); err != nil {
		return err
	}
	return root.Chtimes(name, header.ModTime, header.ModTime)
}

// Pack writes what lies under start, a path within root ("." for all of it), to the
// archive, names relative to root. It does not close the archive. etcd may be at
// work in there: a file that is gone when its turn comes is left out, one that grew
// is cut to the size it had, one that shrank is an error. Sockets, pipes and
// devices are left out. named, if not nil, is called for every entry. Whoever wants
// to end it has the archive's stream return an error.
func Pack(root *os.Root, start string, archive *tar.Writer, named func(string)) error {
	return fs.WalkDir(root.FS(), start, func(name string, entry fs.DirEntry, err error) error {
		if err == nil {
			err = packEntry(root, name, entry, archive)
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

func packEntry(root *os.Root, name string, entry fs.DirEntry, archive *tar.Writer) error {
	if entry.Type().IsRegular() {
		return packFile(root, name, archive)
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

func packFile(root *os.Root, name string, archive *tar.Writer) error {
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
	n, err := io.Copy(archive, io.LimitReader(file, info.Size()))
	if err == nil && n < info.Size() {
		err = fmt.Errorf("%s shrank from %d to %d bytes while it was read", name, info.Size(), n)
	}
	return err
}
