package relay

import (
	"context"
	"sync"
)

const (
	// windowSize is how many bytes of one direction are held at most where they
	// arrive, frameCost for each frame included.
	windowSize = 1 << 20
	// frameCost is what a frame takes of the window beside its bytes, so that
	// many small ones cannot take more memory than a few large ones.
	frameCost = 64
	// tellAt is how much is taken out before the sender is told. What is not told
	// of yet must leave him room for a whole frame.
	tellAt = windowSize / 4
)

func cost(f frame) int { return len(f.payload) + frameCost }

// window is how much more the other side has room for.
type window struct {
	mu     sync.Mutex
	left   int
	opened chan struct{} // closed and replaced when left grows
}

func newWindow() *window { return &window{left: windowSize, opened: make(chan struct{})} }

// take waits until there is room and returns for how many bytes: at least 1, at
// most want or what goes into a frame. The error is ctx's cause.
func (w *window) take(ctx context.Context, want int) (int, error) {
	for {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		w.mu.Lock()
		n, opened := min(want, mostPayload, w.left-frameCost), w.opened
		if n > 0 {
			w.left -= n + frameCost
		}
		w.mu.Unlock()
		if n > 0 {
			return n, nil
		}
		select {
		case <-opened:
		case <-ctx.Done():
		}
	}
}

// give adds what the other side took out.
func (w *window) give(n int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n > windowSize-w.left {
		return unread("%d bytes are told to be taken, and only %d were sent", n, windowSize-w.left)
	}
	w.left += n
	close(w.opened)
	w.opened = make(chan struct{})
	return nil
}

// queue is what has arrived of one direction and was not taken out yet.
type queue struct {
	mu     sync.Mutex
	frames []frame
	held   int           // bytes that the sender was not told to be taken
	untold int           // of them, what was taken
	more   chan struct{} // closed and replaced when there is more, or the end
	end    error         // after the frames; nil: there may be more
}

func newQueue() *queue { return &queue{more: make(chan struct{})} }

// put adds a frame.
func (q *queue) put(f frame) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.end != nil {
		return nil // nobody takes it out any more
	}
	if q.held+cost(f) > windowSize {
		return unread("more was sent than there is room for")
	}
	q.held += cost(f)
	q.frames = append(q.frames, f)
	q.wake()
	return nil
}

// finish says that nothing comes after what is there. The first end counts.
func (q *queue) finish(end error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.end == nil {
		q.end = end
		q.wake()
	}
}

// cut is the end at once: what was not taken out is dropped.
func (q *queue) cut(end error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.frames, q.end = nil, end
	q.wake()
}

// wake is called with mu held.
func (q *queue) wake() {
	close(q.more)
	q.more = make(chan struct{})
}

// next waits for the next frame. It is the end if there is none.
func (q *queue) next() (frame, error) {
	for {
		q.mu.Lock()
		if len(q.frames) > 0 {
			f := q.frames[0]
			q.frames[0] = frame{}
			q.frames = q.frames[1:]
			q.mu.Unlock()
			return f, nil
		}
		end, more := q.end, q.more
		q.mu.Unlock()
		if end != nil {
			return frame{}, end
		}
		<-more
	}
}

// took counts what was taken out of a frame, and returns how much the sender is
// to be told now; 0: nothing yet.
func (q *queue) took(n int) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.untold += n
	if q.untold < tellAt {
		return 0
	}
	tell := q.untold
	q.held, q.untold = q.held-tell, 0
	return tell
}
