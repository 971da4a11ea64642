//go:build linux

package agent

import (
	"sync"

	"github.com/etcd-firedrill/firedrill/harness"
)

// mostNews is how much news is kept for a session that begins late: the agent
// may have started etcd, and etcd have crashed, before anybody listens.
const mostNews = 1024

// board is where the supervisor posts what became of etcd, and where everybody
// else reads it.
type board struct {
	mu      sync.Mutex
	state   harness.EtcdState
	number  int
	kept    []news
	changed chan struct{} // closed and replaced at every post
}

func newBoard() *board { return &board{changed: make(chan struct{})} }

// post changes the state and, if ev is not nil, tells of an event.
func (b *board) post(change func(*harness.EtcdState), ev *event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if change != nil {
		change(&b.state)
	}
	b.number++
	if len(b.kept) == mostNews {
		b.kept = append(b.kept[:0], b.kept[1:]...)
	}
	b.kept = append(b.kept, news{Number: b.number, State: b.state, Event: ev})
	close(b.changed)
	b.changed = make(chan struct{})
}

// latest returns the state, and a channel that is closed when it changes.
func (b *board) latest() (n news, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return news{Number: b.number, State: b.state}, b.changed
}

// since returns the news after a number, as far as they are kept.
func (b *board) since(number int) (items []news, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, n := range b.kept {
		if n.Number > number {
			return append(items, b.kept[i:]...), b.changed
		}
	}
	return nil, b.changed
}
