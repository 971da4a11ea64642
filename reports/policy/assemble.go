package policy

import (
	"slices"

	"github.com/etcd-firedrill/firedrill/reports/statistics"
)

// MinRuns is how many runs of each point must count before a target is called
// held. Below it one more run may show anything.
const MinRuns = 3

// Assemble counts runs: it fills in everything of a result that follows from its
// plan and from them. What the sweep ran on is the caller's to have filled in. Of
// several runs with the same point and number the last counts, for a run that the
// harness broke is made again.
func (r Result) Assemble(runs []Run) Result {
	r.Schema, r.Kind = SchemaVersion, Kind
	points := r.Points()
	r.Planned = len(points) * r.Sweep.Runs
	r.Runs = latest(points, runs)
	made := 0
	for _, run := range r.Runs {
		if run.Broke == "" {
			made++
		}
	}
	r.Finished = made == r.Planned
	r.Summaries, r.Fits, r.Unfitted = []Summary{}, []Fit{}, nil
	for _, p := range points {
		if of := ofPoint(r.Runs, p); len(of) > 0 {
			r.Summaries = append(r.Summaries, summarise(p, of))
		}
	}
	r.fit()
	r.Targets = r.judge()
	r.Alternatives = r.alternatives()
	return r
}

// latest keeps the last run of each point and number of the plan, in the order of
// points.
func latest(points []Point, runs []Run) []Run {
	kept := []Run{}
	for _, run := range runs {
		if !slices.Contains(points, run.Point) {
			continue
		}
		same := func(k Run) bool { return k.Point == run.Point && k.Number == run.Number }
		if i := slices.IndexFunc(kept, same); i >= 0 {
			kept[i] = run
		} else {
			kept = append(kept, run)
		}
	}
	slices.SortStableFunc(kept, func(a, b Run) int {
		if by := slices.Index(points, a.Point) - slices.Index(points, b.Point); by != 0 {
			return by
		}
		return a.Number - b.Number
	})
	return kept
}

func ofPoint(runs []Run, p Point) []Run {
	var of []Run
	for _, run := range runs {
		if run.Point == p {
			of = append(of, run)
		}
	}
	return of
}

func summarise(p Point, runs []Run) Summary {
	s := Summary{Point: p, Runs: len(runs), Phases: map[Phase]Spread{}}
	out := leftOut(runs)
	s.LeftOut, s.LeftOutMS = len(out), recoveriesOf(out).longest
	var recovered, lost, writes, bound []int64
	phases := map[Phase][]int64{}
	for _, run := range runs {
		if run.held() {
			s.Held++
		}
		if run.Loss != nil && run.Loss.Exceeded() {
			s.Exceeded++
		}
		if !run.Counts() {
			continue
		}
		s.Counted++
		for phase, ms := range run.Phases {
			phases[phase] = append(phases[phase], ms)
		}
		if run.Recovered > 0 {
			recovered = append(recovered, run.Recovered)
		} else {
			s.Unrecovered, s.UnrecoveredMS = s.Unrecovered+1, max(s.UnrecoveredMS, run.Unrecovered)
		}
		if run.Loss != nil {
			lost, writes, bound = append(lost, run.Loss.LostMS), append(writes, run.Loss.LostWrites), append(bound, run.Loss.BoundMS)
		}
	}
	for phase, figures := range phases {
		s.Phases[phase] = SpreadOf(figures)
	}
	s.Recovered, s.LostMS, s.LostWrites, s.BoundMS = SpreadOf(recovered), SpreadOf(lost), SpreadOf(writes), SpreadOf(bound)
	return s
}

// SpreadOf says how figures are spread, as far as so many can say it.
func SpreadOf(figures []int64) Spread {
	s := Spread{Of: len(figures)}
	if s.Of == 0 {
		return s
	}
	values := make([]float64, len(figures))
	for i, n := range figures {
		values[i] = float64(n)
	}
	s.P50, s.Worst = int64(statistics.Median(values)), slices.Max(figures)
	if p95, ok := statistics.P95(values); ok {
		whole := int64(p95)
		s.P95 = &whole
	}
	if i, ok := statistics.MedianInterval(values, statistics.Level); ok {
		low, high := int64(i.Low), int64(i.High)
		s.Low, s.High, s.Confidence = &low, &high, i.Confidence
	}
	return s
}
