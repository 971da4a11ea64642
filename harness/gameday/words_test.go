package gameday

import (
	"testing"
	"time"
)

func TestRunning(t *testing.T) {
	const now = 2 * time.Hour
	for _, c := range []struct {
		count string
		past  time.Duration
		want  string
	}{
		{countFor, 0, "for 0 s"}, {countFor, 59_999 * time.Millisecond, "for 59 s"}, {countFor, time.Minute, "for 1 min 00 s"}, {countFor, 125 * time.Second, "for 2 min 05 s"},
		{countFor, 3599 * time.Second, "for 59 min 59 s"}, {countFor, 3840 * time.Second, "for 1 h 04 min"}, {countFor, -time.Second, "for 0 s"},
		{countAgo, 4999 * time.Millisecond, "just now"}, {countAgo, 5 * time.Second, "5 s ago"}, {countAgo, -time.Minute, "just now"},
		{countIn, -42 * time.Second, "in 42 s"}, {countIn, -time.Millisecond, "at any moment"}, {countIn, time.Minute, "at any moment"},
		{countClock, 462 * time.Second, "7:42"}, {countClock, 4062 * time.Second, "1:07:42"}, {countClock, -time.Second, "0:00"},
		{countLeft, -1338 * time.Second, "22:18"}, {countLeft, time.Second, "0:00"},
	} {
		if got := running(c.count, now-c.past, now); got != c.want {
			t.Errorf("%s, %v: %q, want %q", c.count, c.past, got, c.want)
		}
	}
}

func TestFigures(t *testing.T) {
	for got, want := range map[string]string{
		short(1840 * time.Microsecond): "1.8 ms", short(9960 * time.Microsecond): "10 ms", short(310 * time.Millisecond): "310 ms", short(2440 * time.Millisecond): "2.4 s", short(31 * time.Second): "31 s", short(0): "0.0 ms",
		size(0): "0 B", size(1023): "1023 B", size(1024): "1.0 KiB", size(12_900_000): "12 MiB", size(8 << 30): "8.0 GiB", size(1 << 20): "1.0 MiB", size(1<<50 + 1): "1024 TiB",
		count(0): "0", count(999): "999", count(1000): "1,000", count(1_234_567): "1,234,567",
		percent(0, 7): "0 %", percent(1, 100_000): "< 0.1 %", percent(1, 200): "0.5 %", percent(999, 1000): "99 %", percent(7, 7): "100 %",
		clipped("abc", 3): "abc", clipped("äbcd", 3): "äb…", list(nil, "none"): "none", list([]string{"a", "b"}, ""): "a, b",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
