package chart

import (
	_ "embed"
	"html"
	"math"
	"strconv"
	"strings"
)

// CSS is the style sheet of all pictures. It takes its colours from the custom
// properties of the page: see PageColours.
//
//go:embed chart.css
var CSS string

// Patterns is a picture of no size that defines what stretches are filled with.
// It belongs into a page once, before any other picture.
//
//go:embed patterns.svg
var Patterns string

// PeopleCSS and PeoplePatterns are what pictures of people need beside CSS and
// Patterns: pages without them are spared both.
var (
	//go:embed people.css
	PeopleCSS string
	//go:embed people.svg
	PeoplePatterns string
)

// Heading is what a picture is called. Title and Description are for those who
// cannot see it, and Title for those who point at it.
type Heading struct {
	ID          string // unique in the page: letters, digits and hyphens
	Title       string
	Description string // what it shows, with the figures that matter
}

// Paint is what a mark stands for; the style sheet gives it colour and pattern.
type Paint string

// The paints.
const (
	Serving Paint = "serving"  // writes are acknowledged
	Gap     Paint = "gap"      // none is
	Strike  Paint = "strike"   // the disaster
	Working Paint = "working"  // the procedure is under way
	Step    Paint = "step"     // one of its steps
	Failed  Paint = "failed"   // a step that ended badly, a figure beyond its bound
	Powered Paint = "powered"  // a host is on
	Etcd    Paint = "etcd"     // and etcd runs on it
	Backup  Paint = "backup"   // is taken, and kept
	Dropped Paint = "dropped"  // is taken, and not kept
	Fetched Paint = "fetched"  // a backup comes back
	Moment  Paint = "moment"   // something was seen
	Median  Paint = "median"   // half of the figures lie below
	Bound   Paint = "bound"    // a figure may be this great at most
	Target  Paint = "target"   // somebody promised this
	PhaseA  Paint = "phase-a"  // parts of a whole, in the order in which they occur
	PhaseB  Paint = "phase-b"  //
	PhaseC  Paint = "phase-c"  //
	PhaseD  Paint = "phase-d"  //
	PhaseE  Paint = "phase-e"  //
	SeriesA Paint = "series-a" // one of several clouds of points
	SeriesB Paint = "series-b" //
	SeriesC Paint = "series-c" //
	SeriesD Paint = "series-d" //
	Worst   Paint = "worst"    // the greatest figure
	Paused  Paint = "paused"   // people stood still
	Shell   Paint = "shell"    // somebody is at a shell
	Wrong   Paint = "wrong"    // a wrong move
	Advice  Paint = "advice"   // a hint was given

	Uncounted Paint = "uncounted" // a figure that is not relied upon
	Unended   Paint = "unended"   // the true figure is greater
)

// Series are the paints of clouds, in order; a fifth cloud is painted as the first.
func Series(n int) Paint {
	return [...]Paint{SeriesA, SeriesB, SeriesC, SeriesD}[n%4]
}

// canvas collects the elements of one picture. An x is per cent of the width, a y
// is pixels.
type canvas struct{ b strings.Builder }

// open begins a picture of a height in pixels. Its width is the style sheet's.
func (c *canvas) open(h Heading, height float64) {
	id := identifier(h.ID)
	c.b.WriteString(`<svg class="chart" role="img" width="100%" height="` + number(height) +
		`" aria-labelledby="` + id + `-title ` + id + `-desc">` +
		`<title id="` + id + `-title">` + html.EscapeString(h.Title) + `</title>` +
		`<desc id="` + id + `-desc">` + html.EscapeString(h.Description) + `</desc>` + "\n")
}

func (c *canvas) close() string {
	c.b.WriteString("</svg>\n")
	return c.b.String()
}

func (c *canvas) rect(class string, x, y, width, height float64, title string) {
	c.b.WriteString(`<rect class="` + html.EscapeString(class) + `" x="` + percent(x) + `" y="` + number(y) +
		`" width="` + percent(width) + `" height="` + number(height) + `"`)
	c.titled("rect", title)
}

func (c *canvas) line(class string, x1, y1, x2, y2 float64, title string) {
	c.b.WriteString(`<line class="` + html.EscapeString(class) + `" x1="` + percent(x1) + `" y1="` + number(y1) +
		`" x2="` + percent(x2) + `" y2="` + number(y2) + `"`)
	c.titled("line", title)
}

func (c *canvas) titled(element, title string) {
	if title == "" {
		c.b.WriteString("/>\n")
		return
	}
	c.b.WriteString(`><title>` + html.EscapeString(title) + `</title></` + element + ">\n")
}

// text is centred on x unless its class says start or end.
func (c *canvas) text(class string, x, y float64, text string) {
	c.b.WriteString(`<text class="` + html.EscapeString(class) + `" x="` + percent(x) + `" y="` + number(y) + `">` +
		html.EscapeString(text) + "</text>\n")
}

// beside is text that begins or, with class end, ends some pixels beside x.
func (c *canvas) beside(class string, x, y, pixels float64, text string) {
	c.b.WriteString(`<text class="` + html.EscapeString(class) + `" x="` + percent(x) + `" y="` + number(y) +
		`" dx="` + number(pixels) + `">` + html.EscapeString(text) + "</text>\n")
}

// name is text in the margin at the left, cut to what fits there.
func (c *canvas) name(y float64, text string) {
	c.b.WriteString(`<text class="name end" x="-8" y="` + number(y) + `">`)
	if short := cut(text); short != text {
		c.b.WriteString(`<title>` + html.EscapeString(text) + `</title>` + html.EscapeString(short))
	} else {
		c.b.WriteString(html.EscapeString(text))
	}
	c.b.WriteString("</text>\n")
}

// nameWidth is how many letters the margin at the left holds.
const nameWidth = 10

func cut(text string) string {
	letters := []rune(text)
	if len(letters) <= nameWidth {
		return text
	}
	return string(letters[:nameWidth-1]) + "…"
}

// The shapes of marks, drawn around 0,0. Clouds of points differ in shape too.
const (
	circle   = "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0Z"
	square   = "M-3.6,-3.6H3.6V3.6H-3.6Z"
	triangle = "M0,-4.6L4.6,3.6H-4.6Z"
	diamond  = "M0,-5L4.2,0L0,5L-4.2,0Z"
	cross    = "M-4,-4L4,4M-4,4L4,-4"
	flag     = "M0,0L11,5L0,10Z"
	onward   = "M-3.6,-4.6L5,0L-3.6,4.6Z"
	saltire  = "M-6,-4L-4,-6L0,-2L4,-6L6,-4L2,0L6,4L4,6L0,2L-4,6L-6,4L-2,0Z"
	bubble   = "M-6,-5H6V3H1L-3,6.5V3H-6Z"
)

var shapes = map[Paint]string{
	SeriesA: circle, SeriesB: square, SeriesC: triangle, SeriesD: diamond,
	Moment: diamond, Failed: cross, Strike: flag, Wrong: saltire, Advice: bubble, Unended: onward,
}

// mark is a small shape at a place; paints without one of their own are circles.
func (c *canvas) mark(p Paint, x, y float64, title string) {
	shape, ok := shapes[p]
	if !ok {
		shape = circle
	}
	// An inner picture of no size moves by per cent, which a path cannot.
	c.b.WriteString(`<svg class="mark" x="` + percent(x) + `" y="` + number(y) + `"><path class="` +
		html.EscapeString(string(p)) + `" d="` + shape + `"`)
	c.titled("path", title)
	c.b.WriteString("</svg>\n")
}

func number(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		v = 0
	}
	return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64)
}

func percent(v float64) string { return number(v) + "%" }

// identifier is a text as the value of an id attribute that others refer to.
func identifier(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return '-'
	}, text)
}
