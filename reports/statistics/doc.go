// Package statistics says what so many figures can say, and no more: their
// median and how sure it is, their 95th percentile, a line through them, and
// whether two sets of them differ.
//
// The figures are times, of which nobody knows how they are distributed, so
// nothing here assumes that they are normal: quantiles are figures that were
// measured, intervals and tests go by rank. The mathematics is gonum's and that
// of Go's own benchmark tools.
//
// It is apart so that policies and trends count alike, and so that its answers
// can be held against published ones. It imports nothing of ours.
package statistics
