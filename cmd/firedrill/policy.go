package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/hardware"
	"github.com/etcd-firedrill/firedrill/harness/nearest"
	sweeps "github.com/etcd-firedrill/firedrill/harness/sweep"
	"github.com/etcd-firedrill/firedrill/reports/policy"
	"github.com/etcd-firedrill/firedrill/scenarios"
)

// study is what the user asked `policy` for.
type study struct {
	file     string // of the policy; "": all by flags
	typed    map[string]*planFlag
	place    place
	etcdArgs []string
	out      string
	resume   string
	keep     bool // backups in the policy's store
	json     bool
	outputs  []output
}

func (a *app) policyCommand() *cobra.Command {
	s := study{typed: map[string]*planFlag{}, outputs: policyOutputs()}
	c := &cobra.Command{
		Use:   "policy [FILE]",
		Short: "try a snapshot policy: how long a restore takes and how much is lost, over sizes and procedures",
		Long: "Try a snapshot policy by real drills: traffic goes on, snapshots are taken by the policy's clock, disaster\n" +
			"strikes at a seeded moment within the interval, the newest snapshot that verifies is fetched and the\n" +
			"procedure runs. What it loses is held against what the policy predicts.\n\n" +
			"FILE is YAML with the sections policy and sweep. Every key of it is a flag too, which goes before the\n" +
			"file. A sweep that was interrupted goes on with --resume.\n\n" +
			"Exit codes: 0 every target held, 1 one was violated, 2 inconclusive, also for too few runs, 3 the harness\n" +
			"broke in a run, or was misused.",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return one(c, args)
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				s.file = args[0]
			}
			return a.study(c.Context(), &s, c.Flags())
		},
	}
	f := c.Flags()
	for _, pf := range planFlags() {
		s.typed[pf.key] = pf
		f.Var(pf, pf.flag, pf.usage)
	}
	s.place.flags(c)
	f.StringArrayVar(&s.etcdArgs, "etcd-arg", nil, "a server `flag` for every member, --name=value; may be repeated")
	f.StringVar(&s.out, "out", "", "keep the sweep in `dir` (default: firedrill-runs/TIME-policy-NAME)")
	f.StringVar(&s.resume, "resume", "", "go on with the sweep in `dir`: only what is missing is run")
	f.BoolVar(&s.keep, "keep-backups", false, "leave the drills' backups in the policy's store; without it each drill removes its own")
	f.BoolVar(&s.json, "json", false, "the result on standard output, as sweep.json; progress goes to standard error")
	for i := range s.outputs {
		o := &s.outputs[i]
		f.StringVar(&o.path, strings.TrimPrefix(o.flag, "--"), "", o.usage)
	}
	return c
}

// study runs a sweep, or goes on with one, and shows what came of it.
func (a *app) study(ctx context.Context, s *study, flags *pflag.FlagSet) (err error) {
	if s.resume != "" && s.out != "" {
		return hint(errors.New("--resume goes on in its own directory, and --out names another"), "give one of them")
	}
	stored, err := s.stored(flags)
	if err != nil {
		return err
	}
	plan, err := s.plan(stored)
	if err != nil {
		return err
	}
	chosen, err := a.procedures(plan.Sweep.Procedures)
	if err != nil {
		return err
	}
	for _, o := range s.outputs {
		if err := o.possible(); err != nil {
			return err
		}
	}
	if stored != nil && stored.Finished {
		if lines := plan.Differences(policy.Plan{Policy: stored.Policy, Sweep: stored.Sweep}); len(lines) > 0 {
			return hint(fmt.Errorf("the sweep in %s is finished, with another plan:\n  %s", s.resume, strings.Join(lines, "\n  ")), "begin another with --out DIR")
		}
		return a.studied(s, *stored)
	}
	return a.sweepThrough(ctx, s, plan, stored, chosen)
}

// stored is the sweep that is to be resumed, with the user's place where none was
// typed; nil: a new one is begun.
func (s *study) stored(flags *pflag.FlagSet) (*policy.Result, error) {
	if s.resume == "" {
		return nil, nil
	}
	r, err := sweeps.Read(s.resume)
	if err != nil {
		return nil, err
	}
	if !flags.Changed("runtime") {
		s.place.runtime = r.Runtime
	}
	if !flags.Changed("image") {
		s.place.image = r.Image
	}
	if !flags.Changed("etcd-bin") {
		s.place.etcdBin = r.EtcdBin
	}
	if !flags.Changed("etcd-arg") {
		s.etcdArgs = r.EtcdArgs
	}
	return &r, nil
}

// plan is that of the file, or of the sweep that is resumed, with the flags worked in.
func (s *study) plan(stored *policy.Result) (policy.Plan, error) {
	p, from := policy.Defaults(), "the flags"
	switch {
	case s.file != "":
		from = s.file
		text, err := os.ReadFile(s.file)
		if err != nil {
			return p, hint(fmt.Errorf("read the policy: %w", err), "name a YAML file with the sections policy and sweep, or give flags alone")
		}
		read, err := policy.ReadPlan(text)
		if err != nil {
			return p, s.misread(from, err)
		}
		if p = read; p.Policy.Name == policy.Defaults().Policy.Name {
			p.Policy.Name = strings.TrimSuffix(filepath.Base(s.file), filepath.Ext(s.file))
		}
	case stored != nil:
		p = policy.Plan{Policy: stored.Policy, Sweep: stored.Sweep}
	}
	for _, key := range policy.Keys() {
		if f := s.typed[key]; f.value != "" {
			if err := p.Set(key, f.value); err != nil {
				return p, s.misread(from, err)
			}
		}
	}
	if err := p.Validate(); err != nil {
		return p, s.misread(from, err)
	}
	return p, nil
}

// misread says all that is wrong with a plan, each with its flag.
func (s *study) misread(from string, err error) error {
	var problems policy.Problems
	if !errors.As(err, &problems) {
		return hint(fmt.Errorf("%s: %w", from, err), "firedrill policy --help tells what it holds")
	}
	text := from + ": something is wrong with the policy:"
	for _, p := range problems {
		text += "\n  " + p.Key
		if f := s.typed[p.Key]; f != nil {
			text += " (--" + f.flag + ")"
		}
		text += ": " + p.Text
		if near := nearest.Names(p.Key[strings.LastIndexByte(p.Key, '.')+1:], p.Known); len(near) > 0 {
			text += ", did you mean " + strings.Join(near, " or ") + "?"
		} else if len(p.Known) > 0 {
			text += ": there are " + strings.Join(p.Known, ", ")
		}
	}
	return hint(errors.New(text), "firedrill policy --help tells what each of them takes")
}

// procedures finds the scenarios of these names, of those that restore a backup. A
// scenario that takes backups and replaces a member, or that must refuse, is none.
func (a *app) procedures(wanted []string) (map[string]harness.Scenario, error) {
	all := a.scenarios()
	restoring := slices.DeleteFunc(slices.Clone(all), func(sc harness.Scenario) bool { return !scenarios.Restores(sc) })
	chosen := map[string]harness.Scenario{}
	for _, name := range wanted {
		i := slices.IndexFunc(restoring, func(sc harness.Scenario) bool { return sc.Name == name })
		if i < 0 {
			if slices.Contains(names(all), name) {
				return nil, hint(fmt.Errorf("scenario %s restores no backup, so that no policy can be tried by it", name), "those that do: %s", strings.Join(names(restoring), ", "))
			}
			return nil, unknown("procedure", name, names(restoring), "those that restore a backup: "+strings.Join(names(restoring), ", "))
		}
		chosen[name] = restoring[i]
	}
	return chosen, nil
}

// sweepThrough runs what is missing.
func (a *app) sweepThrough(ctx context.Context, s *study, plan policy.Plan, stored *policy.Result, chosen map[string]harness.Scenario) (err error) {
	if err := s.place.valid(); err != nil {
		return err
	}
	all := rounds{app: a, plan: plan, place: s.place, etcdArgs: s.etcdArgs, keep: s.keep, scenarios: chosen}
	if err := all.suit(); err != nil {
		return err
	}
	rt, why, err := a.runtime(ctx, s.place)
	if err != nil {
		return err
	}
	if why != "" {
		a.say("runtime %s: %s", rt.Name(), why)
	}
	book, dir, err := s.book(all, stored, rt.Name())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, book.Close()) }()
	all.runtime, all.dir, all.progress = rt, dir, a.progressOf(s)
	defer func() { err = errors.Join(err, all.close()) }()
	if err := all.hasRoom(os.TempDir()); err != nil {
		return err
	}
	if err := all.prepare(ctx); err != nil {
		return hint(err, "firedrill policy --resume %s goes on with it", quoted(dir))
	}
	result, broke := book.Run(ctx, all.drill, all.progress.say)
	all.progress.clear()
	if err := a.studied(s, result); err != nil {
		return errors.Join(broke, err)
	}
	if broke != nil {
		a.code = exitBroke
		return hint(broke, "nothing that was measured is lost: firedrill policy --resume %s goes on with it", quoted(dir))
	}
	return nil
}

// book opens the sweep's directory.
func (s *study) book(all rounds, stored *policy.Result, runtime string) (*sweeps.Book, string, error) {
	disk := ""
	if runtime == "process" {
		disk = os.TempDir() // elsewhere hosts lie where the engine puts them
	}
	head := policy.Result{
		Firedrill: version(), Started: time.Now().UTC().Truncate(time.Second), Runtime: runtime, Machine: hardware.This(disk),
		Image: s.place.image, EtcdBin: s.place.etcdBin, EtcdArgs: s.etcdArgs, Policy: all.plan.Policy, Sweep: all.plan.Sweep, Untried: all.untried,
	}
	if stored != nil {
		book, err := sweeps.Resume(s.resume, head)
		return book, s.resume, err
	}
	dir := s.out
	if dir == "" {
		dir = filepath.Join("firedrill-runs", time.Now().Format("20060102-150405")+"-policy-"+strings.ReplaceAll(all.plan.Policy.Name, " ", "-"))
	}
	book, err := sweeps.Begin(dir, head)
	return book, dir, err
}

// studied shows a result, writes the files that were asked for, and sets the exit code.
func (a *app) studied(s *study, r policy.Result) error {
	a.code = worse(a.code, codeOf(r.Verdict()))
	if slices.ContainsFunc(r.Runs, func(run policy.Run) bool { return run.Broke != "" }) {
		a.code = worse(a.code, exitBroke)
	}
	var errs []error
	for _, o := range s.outputs {
		errs = append(errs, o.write(r))
	}
	if s.json {
		return errors.Join(append(errs, r.Encode(a.out))...)
	}
	_, err := io.WriteString(a.out, "\n"+a.style.Sweep(r))
	return errors.Join(append(errs, err)...)
}
