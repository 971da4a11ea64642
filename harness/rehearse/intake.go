package rehearse

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"os"
	"sync"

	"github.com/etcd-firedrill/firedrill/fixtures/dataset"
	"github.com/etcd-firedrill/firedrill/harness/crew"
)

// chunk is how much is read, summed up and written at a time. A few of them are
// all that the harness ever holds of a snapshot.
const chunk = 1 << 20

// intake takes a snapshot as it comes: it looks at the beginning, keeps all, and
// sums it up beside that, so that it is verified when the last byte has come.
type intake struct {
	file      *os.File
	expect    int64  // bytes; negative: not known
	plausible func() // called once the beginning looks like a snapshot's

	head    []byte
	sniffed bool
	bad     error // what the beginning is that is no snapshot's
	size    int64

	chunks  chan []byte // to be summed up
	spare   chan []byte
	summing crew.Crew
	once    sync.Once
	sums    sums
}

// sums are of a snapshot file: of what is before its last 32 bytes, and of all.
type sums struct {
	hash hash.Hash
	last []byte // the last bytes so far, which are not in the hash
}

func newIntake(file *os.File, expect int64, plausible func()) *intake {
	const ahead = 8 // chunks that may wait for the sum
	in := &intake{file: file, expect: expect, plausible: plausible, chunks: make(chan []byte, ahead), spare: make(chan []byte, ahead+2)}
	in.sums.hash = sha256.New()
	in.summing.Go(func() {
		for c := range in.chunks {
			in.sums.add(c)
			select {
			case in.spare <- c:
			default:
			}
		}
	})
	return in
}

// Write refuses with dataset.ErrDamaged what cannot be a snapshot.
func (in *intake) Write(p []byte) (int, error) {
	if !in.sniffed {
		in.head = append(in.head, p[:min(len(p), dataset.SniffBytes-len(in.head))]...)
		if len(in.head) == dataset.SniffBytes {
			if err := in.sniff(in.expect); err != nil {
				return 0, err
			}
		}
	}
	for rest := p; len(rest) > 0; {
		c := in.buffer()
		n := copy(c[:chunk], rest)
		in.chunks <- c[:n]
		rest = rest[n:]
	}
	n, err := in.file.Write(p)
	in.size += int64(n)
	if err != nil {
		err = fmt.Errorf("keep a copy of the snapshot: %w\nhint: TMPDIR names another place", err)
	}
	return n, err
}

func (in *intake) buffer() []byte {
	select {
	case c := <-in.spare:
		return c[:chunk]
	default:
		return make([]byte, chunk)
	}
}

func (in *intake) sniff(size int64) error {
	in.sniffed = true
	if in.bad = dataset.Sniff(in.head, size); in.bad == nil {
		in.plausible()
	}
	return in.bad
}

// end waits for the sum. It may be called more than once.
func (in *intake) end() {
	in.once.Do(func() { close(in.chunks) })
	in.summing.Wait()
}

// verify judges what has come, all of which it was, and returns its SHA-256. What
// is no whole snapshot is a dataset.ErrDamaged.
func (in *intake) verify() (sum string, err error) {
	in.end()
	// With its size known, the beginning tells more.
	if !in.sniffed {
		err = in.sniff(in.size)
	} else {
		err = dataset.Sniff(in.head, in.size)
	}
	matches, sum := in.sums.end()
	if err == nil && !matches {
		err = dataset.Damage("it is damaged: the checksum at its end is not that of its content\nhint: take an older backup, and see to what this one was stored on or sent through")
	}
	return sum, err
}

func (s *sums) add(p []byte) {
	if keep := sha256.Size; len(p) >= keep {
		_, _ = s.hash.Write(s.last) // a hash takes everything
		_, _ = s.hash.Write(p[:len(p)-keep])
		s.last = append(s.last[:0], p[len(p)-keep:]...)
		return
	}
	s.last = append(s.last, p...)
	if extra := len(s.last) - sha256.Size; extra > 0 {
		_, _ = s.hash.Write(s.last[:extra])
		s.last = append(s.last[:0], s.last[extra:]...)
	}
}

// end tells whether the last bytes are the sum of those before them, and the sum
// of all.
func (s *sums) end() (matches bool, all string) {
	matches = string(s.hash.Sum(nil)) == string(s.last)
	_, _ = s.hash.Write(s.last)
	return matches, hex.EncodeToString(s.hash.Sum(nil))
}
