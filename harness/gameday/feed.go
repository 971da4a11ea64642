package gameday

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// event is what a page shows, as JSON. Streams share it.
type event struct {
	id   int64
	data []byte
}

// feed is the newest event of one page, for all of its streams. None of them holds
// another, so that a slow one costs nothing but its connection; and the exercise is
// looked at as often however many there are, or not at all where there are none: it
// measures on the same machine.
type feed struct {
	exercise Exercise
	look     func() any
	every    time.Duration // at the least between two looks
	ended    chan struct{} // closed when there will be no newer event

	mu      sync.Mutex
	streams int
	newest  event
	looked  time.Time
	missed  bool          // something has changed since, and nobody was there to be told
	newer   chan struct{} // closed when newest is replaced
}

func newFeed(e Exercise, look func() any, every time.Duration) *feed {
	return &feed{exercise: e, look: look, every: every, ended: make(chan struct{}), newer: make(chan struct{})}
}

// run looks whenever something has changed, until ctx ends, and then once more.
func (f *feed) run(ctx context.Context) {
	defer close(f.ended)
	for ctx.Err() == nil {
		changed := f.exercise.Changed() // before looking: what changes after that is seen next
		f.tell()
		rest(ctx, f.every)
		select {
		case <-changed:
			if f.exercise.Changed() == changed { // closed for good
				f.tell()
				<-ctx.Done()
			}
		case <-ctx.Done():
		}
	}
	f.tell()
}

// rest waits a while, or until ctx ends.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// tell looks for those who listen.
func (f *feed) tell() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.streams == 0 {
		f.missed = true
		return
	}
	f.replace()
}

// replace looks, with the lock held.
func (f *feed) replace() {
	data, err := json.Marshal(f.look())
	if err != nil {
		panic(fmt.Errorf("encode what a page shows: %w", err))
	}
	f.newest = event{id: f.newest.id + 1, data: data}
	f.looked, f.missed = time.Now(), false
	close(f.newer)
	f.newer = make(chan struct{})
}

// join begins to listen; leave ends it. What is returned is fresh, as its clock
// should be, unless many join at once.
func (f *feed) join() (event, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.missed || time.Since(f.looked) >= f.every {
		f.replace()
	}
	f.streams++
	return f.newest, f.newer
}

func (f *feed) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.streams--
}

// now is the newest event, and what is closed when it no longer is.
func (f *feed) now() (event, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.newest, f.newer
}
