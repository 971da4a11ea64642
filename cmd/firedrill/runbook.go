package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/operator"
	"github.com/etcd-firedrill/firedrill/recovery"
	"github.com/etcd-firedrill/firedrill/reports/outline"
)

// ownRunbook is a runbook of the user's, and what should come out of it.
type ownRunbook struct {
	path    string
	members string
	expect  check.Expectation
}

func (r *ownRunbook) flags(f *pflag.FlagSet) {
	f.StringVar(&r.path, "runbook", "", "recover by an executable `file` of yours instead of the document's steps; `firedrill runbook new` writes one to begin with")
	r.expectations(f, "with --runbook: ")
}

// expectations are the flags that say what should come out where somebody recovers as
// he sees fit.
func (r *ownRunbook) expectations(f *pflag.FlagSet, when string) {
	f.StringVar(&r.members, "expect-members", "", when+"the `hosts` that should be members in the end, as \"m1 m4 m5\" (default: the scenario's own)")
	f.StringVar(&r.expect.ClusterID, "expect-cluster-id", "", when+"`kept` or new (default: the scenario's own)")
	f.StringVar(&r.expect.Loss, "expect-loss", "", when+"`what` may be lost: none, snapshot (all since the newest), survivor=HOST (all that it did not have)")
}

// expects tells whether anything was said of that.
func (r *ownRunbook) expects() bool {
	return r.members != "" || r.expect.ClusterID != "" || r.expect.Loss != ""
}

// instead puts the runbook in the place of a scenario's procedure, and what is
// expected of it in the place of what the scenario promises.
func (r *ownRunbook) instead(chosen []harness.Scenario) ([]harness.Scenario, error) {
	switch {
	case r.path == "" && !r.expects():
		return chosen, nil
	case r.path == "":
		return nil, hint(errors.New("--expect-… says what comes of a runbook of yours, and none is given"), "give --runbook FILE as well")
	case len(chosen) != 1:
		return nil, hint(fmt.Errorf("--runbook is for one scenario, and these are %d", len(chosen)), "name the scenario that it is written for")
	}
	if err := operator.Check(r.path); err != nil {
		return nil, fmt.Errorf("--runbook: %w", err)
	}
	path, err := filepath.Abs(r.path)
	if err != nil {
		return nil, fmt.Errorf("--runbook: %w", err)
	}
	sc, err := r.expected(chosen[0])
	if err != nil {
		return nil, err
	}
	sc = sc.Changed(func(sc *harness.Scenario) { sc.Recover = recovery.Runbook{Path: path} })
	return []harness.Scenario{sc}, nil
}

// expected puts what is expected in the place of what a scenario promises.
func (r *ownRunbook) expected(sc harness.Scenario) (_ harness.Scenario, err error) {
	if !r.expects() {
		return sc, nil
	}
	expected := r.expect
	expected.Members = strings.FieldsFunc(r.members, func(c rune) bool { return c == ' ' || c == ',' })
	if r.members != "" && len(expected.Members) == 0 {
		return sc, hint(fmt.Errorf("--expect-members %q names nobody", r.members), "name hosts, as \"m1 m4 m5\"")
	}
	if _, err = expected.Of(sc.Promises); err != nil {
		return sc, hint(err, "firedrill run --help tells what each flag takes")
	}
	return sc.Changed(func(sc *harness.Scenario) {
		if sc.Promises, err = expected.Of(sc.Promises); err != nil {
			panic(err) // it was well a line above
		}
	}), nil
}

func (a *app) runbookCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "runbook",
		Short: "begin a runbook of your own",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return unknown("command", args[0], commandsOf(c), "firedrill runbook --help lists them")
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.newRunbookCommand())
	return c
}

func (a *app) newRunbookCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "new SCENARIO [FILE]",
		Short: "write a runbook from a scenario's own steps",
		Long: "Write a runbook in POSIX sh that does what the scenario's own procedure does, step by step, each with the place\n" +
			"in the document that asks for it: to standard output, or to FILE, made executable. A FILE that is there already\n" +
			"is left alone. Run it by\n\n  firedrill run SCENARIO --runbook ./FILE",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return hint(fmt.Errorf("%s takes a scenario and maybe a file, but got %d arguments", c.CommandPath(), len(args)), "usage: %s", c.UseLine())
			}
			return nil
		},
		ValidArgsFunction: a.completeNames,
		RunE: func(_ *cobra.Command, args []string) error {
			sc, err := a.named(args[0])
			if err != nil {
				return err
			}
			text, err := outline.Runbook(sc, sc.Given.Hosts())
			if err != nil {
				return err
			}
			if len(args) == 1 {
				_, err = io.WriteString(a.out, text)
				return err
			}
			return writeRunbook(args[1], text)
		},
	}
}

// writeRunbook writes a runbook where there is none yet.
func writeRunbook(path, text string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if errors.Is(err, os.ErrExist) {
		return hint(fmt.Errorf("write the runbook: %w", err), "give another name: what is there may be somebody's work")
	}
	if err != nil {
		return fmt.Errorf("write the runbook: %w", err)
	}
	_, err = io.WriteString(f, text)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(fmt.Errorf("write the runbook: %w", err), os.Remove(path))
	}
	return nil
}
