package chart

import (
	"fmt"
	"math"
	"strconv"
)

// Scale is where numbers lie on an axis. It is made by Linear or Fitting.
type Scale struct {
	lo, hi float64
	log    bool
}

// logFrom is the ratio of the greatest to the least positive number from which an
// even axis would press most of them into its corner.
const logFrom = 200

// zeroShare is how much of a logarithmic axis is left to zero, in per cent.
const zeroShare = 8

// Linear is an even scale from 0 to the greatest of these, and some more.
func Linear(values ...float64) Scale {
	hi := 0.0
	for _, v := range values {
		if !math.IsInf(v, 0) && !math.IsNaN(v) {
			hi = math.Max(hi, v)
		}
	}
	if hi == 0 {
		hi = 1
	}
	return Scale{hi: hi * 1.08}
}

// Fitting is an even scale from 0, or a logarithmic one where the numbers are too
// far apart for that: zero then has a place of its own at the left.
func Fitting(values ...float64) Scale {
	s := Linear(values...)
	least := math.Inf(1)
	for _, v := range values {
		if v > 0 {
			least = math.Min(least, v)
		}
	}
	if s.hi/least >= logFrom {
		return Scale{lo: math.Pow(10, math.Floor(math.Log10(least))), hi: s.hi * 1.2, log: true}
	}
	return s
}

// between is an even scale of a stretch of time.
func between(from, to int64) Scale {
	if to <= from {
		to = from + 1
	}
	return Scale{lo: float64(from), hi: float64(to)}
}

// Logarithmic tells which kind it is: a reader must be told.
func (s Scale) Logarithmic() bool { return s.log }

// at is the place of a number in per cent; what lies outside is at the edge.
func (s Scale) at(v float64) float64 {
	var share float64
	switch {
	case math.IsNaN(v):
		return 0
	case s.log && v <= 0:
		return 0
	case s.log:
		share = zeroShare/100.0 + (1-zeroShare/100.0)*math.Log(v/s.lo)/math.Log(s.hi/s.lo)
	default:
		share = (v - s.lo) / (s.hi - s.lo)
	}
	return 100 * math.Min(math.Max(share, 0), 1)
}

// steps are distances between ticks that people like, in milliseconds up to a day;
// beyond, days.
var steps = []float64{
	1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 10e3, 15e3, 30e3, 60e3, 120e3, 300e3, 600e3, 900e3, 1800e3,
	3600e3, 2 * 3600e3, 6 * 3600e3, 12 * 3600e3,
}

const day = 24 * 3600e3

// ticks are at most about n round numbers along the scale.
func (s Scale) ticks(n int) []float64 {
	if s.log {
		return s.decades(n)
	}
	step := math.Inf(1)
	for _, candidate := range steps {
		if (s.hi-s.lo)/candidate <= float64(n) {
			step = candidate
			break
		}
	}
	if math.IsInf(step, 1) {
		step = day * roundUp((s.hi-s.lo)/day/float64(n))
	}
	var out []float64
	for i := math.Ceil(s.lo / step); i*step <= s.hi; i++ {
		out = append(out, i*step)
	}
	return out
}

// decades are zero and powers of ten, as many of them as there is room for.
func (s Scale) decades(n int) []float64 {
	count := math.Log10(s.hi / s.lo)
	every := math.Max(1, math.Ceil(count/float64(n)))
	out := []float64{0}
	for v := s.lo; v <= s.hi; v *= math.Pow(10, every) {
		out = append(out, v)
	}
	return out
}

// roundUp is the next of 1, 2, 5, 10, 20, 50 …
func roundUp(v float64) float64 {
	if v <= 1 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, factor := range []float64{1, 2, 5, 10} {
		if factor*power >= v {
			return factor * power
		}
	}
	return 10 * power
}

// clock names a tick of a timeline: seconds, and nothing else.
func clock(ms float64) string { return strconv.FormatFloat(ms/1000, 'f', -1, 64) }

// Time names milliseconds as people say them: 0, 250 ms, 1.5 s, 2 min, 6 h, 3 d. It is
// for round numbers: of others it keeps three figures.
func Time(ms float64) string {
	if ms == 0 {
		return "0"
	}
	for _, unit := range []struct {
		size float64
		name string
	}{{day, "d"}, {3600e3, "h"}, {60e3, "min"}, {1e3, "s"}} {
		if ms >= unit.size {
			return strconv.FormatFloat(figures(ms/unit.size), 'f', -1, 64) + " " + unit.name
		}
	}
	return fmt.Sprintf("%s ms", strconv.FormatFloat(figures(ms), 'f', -1, 64))
}

// figures keeps the first three figures of a number.
func figures(v float64) float64 {
	if v == 0 {
		return 0
	}
	unit := math.Pow(10, 2-math.Floor(math.Log10(math.Abs(v))))
	return math.Round(v*unit) / unit
}

// axis draws ticks with their names below, and lines through the picture from top
// to bottom. Every second name is left out where there is little room.
func (c *canvas) axis(s Scale, top, bottom float64, name func(float64) string) {
	for i, v := range s.ticks(9) {
		x := s.at(v)
		c.line("grid", x, top, x, bottom, "")
		class := "tick"
		if i%2 == 1 {
			class += " wide-only"
		}
		c.text(class, x, bottom+axisHeight-6, name(v))
	}
	c.line("axis", 0, bottom, 100, bottom, "")
}

// axisHeight is the room for the names of ticks.
const axisHeight = 22
