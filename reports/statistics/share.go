package statistics

import (
	"math"

	"gonum.org/v1/gonum/stat/combin"
)

// Share is so many of so many.
type Share struct{ Have, Of int }

// CompareShares holds two shares against each other by Fisher's exact test. P is how
// likely shares as different as these, or more, are by chance alone, twice the tail on
// the side where they differ; Least is the P of shares as different as they could be
// with so many in all. Where Least is not below Alpha there are too few, and P says
// nothing.
func CompareShares(before, after Share) (p, least float64) {
	have, of := before.Have+after.Have, before.Of+after.Of
	low, high := max(0, have-before.Of), min(have, after.Of)
	// exactly is how likely chance puts so many of all that have it into after.
	exactly := func(n int) float64 {
		return math.Exp(choices(have, n) + choices(of-have, after.Of-n) - choices(of, after.Of))
	}
	var fewer, more float64
	for n := low; n <= high; n++ {
		if n <= after.Have {
			fewer += exactly(n)
		}
		if n >= after.Have {
			more += exactly(n)
		}
	}
	return min(1, 2*min(fewer, more)), min(1, 2*min(exactly(low), exactly(high)))
}

// choices is the logarithm of how many ways there are to choose so many.
func choices(of, n int) float64 { return combin.LogGeneralizedBinomial(float64(of), float64(n)) }
