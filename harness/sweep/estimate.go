package sweep

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/etcd-firedrill/firedrill/reports/policy"
)

// estimate is how long the tasks will take if each takes what runs took that were
// most like it: of its own point, else of its size, else what runs of other sizes
// make likely, which is said. Before any run has ended there is none.
func estimate(left []task, runs []policy.Run) string {
	runs = slices.DeleteFunc(slices.Clone(runs), func(r policy.Run) bool { return r.Broke != "" })
	if len(runs) == 0 {
		return "no estimate yet"
	}
	total, rough := time.Duration(0), false
	for _, t := range left {
		took, ok := mean(runs, func(r policy.Run) bool { return r.Point == t.Point })
		if !ok {
			took, ok = mean(runs, func(r policy.Run) bool { return r.Size == t.Size })
		}
		if !ok {
			took, rough = ofAnotherSize(t.Size, runs), true
		}
		total += took
	}
	text := "about " + roundly(total)
	if rough {
		text += ", judged by other sizes"
	}
	return text
}

// mean is what these of the runs took; false: there are none of them.
func mean(runs []policy.Run, these func(policy.Run) bool) (took time.Duration, ok bool) {
	var sum, n int64
	for _, r := range runs {
		if these(r) {
			sum, n = sum+r.Took, n+1
		}
	}
	if n == 0 {
		return 0, false
	}
	return time.Duration(sum/n) * time.Millisecond, true
}

// ofAnotherSize is what a run of a size is likely to take of which there was none yet,
// by those that there were. Between two sizes, and beyond the largest two, it is on the
// straight line through them; beyond a single one, what grows is told by its phases. A
// drill takes some time whatever the size, so one of a smaller size than any is taken for
// as long as the smallest, and one of a larger for no shorter than the largest, nor for
// longer by a greater factor than it is larger.
func ofAnotherSize(size policy.Size, runs []policy.Run) time.Duration {
	means := map[policy.Size]time.Duration{}
	for _, r := range runs {
		means[r.Size], _ = mean(runs, func(other policy.Run) bool { return other.Size == r.Size })
	}
	sizes := slices.Sorted(maps.Keys(means))
	above, _ := slices.BinarySearch(sizes, size)
	if above == 0 {
		return means[sizes[0]]
	}
	if above < len(sizes) {
		return onLine(size, sizes[above-1], sizes[above], means)
	}
	largest := sizes[above-1]
	least, most := means[largest], time.Duration(float64(means[largest])*float64(size)/float64(largest))
	if above > 1 {
		return min(max(onLine(size, sizes[above-2], largest, means), least), most)
	}
	grows := passes * growing(runs)
	if grows == 0 {
		return most
	}
	return min(least+time.Duration(float64(grows)*(float64(size)/float64(largest)-1)), most)
}

// passes is how many times as long as what growing counts a drill is about the database
// altogether, as seen in sweeps: it is born with it, backs it up at least twice, and reads
// what came back.
const passes = 3

// growing is the mean of what the phases took that the whole database goes through.
func growing(runs []policy.Run) time.Duration {
	var sum int64
	for _, r := range runs {
		for _, p := range []policy.Phase{policy.Snapshot, policy.VerifyTaken, policy.Upload, policy.Fetch, policy.VerifyFetched, policy.RestoreHost} {
			sum += r.Phases[p]
		}
	}
	return time.Duration(sum/int64(len(runs))) * time.Millisecond
}

// onLine is what a size takes on the line through two others.
func onLine(size, a, b policy.Size, means map[policy.Size]time.Duration) time.Duration {
	each := float64(means[b]-means[a]) / float64(b-a)
	return means[a] + time.Duration(math.Round(each*float64(size-a)))
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
