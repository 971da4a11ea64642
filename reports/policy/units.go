package policy

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// Duration is a time as people write it, "30m" or "12h".
type Duration time.Duration

// String leaves out what nobody wrote: "24h", not "24h0m0s".
func (d Duration) String() string {
	text := time.Duration(d).String()
	for _, nothing := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, nothing) {
			text = text[:len(text)-2]
		}
	}
	return text
}

// Words is it as people say it, without the parts that are zero: "24 h", "1 h 30 min",
// "1.5 s".
func (d Duration) Words() string {
	left := time.Duration(d)
	if left < time.Second {
		return fmt.Sprintf("%d ms", left.Milliseconds())
	}
	var parts []string
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{time.Hour, "h"}, {time.Minute, "min"}} {
		if n := left / unit.length; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, unit.name))
			left %= unit.length
		}
	}
	if left > 0 {
		parts = append(parts, strconv.FormatFloat(float64(left)/float64(time.Second), 'f', -1, 64)+" s") // Seconds would round twice
	}
	return strings.Join(parts, " ")
}

// MarshalText prints it as UnmarshalText reads it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what time.ParseDuration reads. A negative time is an error.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is no duration, such as 90s, 30m or 12h", text)
	}
	if parsed < 0 {
		return fmt.Errorf("%q: a duration cannot be negative here", text)
	}
	*d = Duration(parsed)
	return nil
}

// Size is a number of bytes, read as people write it, "256MiB", and kept in
// JSON as a number.
type Size int64

func (s Size) String() string { return humanize.IBytes(uint64(max(s, 0))) }

// ParseSize reads "256MiB", "4 GiB" or "1048576".
func ParseSize(text string) (Size, error) {
	n, err := humanize.ParseBytes(text)
	if err != nil || n > 1<<50 {
		return 0, fmt.Errorf("%q is no size, such as 256MiB or 4GiB", text)
	}
	return Size(n), nil
}

// UnmarshalJSON reads a number of bytes, or a text as ParseSize does.
func (s *Size) UnmarshalJSON(data []byte) error {
	var n int64
	if json.Unmarshal(data, &n) == nil {
		if n < 0 {
			return fmt.Errorf("%d is no size", n)
		}
		*s = Size(n)
		return nil
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("%s is no size, such as 256MiB", data)
	}
	parsed, err := ParseSize(text)
	if err == nil {
		*s = parsed
	}
	return err
}
