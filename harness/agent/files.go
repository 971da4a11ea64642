//go:build linux

package agent

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// hostPath makes a path that a client named one of the host's: relative ones
// mean the root directory, as in scripts. That ".." cannot leave the root is
// the chroot's or the container's doing.
func hostPath(path string) (string, error) {
	if path == "" {
		return "", errors.New("the path is empty")
	}
	return filepath.Join("/", path), nil
}

// writeFile writes a file by rename, so that whoever reads the path sees the
// whole content or what was there before. It does not sync: a host's power cut
// kills its processes and leaves the kernel, so nothing could tell.
func writeFile(path string, mode fs.FileMode, content io.Reader) (err error) {
	path, err = hostPath(path)
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	if _, err := io.Copy(file, content); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), file.Close())
	}
	// Not at creation, where the umask has a say.
	if err := file.Chmod(mode.Perm()); err != nil {
		return errors.Join(err, file.Close())
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

func readFile(path string, w io.Writer) error {
	path, err := hostPath(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(w, file)
	return err
}
