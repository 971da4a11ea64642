package files

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
)

// ErrAltered is wrapped by what Record.Intact returns where the file is not what
// was written to it.
var ErrAltered = errors.New("it was altered while it was being written")

// Record is a file that is written from its beginning to its end, to be believed
// later. What is written is summed up, so that whoever alters, replaces or removes
// the file meanwhile is noticed. It may not be used by two at once.
type Record struct {
	file *os.File
	sum  hash.Hash
	size int64
}

// Begin makes the file of a record, mode 0600. That it is there already is an error.
func Begin(path string) (*Record, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return &Record{file: f, sum: sha256.New()}, nil
}

// Name is the path that the record was begun at.
func (r *Record) Name() string { return r.file.Name() }

// Size is how many bytes were written.
func (r *Record) Size() int64 { return r.size }

// Write is on its way to the disk when it returns: nothing is held back.
func (r *Record) Write(p []byte) (int, error) {
	n, err := r.file.Write(p)
	r.sum.Write(p[:n])
	r.size += int64(n)
	return n, err
}

// Sync returns once all that was written is on the disk.
func (r *Record) Sync() error { return r.file.Sync() }

// Close ends the writing.
func (r *Record) Close() error { return r.file.Close() }

// Intact reads what is found under the record's name, before or after Close, and
// is an error where that is not what was written so far.
func (r *Record) Intact() error {
	f, err := os.Open(r.Name())
	if err != nil {
		return fmt.Errorf("%s: %w: %w", r.Name(), ErrAltered, err)
	}
	defer f.Close() // it was only read
	found := sha256.New()
	switch n, err := io.Copy(found, f); {
	case err != nil:
		return fmt.Errorf("hold %s against what was written to it: %w", r.Name(), err)
	case n != r.size:
		return fmt.Errorf("%s: %w: %d bytes were written, %d are there", r.Name(), ErrAltered, r.size, n)
	case !bytes.Equal(found.Sum(nil), r.sum.Sum(nil)):
		return fmt.Errorf("%s: %w: it is as long as it was written, and says something else", r.Name(), ErrAltered)
	}
	return nil
}
