package drill

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/crew"
)

const (
	dataFile = "data.tar"
	// saveDeadline bounds the copying of all data directories. A person waits
	// for the verdict meanwhile.
	saveDeadline = 60 * time.Second
)

// saveData keeps what the recovered members are made of, where the drill did not
// end as promised: hosts/<name>/data.tar. It is for people and changes no
// verdict, so what cannot be saved is merely told. What came from a user's own
// snapshot is kept only if the user said so.
func (d *drill) saveData(ctx context.Context, verdict harness.Verdict) {
	if verdict == harness.Held || (d.opts.PreloadFrom != "" && !d.opts.Keep) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, saveDeadline+d.weight(saveDeadline))
	defer cancel()
	var saving crew.Crew
	for _, h := range d.present() {
		saving.Go(func() {
			path := filepath.Join("hosts", h.Name(), dataFile)
			if err := saveTree(ctx, h, harness.DataDir, filepath.Join(d.dir, path)); err != nil {
				d.timeline.say(harness.WarningEvent, h.Name(), "its data directory could not be saved: %v", err)
				return
			}
			d.timeline.say(harness.DrillEvent, h.Name(), "its data directory is saved in %s", path)
		})
	}
	saving.Wait()
}

// saveTree saves a directory of a host as a tar file that takes no more disk
// than what etcd has written: most of a data directory is write-ahead log
// reserved in advance.
func saveTree(ctx context.Context, h harness.Host, dir, path string) error {
	partial := path + ".part"
	f, err := os.OpenFile(partial, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	out := &sparse{file: f}
	err = h.DownloadTree(ctx, dir, out)
	if err = errors.Join(err, out.Close()); err != nil {
		return errors.Join(err, os.Remove(partial))
	}
	return os.Rename(partial, path)
}

// sparse writes a file in which blocks of zeros are holes.
type sparse struct {
	file  *os.File
	block []byte // begun and not yet written
	size  int64  // of what was written, holes included
}

// hole is the block size of common file systems: a smaller hole saves nothing.
const hole = 4096

var zeros [hole]byte

// Write writes whole blocks, or skips them, and keeps the rest for later.
func (s *sparse) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		take := min(len(p), hole-len(s.block))
		s.block = append(s.block, p[:take]...)
		p = p[take:]
		if len(s.block) < hole {
			break
		}
		if err := s.flush(); err != nil {
			return 0, err
		}
	}
	return n, nil
}

func (s *sparse) flush() error {
	if !bytes.Equal(s.block, zeros[:len(s.block)]) {
		if _, err := s.file.WriteAt(s.block, s.size); err != nil {
			return err
		}
	}
	s.size += int64(len(s.block))
	s.block = s.block[:0]
	return nil
}

// Close writes what is left and sets the file's length, which ends in zeros.
func (s *sparse) Close() error {
	err := s.flush()
	if err == nil {
		err = s.file.Truncate(s.size)
	}
	if err = errors.Join(err, s.file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", s.file.Name(), err)
	}
	return nil
}

var _ io.WriteCloser = (*sparse)(nil)
