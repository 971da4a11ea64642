package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/drill"
)

// order is what the user asked `run` for.
type order struct {
	all      bool
	label    string
	place    place
	options  drill.Options
	own      ownRunbook
	repeat   int
	parallel int
	json     bool
	junit    string
	html     string
	markdown string
}

// maxSeed keeps seeds short enough to be read out over the telephone.
const maxSeed = 1_000_000

func (a *app) runCommand() *cobra.Command {
	var o order
	c := &cobra.Command{
		Use:   "run NAME… | --all | --label LABEL",
		Short: "run drills: break, recover, prove, time",
		Long: "Run drills: break a real cluster, recover it by the book, prove what came back, and time it.\n\n" +
			"Exit codes: 0 every promise held, 1 one was violated, 2 inconclusive, 3 the harness broke or was\n" +
			"misused. Of several drills the worst decides, in the order 3, 1, 2, 0.\n\n" +
			"--runtime auto is container where a Docker engine answers, else process; it says which and why.\n" +
			"With --repeat, each repetition takes the next seed.",
		ValidArgsFunction: a.completeNames,
		RunE: func(c *cobra.Command, args []string) error {
			if !c.Flags().Changed("seed") {
				o.options.Seed = 1 + rand.Int64N(maxSeed)
			}
			o.options.Flags = typed(c.Flags())
			o.options.Version = version()
			return a.order(c.Context(), o, args)
		},
	}
	f := c.Flags()
	f.BoolVar(&o.all, "all", false, "every scenario")
	f.StringVar(&o.label, "label", "", "the scenarios with this `label`")
	o.place.flags(c)
	f.StringArrayVar(&o.options.EtcdArgs, "etcd-arg", nil, "a server `flag` for every member, --name=value; may be repeated")
	f.IntVar(&o.options.Members, "members", 0, "cluster of `n` members (default: the scenario's own)")
	f.IntVar(&o.options.PreloadKeys, "preload-keys", 0, "the cluster is born with `n` keys")
	f.IntVar(&o.options.ValueSize, "value-size", 0, "`bytes` of each value (default: the scenario's own)")
	f.StringVar(&o.options.PreloadFrom, "preload-from", "", "the cluster is born from a snapshot `file` of yours")
	f.StringVar(&o.options.Store, "store", "", "keep backups in a directory or s3://bucket/prefix (`where`; default: with the evidence)")
	f.StringVar(&o.options.S3Endpoint, "s3-endpoint", "", "the S3 server's `url` (default: Amazon's); credentials come from AWS_* variables and files")
	f.IntVar(&o.options.Writers, "writers", 0, "`n` writers (default: the scenario's own)")
	f.IntVar(&o.options.Rate, "rate", 0, "`n` writes per second, all writers together (default: the scenario's own)")
	f.Int64Var(&o.options.Seed, "seed", 0, "`n` replays a plan, not its interleaving (default: random)")
	f.IntVar(&o.repeat, "repeat", 1, "run each scenario `n` times")
	f.IntVar(&o.parallel, "parallel", 1, "run `n` drills at a time")
	f.DurationVar(&o.options.Within, "within", 0, "the procedure's `deadline`, as 90s (default: the scenario's own)")
	f.StringVar(&o.options.Out, "out", "firedrill-runs", "put run directories into `dir`")
	f.BoolVar(&o.options.Strict, "strict", false, "hazards count as promises")
	f.BoolVar(&o.options.Keep, "keep", false, "leave the cluster standing and say how to get in; one drill only")
	f.BoolVar(&o.json, "json", false, "one report a line on standard output; progress goes to standard error")
	f.StringVar(&o.junit, "junit", "", "write a JUnit `file`")
	f.StringVar(&o.html, "html", "", "write a page for people, one self-contained `file`")
	f.StringVar(&o.markdown, "markdown", "", "write a Markdown `file` for a pull request or a CI job's summary")
	o.own.flags(f)
	a.completeLabels(c)
	return c
}

// notTheDrills are the flags of run that do not make a drill what it is: which
// drills, how many at a time, where reports go; and those that rerun tells in
// full, typed or not.
var notTheDrills = map[string]bool{
	"all": true, "label": true, "repeat": true, "parallel": true,
	"out": true, "json": true, "junit": true, "html": true, "markdown": true, "keep": true,
	"runtime": true, "seed": true,
}

// typed are the flags that make a drill what it is, as the user typed them, but these.
func typed(flags *pflag.FlagSet, but ...string) []string {
	var out []string
	flags.Visit(func(f *pflag.Flag) {
		list, many := f.Value.(pflag.SliceValue)
		switch {
		case notTheDrills[f.Name] || slices.Contains(but, f.Name):
		case f.Value.Type() == "bool":
			out = append(out, "--"+f.Name+"="+f.Value.String())
		case many:
			for _, v := range list.GetSlice() {
				out = append(out, "--"+f.Name, quoted(v))
			}
		default:
			out = append(out, "--"+f.Name, quoted(f.Value.String()))
		}
	})
	return out
}

// rerun are the flags of the command that runs this very drill again.
func (j job) rerun(runtime string) []string {
	return append([]string{"--runtime", runtime, "--seed", strconv.FormatInt(j.options.Seed, 10)}, j.options.Flags...)
}

// quoted is a word as a POSIX shell reads it back.
func quoted(word string) string {
	plain := func(c rune) bool {
		return strings.ContainsRune("-_=.,:/@%+", c) || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
	}
	if word != "" && strings.IndexFunc(word, func(c rune) bool { return !plain(c) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// order runs what was asked for, or refuses before anything is started.
func (a *app) order(ctx context.Context, o order, args []string) error {
	chosen, err := a.choose(o, args)
	if err != nil {
		return err
	}
	if chosen, err = o.own.instead(chosen); err != nil {
		return err
	}
	jobs := o.jobs(chosen)
	rt, papers, err := a.ready(ctx, o, jobs)
	if err != nil {
		return err
	}
	f := fleet{app: a, runtime: rt, parallel: o.parallel, json: o.json}
	outcomes := f.run(ctx, jobs)
	if len(outcomes) > 1 && !o.json {
		f.write("\n"+a.style.Table(outcomes), false)
	}
	// That nobody reads on, as behind head, costs no paper.
	if err := errors.Join(f.err, put(papers, outcomes)); err != nil {
		return err
	}
	for _, outcome := range outcomes {
		if outcome.Err != nil {
			a.code = worse(a.code, exitBroke)
			continue
		}
		a.code = worse(a.code, codeOf(outcome.Report.Verdict))
	}
	if ctx.Err() != nil && len(outcomes) < len(jobs) {
		a.say("firedrill: %d of %d drills were not run", len(jobs)-len(outcomes), len(jobs))
		a.code = exitBroke
	}
	return nil
}

// ready makes sure of all that these drills need, before anything is started: that they
// can be run as asked, where hosts come from, and what is to be written.
func (a *app) ready(ctx context.Context, o order, jobs []job) (harness.Runtime, []drillPaper, error) {
	if err := a.refuse(o, jobs); err != nil {
		return nil, nil, err
	}
	rt, why, err := a.runtime(ctx, o.place)
	if err != nil {
		return nil, nil, err
	}
	papers, err := o.papers()
	if err != nil {
		return nil, nil, err
	}
	if why != "" {
		a.say("runtime %s: %s", rt.Name(), why)
	}
	return rt, papers, nil
}

func (a *app) choose(o order, args []string) ([]harness.Scenario, error) {
	ways := 0
	for _, used := range []bool{len(args) > 0, o.all, o.label != ""} {
		if used {
			ways++
		}
	}
	if ways != 1 {
		return nil, hint(errors.New("run takes either names of scenarios, or --all, or --label"), "firedrill list shows the scenarios")
	}
	if o.all || o.label != "" {
		return a.labelled(o.label)
	}
	var chosen []harness.Scenario
	for _, name := range args {
		sc, err := a.named(name)
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, sc)
	}
	return chosen, nil
}

// jobs are the drills in order: every scenario once, then every one again with
// the next seed.
func (o order) jobs(chosen []harness.Scenario) []job {
	var jobs []job
	for i := range o.repeat {
		for _, sc := range chosen {
			options := o.options
			options.Seed += int64(i)
			jobs = append(jobs, job{scenario: sc, options: options})
		}
	}
	return jobs
}

// refuse says what is wrong with an order before anything is started.
func (a *app) refuse(o order, jobs []job) error {
	switch {
	case o.repeat < 1:
		return hint(fmt.Errorf("--repeat %d: a whole number from 1 is needed", o.repeat), "firedrill run --help tells what each flag takes")
	case o.parallel < 1:
		return hint(fmt.Errorf("--parallel %d: a whole number from 1 is needed", o.parallel), "firedrill run --help tells what each flag takes")
	case o.options.Within < 0:
		return hint(fmt.Errorf("--within %s: a deadline lies ahead", o.options.Within), "firedrill run --help tells what each flag takes")
	case o.options.Keep && len(jobs) > 1:
		return hint(errors.New("--keep is for one drill, so that you can look around in its cluster"), "name one scenario, without --repeat")
	}
	if err := o.place.valid(); err != nil {
		return err
	}
	if from := o.options.PreloadFrom; from != "" {
		if _, err := os.Stat(from); err != nil {
			return hint(fmt.Errorf("--preload-from: %w", err), "name a file that `etcdctl snapshot save` wrote")
		}
	}
	if o.options.S3Endpoint != "" && o.options.Store == "" {
		return hint(errors.New("--s3-endpoint says where the S3 server is, and nothing asks for one"), "give --store s3://bucket/prefix as well")
	}
	for _, j := range jobs {
		if err := a.validate(j.scenario, j.options); err != nil {
			return hint(err, "firedrill explain %s tells what it needs", j.scenario.Name)
		}
	}
	return nil
}
