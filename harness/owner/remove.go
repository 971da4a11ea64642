package owner

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// RemoveTree removes a directory of a drill's. An ordinary user may not look into
// a directory whose permissions a runbook has taken away, but may give them back.
func RemoveTree(dir string) error {
	err := os.RemoveAll(dir)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	walked := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() { // a link is none: WalkDir does not follow it
			return os.Chmod(path, 0o700)
		}
		return nil
	})
	return errors.Join(walked, os.RemoveAll(dir))
}
