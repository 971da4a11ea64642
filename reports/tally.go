package reports

import (
	"cmp"
	"slices"

	"github.com/etcd-firedrill/firedrill/harness"
)

// Tally is what several drills of one scenario on one runtime came to. Verdicts
// and hazards are of all of them; figures only of those that measured what the
// scenario is about on a machine that could.
type Tally struct {
	Drills int
	Held   int // hazards not counted, whether or not --strict did
	Unfit  int // the machine was too busy, or the outage could not be measured: no figures
	Unmet  int // fit, but a premise was not met: whatever was timed was another disaster
	Timed  int // the rest: drills with figures

	Outage     Median // ms; a drill without a gap counts as 0
	Gaps       Median
	Redundancy Median // ms; of the drills where it was seen
	Loss       LossMedian

	hazards map[string]HazardTally
}

// Median is the figure in the middle; of an even number, the greater of the two
// there, so that it is one that was measured and does not flatter.
type Median struct {
	Value   int64
	Most    int64 // the greatest, which a median of 0 must not hide
	Of      int   // how many there were; 0: no figure
	AtLeast bool  // Value is a lower bound: some of the figures up to it are
}

// LossMedian is the loss in the middle, by writes and then by the time they span.
type LossMedian struct {
	Loss
	Most    int64 // writes that were lost at most
	Of      int
	Unknown int // drills where no cut was found
}

// HazardTally is how often a hazard was met.
type HazardTally struct {
	Present, Absent int
	Unjudged        int // it could not be seen, or a premise was not met
	// Outcomes counts in which way it was present, or absent, where the check tells that
	// apart, of the drills that count as such. Reports of older versions do not tell.
	Outcomes map[string]int
}

// Drills is how many drills looked for the hazard.
func (h HazardTally) Drills() int { return h.Present + h.Absent + h.Unjudged }

// Hazard is the tally of the hazard that this check measures; zero if no drill
// looked for it.
func (t Tally) Hazard(check string) HazardTally { return t.hazards[check] }

// Count counts drills of one scenario on one runtime, in whatever order.
func Count(drills []Report) Tally {
	t := Tally{Drills: len(drills), hazards: map[string]HazardTally{}}
	var outages, gaps, redundancies []bound
	var losses []Loss
	for _, r := range drills {
		unmet := slices.ContainsFunc(r.Findings, func(f harness.Finding) bool { return f.Kind == harness.Premise && f.Verdict != harness.Held })
		t.hazardsOf(r, unmet)
		verdict := r.Verdict
		if r.Strict {
			verdict = harness.Judge(r.Findings, false)
		}
		if verdict == harness.Held {
			t.Held++
		}
		switch {
		case len(r.Unfit) > 0:
			t.Unfit++
			continue
		case unmet:
			t.Unmet++
			continue
		}
		t.Timed++
		outages = append(outages, bound{r.Phases.Outage, r.OutageOpen})
		gaps = append(gaps, bound{int64(len(r.Gaps)), r.OutageOpen})
		if r.Phases.Redundancy > 0 {
			redundancies = append(redundancies, bound{value: r.Phases.Redundancy})
		}
		if r.Loss != nil {
			losses = append(losses, *r.Loss)
		} else {
			t.Loss.Unknown++
		}
	}
	t.Outage, t.Gaps, t.Redundancy = median(outages), median(gaps), median(redundancies)
	if t.Loss.Of = len(losses); t.Loss.Of > 0 {
		slices.SortFunc(losses, func(a, b Loss) int {
			return cmp.Or(cmp.Compare(a.LostWrites, b.LostWrites), cmp.Compare(a.LostSpan, b.LostSpan), cmp.Compare(a.AckedWrites, b.AckedWrites))
		})
		t.Loss.Loss, t.Loss.Most = losses[len(losses)/2], losses[len(losses)-1].LostWrites
	}
	return t
}

func (t *Tally) hazardsOf(r Report, unmet bool) {
	for _, f := range r.Findings {
		if f.Kind != harness.Hazard {
			continue
		}
		h := t.hazards[f.Check]
		switch {
		case unmet || f.Verdict == harness.Inconclusive:
			h.Unjudged++
		case f.Verdict == harness.Violated:
			h.Present++
			h.count(f.Outcome)
		default:
			h.Absent++
			h.count(f.Outcome)
		}
		t.hazards[f.Check] = h
	}
}

func (h *HazardTally) count(outcome string) {
	if outcome == "" {
		return
	}
	if h.Outcomes == nil {
		h.Outcomes = map[string]int{}
	}
	h.Outcomes[outcome]++
}

// bound is a figure, or what is known of one that had not ended.
type bound struct {
	value   int64
	atLeast bool
}

// median takes lower bounds for what they are: the true median is no less than
// that of the bounds, and equals it where all bounds lie above.
func median(figures []bound) Median {
	if len(figures) == 0 {
		return Median{}
	}
	slices.SortFunc(figures, func(a, b bound) int { return cmp.Compare(a.value, b.value) })
	m := Median{Value: figures[len(figures)/2].value, Most: figures[len(figures)-1].value, Of: len(figures)}
	m.AtLeast = slices.ContainsFunc(figures, func(f bound) bool { return f.atLeast && f.value <= m.Value })
	return m
}
