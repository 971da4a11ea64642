package gameday

import (
	"strings"
	"testing"
	"time"
)

func TestCharts(t *testing.T) {
	v := viewOfWall(Wall{Traffic: []Second{
		{At: 10 * time.Second, Acked: 100, P50: time.Millisecond, P99: 10 * time.Millisecond},
		{At: 11 * time.Second, Acked: 90, Failed: 10, P50: time.Millisecond, P99: 20 * time.Second},
		{At: 12 * time.Second, Failed: 4},
		{At: 13 * time.Second, Acked: 30, Failed: 1, P50: 2 * time.Millisecond, P99: 4 * time.Millisecond},
	}})
	for path, want := range map[string]string{
		// The last second ends at the right, and a minute is the least that is shown.
		"p99":    "M565 69.8h.01L575 0M595 79h.01",
		"none":   "M580 100V0H590V100z",
		"failed": "M570 100V90H580V0H590V96H600V100z",
		"acked":  "M565 0h.01L575 10L585 100L595 70",
	} {
		if got := v.Paths[path]; got != want {
			t.Errorf("%s is drawn %s, want %s", path, got, want)
		}
	}
	for slot, want := range map[string]string{
		"latency": "4.0 ms", "median": "half within 2.0 ms", "errors": "6.4 %", "rate": "55", "rate-top": "100",
		"latency-said": "99 of 100 took at most 4.0 ms to 20 s in the last 1 min; none was acknowledged in 1 s of it",
		"errors-said":  "15 of 235 failed in the last 1 min",
		"rate-said":    "0 to 100 in a second, 220 acknowledged in the last 1 min",
	} {
		if got := v.Texts[slot].Text; got != want {
			t.Errorf("%s is %q, want %q", slot, got, want)
		}
	}
}

func TestChartsOfNothing(t *testing.T) {
	v := viewOfWall(Wall{})
	for name, d := range v.Paths {
		if d != "" {
			t.Errorf("%s is drawn %s", name, d)
		}
	}
	if got := v.Texts["latency-said"].Text; got != "nothing was measured so far" {
		t.Error(got)
	}
	v = viewOfWall(Wall{Traffic: []Second{{At: time.Second, Failed: 3}}})
	if got := v.Texts["latency-said"].Text; got != "no probe was acknowledged in the last 1 min" {
		t.Error(got)
	}
	if v.Texts["latency"].Text != "none" || v.Texts["errors"].Text != "100 %" || v.Texts["rate"].Tone != "violated" {
		t.Errorf("%+v", v.Texts)
	}
	v = viewOfWall(Wall{Traffic: []Second{{At: time.Second}}})
	if v.Texts["errors"].Text != "–" {
		t.Errorf("of no operation there is a share that failed: %+v", v.Texts["errors"])
	}
}

// Seconds that are missing are a gap in a line, and no line over it.
func TestMissingSeconds(t *testing.T) {
	v := viewOfWall(Wall{Traffic: []Second{{At: 0, P99: time.Second, Failed: 1}, {At: 9 * time.Second, P99: time.Second, Failed: 1}, {At: 10 * time.Second, P99: time.Second}, {At: 50 * time.Second, P99: time.Second, Failed: 1}, {At: 59 * time.Second, P99: time.Second}}})
	if got := v.Paths["p99"]; strings.Count(got, "M") != 4 || strings.Count(got, "L") != 1 {
		t.Error(got)
	}
	if got, want := v.Paths["failed"], "M0 100V0H10V100zM90 100V0H100V100zM500 100V0H510V100z"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
