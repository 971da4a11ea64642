package trend

import (
	"cmp"
	"slices"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/policy"
	"github.com/etcd-firedrill/firedrill/reports/statistics"
)

// Recovery is how many runs of a subject recovered at all. Its rows know only of those
// that did: where the others are more than they were, what these took says nothing good.
type Recovery struct {
	Subject
	Counted     []int  `json:"counted"`     // of each source, in their order
	Unrecovered []int  `json:"unrecovered"` // of these
	Change      Change `json:"change"`      // from the first source to the last
	// P and Adjusted are as a row's, by Fisher's exact test. 1 where so few did not
	// recover, or so few runs were counted, that no difference would be one.
	P        float64 `json:"p"`
	Adjusted float64 `json:"p_adjusted"`

	least float64
}

// outcome is how many runs of a subject count, and how many of these did not recover.
type outcome struct{ counted, unrecovered int }

func recoveryOf(sources []Source, subject Subject) (r Recovery, seen bool) {
	r = Recovery{Subject: subject, Counted: []int{}, Unrecovered: []int{}, Change: NotInBoth, P: 1, Adjusted: 1, least: 1}
	for _, s := range sources {
		of := s.outcomes[subject]
		r.Counted, r.Unrecovered = append(r.Counted, of.counted), append(r.Unrecovered, of.unrecovered)
		seen = seen || of.counted > 0
	}
	first, last := r.ends()
	if len(sources) < 2 || first.Of == 0 || last.Of == 0 {
		return r, seen
	}
	var p float64
	if p, r.least = statistics.CompareShares(first, last); r.least < statistics.Alpha {
		r.P = p
	}
	r.Change = r.says(1)
	return r, seen
}

// ends are what did not recover in the first source and in the last.
func (r Recovery) ends() (first, last statistics.Share) {
	n := len(r.Counted)
	if n == 0 {
		return first, last
	}
	return statistics.Share{Have: r.Unrecovered[0], Of: r.Counted[0]}, statistics.Share{Have: r.Unrecovered[n-1], Of: r.Counted[n-1]}
}

// more compares the part that did not recover in the last source with that in the first.
func (r Recovery) more() int {
	first, last := r.ends()
	return cmp.Compare(last.Have*first.Of, first.Have*last.Of)
}

// failsMore tells whether a greater part of the last source's runs did not recover than
// of the first one's, be it by chance.
func (r Recovery) failsMore() bool { return r.Change != NotInBoth && r.more() > 0 }

// says is what a recovery says by its adjusted P. That not one recovers any more is no
// guess from a sample: it is what was seen. Of fewer that recover it is never said that
// nothing has changed.
func (r Recovery) says(adjusted float64) Change {
	first, last := r.ends()
	switch more := r.more(); {
	case more > 0 && first.Have == 0 && last.Have == last.Of:
		return NoLonger
	case more > 0 && adjusted < statistics.Alpha:
		return LessOften
	case more > 0:
		return TooFew
	case more < 0 && adjusted < statistics.Alpha:
		return MoreOften
	}
	return Unchanged
}

// shadow takes back what rows say of recoveries that were quick, where fewer came about.
func (t *Trend) shadow() {
	for _, r := range t.Recoveries {
		if !r.failsMore() {
			continue
		}
		for i := range t.Rows {
			if row := &t.Rows[i]; row.Subject == r.Subject && (row.Change == Unchanged || row.Change == Faster) {
				row.Change = TooFew
			}
		}
	}
}

// sweptUnrecovered tells whether a run of a sweep, whose strikes take service away and
// whose procedures replace history, never brought it back or had lost it again at the
// end.
func sweptUnrecovered(run policy.Run) bool {
	_, acked := run.Phases[policy.Ack]
	_, ended := run.Phases[policy.Outage]
	return run.Verdict == harness.Violated && (run.Unrecovered > 0 || !ended || !acked && run.Recovered == 0)
}

// drillUnrecovered tells the same of any drill. Where a procedure is to refuse, and
// holds what it promised, nothing had to recover. Where no client lost service, or it
// came back without the procedure, what was to be made whole again was not.
func drillUnrecovered(r reports.Report) bool {
	_, replaced := r.Moments[string(harness.HistoryReplaced)]
	switch {
	case r.Verdict != harness.Violated:
		return false
	case r.OutageOpen:
		return true
	case r.Phases.Recovered > 0:
		return false
	case replaced && r.OutageUnmeasured == "":
		return true
	}
	return r.Procedure.Outcome != completed && r.Phases.Redundancy == 0
}

// completed is the outcome of a procedure that went to its end, as a report has it.
const completed = "completed"

// restoring are the promises of a rehearsal that are broken where the file was not
// restored. That it is too old, or holds too little, is another matter.
var restoring = []string{"snapshot-whole", "format-known", "restored-everywhere", "members-serve", "members-agree", "hashes-equal", "takes-writes", "within-rto"}

// rehearsalUnrecovered tells whether a file was seen not to be restored. Where that
// could not be seen it does not.
func rehearsalUnrecovered(r reports.Rehearsal) bool {
	return r.Phases.Recovered == 0 && slices.ContainsFunc(r.Findings, func(f harness.Finding) bool {
		return f.Verdict == harness.Violated && slices.Contains(restoring, f.Check)
	})
}
