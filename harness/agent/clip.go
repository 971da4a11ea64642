package agent

import "sync"

// mostKept is how many bytes of a stream are kept at its beginning, and as
// many at its end.
const mostKept = 512 << 10

// clip keeps the beginning and the end of a stream and counts what was
// between. It takes writes from several goroutines: a script's background
// commands print too.
type clip struct {
	mu    sync.Mutex
	most  int
	head  []byte
	tail  []byte // a ring once it is full
	next  int    // where the ring's oldest byte is
	total int64
}

func newClip(most int) *clip { return &clip{most: most} }

func (c *clip) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	written := len(p)
	c.total += int64(written)
	if room := c.most - len(c.head); room > 0 {
		n := min(room, len(p))
		c.head = append(c.head, p[:n]...)
		p = p[n:]
	}
	if len(p) > c.most {
		p = p[len(p)-c.most:]
	}
	if room := c.most - len(c.tail); room > 0 {
		n := min(room, len(p))
		c.tail = append(c.tail, p[:n]...)
		p = p[n:]
	}
	for len(p) > 0 {
		n := copy(c.tail[c.next:], p)
		c.next = (c.next + n) % c.most
		p = p[n:]
	}
	return written, nil
}

// kept returns what was kept, and how many bytes were not.
func (c *clip) kept() (text []byte, dropped int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	text = make([]byte, 0, len(c.head)+len(c.tail))
	text = append(text, c.head...)
	text = append(text, c.tail[c.next:]...)
	text = append(text, c.tail[:c.next]...)
	return text, c.total - int64(len(text))
}
