package workload

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestService(t *testing.T) {
	const ms = time.Millisecond
	var told []string
	s := newService(func(at time.Duration, serving bool) {
		told = append(told, fmt.Sprintf("%d %v", at.Milliseconds(), serving))
	})
	calm := func(since, length time.Duration, want bool, says string) {
		t.Helper()
		ok, seen := s.calmFor(since, length)
		if ok != want || !strings.Contains(seen, says) {
			t.Errorf("calm for %s since %s: %v, %q; want %v and %q", length, since, ok, seen, want, says)
		}
	}
	since := func(at time.Duration, want bool) {
		t.Helper()
		if got := s.since(at); got != want {
			t.Errorf("served since %s: %v, want %v", at, got, want)
		}
	}
	since(-1, false)
	calm(0, 0, false, "no probe was ever acknowledged")
	for at := 100 * ms; at <= 500*ms; at += 20 * ms {
		s.acked(at)
	}
	s.acked(470 * ms) // overtaken
	calm(0, 400*ms, true, "")
	calm(0, 401*ms, false, "no gap yet")
	calm(200*ms, 301*ms, false, "no gap yet")
	calm(600*ms, 0, false, "before 0.600s")
	since(499*ms, true)
	since(500*ms, false)
	s.acked(750 * ms) // exactly 250 ms: no gap
	calm(0, 650*ms, true, "")
	s.acked(1001 * ms) // 251 ms
	calm(0, 100*ms, false, "the last gap was from 0.750s to 1.001s")
	s.acked(1101 * ms)
	calm(0, 100*ms, true, "")
	calm(1050*ms, 100*ms, false, "the last gap was from 0.750s to 1.001s")
	if want := []string{"100 true", "750 false", "1001 true"}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}
