package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/policy"
	"github.com/etcd-firedrill/firedrill/reports/render"
)

// output is a file that a result is written to besides.
type output struct {
	paper
	usage  string
	render func(io.Writer, policy.Result) error
}

func (o output) write(r policy.Result) error {
	return o.replace(func(w io.Writer) error { return o.render(w, r) })
}

// policyOutputs are all of them, a flag each.
func policyOutputs() []output {
	return []output{
		{paper: paper{flag: "--markdown"}, usage: "write the result as Markdown to a `file`", render: func(w io.Writer, r policy.Result) error {
			_, err := io.WriteString(w, render.SweepMarkdown(r))
			return err
		}},
		{paper: paper{flag: "--html"}, usage: "write a page for people, one self-contained `file`", render: sweepPage},
		{paper: paper{flag: "--csv"}, usage: "write every run as CSV to a `file`", render: render.SweepCSV},
		{paper: paper{flag: "--prometheus"}, usage: "write the result to a `file` of a Prometheus textfile collector", render: render.SweepPrometheus},
	}
}

// sweepPage is the page of a sweep, with the timeline of its worst run where that
// one's report is still there.
func sweepPage(w io.Writer, r policy.Result) error {
	worst, err := worstReport(r)
	if err != nil {
		return err
	}
	text, err := render.SweepHTML(r, worst)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, text)
	return err
}

// worstReport is the report of the run that took longest to recover, of those whose
// figures count; nil where there is none, or where its evidence was removed.
func worstReport(r policy.Result) (*reports.Report, error) {
	worst, ok := render.WorstRun(r)
	if !ok {
		return nil, nil
	}
	f, err := os.Open(filepath.Join(worst.Directory, "report.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the report of the worst run: %w", err)
	}
	defer f.Close()
	report, err := reports.Decode(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return &report, nil
}
