package gameday

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Charts are drawn here, into 600 × 100 units that the page stretches, so that they
// are there without a script as well. What they show is also said in a sentence.
const (
	chartWidth  = 600.0
	chartHeight = 100.0
	leastSpan   = time.Minute // a chart of less would change its scale all the time
	recently    = 5           // seconds that a figure beside a chart is of
)

// Latencies are drawn on a logarithmic scale between these.
const (
	leastLatency = time.Millisecond / 2
	mostLatency  = 10 * time.Second
)

// traffic are the charts and figures of what clients got.
func (v *view) traffic(seconds []Second) {
	for _, path := range []string{"p50", "p99", "none", "failed", "acked"} {
		v.Paths[path] = ""
	}
	for _, text := range []string{"latency", "median", "errors", "rate"} {
		v.Texts[text] = cell{Text: "–", Tone: "muted"}
	}
	for _, text := range []string{"latency-said", "errors-said", "rate-said"} {
		v.Texts[text] = cell{Text: "nothing was measured so far"}
	}
	v.Texts["rate-top"] = cell{}
	if len(seconds) == 0 {
		return
	}
	d := newDrawing(seconds)
	span := "the last " + strings.TrimSuffix(spoken(d.to-d.from), " 00 s")
	v.latency(d, span)
	v.rates(d, span)
}

// drawing is seconds and where they are on a chart.
type drawing struct {
	seconds  []Second
	from, to time.Duration
}

func newDrawing(seconds []Second) drawing {
	d := drawing{seconds: seconds, to: seconds[len(seconds)-1].At + time.Second}
	d.from = min(seconds[0].At, d.to-leastSpan)
	return d
}

func (d drawing) x(at time.Duration) float64 {
	return chartWidth * float64(at-d.from) / float64(d.to-d.from)
}

// line is a line through what is measured, with gaps where nothing is.
func (d drawing) line(height func(Second) (float64, bool)) string {
	var path []byte
	drawn := false
	for i, s := range d.seconds {
		h, ok := height(s)
		follows := i > 0 && s.At-d.seconds[i-1].At < 2*time.Second
		switch {
		case !ok:
			drawn = false
			continue
		case drawn && follows:
			path = append(path, 'L')
		default:
			path = append(path, 'M')
		}
		path = point(path, d.x(s.At+time.Second/2), chartHeight-h)
		if !drawn || !follows {
			path = append(path, "h.01"...) // a lone second is a dot
		}
		drawn = true
	}
	return string(path)
}

// steps are filled from the bottom where seconds have a height, those that follow
// each other in one piece.
func (d drawing) steps(height func(Second) float64) string {
	var path []byte
	var end time.Duration // of the piece that is begun
	for _, s := range d.seconds {
		h := height(s)
		begun := len(path) > 0 && path[len(path)-1] != 'z'
		if begun && (h <= 0 || s.At > end) {
			path = append(figure(append(path, 'V'), chartHeight), 'z')
			begun = false
		}
		if h <= 0 {
			continue
		}
		if !begun {
			path = point(append(path, 'M'), d.x(s.At), chartHeight)
		}
		end = s.At + time.Second
		path = figure(append(path, 'V'), chartHeight-h)
		path = figure(append(path, 'H'), d.x(end))
	}
	if len(path) > 0 && path[len(path)-1] != 'z' {
		path = append(figure(append(path, 'V'), chartHeight), 'z')
	}
	return string(path)
}

func point(path []byte, x, y float64) []byte { return figure(append(figure(path, x), ' '), y) }

func figure(path []byte, v float64) []byte {
	return strconv.AppendFloat(path, math.Round(v*10)/10, 'f', -1, 64)
}

// latency is the chart of how long probes took.
func (v *view) latency(d drawing, span string) {
	scale := func(l time.Duration) (float64, bool) {
		if l <= 0 {
			return 0, false
		}
		l = min(max(l, leastLatency), mostLatency)
		return chartHeight * math.Log(float64(l)/float64(leastLatency)) / math.Log(float64(mostLatency)/float64(leastLatency)), true
	}
	v.Paths["p50"] = d.line(func(s Second) (float64, bool) { return scale(s.P50) })
	v.Paths["p99"] = d.line(func(s Second) (float64, bool) { return scale(s.P99) })
	v.Paths["none"] = d.steps(func(s Second) float64 {
		if s.P99 > 0 {
			return 0
		}
		return chartHeight
	})
	none, slowest := 0, time.Duration(0)
	fastest := time.Duration(math.MaxInt64)
	for _, s := range d.seconds {
		if s.P99 <= 0 {
			none++
			continue
		}
		slowest, fastest = max(slowest, s.P99), min(fastest, s.P99)
	}
	last := d.seconds[len(d.seconds)-1]
	v.Texts["latency"], v.Texts["median"] = cell{Text: short(last.P99)}, cell{Text: "half within " + short(last.P50), Tone: "muted"}
	if last.P99 <= 0 {
		v.Texts["latency"], v.Texts["median"] = cell{Text: "none", Tone: "violated"}, cell{Text: "no probe is acknowledged", Tone: "muted"}
	}
	said := "no probe was acknowledged in " + span
	if slowest > 0 {
		said = fmt.Sprintf("99 of 100 took at most %s to %s in %s", short(fastest), short(slowest), span)
		if none > 0 {
			said += fmt.Sprintf("; none was acknowledged in %d s of it", none)
		}
	}
	v.Texts["latency-said"] = cell{Text: said}
}

// rates are the charts of how many operations failed, and how many did not.
func (v *view) rates(d drawing, span string) {
	var acked, failed, most int64
	for _, s := range d.seconds {
		acked, failed, most = acked+s.Acked, failed+s.Failed, max(most, s.Acked)
	}
	top := roundUp(most)
	v.Paths["failed"] = d.steps(func(s Second) float64 {
		if s.Failed == 0 {
			return 0
		}
		return max(4, chartHeight*float64(s.Failed)/float64(s.Acked+s.Failed)) // few are seen as well
	})
	v.Paths["acked"] = d.line(func(s Second) (float64, bool) { return chartHeight * float64(s.Acked) / float64(top), true })
	v.Texts["rate-top"] = cell{Text: count(top)}

	var lately Second
	last := d.seconds[max(0, len(d.seconds)-recently):]
	for _, s := range last {
		lately.Acked, lately.Failed = lately.Acked+s.Acked, lately.Failed+s.Failed
	}
	if sum := lately.Acked + lately.Failed; sum > 0 {
		v.Texts["errors"] = cell{Text: percent(lately.Failed, sum)}
		if lately.Failed > 0 {
			v.Texts["errors"] = cell{Text: percent(lately.Failed, sum), Tone: "violated"}
		}
	}
	v.Texts["rate"] = cell{Text: count(int64(math.Round(float64(lately.Acked) / float64(len(last)))))}
	if lately.Acked == 0 {
		v.Texts["rate"] = cell{Text: "0", Tone: "violated"}
	}
	least := slices.MinFunc(d.seconds, func(a, b Second) int { return int(a.Acked - b.Acked) })
	v.Texts["errors-said"] = cell{Text: fmt.Sprintf("%s of %s failed in %s", count(failed), count(acked+failed), span)}
	v.Texts["rate-said"] = cell{Text: "none was acknowledged in " + span}
	if acked == 0 {
		return
	}
	v.Texts["rate-said"] = cell{Text: fmt.Sprintf("%s to %s in a second, %s acknowledged in %s", count(least.Acked), count(most), count(acked), span)}
}

// roundUp is the next 1, 2 or 5 with zeros behind it.
func roundUp(n int64) int64 {
	for unit := int64(1); ; unit *= 10 {
		for _, step := range []int64{1, 2, 5} {
			if step*unit >= n {
				return step * unit
			}
		}
	}
}
