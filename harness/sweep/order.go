package sweep

import (
	"fmt"

	"github.com/etcd-firedrill/firedrill/reports/policy"
)

// task is one run that is to be made.
type task struct {
	policy.Point
	number int // within its point, from 1
	seed   int64
}

func (t task) String() string {
	return fmt.Sprintf("%s, number %d, seed %d", t.Title(), t.number, t.seed)
}

// tasks are all runs of a sweep in order: every point once, then every one again,
// so that a sweep which is cut short has something of each. Every run has a seed
// of its own, the same however often the sweep is resumed.
func tasks(r policy.Result) []task {
	var all []task
	points := r.Points()
	for number := 1; number <= r.Sweep.Runs; number++ {
		for _, p := range points {
			all = append(all, task{Point: p, number: number, seed: r.Sweep.Seed + int64(len(all))})
		}
	}
	return all
}

// missing are the tasks that no run has answered yet. What the harness broke is run
// again.
func missing(all []task, runs []policy.Run) []task {
	type key struct {
		policy.Point
		number int
	}
	done := map[key]bool{}
	for _, r := range runs {
		if r.Broke == "" {
			done[key{r.Point, r.Number}] = true
		}
	}
	var left []task
	for _, t := range all {
		if !done[key{t.Point, t.number}] {
			left = append(left, t)
		}
	}
	return left
}
