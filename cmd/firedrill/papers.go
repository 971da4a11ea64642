package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/etcd-firedrill/firedrill/reports/render"
)

// paper is a file that several drills are written to once they are done.
type paper struct {
	file  *os.File
	write func(io.Writer, []render.Outcome) error
}

type papers []paper

// papers opens what was asked for: that a file cannot be written is said before an
// hour of drills, not after.
func (o order) papers() (papers, error) {
	var all papers
	for _, p := range []struct {
		flag, path string
		write      func(io.Writer, []render.Outcome) error
	}{
		{"--junit", o.junit, render.JUnit},
		{"--html", o.html, render.HTML},
		{"--markdown", o.markdown, func(w io.Writer, drills []render.Outcome) error {
			_, err := io.WriteString(w, render.Markdown(drills))
			return err
		}},
	} {
		if p.path == "" {
			continue
		}
		f, err := os.Create(p.path)
		if err != nil {
			all.close()
			return nil, hint(fmt.Errorf("%s: %w", p.flag, err), "the directory must be there")
		}
		all = append(all, paper{f, p.write})
	}
	return all, nil
}

// write writes and closes all of them; one that fails is no reason to leave out the
// next.
func (all papers) write(drills []render.Outcome) error {
	var errs []error
	for _, p := range all {
		errs = append(errs, p.write(p.file, drills), p.file.Close())
	}
	return errors.Join(errs...)
}

// close is for papers that were never written; a second time it does nothing.
func (all papers) close() {
	for _, p := range all {
		_ = p.file.Close()
	}
}
