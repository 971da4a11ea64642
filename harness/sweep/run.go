package sweep

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/etcd-firedrill/firedrill/harness/crew"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/policy"
)

// Drill runs one drill of a point. The error means that the harness broke.
type Drill func(ctx context.Context, p policy.Point, number int, seed int64) (reports.Report, error)

// breaksInARow is how many runs the harness may break one after the other before
// the sweep is given up: whatever broke them will break the rest too.
const breaksInARow = 3

// Run makes the runs that are missing, one after the other, and tells each step in
// a line. What was measured is returned with every error, and is kept. A run that
// the harness broke is kept as such, and made again when the sweep is resumed. When
// ctx ends the run under way is not kept, unless it had come to a report.
func (b *Book) Run(ctx context.Context, drill Drill, say func(line string)) (policy.Result, error) {
	err := b.run(ctx, drill, say)
	result := b.Result()
	if werr := b.write(result); werr != nil {
		err = errors.Join(err, werr)
	}
	return result, err
}

func (b *Book) run(ctx context.Context, drill Drill, say func(string)) error {
	all := tasks(b.head)
	left := missing(all, b.runs)
	if b.Torn != "" {
		say(b.Torn)
	}
	say(fmt.Sprintf("%d of %d runs are left, in %s", len(left), len(all), b.dir))
	for _, u := range b.head.Untried {
		say(u.String())
	}
	broken := 0
	for i, t := range left {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		say(fmt.Sprintf("run %d of %d: %s; %d left, %s", len(all)-len(left)+i+1, len(all), t, len(left)-i, estimate(left[i:], b.runs)))
		r, err := b.one(ctx, t, drill)
		if err != nil {
			return err
		}
		if err := b.keep(r); err != nil {
			return err
		}
		if b.head.Etcd != "" && !b.told {
			b.told = true
			if err := b.write(b.Result()); err != nil { // whoever resumes it must know
				return err
			}
		}
		say("  " + outcome(r))
		if broken++; r.Broke == "" {
			broken = 0
			say("  so far: " + known(b.Result()))
		}
		if broken == breaksInARow {
			return fmt.Errorf("the harness broke in %d runs one after the other, the last time: %s", broken, r.Broke)
		}
	}
	return nil
}

// one makes a run. The error is not nil only if ctx ended, or its etcd is another than
// the sweep's.
func (b *Book) one(ctx context.Context, t task, drill Drill) (policy.Run, error) {
	begun := time.Now()
	var report reports.Report
	err := crew.Surely(func() (err error) {
		report, err = drill(ctx, t.Point, t.number, t.seed)
		return err
	})
	took := time.Since(begun)
	if err != nil && ctx.Err() != nil {
		return policy.Run{}, err
	}
	if err != nil {
		return policy.Run{Point: t.Point, Number: t.number, Seed: t.seed, Started: begun.UTC(), Took: took.Milliseconds(), Broke: err.Error()}, nil
	}
	if b.head.Etcd == "" {
		b.head.Etcd = report.EtcdVersion
	}
	if is := report.EtcdVersion; is != "" && is != b.head.Etcd {
		return policy.Run{}, fmt.Errorf("%w:\n  etcd is %s, and was %s: figures of both would be counted as one\nhint: give it the etcd that it was begun with, or begin another sweep with --out DIR", ErrOtherPlan, is, b.head.Etcd)
	}
	r := policy.Plan{Policy: b.head.Policy, Sweep: b.head.Sweep}.NewRun(t.Point, t.number, report, took)
	r.Seed = t.seed
	return r, nil
}
