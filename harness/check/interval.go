package check

import (
	"cmp"
	"slices"
)

// interval is a range of revisions, both ends included.
type interval struct{ from, to int64 }

// admissible is a set of revisions: disjoint intervals in order.
type admissible []interval

// meet returns what is in both.
func (a admissible) meet(b admissible) admissible {
	var out admissible
	for i, j := 0, 0; i < len(a) && j < len(b); {
		both := interval{max(a[i].from, b[j].from), min(a[i].to, b[j].to)}
		if both.from <= both.to {
			out = append(out, both)
		}
		if a[i].to < b[j].to {
			i++
		} else {
			j++
		}
	}
	return out
}

func (a admissible) has(revision int64) bool {
	return len(a.meet(admissible{{revision, revision}})) > 0
}

// join returns what is in either.
func (a admissible) join(b admissible) admissible {
	all := slices.Concat(a, b)
	slices.SortFunc(all, func(x, y interval) int { return cmp.Compare(x.from, y.from) })
	var out admissible
	for _, i := range all {
		out = out.add(i.from, i.to)
	}
	return out
}

// add appends an interval that begins behind the last one's beginning.
func (a admissible) add(from, to int64) admissible {
	if from > to {
		return a
	}
	if n := len(a); n > 0 && from <= a[n-1].to+1 {
		a[n-1].to = max(a[n-1].to, to)
		return a
	}
	return append(a, interval{from, to})
}
