package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/etcd-firedrill/firedrill/harness/files"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/render"
)

// measuredOn are the runtimes that the catalogue has columns for.
var measuredOn = []string{"process", "container"}

func (a *app) catalogueCommand() *cobra.Command {
	var into string
	c := &cobra.Command{
		Use:   "catalogue FILE…",
		Short: "print the catalogue as Markdown, with the figures of these reports",
		Long: "Print the catalogue as Markdown: every scenario with its document, what it promises, and outage, loss\n" +
			"and hazards as the drills in these files measured them. The files hold what `run --json` printed, or\n" +
			"are report.json of run directories; - is standard input.\n\n" +
			"With --write, the text between the lines " + render.CatalogueBegin + " and\n" + render.CatalogueEnd + " of a file is replaced instead.",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return hint(fmt.Errorf("%s needs a file of reports", c.CommandPath()), "firedrill run --all --json >FILE makes one; - is standard input")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			drills, err := a.measured(c.InOrStdin(), args)
			if err != nil {
				return err
			}
			section := render.Catalogue(a.scenarios(), measuredOn, drills)
			if into == "" {
				_, err = io.WriteString(a.out, section)
				return err
			}
			return rewrite(into, section)
		},
	}
	c.Flags().StringVar(&into, "write", "", "rewrite the section between the markers of this `file`")
	return c
}

// measured reads the reports in these files.
func (a *app) measured(stdin io.Reader, files []string) ([]reports.Report, error) {
	read := reading{app: a, places: map[string]string{}}
	for _, name := range files {
		if err := read.file(stdin, name); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return read.drills, nil
}

type reading struct {
	*app
	drills []reports.Report
	places map[string]string // where a drill was read, by its ID
}

func (r *reading) file(stdin io.Reader, name string) error {
	from := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return errors.Unwrap(err) // the caller names the file
		}
		defer f.Close()
		from = f
	}
	before := len(r.drills)
	var refused error
	err := reports.DecodeAll(from, func(line int, report reports.Report) error {
		if refused = r.refuse(report); refused == nil {
			r.places[report.Drill] = fmt.Sprintf("on line %d of %s", line, name)
			r.drills = append(r.drills, report)
		}
		return refused
	})
	if err == nil && len(r.drills) == before {
		err = errors.New("there is no report in it")
	}
	if err != nil && refused == nil {
		return hint(err, "firedrill run --json prints reports, one a line")
	}
	return err
}

// refuse says why a report cannot be in the catalogue. Left out, it would be
// missing in silence, and one that was read twice would count as two drills.
func (r *reading) refuse(report reports.Report) error {
	all := names(r.scenarios())
	switch {
	case !slices.Contains(all, report.Scenario):
		return unknown("scenario", report.Scenario, all, "firedrill list shows them all")
	case !slices.Contains(measuredOn, report.Runtime):
		return unknown("runtime", report.Runtime, measuredOn, "a report's runtime is process or container")
	case report.Drill != "" && r.places[report.Drill] != "":
		return hint(fmt.Errorf("drill %s was read before, %s", report.Drill, r.places[report.Drill]), "give each report once")
	}
	return nil
}

// rewrite replaces the section of a file at once or not at all.
func rewrite(path, section string) (err error) {
	// A link stays one: what it points to is replaced.
	path, err = filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("--write: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("--write: %w", err)
	}
	old, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("--write: %w", err)
	}
	text, err := render.Splice(string(old), section)
	if err != nil {
		return hint(fmt.Errorf("--write: %s: %w", path, err), "the section stands between the lines %s and %s, once", render.CatalogueBegin, render.CatalogueEnd)
	}
	if err := files.Replace(path, info.Mode().Perm(), func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}); err != nil {
		return fmt.Errorf("--write: %w", err)
	}
	return nil
}
