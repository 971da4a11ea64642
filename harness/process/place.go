//go:build linux

package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/etcd-firedrill/firedrill/harness/agent"
)

var _ agent.Placer = (*machine)(nil)

// Place puts a file of ours on the host's disk: as a hard link, which costs
// nothing, where both are on one file system, else as a copy that the kernel
// makes. What is on the disk already is not trusted, and no link on it leads out
// of it.
func (m *machine) Place(ctx context.Context, at string, mode fs.FileMode, file *os.File) error {
	at = strings.TrimPrefix(path.Clean("/"+at), "/")
	if at == "" {
		return errors.New("the path is the root directory")
	}
	disk, err := os.OpenRoot(m.root())
	if err != nil {
		return err
	}
	defer disk.Close()
	if err := disk.MkdirAll(path.Dir(at), 0o755); err != nil {
		return err
	}
	if err := disk.RemoveAll(at); err != nil {
		return err
	}
	dir, err := disk.Open(path.Dir(at))
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := file.Chmod(mode.Perm()); err != nil {
		return err
	}
	// By way of /proc a file without a name gets one.
	from := fmt.Sprintf("/proc/self/fd/%d", file.Fd())
	err = unix.Linkat(unix.AT_FDCWD, from, int(dir.Fd()), path.Base(at), unix.AT_SYMLINK_FOLLOW)
	if err == nil {
		return nil
	}
	return copyTo(ctx, disk, at, mode, file)
}

// copyChunk is how much is copied between two looks at ctx.
const copyChunk = 64 << 20

func copyTo(ctx context.Context, disk *os.Root, at string, mode fs.FileMode, file *os.File) (err error) {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	to, err := disk.OpenFile(at, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode.Perm())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	for offset, left := int64(0), info.Size(); left > 0; {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		// Read at an offset of its own: the same file may be on its way to
		// other hosts.
		n, err := unix.CopyFileRange(int(file.Fd()), &offset, int(to.Fd()), nil, int(min(left, copyChunk)), 0)
		if err != nil {
			_, err := io.Copy(to, io.NewSectionReader(file, offset, left)) // not between these two file systems
			return err
		}
		if n == 0 {
			return io.ErrUnexpectedEOF
		}
		left -= int64(n)
	}
	return nil
}
