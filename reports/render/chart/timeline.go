package chart

import (
	"fmt"
	"strings"
)

// Timeline shows what happened when, to scale, a lane for each thing that lasted.
// Times are milliseconds; what lies before From or after To is cut off.
type Timeline struct {
	Heading
	From, To int64
	Lanes    []Lane
	Bands    []Bar // shaded through all lanes
	Flags    []Key // lines through all lanes, flagged at the top
	Moments  []Key // marks in a lane of their own at the bottom
}

// Lane is one thing over time. Later bars are drawn over earlier ones, and points
// over all of them.
type Lane struct {
	Name   string
	Bars   []Bar
	Points []Point
}

// Point is something in a lane that did not last.
type Point struct {
	At    int64
	Paint Paint
	Title string
}

// Bar is a stretch of time.
type Bar struct {
	From, To int64
	Paint    Paint
	Key      string // short, shown under it where there is room
	Title    string
}

// Key is a moment, with the letter or number by which it is found in the text.
type Key struct {
	At    int64
	Key   string
	Title string
}

const (
	flagsHeight = 20
	laneHeight  = 20
	laneGap     = 10
	keysHeight  = 13
)

// wide and narrow are the widths in pixels for which keys are laid out.
const (
	wide   = 780
	narrow = 240
)

// inset makes some stretches slimmer than their lane, in pixels at each side: what
// is within something is seen to be.
var inset = map[Paint]float64{Etcd: 5, Working: 0, Shell: 0, Step: 3, Failed: 3}

// SVG draws it.
func (t Timeline) SVG() string {
	scale := between(t.From, t.To)
	top := float64(flagsHeight)
	y := top
	for _, lane := range t.Lanes {
		y += lane.height() + laneGap
	}
	if len(t.Moments) > 0 {
		y += momentsHeight
	}
	bottom := y
	var c canvas
	c.open(t.Heading, bottom+axisHeight)
	for _, b := range t.Bands {
		if x, width, ok := t.place(scale, b); ok {
			c.rect("band "+string(b.Paint), x, top, width, bottom-top, b.Title)
		}
	}
	c.axis(scale, top, bottom, clock)
	y = top + laneGap/2.0
	for _, lane := range t.Lanes {
		t.lane(&c, scale, lane, y)
		y += lane.height() + laneGap
	}
	if len(t.Moments) > 0 {
		t.moments(&c, scale, y)
	}
	t.flags(&c, scale, bottom)
	return c.close()
}

const momentsHeight = 30

func (l Lane) keyed() bool {
	for _, b := range l.Bars {
		if b.Key != "" {
			return true
		}
	}
	return false
}

func (l Lane) height() float64 {
	if l.keyed() {
		return laneHeight + keysHeight
	}
	return laneHeight
}

// place is where a bar lies, in per cent, if any of it is to be seen.
func (t Timeline) place(s Scale, b Bar) (x, width float64, ok bool) {
	if b.To < t.From || b.From > t.To || b.To < b.From {
		return 0, 0, false
	}
	x = s.at(float64(b.From))
	return x, s.at(float64(b.To)) - x, true
}

func (t Timeline) lane(c *canvas, s Scale, lane Lane, y float64) {
	c.name(y+laneHeight/2.0+4, lane.Name)
	c.line("track", 0, y+laneHeight/2.0, 100, y+laneHeight/2.0, "")
	var keys []placed
	for _, b := range lane.Bars {
		x, width, ok := t.place(s, b)
		if !ok {
			continue
		}
		in := inset[b.Paint]
		c.rect("bar "+string(b.Paint), x, y+in, width, laneHeight-2*in, b.Title)
		keys = append(keys, placed{x + width/2, b.Key})
	}
	for _, p := range lane.Points {
		if t.From <= p.At && p.At <= t.To {
			c.mark(p.Paint, s.at(float64(p.At)), y+laneHeight/2.0, p.Title)
		}
	}
	c.keys(keys, y+laneHeight+keysHeight-2)
}

func (t Timeline) moments(c *canvas, s Scale, y float64) {
	c.name(y+9, "moments")
	c.line("track", 0, y+5, 100, y+5, "")
	var keys []placed
	for _, k := range t.Moments {
		if k.At < t.From || k.At > t.To {
			continue
		}
		x := s.at(float64(k.At))
		c.mark(Moment, x, y+5, k.Title)
		keys = append(keys, placed{x, k.Key})
	}
	c.keys(keys, y+5+keysHeight+4)
}

// flags draws lines through all lanes. Those that nearly coincide have one flag.
func (t Timeline) flags(c *canvas, s Scale, bottom float64) {
	const near = 4 // per cent
	for i := 0; i < len(t.Flags); {
		x := s.at(float64(t.Flags[i].At))
		j := i
		var titles []string
		for ; j < len(t.Flags) && s.at(float64(t.Flags[j].At))-x < near; j++ {
			if at := t.Flags[j].At; at < t.From || at > t.To {
				continue
			}
			titles = append(titles, t.Flags[j].Title)
			c.line(string(Strike), s.at(float64(t.Flags[j].At)), 2, s.at(float64(t.Flags[j].At)), bottom, t.Flags[j].Title)
		}
		if len(titles) > 0 {
			c.mark(Strike, x, 2, strings.Join(titles, "; "))
			text := t.Flags[i].Key
			if j-i > 1 {
				text = fmt.Sprintf("%s–%s", t.Flags[i].Key, t.Flags[j-1].Key)
			}
			if x > 60 {
				c.beside("flag end", x, 12, -6, text)
			} else {
				c.beside("flag start", x, 12, 15, text)
			}
		}
		i = j
	}
}

// placed is a key and where its middle lies, in per cent.
type placed struct {
	x   float64
	key string
}

// keys writes those keys that do not run into the one before: more on a wide
// picture than on a narrow one.
func (c *canvas) keys(keys []placed, y float64) {
	onWide, onNarrow := fitting(keys, wide), fitting(keys, narrow)
	for i, k := range keys {
		onWide, onNarrow := onWide[i], onNarrow[i]
		switch {
		case onNarrow && onWide:
			c.text("key", k.x, y, k.key)
		case onWide:
			c.text("key wide-only", k.x, y, k.key)
		case onNarrow:
			c.text("key narrow-only", k.x, y, k.key)
		}
	}
}

// fitting tells which keys there is room for in a picture of this width.
func fitting(keys []placed, width float64) []bool {
	const letter, space = 6.5, 5 // pixels
	out := make([]bool, len(keys))
	last := -100.0
	for i, k := range keys {
		half := letter * float64(len([]rune(k.key))) / 2
		middle := k.x / 100 * width
		if k.key != "" && middle-half >= last+space {
			out[i], last = true, middle+half
		}
	}
	return out
}
