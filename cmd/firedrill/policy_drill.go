package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/drill"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/policy"
	"github.com/etcd-firedrill/firedrill/scenarios"
)

// rounds are the drills of a sweep.
type rounds struct {
	*app
	plan      policy.Plan
	scenarios map[string]harness.Scenario
	place     place
	etcdArgs  []string
	keep      bool             // backups in the policy's store
	untried   []policy.Untried // see suit

	runtime  harness.Runtime
	dir      string // of the sweep
	born     births
	progress *progress
}

// points are the combinations that there are drills for.
func (r *rounds) points() []policy.Point {
	return policy.Result{Sweep: r.plan.Sweep, Untried: r.untried}.Points()
}

// suit sees which procedure suits which number of members. What does not is not
// tried; that nothing does, or that anything else is wrong with the drills, is misuse.
func (r *rounds) suit() error {
	for _, name := range r.plan.Sweep.Procedures {
		for _, members := range r.plan.Sweep.Members {
			if why := r.unsuited(r.scenarios[name], members); why != "" {
				r.untried = append(r.untried, policy.Untried{Procedure: name, Members: members, Reason: why})
			}
		}
	}
	points := r.points()
	if len(points) == 0 {
		lines := make([]string, len(r.untried))
		for i, u := range r.untried {
			lines[i] = u.String()
		}
		return hint(fmt.Errorf("none of the procedures suits any of the numbers of members:\n  %s", strings.Join(lines, "\n  ")), "firedrill explain %s tells how many it is for", r.plan.Sweep.Procedures[0])
	}
	for _, p := range points {
		if err := r.validate(r.scenarios[p.Procedure], r.options(p, r.plan.Sweep.Seed)); err != nil {
			return hint(err, "firedrill explain %s tells what it needs", p.Procedure)
		}
	}
	return nil
}

// unsuited says why a scenario cannot be run with so many members; "": it can.
func (r *rounds) unsuited(sc harness.Scenario, members int) string {
	if err := r.validate(sc, drill.Options{Members: members}); err != nil {
		return strings.TrimPrefix(err.Error(), drill.ErrUnsuited.Error()+": "+sc.Name+": ")
	}
	if !scenarios.Restores(sc.WithMembers(members)) {
		return "its procedure then restores no backup"
	}
	return ""
}

// options are those of a drill of a point: the policy's backups, compressed, and
// the promise that no more is lost than they explain.
func (r *rounds) options(p policy.Point, seed int64) drill.Options {
	every := r.plan.Sweep.Scaled(r.plan.Policy.Interval)
	return drill.Options{
		Members: p.Members, Seed: seed, ValueSize: p.ValueSize, Writers: r.plan.Sweep.Writers, Rate: r.plan.Sweep.Rate,
		Out: filepath.Join(r.dir, "drills"), EtcdArgs: r.etcdArgs, Version: version(),
		PreloadFrom: r.born[birth{p.Size, p.ValueSize}], Within: r.plan.Limit(r.scenarios[p.Procedure].Within, p.Size),

		Store: r.plan.Policy.Store, S3Endpoint: r.plan.Policy.Endpoint, StoreCleared: !r.keep,
		BackupEvery:      every,
		BackupKeep:       harness.Retention{Count: r.plan.Policy.Retention.Count, Age: r.plan.Sweep.Scaled(r.plan.Policy.Retention.Age)},
		BackupUnverified: r.plan.Policy.Verify == policy.VerifyNone,
		Promises:         []harness.Check{check.LossWithinPolicy{Interval: every}},
	}
}

// rerun is the command that runs a drill of a point again: a sweep of that alone, with
// every key of the plan as it is.
func (r *rounds) rerun(p policy.Point, seed int64) string {
	plan := r.plan
	plan.Sweep.Sizes, plan.Sweep.ValueSizes, plan.Sweep.Members = []policy.Size{p.Size}, []int{p.ValueSize}, []int{p.Members}
	plan.Sweep.Procedures, plan.Sweep.Runs, plan.Sweep.Seed = []string{p.Procedure}, 1, seed
	words := []string{"firedrill", "policy"}
	for _, f := range planFlags() {
		if value := plan.Get(f.key); value != policy.Defaults().Get(f.key) {
			words = append(words, "--"+f.flag, quoted(value))
		}
	}
	words = append(words, "--runtime", r.runtime.Name())
	for flag, value := range map[string]string{"--image": r.place.image, "--etcd-bin": r.place.etcdBin} {
		if value != "" {
			words = append(words, flag, quoted(value))
		}
	}
	for _, arg := range r.etcdArgs {
		words = append(words, "--etcd-arg", quoted(arg))
	}
	if r.keep {
		words = append(words, "--keep-backups")
	}
	return strings.Join(words, " ")
}

// drill runs one drill of a point.
func (r *rounds) drill(ctx context.Context, p policy.Point, _ int, seed int64) (reports.Report, error) {
	o := r.options(p, seed)
	o.Rerun, o.Progress = r.rerun(p, seed), r.progress.drill()
	return r.run(ctx, r.runtime, r.scenarios[p.Procedure], o)
}

// prepare makes the datasets that the drills' clusters are born from.
func (r *rounds) prepare(ctx context.Context) (err error) {
	r.born = births{}
	begun := time.Now()
	for _, p := range r.points() {
		of := birth{p.Size, p.ValueSize}
		if r.born[of] != "" {
			continue
		}
		r.progress.say(fmt.Sprintf("making a database of %s with values of %d bytes", p.Size, p.ValueSize))
		made, err := r.born.make(ctx, r.dir, of)
		if err != nil {
			return fmt.Errorf("make a database of %s with values of %d bytes: %w", p.Size, p.ValueSize, err)
		}
		r.progress.say(made)
	}
	r.progress.say(fmt.Sprintf("datasets made in %.1f s", time.Since(begun).Seconds()))
	return nil
}
