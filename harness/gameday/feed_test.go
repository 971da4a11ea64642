package gameday

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"
)

// watched is a feed that runs, of an exercise that changes.
func watched(t *testing.T, e *fake) (*feed, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	f := newFeed(e, func() any { return e.Wall() }, usual.change)
	go f.run(ctx)
	synctest.Wait()
	return f, cancel
}

func (f *fake) looked() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.looks
}

func hintsIn(t *testing.T, e event) int {
	t.Helper()
	var w Wall
	if err := json.Unmarshal(e.data, &w); err != nil {
		t.Fatal(err)
	}
	return len(w.Hints)
}

// However much changes and however many listen, the exercise is looked at five times
// a second, and the last change is seen.
func TestChangesAreGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newFake()
		f, cancel := watched(t, e)
		defer cancel()
		for range 200 {
			f.join()
		}
		before := e.looked()
		for range 1000 {
			if err := e.Hint("x"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond) // of the bubble's clock: nothing waits
		}
		if looks := e.looked() - before; looks > 51 || looks < 40 {
			t.Errorf("%d looks in ten seconds", looks)
		}
		time.Sleep(usual.change) // of the bubble's clock: nothing waits
		synctest.Wait()
		if newest, _ := f.now(); hintsIn(t, newest) != 1000 {
			t.Errorf("the newest event shows %d hints of 1000", hintsIn(t, newest))
		}
	})
}

// Where no page is open the exercise is not looked at, and who opens one sees all.
func TestNobodyLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newFake()
		f, cancel := watched(t, e)
		defer cancel()
		for range 20 {
			e.change(func(*Stage) {})
			time.Sleep(time.Second) // of the bubble's clock: nothing waits
		}
		if e.looked() != 0 {
			t.Errorf("%d looks for nobody", e.looked())
		}
		first, _ := f.join()
		f.leave()
		if err := e.Hint("x"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the change is heard of, and nobody is there
		if second, _ := f.join(); hintsIn(t, first) != 0 || hintsIn(t, second) != 1 {
			t.Errorf("who joins sees %d hints, then %d", hintsIn(t, first), hintsIn(t, second))
		}
	})
}

// Who opens a page is shown a clock that is right, though nothing has changed.
func TestWhoJoinsSeesTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newFake()
		e.started = time.Now()
		f, cancel := watched(t, e)
		defer cancel()
		f.join()
		time.Sleep(time.Hour) // of the bubble's clock: nothing waits
		newest, _ := f.join()
		var w Wall
		if err := json.Unmarshal(newest.data, &w); err != nil || w.Now < time.Hour {
			t.Errorf("now is %v (%v)", w.Now, err)
		}
	})
}

// Once the exercise is over its channel stays closed: that is no change after change.
func TestTheEndIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newFake()
		f, cancel := watched(t, e)
		f.join()
		e.change(func(s *Stage) { s.Wall.Phase = Over })
		e.end()
		time.Sleep(time.Second) // of the bubble's clock: nothing waits
		synctest.Wait()
		looks := e.looked()
		time.Sleep(time.Hour) // of the bubble's clock: nothing waits
		if after := e.looked(); after != looks || looks > 5 {
			t.Errorf("%d looks at once, and %d in the hour after", looks, after-looks)
		}
		newest, _ := f.now()
		var w Wall
		if err := json.Unmarshal(newest.data, &w); err != nil || w.Phase != Over {
			t.Errorf("the newest event has the phase %s (%v)", w.Phase, err)
		}
		cancel()
		<-f.ended
	})
}

// What changed just before the end is in the last event.
func TestTheLastEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newFake()
		f, cancel := watched(t, e)
		f.join()
		if err := e.Hint("x"); err != nil {
			t.Fatal(err)
		}
		cancel()
		<-f.ended
		if newest, _ := f.now(); hintsIn(t, newest) != 1 {
			t.Error("the last change is not in the last event")
		}
	})
}
