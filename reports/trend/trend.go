package trend

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/etcd-firedrill/firedrill/reports/policy"
	"github.com/etcd-firedrill/firedrill/reports/statistics"
)

// Change is what the test says of a row, and of all rows together.
type Change string

// The changes. Of all rows and recoveries together, the first of worst says what they
// are; what is not in both is left aside.
const (
	Unchanged Change = "unchanged" // no difference beyond chance was seen; there may be one
	Faster    Change = "faster"
	Slower    Change = "slower"
	TooFew    Change = "too few runs" // so few cannot tell a difference from chance, however great
	NotInBoth Change = "not in both"  // the first source or the last has no figure of it

	// What only recoveries are: see Recovery.
	NoLonger  Change = "no longer recovers"  // not one run of the last source did, and every one of the first
	LessOften Change = "recovers less often" // beyond chance
	MoreOften Change = "recovers more often"
)

// worst lists the changes that say something of all together, the worst first.
var worst = []Change{NoLonger, LessOften, Slower, TooFew, Faster, MoreOften, Unchanged}

// Worse tells whether it is a change for the worse.
func (c Change) Worse() bool { return c == NoLonger || c == LessOften || c == Slower }

// Row is one phase of one subject.
type Row struct {
	Subject
	Phase   policy.Phase    `json:"phase"`
	Figures []policy.Spread `json:"figures_ms"` // of each source, in their order; one of none was not in it
	Change  Change          `json:"change"`     // from the first source to the last
	// Ratio is the median of the last over that of the first; 0 where one is missing.
	Ratio float64 `json:"ratio,omitempty"`
	// P is how likely so great a difference is by chance, and Adjusted the same in
	// view of how many rows were looked at. 1 where there were too few runs for any
	// difference.
	P        float64 `json:"p"`
	Adjusted float64 `json:"p_adjusted"`

	least float64 // P of as many runs that are quite apart
}

// SchemaVersion is the value of Trend.Schema. It is raised when a reader of the old
// form would misread the new one.
const SchemaVersion = 1

// DocumentKind is the value of Trend.Kind.
const DocumentKind = "trend"

//go:embed schema.json
var schema []byte

// Schema is the JSON Schema (draft 2020-12) of what `firedrill report trend --json`
// prints. It documents every key, with its unit.
func Schema() []byte { return schema }

// Trend is several sources side by side.
type Trend struct {
	Schema     int        `json:"schema"`
	Kind       string     `json:"kind"` // DocumentKind, so that documents can be told apart
	Sources    []Source   `json:"sources"`
	Recoveries []Recovery `json:"recoveries"` // one for each subject that any source has counted runs of
	Rows       []Row      `json:"rows"`
	Change     Change     `json:"change"`
	// Differences tell in what the last source's runs were made under other conditions
	// than the first one's, a sentence each. The test knows nothing of them.
	Differences []string `json:"differences,omitempty"`
}

// Compare lays sources side by side, in the order that they are given, and holds
// the last against the first.
func Compare(sources []Source) Trend {
	t := Trend{Schema: SchemaVersion, Kind: DocumentKind, Sources: sources, Recoveries: []Recovery{}, Rows: []Row{}}
	subjects := map[Subject]bool{}
	for _, s := range sources {
		for subject := range s.figures {
			subjects[subject] = true
		}
	}
	for _, subject := range slices.SortedFunc(maps.Keys(subjects), Subject.compare) {
		if recovery, ok := recoveryOf(sources, subject); ok {
			t.Recoveries = append(t.Recoveries, recovery)
		}
		for _, phase := range subject.Kind.phases() {
			if row, ok := rowOf(sources, subject, phase); ok {
				t.Rows = append(t.Rows, row)
			}
		}
	}
	t.judge()
	if len(sources) > 1 {
		t.Differences = differences(sources[0], sources[len(sources)-1])
	}
	return t
}

func rowOf(sources []Source, subject Subject, phase policy.Phase) (r Row, seen bool) {
	r = Row{Subject: subject, Phase: phase, Figures: []policy.Spread{}, Change: TooFew, P: 1, Adjusted: 1, least: 1}
	for _, s := range sources {
		figures := s.figures[subject][phase]
		whole := make([]int64, len(figures))
		for i, ms := range figures {
			whole[i] = int64(ms)
		}
		r.Figures = append(r.Figures, policy.SpreadOf(whole))
		seen = seen || len(figures) > 0
	}
	if !seen || len(sources) < 2 || r.Figures[0].Of == 0 || r.Figures[len(sources)-1].Of == 0 {
		r.Change = NotInBoth
		return r, seen
	}
	c := statistics.Compare(sources[0].figures[subject][phase], sources[len(sources)-1].figures[subject][phase])
	r.Ratio, r.least = c.Ratio, c.Least
	if c.Least < statistics.Alpha {
		r.P = c.P
	}
	return r, seen
}

// look is one question that the test is asked: has this become worse, or better?
type look struct {
	p     float64
	worse bool // as it seems
	take  func(adjusted float64, of int)
}

// rows and recoveries are what can be looked at.
func (t *Trend) rows() (looks []look) {
	for i := range t.Rows {
		if r := &t.Rows[i]; r.Change != NotInBoth && r.least < statistics.Alpha {
			looks = append(looks, look{p: r.P, worse: r.Ratio > 1, take: func(adjusted float64, of int) { r.Adjusted, r.Change = adjusted, r.says(adjusted, of) }})
		}
	}
	return looks
}

func (t *Trend) recoveries() (looks []look) {
	for i := range t.Recoveries {
		if r := &t.Recoveries[i]; r.Change != NotInBoth && r.least < statistics.Alpha {
			looks = append(looks, look{p: r.P, worse: r.more() > 0, take: func(adjusted float64, _ int) { r.Adjusted, r.Change = adjusted, r.says(adjusted) }})
		}
	}
	return looks
}

// judge says of each row, and of each recovery, what its P says among so many, and of
// all what they say together. One row that is slower makes all of it slower, so every
// row counts as one look, of whatever phase; recoveries are another question, and are
// adjusted apart.
func (t *Trend) judge() {
	adjust(t.rows())
	adjust(t.recoveries())
	t.shadow()
	t.Change = TooFew
	for _, c := range worst {
		// That as many recover as did says nothing of how long it takes.
		recovers := c != Unchanged && slices.ContainsFunc(t.Recoveries, func(r Recovery) bool { return r.Change == c })
		if recovers || slices.ContainsFunc(t.Rows, func(r Row) bool { return r.Change == c }) {
			t.Change = c
			return
		}
	}
}

// adjust tells each look its P among so many. What is worse and what is better are
// adjusted apart: that much is faster must make nothing look slower.
func adjust(looks []look) {
	for _, worse := range []bool{true, false} {
		p := make([]float64, len(looks))
		for i, l := range looks {
			if p[i] = 1; l.worse == worse {
				p[i] = l.p
			}
		}
		for i, adjusted := range statistics.Adjust(p) {
			if looks[i].worse == worse {
				looks[i].take(adjusted, len(looks))
			}
		}
	}
}

// says is what a row says by its adjusted P, being one of so many. Where even the
// least P would not do if it were the only change, what looks like one may be one.
func (r Row) says(adjusted float64, of int) Change {
	switch {
	case adjusted >= statistics.Alpha && r.P < statistics.Alpha && r.least*float64(of) >= statistics.Alpha:
		return TooFew
	case adjusted >= statistics.Alpha || r.Ratio == 1:
		return Unchanged
	case r.Ratio > 1:
		return Slower
	}
	return Faster
}

// Encode writes the trend as indented JSON.
func (t Trend) Encode(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(t); err != nil {
		return fmt.Errorf("write the trend: %w", err)
	}
	return nil
}
