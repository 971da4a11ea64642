package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	sweeps "github.com/etcd-firedrill/firedrill/harness/sweep"
	"github.com/etcd-firedrill/firedrill/reports/render"
	"github.com/etcd-firedrill/firedrill/reports/trend"
)

func (a *app) reportCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "report",
		Short: "look at stored reports",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return unknown("report", args[0], []string{"trend"}, "firedrill report --help lists them")
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.trendCommand())
	return c
}

func (a *app) trendCommand() *cobra.Command {
	var asJSON, asMarkdown bool
	c := &cobra.Command{
		Use:   "trend FILE FILE…",
		Short: "lay past reports side by side: does restoring take longer than it did?",
		Long: "Lay past reports side by side and tell whether restoring takes another time in the last of them than in\n" +
			"the first, by the Mann-Whitney U test. A FILE is sweep.json or report.json, the directory of one, or holds\n" +
			"what `run --json` or `rehearse --json` printed, one after the other. Of a sweep that still runs, or was\n" +
			"interrupted, the runs so far are taken. Rehearsals are compared with those of backups of about the same size\n" +
			"(from one power of two to the next), and drills with those of such a database. Where files were not made on\n" +
			"the same machine, with the same etcd and its flags, or sweeps with another store, verification or traffic,\n" +
			"that is said.\n\n" +
			"What did not recover has no time to be compared, and is counted apart. Where that is more than it was nothing\n" +
			"is called unchanged or faster: whether it is beyond chance is told by Fisher's exact test.\n\n" +
			"Exit codes: 0 no change beyond chance, or better, 1 slower, recovers less often, or not at all any more,\n" +
			"2 too few runs to tell, 3 a file cannot be read.",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) < 2 {
				return hint(fmt.Errorf("%s needs two files or more, but got %d", c.CommandPath(), len(args)), "usage: %s", c.UseLine())
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			t, err := trendOf(args)
			if err != nil {
				return hint(err, "give sweep.json, report.json, or what run --json or rehearse --json printed")
			}
			switch {
			case t.Change.Worse():
				a.code = exitViolated
			case t.Change == trend.TooFew:
				a.code = exitInconclusive
			}
			switch {
			case asJSON:
				return t.Encode(a.out)
			case asMarkdown:
				_, err = io.WriteString(a.out, render.TrendMarkdown(t))
			default:
				_, err = io.WriteString(a.out, a.style.Trend(t))
			}
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	c.Flags().BoolVar(&asMarkdown, "markdown", false, "as Markdown")
	c.MarkFlagsMutuallyExclusive("json", "markdown")
	return c
}

func trendOf(files []string) (trend.Trend, error) {
	var sources []trend.Source
	for _, name := range files {
		text, err := reportIn(name)
		if err != nil {
			return trend.Trend{}, err
		}
		s, err := trend.Read(name, text)
		if err != nil {
			return trend.Trend{}, err
		}
		sources = append(sources, s)
	}
	return trend.Compare(sources), nil
}

// reportIn reads a file, or what a sweep or a drill left in a directory.
func reportIn(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	dir := name
	if !info.IsDir() {
		if dir = filepath.Dir(name); filepath.Base(name) != sweeps.ResultFile {
			return os.ReadFile(name)
		}
	}
	// What is kept beside it has the runs of a sweep that did not end, too.
	if _, err := os.Stat(filepath.Join(dir, sweeps.RunsFile)); err == nil {
		return runsIn(dir)
	}
	text, err := os.ReadFile(filepath.Join(dir, sweeps.ResultFile))
	if errors.Is(err, os.ErrNotExist) {
		return os.ReadFile(filepath.Join(dir, "report.json"))
	}
	return text, err
}

// runsIn is the result of the runs that a sweep has made so far.
func runsIn(dir string) ([]byte, error) {
	r, err := sweeps.Read(dir)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := r.Encode(&text); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}
