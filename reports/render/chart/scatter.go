package chart

// Scatter shows figures over a size, and the lines computed through them, dashed so
// that nobody takes them for measured.
type Scatter struct {
	Heading
	X      Scale                // bytes
	Ticks  []float64            // on X, where something was measured
	Name   func(float64) string // of a tick
	Clouds []Cloud
}

// Cloud is figures of one kind.
type Cloud struct {
	Paint  Paint // one of Series
	Points []XY
	Lines  []Segment
}

// XY is one figure: bytes and milliseconds.
type XY struct {
	X, Y  float64
	Title string
}

// Segment is a computed line from one place to another.
type Segment struct {
	FromX, FromY, ToX, ToY float64
	Title                  string
}

// little is the width in pixels for which ticks are laid out: these pictures stand
// side by side.
const little = 170

// SVG draws it.
func (k Scatter) SVG() string {
	const top, bottom = 6.0, 150.0
	var values []float64
	for _, cloud := range k.Clouds {
		for _, p := range cloud.Points {
			values = append(values, p.Y)
		}
		for _, l := range cloud.Lines {
			values = append(values, l.FromY, l.ToY)
		}
	}
	scale := Linear(values...)
	up := func(v float64) float64 { return bottom - scale.at(v)/100*(bottom-top) }
	var c canvas
	c.open(k.Heading, bottom+axisHeight)
	for _, v := range scale.ticks(5) {
		c.line("grid", 0, up(v), 100, up(v), "")
		c.name(up(v)+4, Time(v))
	}
	c.line("axis", 0, bottom, 100, bottom, "")
	var ticks []placed
	for _, v := range k.Ticks {
		ticks = append(ticks, placed{k.X.at(v), k.Name(v)})
		c.line("axis", k.X.at(v), bottom, k.X.at(v), bottom+4, "")
	}
	for i, fits := range fitting(ticks, little) {
		if fits {
			c.text("tick", ticks[i].x, bottom+axisHeight-4, ticks[i].key)
		}
	}
	for _, cloud := range k.Clouds {
		for _, l := range cloud.Lines {
			c.line("fit "+string(cloud.Paint), k.X.at(l.FromX), up(l.FromY), k.X.at(l.ToX), up(l.ToY), l.Title)
		}
		for _, p := range cloud.Points {
			c.mark(cloud.Paint, k.X.at(p.X), up(p.Y), p.Title)
		}
	}
	return c.close()
}
