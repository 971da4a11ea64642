package gameday

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// What runs on by itself on a page, and how it is written. page.js writes the same.
const (
	countFor   = "for"   // "for 2 min 05 s", since a moment
	countAgo   = "ago"   // "2 min 05 s ago"
	countIn    = "in"    // "in 42 s", until a moment
	countClock = "clock" // "7:42", since a moment
	countLeft  = "left"  // "22:18", until a moment
)

// running is what is written of a moment at the time now.
func running(count string, at, now time.Duration) string {
	switch past := now - at; count {
	case countFor:
		return "for " + spoken(past)
	case countAgo:
		if past < 5*time.Second {
			return "just now"
		}
		return spoken(past) + " ago"
	case countIn:
		if past > -time.Second {
			return "at any moment"
		}
		return "in " + spoken(-past)
	case countClock:
		return digits(past)
	default:
		return digits(-past)
	}
}

// spoken is a time as people say it, in whole seconds: "47 s", "2 min 05 s", "1 h 04 min".
func spoken(d time.Duration) string {
	s := int64(max(d, 0) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%d min %02d s", s/60, s%60)
	default:
		return fmt.Sprintf("%d h %02d min", s/3600, s/60%60)
	}
}

// digits is a time as clocks show it, in whole seconds: "7:42", "1:07:42".
func digits(d time.Duration) string {
	s := int64(max(d, 0) / time.Second)
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// short is how long something took, with two figures that say something.
func short(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case ms < 9.95:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 999.5:
		return fmt.Sprintf("%.0f ms", ms)
	case ms < 9950:
		return fmt.Sprintf("%.1f s", ms/1000)
	default:
		return fmt.Sprintf("%.0f s", ms/1000)
	}
}

// size is a number of bytes.
func size(n int64) string {
	const units = "KMGT"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	v, unit := float64(n)/1024, 0
	for v >= 999.5 && unit < len(units)-1 {
		v, unit = v/1024, unit+1
	}
	if v < 9.95 {
		return fmt.Sprintf("%.1f %ciB", v, units[unit])
	}
	return fmt.Sprintf("%.0f %ciB", v, units[unit])
}

// count is a number of things, its thousands apart.
func count(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// percent is a share, never told as none or all where it is not.
func percent(part, whole int64) string {
	switch share := 100 * float64(part) / float64(whole); {
	case part == 0:
		return "0 %"
	case share < 0.1:
		return "< 0.1 %"
	case share < 9.95:
		return fmt.Sprintf("%.1f %%", share)
	case part < whole:
		return fmt.Sprintf("%.0f %%", min(share, 99))
	default:
		return "100 %"
	}
}

// list is names, or what is said where there are none.
func list(names []string, none string) string {
	if len(names) == 0 {
		return none
	}
	return strings.Join(names, ", ")
}

// clipped is the beginning of a text that may be long.
func clipped(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most-1]) + "…"
}
