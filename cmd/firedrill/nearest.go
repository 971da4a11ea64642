package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etcd-firedrill/firedrill/harness/nearest"
)

// unknown says that there is no such thing, and which were likely meant.
func unknown(kind, name string, names []string, otherwise string) error {
	err := fmt.Errorf("there is no %s %q", kind, name)
	if near := nearest.Names(name, names); len(near) > 0 {
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
