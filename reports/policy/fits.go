package policy

import (
	"fmt"
	"slices"

	"github.com/etcd-firedrill/firedrill/reports/statistics"
)

// MinSizes is through how many sizes a line is drawn at least: through two it goes
// whatever they are.
const MinSizes = 3

const gib = 1 << 30

// fit draws a line through each phase over the size of the database, for each
// procedure, number of members and value size.
func (r *Result) fit() {
	var lines []Point
	for _, p := range r.Points() {
		p.Size = 0
		if !slices.Contains(lines, p) {
			lines = append(lines, p)
		}
	}
	for _, line := range lines {
		var counting []Run
		var sizes []Size
		for _, run := range r.Runs {
			of := run.Point
			of.Size = 0
			if of != line || !run.Counts() || run.DatabaseBytes == 0 {
				continue
			}
			counting = append(counting, run)
			if !slices.Contains(sizes, run.Size) {
				sizes = append(sizes, run.Size)
			}
		}
		if len(sizes) < MinSizes {
			r.Unfitted = append(r.Unfitted, fmt.Sprintf("%s with %s and values of %d bytes: %d of the %d sizes that a line needs",
				line.Procedure, counted(line.Members, "member"), line.ValueSize, len(sizes), MinSizes))
			continue
		}
		for _, phase := range Phases() {
			if f, ok := fitPhase(line, phase, counting); ok {
				r.Fits = append(r.Fits, f)
			}
		}
	}
}

func fitPhase(line Point, phase Phase, runs []Run) (f Fit, ok bool) {
	var x, y []float64
	var sizes []Size
	var from, to int64
	for _, run := range runs {
		ms, seen := run.Phases[phase]
		if !seen {
			continue
		}
		x, y = append(x, float64(run.DatabaseBytes)/gib), append(y, float64(ms))
		if !slices.Contains(sizes, run.Size) {
			sizes = append(sizes, run.Size)
		}
		if from == 0 || run.DatabaseBytes < from {
			from = run.DatabaseBytes
		}
		to = max(to, run.DatabaseBytes)
	}
	if len(sizes) < MinSizes {
		return f, false
	}
	l, ok := statistics.FitLine(x, y)
	return Fit{
		Procedure: line.Procedure, Members: line.Members, ValueSize: line.ValueSize, Phase: phase,
		Fixed: l.Fixed, PerGiB: l.Slope, R2: l.R2, Residual: l.Residual, Worst: l.Worst, Figures: len(x), From: from, To: to,
	}, ok
}
