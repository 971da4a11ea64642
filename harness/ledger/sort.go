package ledger

import (
	"bufio"
	"bytes"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// entry is one record under one of its keys. Entries are ordered by key, then by
// the order in which they were recorded.
type entry struct {
	key   []byte
	order uint64
	body  []byte // the record as it is encoded
}

func (e entry) compare(o entry) int {
	if c := bytes.Compare(e.key, o.key); c != 0 {
		return c
	}
	switch {
	case e.order < o.order:
		return -1
	case e.order > o.order:
		return 1
	}
	return 0
}

// sortMemory is how much of the ledger is sorted in memory at a time. Doubled
// for the slices that point into it, it stays far below 256 MiB.
const sortMemory = 32 << 20

// sorter sorts entries on disk: runs that fit into memory, then one merge.
type sorter struct {
	dir   string
	arena []byte
	held  []span
	runs  []string
}

// span is an entry in the arena.
type span struct {
	key, body, end int
	order          uint64
}

func (s *sorter) entry(p span) entry {
	return entry{key: s.arena[p.key:p.body], order: p.order, body: s.arena[p.body:p.end]}
}

func (s *sorter) add(key string, order uint64, encode func([]byte) []byte) error {
	if s.arena == nil {
		s.arena = make([]byte, 0, sortMemory+sortMemory/8)
	}
	p := span{key: len(s.arena), order: order}
	s.arena = append(s.arena, key...)
	p.body = len(s.arena)
	s.arena = encode(s.arena)
	p.end = len(s.arena)
	s.held = append(s.held, p)
	if len(s.arena) < sortMemory {
		return nil
	}
	return s.spill()
}

func (s *sorter) spill() (err error) {
	if len(s.held) == 0 {
		return nil
	}
	slices.SortFunc(s.held, func(a, b span) int { return s.entry(a).compare(s.entry(b)) })
	f, err := os.CreateTemp(s.dir, "run-")
	if err != nil {
		return fmt.Errorf("sort the ledger: %w", err)
	}
	s.runs = append(s.runs, f.Name())
	out := bufio.NewWriterSize(f, 256<<10)
	for _, p := range s.held {
		if err = writeEntry(out, s.entry(p)); err != nil {
			break
		}
	}
	s.arena, s.held = s.arena[:0], s.held[:0]
	if err = errors.Join(err, out.Flush(), f.Close()); err != nil {
		return fmt.Errorf("sort the ledger: %w", err)
	}
	return nil
}

// merge writes all entries in order into one file and removes the runs.
func (s *sorter) merge() (path string, err error) {
	if err := s.spill(); err != nil {
		return "", err
	}
	s.arena, s.held = nil, nil
	var heads runs
	defer func() {
		for _, r := range heads {
			err = errors.Join(err, r.file.Close())
		}
		for _, name := range s.runs {
			err = errors.Join(err, os.Remove(name))
		}
		s.runs = nil
	}()
	for _, name := range s.runs {
		r, err := openRun(name)
		if err != nil {
			return "", err
		}
		heads = append(heads, r)
	}
	f, err := os.CreateTemp(s.dir, "sorted-")
	if err != nil {
		return "", fmt.Errorf("sort the ledger: %w", err)
	}
	out := bufio.NewWriterSize(f, 256<<10)
	open := slices.Clone(heads)
	heap.Init(&open)
	for len(open) > 0 && err == nil {
		if err = writeEntry(out, open[0].head); err != nil {
			break
		}
		switch more, nextErr := open[0].next(); {
		case nextErr != nil:
			err = nextErr
		case more:
			heap.Fix(&open, 0)
		default:
			heap.Pop(&open)
		}
	}
	return f.Name(), errors.Join(err, out.Flush(), f.Close())
}

func writeEntry(out *bufio.Writer, e entry) error {
	head := binary.AppendUvarint(nil, uint64(len(e.key)))
	head = binary.AppendUvarint(head, e.order)
	head = binary.AppendUvarint(head, uint64(len(e.body)))
	for _, part := range [][]byte{head, e.key, e.body} {
		if _, err := out.Write(part); err != nil {
			return fmt.Errorf("sort the ledger: %w", err)
		}
	}
	return nil
}

// run is a sorted file of entries; head is valid until next.
type run struct {
	file *os.File
	in   *bufio.Reader
	head entry
	buf  []byte
}

func openRun(path string) (*run, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("sort the ledger: %w", err)
	}
	r := &run{file: f, in: bufio.NewReaderSize(f, 64<<10)}
	if _, err := r.next(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return r, nil
}

// next reads the next entry into head; more is false at the end.
func (r *run) next() (more bool, err error) {
	keyLen, err := binary.ReadUvarint(r.in)
	if errors.Is(err, io.EOF) { // nothing more begins; within an entry it is ErrUnexpectedEOF
		r.head = entry{}
		return false, nil
	}
	var order, bodyLen uint64
	if err == nil {
		order, err = binary.ReadUvarint(r.in)
	}
	if err == nil {
		bodyLen, err = binary.ReadUvarint(r.in)
	}
	if err == nil {
		r.buf = slices.Grow(r.buf[:0], int(keyLen+bodyLen))[:keyLen+bodyLen]
		_, err = io.ReadFull(r.in, r.buf)
	}
	if err != nil {
		return false, fmt.Errorf("read the sorted ledger back: %w", err)
	}
	r.head = entry{key: r.buf[:keyLen], order: order, body: r.buf[keyLen:]}
	return true, nil
}

// runs is a heap of runs by their heads.
type runs []*run

func (h runs) Len() int           { return len(h) }
func (h runs) Less(i, j int) bool { return h[i].head.compare(h[j].head) < 0 }
func (h runs) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *runs) Push(x any)        { *h = append(*h, x.(*run)) }
func (h *runs) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
