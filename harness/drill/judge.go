package drill

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/crew"
	"github.com/etcd-firedrill/firedrill/harness/ledger"
	"github.com/etcd-firedrill/firedrill/reports"
)

// judge closes the books, stores the checks with the evidence, judges, and
// writes the report.
func (d *drill) judge() (reports.Report, error) {
	d.ev.Machine = d.machine.finish(d.dir)
	d.ev.Machine.FiguresFit = figuresFit(d.ev)
	d.machine = nil
	for _, list := range []struct {
		kind   harness.FindingKind
		checks []harness.Check
	}{{harness.Premise, d.scenario.Premises}, {harness.Promise, d.scenario.Promises}, {harness.Hazard, d.scenario.Hazards}} {
		for _, c := range list.checks {
			stored, err := check.Store(list.kind, c)
			if err != nil {
				return reports.Report{}, err
			}
			d.ev.Checks = append(d.ev.Checks, stored)
		}
	}
	if err := d.closeBooks(); err != nil {
		return reports.Report{}, err
	}
	if err := writeEvidence(d.dir, d.ev); err != nil {
		return reports.Report{}, err
	}
	report, err := rejudge(d.dir, d.scratch())
	if err != nil {
		return reports.Report{}, err
	}
	if len(d.opts.Flags) > 0 && d.ev.Rerun == "" {
		verb := "firedrill run"
		if d.game != nil {
			verb = "firedrill gameday"
		}
		report.Rerun = strings.Join(append([]string{verb, d.scenario.Name}, d.opts.Flags...), " ")
	}
	d.timeline.say(harness.DrillEvent, "", "verdict: %s", report.Verdict)
	return report, writeReport(d.dir, report)
}

// closeBooks closes the ledger, and holds every record that grew while others could
// reach it against what was written to it. Where one was altered there is no verdict.
func (d *drill) closeBooks() error {
	if err := d.ledger.Close(); err != nil {
		return err
	}
	d.mu.Lock()
	logs := slices.Collect(maps.Values(d.logs))
	d.mu.Unlock()
	errs := []error{d.ledger.Intact(), d.timeline.intact(), d.transcript.intact()}
	for _, l := range logs {
		errs = append(errs, l.intact())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close the books of the drill: %w\nhint: while a drill runs nobody may write in its directory; run it again", err)
	}
	return nil
}

func writeEvidence(dir string, ev *harness.Evidence) error {
	text, err := json.MarshalIndent(ev, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the evidence: %w", err)
	}
	text = append(text, '\n')
	err = errors.Join(os.WriteFile(filepath.Join(dir, evidenceFile), text, 0o600), os.WriteFile(filepath.Join(dir, guardFile), guard(text), 0o600))
	if err != nil {
		return fmt.Errorf("write the evidence: %w", err)
	}
	return nil
}

func writeReport(dir string, report reports.Report) error {
	f, err := os.OpenFile(filepath.Join(dir, reportFile), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return errors.Join(report.Encode(f), f.Close())
}

// Rejudge judges the evidence in a drill's directory with the checks and
// parameters stored in it. It reads nothing else and changes nothing there.
// Damaged evidence is an error that names the file and the place in it.
func Rejudge(dir string) (reports.Report, error) { return rejudge(dir, "") }

func rejudge(dir, scratch string) (report reports.Report, err error) {
	ev, done, err := openEvidence(dir, scratch)
	if err != nil {
		return reports.Report{}, err
	}
	defer func() { err = errors.Join(err, done()) }()
	if report, err = Judge(ev); err != nil {
		return reports.Report{}, err
	}
	report.Directory = dir
	return report, nil
}

// OpenEvidence opens what a drill left in its directory. done closes it and
// removes what was sorted meanwhile.
func OpenEvidence(dir string) (ev *harness.Evidence, done func() error, err error) {
	return openEvidence(dir, "")
}

// openEvidence sorts in a directory that it makes under sortIn, "" for the usual one.
func openEvidence(dir, sortIn string) (ev *harness.Evidence, done func() error, err error) {
	if ev, err = readEvidence(dir); err != nil {
		return nil, nil, err
	}
	scratch, err := os.MkdirTemp(sortIn, "firedrill-judge-")
	if err != nil {
		return nil, nil, fmt.Errorf("make room for judging: %w", err)
	}
	book, err := ledger.Open(dir, scratch)
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(scratch))
	}
	if ev.DatasetAfter != nil && !book.HasFinal() {
		err := fmt.Errorf("%s: the evidence is damaged: what the cluster held at the end was read, and its file is missing", filepath.Join(dir, "final.bin"))
		return nil, nil, errors.Join(err, book.Close(), os.RemoveAll(scratch))
	}
	ev.Ledger = book
	return ev, func() error { return errors.Join(book.Close(), os.RemoveAll(scratch)) }, nil
}

// Judge runs the evidence's own checks over it.
func Judge(ev *harness.Evidence) (reports.Report, error) {
	findings, loss, err := findingsOf(ev)
	if err != nil {
		return reports.Report{}, err
	}
	timings, err := reports.Measure(ev)
	if err != nil {
		return reports.Report{}, err
	}
	return reports.New(ev, findings, loss, timings), nil
}

func readEvidence(dir string) (*harness.Evidence, error) {
	path := filepath.Join(dir, evidenceFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the evidence: %w\nhint: give the directory of one drill, such as firedrill-runs/latest", err)
	}
	ev := &harness.Evidence{}
	if err := json.Unmarshal(text, ev); err != nil {
		return nil, fmt.Errorf("%s:%d: the evidence is damaged: %w", path, lineOf(text, err), err)
	}
	if err := guarded(dir, text); err != nil {
		return nil, err
	}
	if ev.Schema != harness.EvidenceSchema {
		return nil, fmt.Errorf("%s: this is evidence of schema %d, and this firedrill reads schema %d", path, ev.Schema, harness.EvidenceSchema)
	}
	return ev, nil
}

// lineOf finds the line on which JSON went wrong, from 1.
func lineOf(text []byte, err error) int {
	offset := int64(len(text))
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &kind):
		offset = kind.Offset
	}
	return 1 + strings.Count(string(text[:min(offset, int64(len(text)))]), "\n")
}

// findingsOf runs every stored check over the evidence.
func findingsOf(ev *harness.Evidence) ([]harness.Finding, *harness.Loss, error) {
	var findings []harness.Finding
	var loss *harness.Loss
	for _, stored := range ev.Checks {
		c, err := check.Load(stored)
		if err != nil {
			return nil, nil, err
		}
		result, err := judged(c, ev)
		if err != nil {
			return nil, nil, err
		}
		loss = lossOf(loss, result.Loss)
		findings = append(findings, harness.Finding{
			Check: c.Name(), Kind: stored.Kind, Verdict: result.Verdict, Claim: c.Claim(), Detail: result.Detail, Outcome: result.Outcome, Offending: result.Offending,
		})
	}
	return findings, loss, nil
}

// lossOf is the loss by the first check that found one, with the bound of whoever
// held it against a policy.
func lossOf(found, by *harness.Loss) *harness.Loss {
	switch {
	case found == nil || by == nil:
		return cmp.Or(found, by)
	case found.Bound == 0:
		found.Bound = by.Bound
	}
	return found
}

// judged runs one check. A check that panics is an error that names it.
func judged(c harness.Check, ev *harness.Evidence) (result harness.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("check %s panicked: %w", c.Name(), crew.Crashed(p))
		}
	}()
	return c.Judge(ev), nil
}
