package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/etcd-firedrill/firedrill/harness/files"
)

// paper is a file that a command writes besides its output, for others to read:
// a page, metrics, results of tests. They may read it at any time, so it is
// replaced as a whole or not at all. What is no plain file, as /dev/stdout, is
// written to as it stands, and a link stays one.
type paper struct {
	flag string // with its dashes
	path string // "": it was not asked for, and nothing is written
}

// possible tells, before an hour of drills and not after, whether it can be written.
func (p paper) possible() error {
	if p.path == "" {
		return nil
	}
	path, plain, err := p.target()
	if err == nil && plain {
		var draft *os.File
		if draft, err = files.Draft(path); err == nil {
			err = errors.Join(draft.Close(), os.Remove(draft.Name()))
		}
	}
	if err != nil {
		return hint(fmt.Errorf("%s: %w", p.flag, err), "the directory must be there, and writable")
	}
	return nil
}

// before is what the file holds; nothing if there is none.
func (p paper) before() ([]byte, error) {
	text, err := os.ReadFile(p.path)
	if p.path == "" || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.flag, err)
	}
	return text, nil
}

// replace writes it.
func (p paper) replace(write func(io.Writer) error) error {
	if p.path == "" {
		return nil
	}
	path, plain, err := p.target()
	if err == nil && plain {
		err = files.Replace(path, 0o644, write)
	} else if err == nil {
		var f *os.File
		if f, err = os.OpenFile(path, os.O_WRONLY, 0); err == nil {
			err = errors.Join(write(f), f.Close())
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", p.flag, err)
	}
	return nil
}

// target is where the file lies, behind whatever links; plain, if it is one or
// none is there yet.
func (p paper) target() (path string, plain bool, err error) {
	path, err = filepath.EvalSymlinks(p.path)
	if errors.Is(err, fs.ErrNotExist) {
		return p.path, true, nil
	}
	if err != nil {
		return "", false, err
	}
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory", p.path)
	}
	return path, err == nil && info.Mode().IsRegular(), err
}
