package files

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Draft is a file beside another, hidden and without its ending, so that nobody
// takes it for one. Its mode is 0600.
func Draft(path string) (*os.File, error) {
	return os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
}

// Replace replaces a file at once, by what write writes, or not at all: after an
// error path is as it was. The file is on disk when it returns. A link at path is
// replaced and not what it leads to.
func Replace(path string, mode fs.FileMode, write func(io.Writer) error) error {
	draft, err := Draft(path)
	if err != nil {
		return err
	}
	err = write(draft)
	err = errors.Join(err, draft.Chmod(mode), draft.Sync(), draft.Close())
	if err == nil {
		err = os.Rename(draft.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(draft.Name()))
	}
	return nil
}
