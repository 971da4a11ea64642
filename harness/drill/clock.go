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
	case e.armed && e.struck == 0:
		e.mu.Unlock()
		return refused("it strikes at this moment\nhint: pause it once it has")
	}
	e.kept.Pauses = append(e.kept.Pauses, harness.PauseRecord{From: e.clock()})
	e.turn()
	e.mu.Unlock()
	e.say("paused by %s", facilitator)
	return nil
}

// Resume has the team's clock go on.
func (e *exercise) Resume() error { return e.resume(facilitator) }

func (e *exercise) resume(by string) error {
	e.mu.Lock()
	switch {
	case e.isOverLocked():
		e.mu.Unlock()
		return refused("the game day is over: %s", e.ended)
	case !e.paused():
		e.mu.Unlock()
		return nil
	}
	e.goOn()
	e.mu.Unlock()
	e.say("%s has it go on", by)
	return nil
}

// expire has it go on where a pause has lasted as long as one may.
func (e *exercise) expire() {
	e.mu.Lock()
	if e.isOverLocked() || !e.paused() || e.clock() < e.pauseEnds() {
		e.mu.Unlock()
		return
	}
	e.goOn()
	e.mu.Unlock()
	e.say("it goes on by itself: it was paused for %v", e.longest)
}

// goOn ends a pause; e.mu is held.
func (e *exercise) goOn() {
	last := &e.kept.Pauses[len(e.kept.Pauses)-1]
	last.To = max(e.clock(), last.From+1) // 0 would stand for none
	e.turn()
}

func (e *exercise) isPaused() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.paused()
}

// pauseEnds is when a pause ends at the latest; e.mu is held.
func (e *exercise) pauseEnds() time.Duration {
	return e.kept.Pauses[len(e.kept.Pauses)-1].From + e.longest
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

// passUntilStrike returns when the moment of the strike that was planned has come: see
// passSince.
func (e *exercise) passUntilStrike(ctx context.Context) error {
	e.mu.Lock()
	since, limit := e.planned, e.strikeAt-e.planned
	e.mu.Unlock()
	return e.passSince(ctx, since, limit)
}

// passSinceStrike is passSince from the strike on.
func (e *exercise) passSinceStrike(ctx context.Context, limit time.Duration) error {
	e.mu.Lock()
	since := e.struck
	e.mu.Unlock()
	return e.passSince(ctx, since, limit)
}

// errEnded says that a game day is over.
var errEnded = errors.New("the game day is over")

// passSince returns when so much time has passed since then, pauses left out; before the
// strike not while it is paused. The error is errEnded if the game day ends first, or
// ctx's cause. Whoever waits for time to pass ends pauses that nobody does.
func (e *exercise) passSince(ctx context.Context, since, limit time.Duration) error {
	for {
		e.mu.Lock()
		now := e.clock()
		left := limit - (now - since - e.kept.Paused(since, now))
		turned, still := e.turned, e.paused()
		if left <= 0 && (!still || e.struck > 0) {
			e.mu.Unlock()
			return nil
		}
		if still {
			left = e.pauseEnds() - now
		}
		e.mu.Unlock()
		select {
		case <-time.After(left):
			if still {
				e.expire()
			}
		case <-turned:
		case <-e.over:
			return errEnded
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
