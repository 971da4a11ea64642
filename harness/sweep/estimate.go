package sweep

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/etcd-firedrill/firedrill/reports/policy"
)

// estimate is how long the tasks will take if each takes what runs took that were
// most like it: of its own point, else of its size, else of the size nearest to
// it, which is said. Before any run has ended there is none.
func estimate(left []task, runs []policy.Run) string {
	total, rough := time.Duration(0), false
	for _, t := range left {
		took, like := expected(t, runs)
		if like == nothing {
			return "no estimate yet"
		}
		rough = rough || like == nearest
		total += took
	}
	text := "about " + roundly(total)
	if rough {
		text += ", judged by other sizes"
	}
	return text
}

// likeness is how much the runs that a task is judged by are like it.
type likeness int

const (
	nothing likeness = iota
	nearest          // of another size
	size
	point
)

// expected is the mean of what the runs most like a task took.
func expected(t task, runs []policy.Run) (took time.Duration, like likeness) {
	whole := slices.DeleteFunc(slices.Clone(runs), func(r policy.Run) bool { return r.Broke != "" })
	var of []policy.Run
	for _, c := range []struct {
		like likeness
		is   func(policy.Run) bool
	}{
		{point, func(r policy.Run) bool { return r.Point == t.Point }},
		{size, func(r policy.Run) bool { return r.Size == t.Size }},
		{nearest, func(r policy.Run) bool { return r.Size == closest(t.Size, whole) }},
	} {
		of = slices.DeleteFunc(slices.Clone(whole), func(r policy.Run) bool { return !c.is(r) })
		if like = c.like; len(of) > 0 {
			break
		}
	}
	if len(of) == 0 {
		return 0, nothing
	}
	var sum int64
	for _, r := range of {
		sum += r.Took
	}
	return time.Duration(sum/int64(len(of))) * time.Millisecond, like
}

// closest is the size of a run that differs by the least factor.
func closest(to policy.Size, runs []policy.Run) policy.Size {
	var best policy.Size
	off := math.Inf(1)
	for _, r := range runs {
		if factor := math.Abs(math.Log(float64(r.Size) / float64(to))); factor < off {
			best, off = r.Size, factor
		}
	}
	return best
}

// roundly is a time as nobody takes for exact.
func roundly(d time.Duration) string {
	switch {
	case d < 90*time.Second:
		return fmt.Sprintf("%d s", int(math.Ceil(d.Seconds())))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(math.Round(d.Minutes())))
	}
	return fmt.Sprintf("%.1f h", d.Hours())
}
