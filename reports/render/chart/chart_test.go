package chart_test

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/etcd-firedrill/firedrill/reports/render/chart"
)

var heading = chart.Heading{ID: "x", Title: "a <title>", Description: "a & description"}

// sound is what every picture must be, whatever it was given: well-formed, without
// numbers that are none, and within its width.
func sound(t *testing.T, svg string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
		if start, ok := token.(xml.StartElement); ok {
			for _, a := range start.Attr {
				if strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
					t.Errorf("%s of %s is %s", a.Name.Local, start.Name.Local, a.Value)
				}
			}
		}
	}
	for _, m := range regexp.MustCompile(`([-0-9.]+)%"`).FindAllStringSubmatch(svg, -1) {
		if v, err := strconv.ParseFloat(m[1], 64); err != nil || v < 0 || v > 100 {
			t.Errorf("%s %% lies outside of the picture", m[1])
		}
	}
}

func TestEmptyAndDegeneratePictures(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for name, svg := range map[string]string{
		"timeline":         chart.Timeline{Heading: heading}.SVG(),
		"timeline, a lane": chart.Timeline{Heading: heading, Lanes: []chart.Lane{{Name: "x", Bars: []chart.Bar{{From: 5, To: 3}, {Paint: chart.Step, Key: "1"}}}}}.SVG(),
		"timeline, outside": chart.Timeline{
			Heading: heading, From: 10, To: 20, Bands: []chart.Bar{{From: 0, To: 100}}, Lanes: []chart.Lane{{Bars: []chart.Bar{{From: 0, To: 5}, {From: 0, To: 15}, {From: 12, To: 99}}}},
			Flags: []chart.Key{{At: 1}, {At: 12, Key: "1"}, {At: 40}}, Moments: []chart.Key{{At: 3}, {At: 13}, {At: 33}},
		}.SVG(),
		"stack":         chart.Stack{Heading: heading, Scale: chart.StackScale(nil)}.SVG(),
		"stack, zeros":  chart.Stack{Heading: heading, Scale: chart.StackScale(nil), Rows: []chart.Whole{{Name: "x"}, {Parts: []chart.Part{{MS: 0}, {MS: -4}}}}}.SVG(),
		"stack, huge":   chart.Stack{Heading: heading, Scale: chart.StackScale([]chart.Whole{{Worst: 1e15}}), Rows: []chart.Whole{{Parts: []chart.Part{{MS: 1}, {MS: 1e15}}}}}.SVG(),
		"stack, no num": chart.Stack{Heading: heading, Scale: chart.Linear(nan, inf), Rows: []chart.Whole{{Parts: []chart.Part{{MS: nan}, {MS: inf}}}}}.SVG(),
		"strip":         chart.Strip{Heading: heading, Scale: chart.StripScale(nil, nil), Rows: []chart.Row{{}}}.SVG(),
		"strip, zeros":  strip([]chart.Row{{Dots: []chart.Dot{{}, {}, {}}}}, nil),
		"strip, one":    strip([]chart.Row{{Dots: []chart.Dot{{MS: 12}}}}, []chart.Limit{{MS: 1e9, Name: "far"}}),
		"strip, huge":   strip([]chart.Row{{Dots: []chart.Dot{{MS: 0}, {MS: 0.5}, {MS: 1}, {MS: 1e9}}, Bounds: []float64{7}}}, []chart.Limit{{MS: 3}}),
		"scatter":       chart.Scatter{Heading: heading}.SVG(),
		"scatter, one": chart.Scatter{
			Heading: heading, X: chart.Linear(1), Ticks: []float64{1}, Name: chart.Time,
			Clouds: []chart.Cloud{{Paint: chart.SeriesA, Points: []chart.XY{{X: 1, Y: 0}, {X: nan, Y: inf}}, Lines: []chart.Segment{{FromY: -50, ToY: 1e12}}}},
		}.SVG(),
	} {
		t.Run(name, func(t *testing.T) { sound(t, svg) })
	}
}

func strip(rows []chart.Row, limits []chart.Limit) string {
	return chart.Strip{Heading: heading, Scale: chart.StripScale(rows, limits), Rows: rows, Limits: limits}.SVG()
}

// A bar is where its time is: to scale.
func TestBarsAreToScale(t *testing.T) {
	svg := chart.Timeline{Heading: heading, From: 1000, To: 5000, Lanes: []chart.Lane{{Bars: []chart.Bar{{From: 2000, To: 3000, Paint: chart.Etcd}}}}}.SVG()
	if !strings.Contains(svg, `<rect class="bar etcd" x="25%" y="30" width="25%"`) {
		t.Errorf("1 s of 4 s, after the first, is drawn as\n%s", svg)
	}
}

// Of keys that would run into each other fewer are shown where there is less room,
// and never none.
func TestKeysMakeRoom(t *testing.T) {
	lane := chart.Lane{}
	for i := range int64(40) {
		lane.Bars = append(lane.Bars, chart.Bar{From: i * 100, To: i*100 + 90, Paint: chart.Step, Key: strconv.FormatInt(i+1, 10)})
	}
	svg := chart.Timeline{Heading: heading, To: 4000, Lanes: []chart.Lane{lane}}.SVG()
	everywhere := strings.Count(svg, `class="key"`)
	onWide := everywhere + strings.Count(svg, `class="key wide-only"`)
	onNarrow := everywhere + strings.Count(svg, `class="key narrow-only"`)
	if onNarrow == 0 || onWide <= onNarrow || onWide > 40 {
		t.Errorf("of 40 keys, %d are shown on a narrow screen and %d on a wide one", onNarrow, onWide)
	}
}

// Numbers that are far apart have a logarithmic axis that says so, and zero a place.
func TestHugeRanges(t *testing.T) {
	rows := []chart.Row{{Dots: []chart.Dot{{MS: 0}, {MS: 10}, {MS: 1e6}}}}
	if scale := chart.StripScale(rows, nil); !scale.Logarithmic() {
		t.Error("10 ms and 1,000 s are on an even axis")
	}
	if scale := chart.StripScale(rows[:0], []chart.Limit{{MS: 5}}); scale.Logarithmic() {
		t.Error("one limit alone makes a logarithmic axis")
	}
	svg := strip(rows, nil)
	for _, tick := range []string{">0<", ">10 ms<", ">1 s<"} {
		if !strings.Contains(svg, tick) {
			t.Errorf("there is no tick %s in\n%s", tick, svg)
		}
	}
}

// A target far beyond all figures is named at the edge instead of pressing them flat.
func TestFarLimit(t *testing.T) {
	rows := []chart.Row{{Dots: []chart.Dot{{MS: 900}}}}
	if svg := strip(rows, []chart.Limit{{MS: 3.6e6, Name: "RTO 1h"}}); !strings.Contains(svg, "RTO 1h →") || strings.Contains(svg, `class="target"`) {
		t.Errorf("a limit of one hour is drawn among figures below a second:\n%s", svg)
	}
	if svg := strip(rows, []chart.Limit{{MS: 1500, Name: "RTO"}}); !strings.Contains(svg, `class="target"`) {
		t.Errorf("a limit close by is not drawn:\n%s", svg)
	}
}

func TestTime(t *testing.T) {
	for ms, want := range map[float64]string{0: "0", 0.25: "0.25 ms", 250: "250 ms", 1500: "1.5 s", 60e3: "1 min", 90e3: "1.5 min", 6 * 3600e3: "6 h", 3 * 24 * 3600e3: "3 d", 2345.678: "2.35 s"} {
		if got := chart.Time(ms); got != want {
			t.Errorf("%g ms is %q, want %q", ms, got, want)
		}
	}
}

// Whatever text and figures come, a picture is well-formed and all text is text.
func FuzzPictures(f *testing.F) {
	f.Add(`"><script>`, int64(3), int64(9), 4.5)
	f.Add("\x00\xff]]>", int64(-1), int64(math.MaxInt64), math.Inf(-1))
	f.Fuzz(func(t *testing.T, text string, from, to int64, v float64) {
		h := chart.Heading{ID: text, Title: text, Description: text}
		for _, svg := range []string{
			chart.Timeline{
				Heading: h, From: from, To: to, Lanes: []chart.Lane{{Name: text, Bars: []chart.Bar{{From: from, To: to, Paint: chart.Paint(text), Key: text, Title: text}}}},
				Flags: []chart.Key{{At: to, Key: text, Title: text}}, Moments: []chart.Key{{At: from, Key: text, Title: text}},
			}.SVG(),
			chart.Stack{Heading: h, Scale: chart.Linear(v), Rows: []chart.Whole{{Name: text, Note: text, Worst: v, Parts: []chart.Part{{Paint: chart.PhaseA, MS: v, Title: text}}}}}.SVG(),
			strip([]chart.Row{{Name: text, Dots: []chart.Dot{{MS: v, Title: text}}, Median: &v, Bounds: []float64{v}}}, []chart.Limit{{MS: v, Name: text}}),
		} {
			if strings.Contains(svg, "<script") {
				t.Errorf("text became an element:\n%s", svg)
			}
			if strings.ToValidUTF8(text, "") == text && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0xFFFE || r == 0xFFFF }) {
				sound(t, svg)
			}
		}
	})
}
