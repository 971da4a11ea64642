package render

import (
	"html/template"
	"slices"

	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/render/chart"
)

// besideView is a comparison as a page shows it.
type besideView struct {
	Book       string // what was run beside the team
	Caveats    []string
	Legend     []entry
	Paused     bool
	Rows       []besideBars
	Team, Side sideView
	Steps      []stepRow
	Directory  string
}

type sideView struct{ Tone, Word string }

// besideBars is a line with its bars; a figure that is no time has none.
type besideBars struct {
	besideRow
	Bars template.HTML
}

func besideOf(c *reports.Comparison) *besideView {
	if c == nil {
		return nil
	}
	v := &besideView{
		Book: bookWords(*c), Steps: bookRows(*c), Directory: c.Book.Directory,
		Team: sideView{c.Team.Verdict.String(), c.Team.Verdict.String()}, Side: sideView{c.Book.Verdict.String(), c.Book.Verdict.String()},
	}
	rows, paused := besideRows(*c)
	v.Paused, v.Caveats = paused, caveatsOf(*c, paused)
	v.Legend = []entry{{chart.AsBar, chart.PhaseA, "the team"}}
	if paused {
		v.Legend = append(v.Legend, entry{chart.AsBar, chart.Paused, "of it, paused"})
	}
	v.Legend = append(v.Legend, entry{chart.AsBar, chart.PhaseB, "the book"})
	var all []float64
	for _, r := range rows {
		for _, value := range []reports.Value{r.line.Team, r.line.Book} {
			if r.drawn() && value.Is != nil {
				all = append(all, float64(*value.Is))
			}
		}
	}
	scale := chart.Linear(all...)
	for _, r := range rows {
		bars := besideBars{besideRow: r}
		if r.drawn() {
			bars.Bars = drawn(chart.Pair{Scale: scale, Upper: teamParts(r.line.Team), Lower: bookParts(r.line.Book)}.SVG())
		}
		v.Rows = append(v.Rows, bars)
	}
	return v
}

// drawn tells whether a line is a time on the drill's clock, so that bars of all of
// them can be held against each other.
func (r besideRow) drawn() bool {
	return r.line.Unit == reports.Milliseconds && r.line.Figure != reports.LostSpanFigure && (!r.NoTeam || !r.NoBook)
}

func teamParts(v reports.Value) []chart.Part {
	net, ok := v.Net()
	if !ok {
		return nil
	}
	return slices.DeleteFunc([]chart.Part{
		{Paint: chart.PhaseA, MS: float64(net), Title: "the team: " + human(net)},
		{Paint: chart.Paused, MS: float64(*v.Is - net), Title: "paused: " + human(*v.Is-net)},
	}, func(p chart.Part) bool { return p.MS <= 0 })
}

func bookParts(v reports.Value) []chart.Part {
	if v.Is == nil {
		return nil
	}
	return []chart.Part{{Paint: chart.PhaseB, MS: float64(*v.Is), Title: "the book: " + human(*v.Is)}}
}
