package gameday

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness/crew"
)

// Two hundred pages are open, and Close ends them all: each has seen the last there
// was to be seen, and nothing is left behind (TestMain looks).
func TestCloseEndsEveryStream(t *testing.T) {
	e := newFake()
	s := open(t, e, "")
	v := newVisitor(t)
	if got := v.enter(s.FacilitatorURL()); got.status != http.StatusOK {
		t.Fatalf("%d %q", got.status, got.text)
	}
	const pages = 200
	var readers sync.WaitGroup
	lasts, ready := make(chan string, pages), make(chan error, pages)
	for i := range pages {
		path := "/wall/events"
		if i%2 == 1 {
			path = "/facilitator/events"
		}
		readers.Go(func() {
			r, err := v.read(t.Context(), at(t, s.WallURL(), path))
			if err != nil {
				ready <- err
				return
			}
			defer r.answer.Body.Close()
			last, _ := r.next()
			ready <- nil
			for {
				data, ok := r.next()
				if !ok {
					lasts <- last
					return
				}
				last = data
			}
		})
	}
	for range pages {
		if err := <-ready; err != nil {
			t.Fatal(err)
		}
	}
	e.change(func(s *Stage) { s.Wall.Phase, s.Wall.Verdict = Over, "held" })
	e.end()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	readers.Wait()
	close(lasts)
	for last := range lasts {
		if !strings.Contains(last, `"verdict":"held"`) {
			t.Fatalf("the last event was %.300q", last)
		}
	}
	if s.open() != 0 || s.walls.streams != 0 || s.stages.streams != 0 {
		t.Errorf("%d streams are counted, %d and %d of the feeds", s.open(), s.walls.streams, s.stages.streams)
	}
	if err := s.Close(); err != nil {
		t.Errorf("again: %v", err)
	}
}

// The server serves no longer than its context, and is closed nevertheless.
func TestTheContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s, err := listen(ctx, "", newFake(), usual)
	if err != nil {
		t.Fatal(err)
	}
	v := newVisitor(t)
	r, err := v.read(t.Context(), at(t, s.WallURL(), "/wall/events"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.answer.Body.Close()
	cancel()
	for ok := true; ok; {
		_, ok = r.next()
	}
	if got := v.get(s.WallURL()); got.status != http.StatusServiceUnavailable || !strings.Contains(got.text, "over") {
		t.Errorf("%d %q", got.status, got.text)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// A panic of the exercise's ends neither the process nor the pages: whoever looked is
// told, and so is whoever closes.
func TestABrokenExercise(t *testing.T) {
	e := newFake()
	s, err := listen(t.Context(), "", e, usual)
	if err != nil {
		t.Fatal(err)
	}
	v := newVisitor(t)
	for _, broken := range []bool{true, false} {
		e.mu.Lock()
		e.broken = broken
		e.mu.Unlock()
		got := v.get(s.WallURL())
		if broken && (got.status != http.StatusInternalServerError || strings.Contains(got.text, "goroutine")) || !broken && got.status != http.StatusOK {
			t.Errorf("broken %v: %d %q", broken, got.status, got.text)
		}
	}
	var crash *crew.Crash
	if err := s.Close(); !errors.As(err, &crash) || crash.Value != "out of order" || !strings.Contains(err.Error(), "GET /wall") {
		t.Errorf("%v", err)
	}
}

// So it is when nobody looked but the feed.
func TestABrokenFeed(t *testing.T) {
	e := newFake()
	s, err := listen(t.Context(), "", e, usual)
	if err != nil {
		t.Fatal(err)
	}
	r, err := newVisitor(t).read(t.Context(), at(t, s.WallURL(), "/wall/events"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.answer.Body.Close()
	if _, ok := r.next(); !ok {
		t.Fatal("no event")
	}
	e.change(func(*Stage) { e.broken = true })
	if _, ok := r.next(); ok {
		t.Error("an event of a broken exercise")
	}
	var crash *crew.Crash
	if err := s.Close(); !errors.As(err, &crash) {
		t.Errorf("%v", err)
	}
}
