package render

import (
	"cmp"
	"slices"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
)

// course is a report with what all of its pictures and lists need.
type course struct {
	reports.Report
	end    int64    // the last that is known of the drill
	struck int64    // -1 where it is not known
	marks  []moment // in order of time
}

// moment is a harness.Mark that occurred, or something that people did, with its
// letter in the picture.
type moment struct {
	mark harness.Mark
	at   int64
	key  string
	text string
}

func courseOf(r reports.Report) course {
	c := course{Report: r, struck: -1, marks: peopleMoments(r.GameDay)}
	for name, at := range r.Moments {
		mark := harness.Mark(name)
		c.marks = append(c.marks, moment{mark: mark, at: at, text: momentText(mark)})
	}
	for _, m := range c.marks {
		c.end = max(c.end, m.at)
	}
	c.end = max(c.end, lastOfPeople(r.GameDay))
	slices.SortFunc(c.marks, func(a, b moment) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(order(a.mark), order(b.mark)), cmp.Compare(a.mark, b.mark))
	})
	for i := range c.marks {
		c.marks[i].key = letter(i)
	}
	for _, s := range r.Strikes {
		c.end = max(c.end, s.At+s.Took)
	}
	if at, ok := c.at(harness.Struck); ok {
		c.struck = at
	} else if len(r.Strikes) > 0 {
		c.struck = r.Strikes[0].At
	}
	for _, s := range r.Steps {
		c.end = max(c.end, s.At+s.Took)
	}
	for _, g := range r.Gaps {
		c.end = max(c.end, g.To)
	}
	for _, b := range r.Backups {
		c.end = max(c.end, b.At+b.Took)
	}
	for _, f := range r.Fetches {
		c.end = max(c.end, f.At+f.Fetch+f.Verify)
	}
	for _, t := range r.Tracks {
		for _, s := range slices.Concat(t.Power, t.Etcd) {
			c.end = max(c.end, s.From)
			if s.To != nil {
				c.end = max(c.end, *s.To)
			}
		}
	}
	return c
}

// letter is a to z, and then aa.
func letter(i int) string {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	if i < len(letters) {
		return letters[i : i+1]
	}
	return letter(i/len(letters)-1) + letter(i%len(letters))
}

func (c course) at(m harness.Mark) (int64, bool) {
	at, ok := c.Moments[string(m)]
	return at, ok
}

// closeUp is the stretch that matters, if so much lies around it that it deserves a
// picture of its own.
func (c course) closeUp() (from, to int64, ok bool) {
	if c.struck < 0 {
		return 0, 0, false
	}
	to = c.struck
	for _, m := range []harness.Mark{harness.TookEffect, harness.Detected, harness.ProcedureEnded, harness.Redundant} {
		if at, ok := c.at(m); ok {
			to = max(to, at)
		}
	}
	for _, s := range c.Steps {
		to = max(to, s.At+s.Took)
	}
	for _, g := range c.Gaps {
		to = max(to, g.To)
	}
	margin := max((to-c.struck)/20, 250)
	from, to = max(c.struck-margin, 0), min(to+margin, c.end)
	return from, to, float64(to-from) < 0.6*float64(c.end)
}
