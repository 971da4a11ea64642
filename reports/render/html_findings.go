package render

import (
	"fmt"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
)

// findingsView is the findings of one kind.
type findingsView struct {
	Title, About, Count string
	Findings            []findingView
}

type findingView struct {
	Check, Claim, Detail, Word, Tone string
	Offending                        []string
}

var findingKinds = map[harness.FindingKind]struct{ title, about string }{
	harness.Promise: {"Promises", "What must hold after the procedure."},
	harness.Hazard:  {"Hazards", "Weaknesses of the procedure, measured; it makes no promise about them."},
	harness.Premise: {"Premises", "What must have happened for the drill to mean anything."},
}

// findingsOf are a report's findings of one kind, those that did not hold first.
func findingsOf(r reports.Report, kind harness.FindingKind) findingsView {
	v := findingsView{Title: findingKinds[kind].title, About: findingKinds[kind].about}
	if kind == harness.Hazard && r.Strict {
		v.About = "Weaknesses of the procedure. This drill was strict: they count as promises."
	}
	held := 0
	for _, good := range []bool{false, true} {
		for _, f := range r.Findings {
			if f.Kind != kind || (f.Verdict == harness.Held) != good {
				continue
			}
			fv := findingView{Check: f.Check, Claim: f.Claim, Detail: f.Detail, Tone: f.Verdict.String()}
			fv.Word = findingWord(f)
			if kind == harness.Hazard && f.Verdict == harness.Violated && !r.Strict {
				fv.Tone = "inconclusive" // worth knowing, and no violation
			}
			if good {
				held++
			} else {
				fv.Offending = f.Offending
			}
			v.Findings = append(v.Findings, fv)
		}
	}
	v.Count = fmt.Sprintf("%d of %d held", held, len(v.Findings))
	if kind == harness.Hazard {
		v.Count = fmt.Sprintf("%d of %d absent", held, len(v.Findings))
	}
	return v
}

// findingWord is as Style.word, for a page that has other means than capitals.
func findingWord(f harness.Finding) string {
	if f.Kind == harness.Hazard {
		return [...]string{harness.Inconclusive: "not seen", harness.Held: "absent", harness.Violated: "present"}[f.Verdict]
	}
	return f.Verdict.String()
}
