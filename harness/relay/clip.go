package relay

import "sync"

// MostKept is how many bytes a Clip keeps of the beginning of a stream, and as
// many of its end, unless it says otherwise.
const MostKept = 512 << 10

// Clip keeps the beginning and the end of what is written to it and counts the
// bytes between. It takes writes from several goroutines: a command's children
// print too. The zero value is ready for use.
type Clip struct {
	Most int // bytes kept of the beginning, and of the end; 0: MostKept

	mu    sync.Mutex
	head  []byte
	tail  []byte // a ring once it is full
	next  int    // where the ring's oldest byte is
	total int64
}

// Write never fails.
func (c *Clip) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	most := c.most()
	written := len(p)
	c.total += int64(written)
	if room := most - len(c.head); room > 0 {
		n := min(room, len(p))
		c.head = append(c.head, p[:n]...)
		p = p[n:]
	}
	if len(p) > most {
		p = p[len(p)-most:]
	}
	if room := most - len(c.tail); room > 0 {
		n := min(room, len(p))
		c.tail = append(c.tail, p[:n]...)
		p = p[n:]
	}
	for len(p) > 0 {
		n := copy(c.tail[c.next:], p)
		c.next = (c.next + n) % most
		p = p[n:]
	}
	return written, nil
}

func (c *Clip) most() int {
	if c.Most > 0 {
		return c.Most
	}
	return MostKept
}

// Kept returns what was kept until now, and how many bytes were not.
func (c *Clip) Kept() (text []byte, dropped int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	text = make([]byte, 0, len(c.head)+len(c.tail))
	text = append(text, c.head...)
	text = append(text, c.tail[c.next:]...)
	text = append(text, c.tail[:c.next]...)
	return text, c.total - int64(len(text))
}
