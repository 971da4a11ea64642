//go:build linux

package process

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// enoughBytes is what a drill of three members needs at least: a copy of our
// program, and two preallocated 64 MB segments of write-ahead log for each.
const enoughBytes = 1 << 30

// checkFileSystem tells early what would otherwise be etcd's death in the
// middle of a drill.
func checkFileSystem(base string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(base, &st); err != nil {
		return fmt.Errorf("look at the file system of %s: %w", base, err)
	}
	return judgeFileSystem(base, st)
}

func judgeFileSystem(base string, st unix.Statfs_t) error {
	if st.Flags&unix.ST_NOEXEC != 0 {
		return fmt.Errorf("use %s: its file system is mounted noexec, and hosts run programs from it\nhint: set TMPDIR to a directory elsewhere", base)
	}
	if free := st.Bavail * uint64(st.Bsize); free < enoughBytes {
		return fmt.Errorf("use %s: only %d MiB are free there, a drill needs %d\nhint: free some, or set TMPDIR to a directory elsewhere",
			base, free>>20, enoughBytes>>20)
	}
	return nil
}

// checkKernel asks for the one call that has no older form.
func checkKernel() error {
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return fmt.Errorf("open a handle to a process: %w\nhint: the process runtime needs Linux 5.3 or later; use --runtime container", err)
	}
	return unix.Close(fd)
}

// checkPrograms looks at the etcd tools that the user wants on the hosts. There
// is no loader and no library in a host, so they must be static.
func checkPrograms(dir string) error {
	for _, tool := range etcdTools {
		path := filepath.Join(dir, tool)
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("take etcd from %s: there is no %s\nhint: --etcd-bin names a directory that holds etcd, etcdctl and etcdutl, as in a release of etcd 3.5 or later", dir, path)
		}
		if err != nil {
			return fmt.Errorf("take etcd from %s: %w", dir, err)
		}
		if !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
			return fmt.Errorf("take etcd from %s: %s is no executable file\nhint: chmod +x %s", dir, path, path)
		}
		if err := checkStatic(path); err != nil {
			return fmt.Errorf("take etcd from %s: %w", dir, err)
		}
	}
	return nil
}

func checkStatic(path string) error {
	program, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("%s is no Linux program: %w", path, err)
	}
	defer program.Close()
	for _, p := range program.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("%s is dynamically linked, and a host has no libraries\nhint: use a release binary, or build it with CGO_ENABLED=0", path)
		}
	}
	return nil
}
