package drill

import (
	"bytes"
	"io"
	"sync"
	"unicode/utf8"
)

// mostInputKept is how many bytes are kept of what is fed to a command on a host: a
// script is shorter.
const mostInputKept = 16 << 10

// heard passes on what is fed to a command, and keeps its beginning.
type heard struct {
	from io.Reader

	mu    sync.Mutex // it may be read from after the command has ended
	head  []byte
	total int64
}

func (h *heard) Read(p []byte) (int, error) {
	n, err := h.from.Read(p)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.total += int64(n)
	h.head = append(h.head, p[:min(n, mostInputKept-len(h.head))]...)
	return n, err
}

// kept is the beginning, "" where it is no text, and how many bytes came beside it.
func (h *heard) kept() (text string, dropped int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	head := h.head
	if int64(len(head)) < h.total { // a letter may be cut
		for n := 1; n < utf8.UTFMax && n <= len(head); n++ {
			if last := head[len(head)-n]; utf8.RuneStart(last) {
				if !utf8.FullRune(head[len(head)-n:]) {
					head = head[:len(head)-n]
				}
				break
			}
		}
	}
	if !utf8.Valid(head) || bytes.IndexByte(head, 0) >= 0 {
		return "", h.total
	}
	return string(head), h.total - int64(len(head))
}
