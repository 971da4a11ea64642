package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// nearest returns up to three of the names that are likely meant, the
// likeliest first: those that begin like it, or differ in a third of it at most.
func nearest(name string, names []string) []string {
	type candidate struct {
		name     string
		distance int
	}
	var found []candidate
	for _, n := range names {
		d := distance(name, n)
		if len(name) > 1 && strings.HasPrefix(n, name) {
			d = 1
		}
		if d <= max(2, len(name)/3) {
			found = append(found, candidate{n, d})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	var out []string
	for _, c := range found[:min(len(found), 3)] {
		out = append(out, c.name)
	}
	return out
}

// distance is the Levenshtein distance in bytes: how many must be put in,
// taken out or replaced.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// unknown says that there is no such thing, and which were likely meant.
func unknown(kind, name string, names []string, otherwise string) error {
	err := fmt.Errorf("there is no %s %q", kind, name)
	if near := nearest(name, names); len(near) > 0 {
		return hint(err, "did you mean %s?", strings.Join(near, " or "))
	}
	return hint(err, "%s", otherwise)
}

// flagError adds what can be done to what cobra says of a flag.
func flagError(c *cobra.Command, err error) error {
	var missing *pflag.NotExistError
	if errors.As(err, &missing) && missing.GetSpecifiedShortnames() == "" {
		var names []string
		c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
		return unknown("flag", "--"+missing.GetSpecifiedName(), names, c.CommandPath()+" --help lists the flags")
	}
	return hint(err, "%s --help tells what each flag takes", c.CommandPath())
}

// none and one are cobra's argument rules, with hints.
func none(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return hint(fmt.Errorf("%s takes no argument, but got %q", c.CommandPath(), args[0]), "%s --help", c.CommandPath())
	}
	return nil
}

func one(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return hint(fmt.Errorf("%s takes one argument, but got %d", c.CommandPath(), len(args)), "usage: %s", c.UseLine())
	}
	return nil
}
