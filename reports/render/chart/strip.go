package chart

import (
	"math"
	"slices"
)

// Strip shows figures as dots over a line, a row for each group of them: nothing is
// averaged away.
type Strip struct {
	Heading
	Scale  Scale // of all strips that are to be compared
	Rows   []Row
	Limits []Limit
}

// Row is one group of figures.
type Row struct {
	Name   string
	Dots   []Dot
	Median *float64  // nil: not shown
	Bounds []float64 // the most that each figure might have been
}

// Dot is one figure.
type Dot struct {
	MS        float64
	Title     string
	Exceeds   bool // it is greater than it may be
	Uncounted bool // it was seen, and is not relied upon
	Open      bool // it had not ended: it is longer than that
}

// Limit is what was promised, a line through all rows.
type Limit struct {
	MS   float64
	Name string
}

// StripScale is a scale for these rows and limits. A limit that lies far beyond all
// dots is left out of it, or nothing else would be seen.
func StripScale(rows []Row, limits []Limit) Scale {
	var values []float64
	for _, r := range rows {
		for _, d := range r.Dots {
			values = append(values, d.MS)
		}
		values = append(values, r.Bounds...)
	}
	const far = 4
	most := 0.0
	for _, v := range values {
		most = max(most, v)
	}
	for _, l := range limits {
		if len(values) == 0 || l.MS <= far*most {
			values = append(values, l.MS)
		}
	}
	return Fitting(values...)
}

// SVG draws it.
func (k Strip) SVG() string {
	const row = 40
	top := 4.0
	if len(k.Limits) > 0 {
		top = 20
	}
	bottom := top + float64(row*len(k.Rows))
	var c canvas
	c.open(k.Heading, bottom+axisHeight)
	c.axis(k.Scale, top, bottom, Time)
	for _, l := range k.Limits {
		k.limit(&c, l, bottom)
	}
	for i, r := range k.Rows {
		middle := top + float64(i*row) + row/2
		c.name(middle+4, r.Name)
		c.line("track", 0, middle, 100, middle, "")
		for _, b := range r.Bounds {
			x := k.Scale.at(b)
			c.line(string(Bound), x, middle-13, x, middle+13, "bound: "+Time(b))
		}
		if r.Median != nil {
			x := k.Scale.at(*r.Median)
			c.line(string(Median), x, middle-18, x, middle+18, "median: "+Time(*r.Median))
		}
		k.dots(&c, r.Dots, middle)
	}
	return c.close()
}

// limit is a line where there is room on the scale, and words at its edge where
// there is none.
func (k Strip) limit(c *canvas, l Limit, bottom float64) {
	x := k.Scale.at(l.MS)
	switch {
	case l.MS > k.Scale.hi:
		c.beside("limit end", 100, 12, 0, l.Name+" →")
		return
	case x > 55:
		c.beside("limit end", x, 12, -5, l.Name)
	default:
		c.beside("limit start", x, 12, 5, l.Name)
	}
	c.line(string(Target), x, 2, x, bottom, l.Name)
}

// dots draws figures, those that would hide each other above and below.
func (k Strip) dots(c *canvas, dots []Dot, middle float64) {
	const near = 1.6 // per cent
	sorted := slices.Clone(dots)
	slices.SortStableFunc(sorted, func(a, b Dot) int {
		switch {
		case a.MS < b.MS:
			return -1
		case a.MS > b.MS:
			return 1
		}
		return 0
	})
	last, together := math.Inf(-1), 0
	for _, d := range sorted {
		x := k.Scale.at(d.MS)
		if x-last < near {
			together++
		} else {
			last, together = x, 0
		}
		// 0, one up, one down, two up …; a crowd does not leave its row.
		away := float64((together + 1) / 2 * 5)
		if together%2 == 1 {
			away = -away
		}
		paint := SeriesA
		switch {
		case d.Exceeds:
			paint = Failed
		case d.Open:
			paint = Unended
		case d.Uncounted:
			paint = Uncounted
		}
		c.mark(paint, x, middle+max(min(away, 14), -14), d.Title)
	}
}
