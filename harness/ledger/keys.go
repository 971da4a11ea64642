package ledger

import (
	"errors"
	"fmt"
	"iter"
	"path/filepath"

	"github.com/etcd-firedrill/firedrill/harness"
)

// Keys yields the history of every key in byte order, each with what was found
// of it at the end. The ledger is sorted on disk when this is first asked for.
func (r *Reader) Keys() iter.Seq2[harness.KeyHistory, error] {
	return func(yield func(harness.KeyHistory, error) bool) {
		if !r.final {
			yield(harness.KeyHistory{}, ErrNoFinal)
			return
		}
		path, err := r.sort()
		if err != nil {
			yield(harness.KeyHistory{}, err)
			return
		}
		if err := r.join(path, yield); err != nil {
			yield(harness.KeyHistory{}, err)
		}
	}
}

// sort makes the file of keys in order, once.
func (r *Reader) sort() (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sorted != "" {
		return r.sorted, nil
	}
	s := sorter{dir: r.scratch}
	order := uint64(0)
	for rec, err := range records(filepath.Join(r.dir, ledgerFile), ledgerKind) {
		if err != nil {
			return "", err
		}
		order++
		switch rec.kind {
		case operationRecord:
			for _, e := range rec.op.Effects {
				if err := s.add(e.Key, order, func(b []byte) []byte { return appendOperation(b, &rec.op) }); err != nil {
					return "", err
				}
			}
		case eventRecord:
			if err := s.add(rec.event.Key, order, func(b []byte) []byte { return appendEvent(b, &rec.event) }); err != nil {
				return "", err
			}
		}
	}
	path, err := s.merge()
	if err != nil {
		return "", err
	}
	r.sorted = path
	return path, nil
}

// errStopped ends a join whose caller wants no more.
var errStopped = errors.New("stopped")

// join merges the sorted ledger with the dump, which is in the same order.
func (r *Reader) join(path string, yield func(harness.KeyHistory, error) bool) error {
	sorted, err := openRun(path)
	if err != nil {
		return err
	}
	defer sorted.file.Close()
	d := decoder{}
	for rec, err := range records(filepath.Join(r.dir, finalFile), finalKind) {
		if err != nil {
			return err
		}
		err := history(sorted, &d, rec.key.Key, yield)
		if errors.Is(err, errStopped) {
			return nil
		}
		if err != nil {
			return err
		}
		h := harness.KeyHistory{Key: rec.key.Key, Final: &rec.key}
		if string(sorted.head.key) == h.Key && sorted.head.body != nil {
			if err := gather(sorted, &d, &h); err != nil {
				return err
			}
		}
		if !yield(h, nil) {
			return nil
		}
	}
	if err := history(sorted, &d, "", yield); err != nil && !errors.Is(err, errStopped) {
		return err
	}
	return nil
}

// history yields the keys before limit ("": all that are left), which were not
// found at the end.
func history(sorted *run, d *decoder, limit string, yield func(harness.KeyHistory, error) bool) error {
	for sorted.head.body != nil && (limit == "" || string(sorted.head.key) < limit) {
		h := harness.KeyHistory{Key: string(sorted.head.key)}
		if err := gather(sorted, d, &h); err != nil {
			return err
		}
		if !yield(h, nil) {
			return errStopped
		}
	}
	return nil
}

// gather takes all entries of the history's key.
func gather(sorted *run, d *decoder, h *harness.KeyHistory) error {
	for sorted.head.body != nil && string(sorted.head.key) == h.Key {
		d.b, d.err = sorted.head.body, nil
		rec := d.record(ledgerKind)
		if d.err != nil {
			return fmt.Errorf("read the sorted ledger back: %w", d.err)
		}
		if rec.kind == operationRecord {
			h.Ops = append(h.Ops, rec.op)
		} else {
			h.Seen = append(h.Seen, rec.event)
		}
		if _, err := sorted.next(); err != nil {
			return err
		}
	}
	return nil
}
