package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/etcd-firedrill/firedrill/reports/policy"
	"github.com/etcd-firedrill/firedrill/reports/render/chart"
)

// fitsView is the lines that were computed, never without the figures that they
// were computed from.
type fitsView struct {
	Missing  []string // where there is no line, and why
	Legend   []entry
	Pictures []picture
	Tables   []fitTable
}

// fitTable is the lines of one group.
type fitTable struct {
	Name, Range string
	Rows        []fitView
}

type fitView struct {
	Phase, Line, Residual, Worst, R2, Figures string
}

const gib = 1 << 30

func fitsOf(result policy.Result, groups []group) *fitsView {
	if len(result.Fits) == 0 && len(result.Unfitted) == 0 {
		return nil
	}
	v := &fitsView{Missing: result.Unfitted}
	if len(result.Fits) == 0 {
		return v
	}
	for i, g := range groups {
		v.Legend = append(v.Legend, entry{chart.AsMark, chart.Series(i), g.name + ": measured"})
	}
	v.Legend = append(v.Legend, entry{chart.AsFit, chart.SeriesA, "computed, in the colour of its points"})
	for _, phase := range phasesOf(result.Fits) {
		v.Pictures = append(v.Pictures, fitPicture(result, groups, phase))
	}
	for _, g := range groups {
		t := fitTable{Name: g.name}
		for _, phase := range phasesOf(result.Fits) {
			f, ok := g.fit(result.Fits, phase)
			if !ok {
				continue
			}
			t.Range = "from " + sizeCell(f.From) + " to " + sizeCell(f.To)
			t.Rows = append(t.Rows, fitView{
				Phase: phaseName(phase), Line: lineOf(f), Residual: "± " + chart.Time(f.Residual), Worst: chart.Time(f.Worst),
				R2: fmt.Sprintf("%.3f", f.R2), Figures: fmt.Sprint(f.Figures),
			})
		}
		if len(t.Rows) > 0 {
			v.Tables = append(v.Tables, t)
		}
	}
	return v
}

// phasesOf lists the phases of fits, in the order in which they occur.
func phasesOf(fits []policy.Fit) []policy.Phase {
	known := policy.Phases()
	for _, f := range fits {
		if !slices.Contains(known, f.Phase) {
			known = append(known, f.Phase)
		}
	}
	return slices.DeleteFunc(known, func(p policy.Phase) bool {
		return !slices.ContainsFunc(fits, func(f policy.Fit) bool { return f.Phase == p })
	})
}

func fitPicture(result policy.Result, groups []group, phase policy.Phase) picture {
	k := chart.Scatter{
		Heading: chart.Heading{ID: "fit-" + string(phase), Title: phaseName(phase) + " over the size of the database"},
		Name:    func(v float64) string { return humanize.IBytes(uint64(max(v, 0))) },
	}
	var sizes []float64
	var said []string
	for i, g := range groups {
		cloud := chart.Cloud{Paint: chart.Series(i)}
		for _, p := range g.points {
			if size := float64(p.Size); !slices.Contains(sizes, size) {
				sizes, k.Ticks = append(sizes, size), append(k.Ticks, size)
			}
			for _, r := range p.runs {
				if ms, ok := r.Phases[phase]; ok && r.Counts() {
					size := sizeOf(r)
					sizes = append(sizes, size)
					cloud.Points = append(cloud.Points, chart.XY{X: size, Y: float64(ms), Title: fmt.Sprintf("%s, run %d: %s", p.Size, r.Number, human(ms))})
				}
			}
		}
		if f, ok := g.fit(result.Fits, phase); ok {
			at := func(bytes int64) float64 { return f.Fixed + f.PerGiB*float64(bytes)/gib }
			sizes = append(sizes, float64(f.To))
			cloud.Lines = []chart.Segment{{
				FromX: float64(f.From), FromY: at(f.From), ToX: float64(f.To), ToY: at(f.To), Title: "computed: " + lineOf(f),
			}}
			said = append(said, g.name+": "+lineOf(f)+".")
		}
		k.Clouds = append(k.Clouds, cloud)
	}
	slices.Sort(k.Ticks)
	k.X = chart.Linear(sizes...)
	k.Description = "Points are measured, dashed lines computed. " + strings.Join(said, " ")
	return picture{Caption: phaseName(phase), SVG: drawn(k.SVG()), Axis: "size of the database"}
}

// sizeOf is what a fit is drawn over: the size that was met, or else aimed at.
func sizeOf(r policy.Run) float64 {
	if r.DatabaseBytes > 0 {
		return float64(r.DatabaseBytes)
	}
	return float64(r.Size)
}

// lineOf is a fit as arithmetic.
func lineOf(f policy.Fit) string {
	sign := "+"
	per := f.PerGiB
	if per < 0 {
		sign, per = "−", -per
	}
	return fmt.Sprintf("%s %s %s for each GiB", signedTime(f.Fixed), sign, chart.Time(per))
}

// signedTime shows milliseconds of a chart that may be below 0, as a line's may.
func signedTime(ms float64) string {
	if ms < 0 {
		return "−" + chart.Time(-ms)
	}
	return chart.Time(ms)
}
