package drill

import (
	"context"
	"errors"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// Pause stops the team's clock.
func (e *exercise) Pause() error {
	e.mu.Lock()
	switch {
	case e.isOverLocked():
		e.mu.Unlock()
		return refused("the game day is over: %s", e.ended)
	case e.paused():
		e.mu.Unlock()
		return nil
	case len(e.kept.Pauses) >= mostPauses:
		e.mu.Unlock()
		return refused("it was paused %d times by now", mostPauses)
	}
	e.kept.Pauses = append(e.kept.Pauses, harness.PauseRecord{From: e.clock()})
	e.turn()
	e.mu.Unlock()
	e.say("paused by %s", facilitator)
	return nil
}

// Resume has the team's clock go on.
func (e *exercise) Resume() error {
	e.mu.Lock()
	switch {
	case e.isOverLocked():
		e.mu.Unlock()
		return refused("the game day is over: %s", e.ended)
	case !e.paused():
		e.mu.Unlock()
		return nil
	}
	last := &e.kept.Pauses[len(e.kept.Pauses)-1]
	last.To = max(e.clock(), last.From+1) // 0 would stand for none
	e.turn()
	e.mu.Unlock()
	e.say("it goes on")
	return nil
}

// turn tells whoever measures time; e.mu is held.
func (e *exercise) turn() {
	close(e.turned)
	e.turned = make(chan struct{})
	e.change()
}

// paused tells whether the clock stands still; e.mu is held.
func (e *exercise) paused() bool {
	n := len(e.kept.Pauses)
	return n > 0 && e.kept.Pauses[n-1].To == 0
}

// pass returns when so much time has passed from now on, pauses left out. The error is
// errEnded if the game day ends first, or ctx's cause.
func (e *exercise) pass(ctx context.Context, limit time.Duration) error {
	return e.passSince(ctx, e.clock(), limit)
}

// passSinceStrike is pass from the strike on.
func (e *exercise) passSinceStrike(ctx context.Context, limit time.Duration) error {
	e.mu.Lock()
	since := e.struck
	e.mu.Unlock()
	return e.passSince(ctx, since, limit)
}

// errEnded says that a game day is over.
var errEnded = errors.New("the game day is over")

func (e *exercise) passSince(ctx context.Context, since, limit time.Duration) error {
	for {
		e.mu.Lock()
		now := e.clock()
		left := limit - (now - since - e.kept.Paused(since, now))
		turned, still := e.turned, e.paused()
		e.mu.Unlock()
		if left <= 0 {
			return nil
		}
		var due <-chan time.Time
		if !still {
			due = time.After(left)
		}
		select {
		case <-due:
		case <-turned:
		case <-e.over:
			return errEnded
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
