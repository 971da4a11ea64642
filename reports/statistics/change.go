package statistics

import (
	"slices"

	"golang.org/x/perf/benchmath"
)

// Alpha is how likely a difference may be chance and still be called one.
const Alpha = 0.05

// Comparison is two samples held against each other.
type Comparison struct {
	Before, After float64 // medians
	// Ratio is After over Before, the size of the difference; 0 where Before is 0.
	Ratio float64
	// P is how likely ranks as different as these, or more, are by chance alone,
	// by the two-sided Mann-Whitney U test: exact unless there are many figures.
	P float64
	// Least is the P of as many figures that are quite apart. Where it is not below
	// Alpha there are too few, and P says nothing.
	Least float64
}

// Compare holds two samples against each other. Without figures in both of them
// P and Least are 1.
func Compare(before, after []float64) Comparison {
	if len(before) == 0 || len(after) == 0 {
		return Comparison{P: 1, Least: 1}
	}
	c := Comparison{Before: Median(before), After: Median(after), P: chance(before, after)}
	if c.Before != 0 {
		c.Ratio = c.After / c.Before
	}
	// As different as they could be: all of one below all of the other.
	apart := make([]float64, len(before)+len(after))
	for i := range apart {
		apart[i] = float64(i)
	}
	c.Least = chance(apart[:len(before)], apart[len(before):])
	return c
}

func chance(a, b []float64) float64 {
	sample := func(figures []float64) *benchmath.Sample {
		return benchmath.NewSample(slices.Clone(figures), &benchmath.DefaultThresholds) // which sorts them
	}
	return benchmath.AssumeNothing.Compare(sample(a), sample(b)).P
}

// Adjust raises the P of several comparisons, in their order, so that of those
// that are still below Alpha no more than that part is chance to be expected
// (Benjamini and Hochberg): whoever looks twenty times sees one by chance.
func Adjust(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case p[a] < p[b]:
			return -1
		case p[a] > p[b]:
			return 1
		}
		return 0
	})
	adjusted, least := make([]float64, len(p)), 1.0
	for rank := len(order); rank > 0; rank-- {
		i := order[rank-1]
		least = min(least, p[i]*float64(len(p))/float64(rank))
		adjusted[i] = least
	}
	return adjusted
}
