package drill

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"io"
)

// mostScanned is how much of a stream is looked through for words: a script is
// shorter.
const mostScanned = 1 << 20

// scanned passes a stream on, sums it up, and calls found once when it begins a
// new history.
type scanned struct {
	from  io.Reader
	sum   hash.Hash
	seen  []byte
	found func()

	words  []byte
	second func()
}

// also looks for these words as well, and calls found once when they came.
func (s *scanned) also(words []byte, found func()) *scanned {
	s.words, s.second = words, found
	return s
}

func (s *scanned) Read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	s.sum.Write(p[:n])
	if (s.found != nil || s.second != nil) && len(s.seen) < mostScanned {
		s.seen = append(s.seen, p[:min(n, mostScanned-len(s.seen))]...)
		if s.found != nil && renews(s.seen) {
			s.found()
			s.found = nil
		}
		if s.second != nil && bytes.Contains(s.seen, s.words) {
			s.second()
			s.second = nil
		}
	}
	return n, err
}

func scan(from io.Reader, found func()) *scanned {
	return &scanned{from: from, sum: sha256.New(), found: found}
}
