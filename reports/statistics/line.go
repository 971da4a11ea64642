package statistics

import (
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"
)

// Line is the straight line that leaves the least squares.
type Line struct {
	Fixed float64 // at x = 0
	Slope float64 // for each x more
	// R2 is the part of the variance that the line explains, of 1; 1 where there
	// is no variance.
	R2       float64
	Residual float64 // standard deviation of what it leaves, with n−2 degrees of freedom
	Worst    float64 // greatest distance of a figure from it
}

// FitLine draws a line through figures; ok is false below three of them, through
// which it would go whatever they are, and where all x are the same.
func FitLine(x, y []float64) (l Line, ok bool) {
	if len(x) != len(y) || len(x) < 3 || floats.Min(x) == floats.Max(x) {
		return Line{}, false
	}
	l.Fixed, l.Slope = stat.LinearRegression(x, y, nil, false)
	left := make([]float64, len(x))
	for i := range x {
		left[i] = y[i] - (l.Fixed + l.Slope*x[i])
	}
	l.Residual = floats.Norm(left, 2) / math.Sqrt(float64(len(left)-2))
	l.Worst = floats.Norm(left, math.Inf(1))
	l.R2 = 1
	if floats.Min(y) != floats.Max(y) {
		l.R2 = stat.RSquared(x, y, nil, l.Fixed, l.Slope)
	}
	return l, true
}
