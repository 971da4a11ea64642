package render

import (
	"encoding/xml"
	"fmt"
	"io"
)

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name       string          `xml:"name,attr"`
	Class      string          `xml:"classname,attr"`
	Time       string          `xml:"time,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Failure    *junitProblem   `xml:"failure"`
	Error      *junitProblem   `xml:"error"`
	Out        string          `xml:"system-out,omitempty"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitProblem struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes drills as a JUnit file, one test case each, one suite. Violated
// is a failure of type "violated". Inconclusive is a failure too, of type
// "inconclusive": skipped cases are green in most dashboards, and what was not
// seen must not be. A harness that broke is an error. Times are in seconds.
func JUnit(w io.Writer, outcomes []Outcome) error {
	suite := junitSuite{Name: "firedrill", Tests: len(outcomes)}
	total := 0.0
	for _, o := range outcomes {
		c := junitOf(o)
		if c.Failure != nil {
			suite.Failures++
		}
		if c.Error != nil {
			suite.Errors++
		}
		total += o.Took.Seconds()
		suite.Cases = append(suite.Cases, c)
	}
	suite.Time = seconds(total)
	return writeJUnit(w, suite)
}

func writeJUnit(w io.Writer, suite junitSuite) error {
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("write the JUnit file: %w", err)
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	err := e.Encode(junitSuites{Tests: suite.Tests, Failures: suite.Failures, Errors: suite.Errors, Time: suite.Time, Suites: []junitSuite{suite}})
	if err != nil {
		return fmt.Errorf("write the JUnit file: %w", err)
	}
	if _, err := io.WriteString(w, "\n"); err != nil {
		return fmt.Errorf("write the JUnit file: %w", err)
	}
	return nil
}

func junitOf(o Outcome) junitCase {
	c := junitCase{
		Name: o.Scenario, Class: "firedrill." + o.Runtime, Time: seconds(o.Took.Seconds()),
		Properties: []junitProperty{{"seed", fmt.Sprint(o.Seed)}},
	}
	if o.Err != nil {
		c.Error = &junitProblem{Type: "broke", Message: fold(o.Err.Error(), Width)[0], Text: o.Err.Error()}
		return c
	}
	c.Properties = append(c.Properties, junitProperty{"verdict", o.Report.Verdict.String()})
	if o.Report.Directory != "" {
		c.Properties = append(c.Properties, junitProperty{"directory", o.Report.Directory})
	}
	summary := Style{}.Summary(o.Report)
	if why := decisive(o.Report); why != "" {
		c.Failure = &junitProblem{Type: o.Report.Verdict.String(), Message: why, Text: summary}
		return c
	}
	c.Out = summary
	return c
}

func seconds(s float64) string { return fmt.Sprintf("%.3f", s) }
