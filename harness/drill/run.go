package drill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/ledger"
	"github.com/etcd-firedrill/firedrill/harness/workload"
	"github.com/etcd-firedrill/firedrill/reports"
)

// The drill's own deadlines. None of them decides a verdict: where one passes,
// the harness says what it waited for, or the checks see less.
const (
	bootDeadline    = 60 * time.Second // hosts up and etcd serving for the first time
	preloadDeadline = 10 * time.Minute // writing, spreading and restoring a preloaded dataset
	steadyDeadline  = 30 * time.Second // every writer acknowledged, first backup taken
	strikeDeadline  = 60 * time.Second // all faults in effect
	detectDeadline  = 20 * time.Second // the disaster is seen by a fresh client
	settleDeadline  = 45 * time.Second // calm and redundant after the procedure
	collectDeadline = 10 * time.Minute // dump, hashes, views; large datasets take minutes
	trialDeadline   = 60 * time.Second // each
	closeDeadline   = 60 * time.Second // tear down, also after Ctrl-C
)

const (
	// calm is how long service must have been without a gap to count as restored.
	calm = 2 * time.Second
	// redundancyPatience is how long the last member may take to catch up once
	// the procedure has ended.
	redundancyPatience = 20 * time.Second
)

// steadyAcks is how many acknowledgements each writer needs before the strike;
// check.WritesWereAcknowledged asks for ten; twice that has every shape of
// traffic in it.
const steadyAcks = 20

// drill is one execution of a scenario.
type drill struct {
	scenario harness.Scenario
	opts     Options
	plan     plan
	dir      string
	id       string
	rnd      *rand.Rand

	timeline   *timeline
	machine    *machineWatch
	rack       harness.Rack
	desk       *harness.Desk
	ledger     *ledger.Writer
	traffic    *workload.Traffic
	backups    *backupJob
	transcript *transcript
	ev         *harness.Evidence

	mu    sync.Mutex // guards what the hosts' events and a procedure's steps share
	hosts map[string]harness.Host
	logs  map[string]*hostLog
}

// Run runs one drill and returns its report. The error is not nil only if the
// harness broke: then there is no verdict. Everything that was started is
// stopped on every path, a panic included. The evidence lies in
// Report.Directory.
func Run(ctx context.Context, rt harness.Runtime, s harness.Scenario, o Options) (report reports.Report, err error) {
	p, err := planned(s, o)
	if err != nil {
		return reports.Report{}, err
	}
	d := &drill{scenario: s, opts: o, plan: p, hosts: map[string]harness.Host{}, logs: map[string]*hostLog{}}
	d.rnd = rand.New(rand.NewPCG(uint64(o.Seed), 0x66697265))
	if err := d.open(rt); err != nil {
		return reports.Report{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the drill panicked: %v\n%s", p, debug.Stack())
		}
		cancel(nil)
		err = errors.Join(err, d.close())
		if err != nil {
			err = fmt.Errorf("drill %s of %s (what was seen is in %s): %w", d.id, s.Name, d.dir, err)
		}
	}()
	if err := d.execute(ctx, rt); err != nil {
		if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
			err = fmt.Errorf("%w (%w)", err, cause)
		}
		return reports.Report{}, err
	}
	report, err = d.judge()
	if err != nil {
		return reports.Report{}, err
	}
	if o.Keep && o.Hold != nil {
		d.timeline.say(harness.DrillEvent, "", "kept: %s", d.id)
		var enter []string
		for _, h := range d.present() {
			enter = append(enter, d.rack.HowToEnter(h.Name()))
		}
		o.Hold(ctx, report, enter)
	}
	return report, nil
}

// execute is the order of a drill, up to and including its trials.
func (d *drill) execute(ctx context.Context, rt harness.Runtime) error {
	for _, part := range []struct {
		name   string
		within time.Duration
		do     func(context.Context) error
	}{
		{"provision hosts", bootDeadline, func(ctx context.Context) error { return d.provision(ctx, rt) }},
		{"preload", preloadDeadline, d.preload},
		{"boot the cluster", bootDeadline, d.boot},
		{"reach a steady state", steadyDeadline, d.steady},
		{"strike", strikeDeadline, d.strike},
		{"detect", detectDeadline, d.detect},
		{"recover", 0, d.recover},
		{"settle", settleDeadline, d.settle},
		{"collect evidence", collectDeadline, d.collect},
		{"try the recovered cluster", 0, d.try},
	} {
		if err := d.within(ctx, part.within, part.do); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

func (d *drill) within(ctx context.Context, limit time.Duration, do func(context.Context) error) error {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	return do(ctx)
}

// open makes the run directory and everything that lives from before the first
// host until after the last.
func (d *drill) open(rt harness.Runtime) error {
	started := time.Now()
	var err error
	if d.id, d.dir, err = newRunDirectory(d.opts.Out, d.scenario.Name, started); err != nil {
		return err
	}
	if d.timeline, err = newTimeline(d.dir, d.opts.Progress); err != nil {
		return err
	}
	if d.transcript, err = newTranscript(d.dir); err != nil {
		return err
	}
	if d.ledger, err = ledger.Create(d.dir); err != nil {
		return err
	}
	d.machine = watchMachine(d.dir)
	token := d.scenario.Given.Token
	if token == "" {
		token = "etcd-cluster"
	}
	d.desk = &harness.Desk{Token: token, Peers: map[string]string{}, Clients: map[string]string{}, Flags: map[string][]string{}, Known: map[string]string{}}
	d.ev = &harness.Evidence{
		Schema: harness.EvidenceSchema, Drill: d.id, Scenario: d.scenario.Name, Runtime: rt.Name(), Firedrill: d.opts.Version,
		Seed: d.opts.Seed, Strict: d.opts.Strict, Started: started, BornHosts: d.plan.hosts,
		TrafficPrefix: fmt.Sprintf("/firedrill/%s/", d.id), Writers: d.plan.traffic.Writers,
		Marks: map[harness.Mark]time.Duration{}, Procedure: harness.ProcedureRecord{Within: d.plan.within},
	}
	d.timeline.say(harness.DrillEvent, "", "%s: %s", d.scenario.Name, d.scenario.Summary)
	return nil
}

// close tears down what execute left. It has a deadline of its own: the
// caller's context may have ended, which is when tearing down matters most.
func (d *drill) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeDeadline)
	defer cancel()
	var errs []error
	if d.backups != nil {
		d.backups.stop()
	}
	if d.traffic != nil {
		_, err := d.traffic.Stop(ctx)
		errs = append(errs, err)
	}
	if d.rack != nil {
		errs = append(errs, d.rack.Close(ctx, d.opts.Keep))
	}
	for _, l := range d.logs {
		errs = append(errs, l.Close())
	}
	if d.machine != nil {
		d.machine.finish(d.dir)
	}
	errs = append(errs, d.ledger.Close(), d.transcript.close(), d.timeline.close())
	if d.opts.PreloadFrom != "" && !d.opts.Keep {
		errs = append(errs, os.RemoveAll(filepath.Join(d.dir, backupsDir)))
	}
	return errors.Join(errs...)
}

func (d *drill) mark(m harness.Mark) {
	d.markAt(m, d.timeline.now())
}

func (d *drill) markAt(m harness.Mark, at time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, already := d.ev.Marks[m]; !already {
		d.ev.Marks[m] = at
	}
}
