package ledger

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"sync"

	"github.com/etcd-firedrill/firedrill/harness"
)

// ErrNoFinal is returned by Keys where what the cluster held at the end was not
// read, so that nothing can be said of any key.
var ErrNoFinal = errors.New("what the cluster held at the end was not read: there is no " + finalFile)

// Reader reads a drill's ledger and its dump. It implements harness.Ledger.
type Reader struct {
	dir, scratch string
	final        bool

	mu     sync.Mutex
	sorted string // the file of keys in order, once it was made
}

var _ harness.Ledger = (*Reader)(nil)

// Open opens the ledger in a drill's directory, after reading both files once
// to see that they are whole. scratch is a directory for what is sorted; Close
// removes what was put there.
func Open(dir, scratch string) (*Reader, error) {
	r := &Reader{dir: dir, scratch: scratch}
	if err := r.whole(ledgerFile, ledgerKind); err != nil {
		return nil, err
	}
	switch err := r.whole(finalFile, finalKind); {
	case err == nil:
		r.final = true
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	return r, nil
}

func (r *Reader) whole(file, kind string) error {
	for _, err := range records(filepath.Join(r.dir, file), kind) {
		if err != nil {
			return err
		}
	}
	return nil
}

// HasFinal tells whether what the cluster held at the end was read.
func (r *Reader) HasFinal() bool { return r.final }

// Close removes what was put into the scratch directory.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sorted == "" {
		return nil
	}
	path := r.sorted
	r.sorted = ""
	return os.Remove(path)
}

// Operations yields every operation in order of ID.
func (r *Reader) Operations() iter.Seq2[harness.Operation, error] {
	return func(yield func(harness.Operation, error) bool) {
		for rec, err := range records(filepath.Join(r.dir, ledgerFile), ledgerKind) {
			if err != nil {
				yield(harness.Operation{}, err)
				return
			}
			if rec.kind == operationRecord && !yield(rec.op, nil) {
				return
			}
		}
	}
}

// record is one record of either file.
type record struct {
	kind  byte
	op    harness.Operation
	event harness.WatchEvent
	key   harness.KeyState
}

// records yields a file's records in order. An error is the last thing it yields.
func records(path, kind string) iter.Seq2[*record, error] {
	return func(yield func(*record, error) bool) {
		blocks, err := openBlocks(path, kind)
		if err != nil {
			yield(nil, err)
			return
		}
		defer blocks.close()
		d := decoder{}
		for {
			payload, err := blocks.next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
			for d.b = payload; len(d.b) > 0; {
				rec := d.record(kind)
				if d.err != nil {
					yield(nil, blocks.damage("%v", d.err))
					return
				}
				blocks.records++
				if !yield(rec, nil) {
					return
				}
			}
		}
	}
}

func (d *decoder) record(kind string) *record {
	rec := &record{kind: d.byte()}
	switch {
	case rec.kind == operationRecord && kind == ledgerKind:
		rec.op = d.operation()
	case rec.kind == eventRecord && kind == ledgerKind:
		rec.event = d.event()
	case rec.kind == keyRecord && kind == finalKind:
		rec.key = d.key()
	default:
		d.err = fmt.Errorf("%w: kind %d", errRecord, rec.kind)
	}
	return rec
}
