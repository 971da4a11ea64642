package rehearse

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/etcd-firedrill/firedrill/harness/owner"
)

// scratchFile is a file for a copy of the snapshot, in the directory under which
// the process runtime's hosts have their disks. Nothing of it is left behind,
// not even after SIGKILL.
func scratchFile() (f *os.File, dir string, err error) {
	dir, err = owner.Base("")
	if err == nil {
		f, err = nameless(dir)
		_ = os.Remove(dir) // unless something is in it
	}
	if err != nil {
		return nil, "", fmt.Errorf("make a file for a copy of the snapshot: %w\nhint: TMPDIR names another place", err)
	}
	return f, dir, nil
}

// unnamed is a file that has lost its name.
func unnamed(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, ".snapshot-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// hasRoom refuses early what would not fit: etcd does not take a full disk well.
func hasRoom(f *os.File, need int64) error {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &fs); err != nil {
		return fmt.Errorf("look for room for the snapshot: %w", err)
	}
	if free := int64(fs.Bavail * uint64(fs.Bsize)); free < need {
		return fmt.Errorf("look for room for the snapshot: about %d MiB are needed, and the disk has %d MiB left\nhint: fewer --members, or TMPDIR on another disk", need>>20, free>>20)
	}
	return nil
}
