//go:build unix

package owner

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// DefaultBase is the directory under which drills have theirs unless somebody
// says otherwise: one for each user, so that none meets another's files.
func DefaultBase() string {
	return filepath.Join(os.TempDir(), "firedrill-"+strconv.Itoa(os.Geteuid()))
}

// Base makes dir ("" means DefaultBase) if need be, and returns its real path,
// absolute and free of links. It is an error if it is not ours: where anybody
// may write, anybody may have made a directory of that name before us.
func Base(dir string) (base string, err error) {
	if dir == "" {
		dir = DefaultBase()
	}
	// Whoever is done with it removes it if it is empty, between two of our steps too.
	for range claimAttempts {
		if base, err = makeBase(dir); !errors.Is(err, errVanished) {
			break
		}
	}
	return base, err
}

func makeBase(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", vanished(err)
	}
	base, err := Resolve(dir)
	if err != nil {
		return "", vanished(err)
	}
	info, err := os.Stat(base)
	if err != nil {
		return "", vanished(err)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return "", fmt.Errorf("use %s: it belongs to user %d, not to us (user %d)\nhint: remove it, or set TMPDIR to a directory of your own",
			base, st.Uid, os.Geteuid())
	}
	return base, nil
}

// Resolve returns the real path of an existing base directory ("" means
// DefaultBase), as Base does, without making it.
func Resolve(dir string) (string, error) {
	if dir == "" {
		dir = DefaultBase()
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(dir)
}
