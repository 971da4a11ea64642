package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/crew"
	"github.com/etcd-firedrill/firedrill/harness/drill"
	"github.com/etcd-firedrill/firedrill/harness/gameday"
	"github.com/etcd-firedrill/firedrill/harness/rehearse"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/render"
)

// The exit codes. Of several drills the worst decides, in the order 3, 1, 2, 0.
const (
	exitHeld         = 0
	exitViolated     = 1
	exitInconclusive = 2
	exitBroke        = 3
)

// app is the command and all that it is wired to.
type app struct {
	in       io.Reader // for commands on hosts; nil: none
	out, err io.Writer
	style    render.Style // of out
	lines    sync.Mutex   // held while a line is written to out or err

	scenarios func() []harness.Scenario
	validate  func(harness.Scenario, drill.Options) error
	run       func(context.Context, harness.Runtime, harness.Scenario, drill.Options) (reports.Report, error)
	rejudge   func(dir string) (reports.Report, error)
	rehearse  func(context.Context, harness.Runtime, rehearse.Options) (reports.Rehearsal, error)
	runtime   func(context.Context, place) (harness.Runtime, string, error)
	sweep     func(context.Context) ([]string, error)
	pages     func(context.Context, string, gameday.Exercise) (pages, error)
	signals   *interrupts // nil: none are heard

	code int // of a command that ran as it should
}

// execute runs the command line and returns the exit code. A panic is one of
// ours to mend: left to itself it would end in status 2, which says
// Inconclusive.
func (a *app) execute(ctx context.Context, args []string) int {
	root := a.command()
	root.SetArgs(args)
	root.SetOut(a.out)
	root.SetErr(a.err)
	var err error
	if crash := crew.Caught(func() { err = root.ExecuteContext(ctx) }); crash != nil {
		err = fmt.Errorf("firedrill itself panicked: %w", crash)
	}
	if err != nil {
		a.complain(err)
		return exitBroke
	}
	return a.code
}

// complain prints an error as people read it: what was being done, then what
// they can do about it, on a line that starts with "hint:". A panic, whoever met
// it, is ours to mend.
func (a *app) complain(err error) {
	if crash := (*crew.Crash)(nil); errors.As(err, &crash) {
		err = hint(err, "this is an error in firedrill: please report it, with all of the above")
	}
	a.lines.Lock()
	defer a.lines.Unlock()
	fmt.Fprintf(a.err, "firedrill: %s\n", strings.TrimRight(err.Error(), "\n"))
}

// say prints a remark that is no part of the output.
func (a *app) say(format string, args ...any) {
	a.lines.Lock()
	defer a.lines.Unlock()
	fmt.Fprintf(a.err, format+"\n", args...)
}

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "firedrill",
		Short: "fire drills for etcd: break it, recover it by the book, prove what came back, and time it",
		Long: "Fire drills for etcd: break it, recover it by the book, prove what came back, and time it.\n\n" +
			"Exit codes: 0 every promise held, 1 one was violated, 2 inconclusive, 3 the harness broke or was misused.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return unknown("command", args[0], commandsOf(c), "firedrill --help lists the commands")
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(a.listCommand(), a.catalogueCommand(), a.explainCommand(), a.runCommand(), a.runbookCommand(), a.policyCommand(), a.rehearseCommand(), a.gameDayCommand(), a.reportCommand(),
		a.checkCommand(), a.cleanCommand(), a.versionCommand(), a.shellCommand(), a.envCommand(),
		a.hostCommand(), a.announceCommand(), a.restartComponentsCommand(), a.backupsCommand())
	return root
}

// worse returns the exit code that decides.
func worse(a, b int) int {
	rank := [...]int{exitHeld: 0, exitInconclusive: 1, exitViolated: 2, exitBroke: 3}
	if rank[a] >= rank[b] {
		return a
	}
	return b
}

func codeOf(v harness.Verdict) int {
	return [...]int{harness.Held: exitHeld, harness.Violated: exitViolated, harness.Inconclusive: exitInconclusive}[v]
}

// styleOf is coloured on a terminal, unless the user asked for none (see
// https://no-color.org).
func styleOf(w io.Writer) render.Style {
	if l, ok := w.(*loose); ok {
		w = l.to
	}
	f, ok := w.(*os.File)
	colour := ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return render.Style{Color: colour}
}

// hint adds to an error what the person can do about it.
func hint(err error, format string, args ...any) error {
	return errors.Join(err, fmt.Errorf("hint: "+format, args...))
}
