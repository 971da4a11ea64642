package statistics

import (
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

const (
	// EnoughForP95 is from how many figures on a 95th percentile is told: of fewer
	// it would be the worst under another name.
	EnoughForP95 = 20
	// Level is the confidence that an interval for the median has at least. From
	// five figures on there is one that has it: from the least to the greatest,
	// with 93.75 %.
	Level = 0.9
)

// Median is the least figure that at least half of the figures do not exceed: one
// that was measured. There must be at least one figure.
func Median(figures []float64) float64 { return quantile(figures, 0.5) }

// P95 is the least figure that at least 95 % of the figures do not exceed; ok is
// false where they are fewer than EnoughForP95.
func P95(figures []float64) (p95 float64, ok bool) {
	if len(figures) < EnoughForP95 {
		return 0, false
	}
	return quantile(figures, 0.95), true
}

func quantile(figures []float64, p float64) float64 {
	return stat.Quantile(p, stat.Empirical, slices.Sorted(slices.Values(figures)), nil)
}

// Interval encloses the median of whatever the figures are a sample of.
type Interval struct {
	Low, High  float64
	Confidence float64 // that it does, of 1
}

// MedianInterval is the narrowest interval, from one figure to another and as far
// from the least as from the greatest, that encloses the true median with at
// least this confidence. It assumes nothing of how figures are distributed: each
// is as likely above the median as below it. ok is false where they are too few.
func MedianInterval(figures []float64, confidence float64) (i Interval, ok bool) {
	n := len(figures)
	below := distuv.Binomial{N: float64(n), P: 0.5} // figures below the median
	rank := 0
	for rank < n/2 && 1-2*below.CDF(float64(rank)) >= confidence {
		rank++
	}
	if rank == 0 {
		return Interval{}, false
	}
	sorted := slices.Sorted(slices.Values(figures))
	return Interval{Low: sorted[rank-1], High: sorted[n-rank], Confidence: 1 - 2*below.CDF(float64(rank-1))}, true
}
