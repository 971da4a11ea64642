package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/drill"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/policy"
)

// rounds are the drills of a sweep.
type rounds struct {
	*app
	plan      policy.Plan
	scenarios map[string]harness.Scenario
	etcdArgs  []string

	runtime harness.Runtime
	dir     string // of the sweep
	born    births
	say     func(string)
}

// options are those of a drill of a point: the policy's backups, compressed, and
// the promise that no more is lost than they explain.
func (r *rounds) options(p policy.Point, seed int64) drill.Options {
	every := r.plan.Sweep.Scaled(r.plan.Policy.Interval)
	return drill.Options{
		Members: p.Members, Seed: seed, ValueSize: p.ValueSize, Writers: r.plan.Sweep.Writers, Rate: r.plan.Sweep.Rate,
		Out: filepath.Join(r.dir, "drills"), Store: r.plan.Policy.Store, S3Endpoint: r.plan.Policy.Endpoint, EtcdArgs: r.etcdArgs, Version: version(),
		PreloadFrom: r.born[birth{p.Size, p.ValueSize}],

		BackupEvery:      every,
		BackupKeep:       harness.Retention{Count: r.plan.Policy.Retention.Count, Age: r.plan.Sweep.Scaled(r.plan.Policy.Retention.Age)},
		BackupUnverified: r.plan.Policy.Verify == policy.VerifyNone,
		Promises:         []harness.Check{check.LossWithinPolicy{Interval: every}},

		Progress: func(harness.Event) {}, // a sweep tells runs, and the evidence has the rest
	}
}

// drill runs one drill of a point.
func (r *rounds) drill(ctx context.Context, p policy.Point, _ int, seed int64) (reports.Report, error) {
	return r.run(ctx, r.runtime, r.scenarios[p.Procedure], r.options(p, seed))
}

// prepare makes the datasets that the drills' clusters are born from.
func (r *rounds) prepare(ctx context.Context) (err error) {
	r.born = births{}
	begun := time.Now()
	for _, p := range r.plan.Sweep.Points() {
		of := birth{p.Size, p.ValueSize}
		if r.born[of] != "" {
			continue
		}
		made, err := r.born.make(ctx, r.dir, of, r.plan.Sweep.Seed)
		if err != nil {
			return fmt.Errorf("make a database of %s with values of %d bytes: %w", p.Size, p.ValueSize, err)
		}
		r.say(made)
	}
	r.say(fmt.Sprintf("datasets made in %.1f s", time.Since(begun).Seconds()))
	return nil
}
