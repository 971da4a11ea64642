package main

import (
	"errors"
	"io"

	"github.com/etcd-firedrill/firedrill/reports/render"
)

// drillPaper is one that several drills are written to once they are done.
type drillPaper struct {
	paper
	write func(io.Writer, []render.Outcome) error
}

// papers are those that were asked for, each made sure of.
func (o order) papers() ([]drillPaper, error) {
	all := []drillPaper{
		{paper{"--junit", o.junit}, render.JUnit},
		{paper{"--html", o.html}, render.HTML},
		{paper{"--markdown", o.markdown}, func(w io.Writer, drills []render.Outcome) error {
			_, err := io.WriteString(w, render.Markdown(drills))
			return err
		}},
	}
	for _, p := range all {
		if err := p.possible(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// put writes all of them; one that fails is no reason to leave out the next.
func put(all []drillPaper, drills []render.Outcome) error {
	var errs []error
	for _, p := range all {
		errs = append(errs, p.replace(func(w io.Writer) error { return p.write(w, drills) }))
	}
	return errors.Join(errs...)
}
