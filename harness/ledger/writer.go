package ledger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/etcd-firedrill/firedrill/harness"
)

const (
	ledgerFile = "ledger.bin"
	ledgerKind = "firedrill ledger 1\n"
	finalFile  = "final.bin"
	finalKind  = "firedrill final 1\n"
)

var errClosed = errors.New("the ledger is closed")

// Writer records what clients are told. It may be used by many at once.
type Writer struct {
	mu     sync.Mutex
	blocks *blockWriter
	last   uint64
	err    error // the first; everything after it fails as well
}

// Create begins the ledger of the drill whose directory this is.
func Create(dir string) (*Writer, error) {
	blocks, err := createBlocks(filepath.Join(dir, ledgerFile), ledgerKind)
	if err != nil {
		return nil, err
	}
	return &Writer{blocks: blocks}, nil
}

// Append records an operation that has returned, and gives it its ID. Records
// reach the disk in blocks; Close makes them last.
func (w *Writer) Append(o harness.Operation) (uint64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return 0, w.err
	}
	w.last++
	o.ID = w.last
	w.blocks.payload = appendOperation(w.blocks.payload, &o)
	w.err = w.blocks.end()
	return o.ID, w.err
}

// Saw records an event that the held watcher was told.
func (w *Writer) Saw(e harness.WatchEvent) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	w.blocks.payload = appendEvent(w.blocks.payload, &e)
	w.err = w.blocks.end()
	return w.err
}

// Close seals the ledger and syncs it to disk. Closing twice is harmless.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if errors.Is(w.err, errClosed) {
		return nil
	}
	before := w.err
	w.err = errClosed
	if before != nil {
		return errors.Join(before, w.blocks.file.Close())
	}
	return w.blocks.seal()
}

// Intact is an error where the file that Close has left is not what was recorded:
// somebody altered it, or put another in its place.
func (w *Writer) Intact() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.blocks.file.Intact()
}

// DumpWriter records what was found at the end.
type DumpWriter struct {
	blocks *blockWriter
	path   string
	last   string
}

// CreateDump begins the dump of the drill whose directory this is. It counts
// only once it was closed without error.
func CreateDump(dir string) (*DumpWriter, error) {
	path := filepath.Join(dir, finalFile)
	blocks, err := createBlocks(path+".part", finalKind)
	if err != nil {
		return nil, err
	}
	return &DumpWriter{blocks: blocks, path: path}, nil
}

// Add records a key. Keys come in byte order, each once; another order is an error.
func (w *DumpWriter) Add(k harness.KeyState) error {
	if w.blocks.records > 0 && k.Key <= w.last {
		return fmt.Errorf("write %s: key %q after %q is out of order", w.path, k.Key, w.last)
	}
	w.last = k.Key
	w.blocks.payload = appendKey(w.blocks.payload, &k)
	return w.blocks.end()
}

// Close seals the dump and gives it its name.
func (w *DumpWriter) Close() error {
	if err := w.blocks.seal(); err != nil {
		return err
	}
	return os.Rename(w.path+".part", w.path)
}

// Abort removes a dump that could not be finished.
func (w *DumpWriter) Abort() error {
	return errors.Join(w.blocks.file.Close(), os.Remove(w.path+".part"))
}
