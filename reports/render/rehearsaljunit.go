package render

import (
	"io"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
)

// RehearsalJUnit writes a rehearsal as a JUnit file: a suite of one test case for each
// promise. As in JUnit, what is inconclusive is a failure too. broke, where it is
// not nil, is why there is no verdict: then there is one case, with an error.
func RehearsalJUnit(w io.Writer, r reports.Rehearsal, took time.Duration, broke error) error {
	suite := junitSuite{Name: "firedrill rehearse", Time: seconds(took.Seconds())}
	class := "firedrill.rehearse"
	if r.Runtime != "" {
		class += "." + r.Runtime
	}
	if broke != nil {
		suite.Tests, suite.Errors = 1, 1
		suite.Cases = []junitCase{{
			Name: "rehearse", Class: class, Time: seconds(took.Seconds()),
			Error: &junitProblem{Type: "broke", Message: fold(broke.Error(), Width)[0], Text: broke.Error()},
		}}
		return writeJUnit(w, suite)
	}
	for i, f := range r.Findings {
		c := junitCase{Name: f.Check, Class: class, Time: seconds(0), Properties: []junitProperty{{"claim", f.Claim}}}
		if i == 0 { // all of it, once
			c.Time = seconds(took.Seconds())
			c.Properties = append(c.Properties, junitProperty{"snapshot", rehearsed(r)}, junitProperty{"verdict", r.Verdict.String()})
			c.Out = Style{}.Rehearsal(r)
		}
		if f.Verdict != harness.Held {
			text := f.Claim + "\n" + f.Detail
			for _, o := range f.Offending {
				text += "\n- " + o
			}
			c.Failure = &junitProblem{Type: f.Verdict.String(), Message: f.Detail, Text: text}
			suite.Failures++
		}
		suite.Cases = append(suite.Cases, c)
	}
	suite.Tests = len(suite.Cases)
	return writeJUnit(w, suite)
}
