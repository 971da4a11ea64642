package harness

import (
	"encoding/json"
	"fmt"
	"time"
)

// Verdict is what was proven. The zero value is Inconclusive: what was not
// seen is never a pass.
type Verdict uint8

// The verdicts.
const (
	Inconclusive Verdict = iota
	Held
	Violated
)

var verdictNames = [...]string{"inconclusive", "held", "violated"}

func (v Verdict) String() string { return verdictNames[v] }

// MarshalText prints the verdict as reports spell it.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (v *Verdict) UnmarshalText(text []byte) error {
	for i, name := range verdictNames {
		if name == string(text) {
			*v = Verdict(i)
			return nil
		}
	}
	return fmt.Errorf("verdict %q is none of inconclusive, held, violated", text)
}

// FindingKind tells what a finding means for the drill's verdict.
type FindingKind string

// The kinds of finding.
const (
	Premise FindingKind = "premise" // must have happened for the drill to mean anything: unmet gives Inconclusive
	Promise FindingKind = "promise" // must hold
	Hazard  FindingKind = "hazard"  // a weakness, measured and shown; a promise only with --strict
)

// Check is a pure function from evidence to a result. It is a plain value whose
// exported fields are its parameters; they are stored with the evidence, so
// that a judgement can be repeated. It touches no network, file or clock.
type Check interface {
	// Name is stable and spelled-like-this; reports and controls use it.
	Name() string
	// Claim is the one sentence that Held affirms.
	Claim() string
	// Needs lists the trials without whose evidence the check is Inconclusive.
	Needs() []TrialSpec
	// Judge judges. A check that could not look returns the zero Verdict and
	// says in Detail what it did not see.
	Judge(*Evidence) Result
}

// Result is what one check found.
type Result struct {
	Verdict   Verdict
	Detail    string   // one line for people: what was seen
	Outcome   string   // which of the outcomes that the check tells apart was seen, "" for none; see its constants
	Offending []string // Violated: the operations or members that show it, the first few
	Loss      *Loss    // by the checks that find a cut
}

// Finding is a result in its place in a drill.
type Finding struct {
	Check     string      `json:"check"`
	Kind      FindingKind `json:"kind"`
	Verdict   Verdict     `json:"verdict"`
	Claim     string      `json:"claim"`
	Detail    string      `json:"detail"`
	Outcome   string      `json:"outcome,omitempty"` // one word, where the check tells apart in which way it held or did not
	Offending []string    `json:"offending,omitempty"`
}

// Loss is what clients were told was done and is gone.
type Loss struct {
	AckedWrites int64         // acknowledged, effective writes to the history that was replaced
	LostWrites  int64         // of these, gone
	LostSpan    time.Duration // from the first lost acknowledgement to the last
	Cut         int64         // the revision up to which everything is there; 0 where history was never replaced
	Bound       time.Duration // what a snapshot policy explains at most of LostSpan; 0: it was not judged by any
}

// StoredCheck is a check with its parameters, as evidence keeps it.
type StoredCheck struct {
	Kind   FindingKind     `json:"kind"`
	Name   string          `json:"check"`
	Params json.RawMessage `json:"params"`
}

// Judge folds findings into the drill's verdict: Inconclusive if a premise is
// unmet, for then what looks like a violation is not the procedure's and nothing
// was proven; else Violated if a promise was violated; else Inconclusive if a
// promise could not be judged; else Held. No promise at all is Inconclusive. With
// strict, hazards count as promises.
func Judge(findings []Finding, strict bool) Verdict {
	verdict, promises := Held, 0
	for _, f := range findings {
		if f.Kind == Premise && f.Verdict != Held {
			return Inconclusive
		}
	}
	for _, f := range findings {
		if f.Kind != Promise && (f.Kind != Hazard || !strict) {
			continue
		}
		promises++
		if f.Verdict == Violated {
			return Violated
		}
		if f.Verdict == Inconclusive {
			verdict = Inconclusive
		}
	}
	if promises == 0 {
		return Inconclusive
	}
	return verdict
}
