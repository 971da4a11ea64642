package drill

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/etcd-firedrill/firedrill/fixtures/pki"
	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/crew"
	"github.com/etcd-firedrill/firedrill/harness/ledger"
	"github.com/etcd-firedrill/firedrill/harness/operator"
	"github.com/etcd-firedrill/firedrill/harness/store"
	"github.com/etcd-firedrill/firedrill/harness/workload"
	"github.com/etcd-firedrill/firedrill/reports"
)

// The drill's own deadlines. None of them decides a verdict: where one passes,
// the harness says what it waited for, or the checks see less. They grow with
// what was preloaded; see weight.
const (
	archiveDeadline = 30 * time.Second // the store of backups opened, the bundle of certificates kept
	bootDeadline    = 60 * time.Second // hosts up and etcd serving for the first time
	openDeadline    = 60 * time.Second // a game day's desk, bastion and pages
	preloadDeadline = 10 * time.Minute // writing, spreading and restoring a preloaded dataset
	steadyPatience  = 30 * time.Second // every writer acknowledged, backups taken; see steadyDeadline
	strikeDeadline  = 60 * time.Second // all faults in effect
	detectDeadline  = 20 * time.Second // the disaster is seen by a fresh client
	settleDeadline  = 45 * time.Second // calm and redundant after the procedure
	collectDeadline = 10 * time.Minute // dump, hashes, views; large datasets take minutes
	trialDeadline   = 2 * time.Minute  // each; longer than the patiences in a trial together
	closeDeadline   = 60 * time.Second // tear down, also after Ctrl-C
)

const (
	// calm is how long service must have been without a gap to count as restored.
	calm = 2 * time.Second
	// redundancyPatience is how long the last member may take to catch up once
	// the procedure has ended.
	redundancyPatience = 20 * time.Second
	// failedPatience is how long service may take to come back after a procedure
	// that did not complete: an operator who gave up waits for nothing.
	failedPatience = 10 * time.Second
	// refusedPatience is how long is looked for service after a procedure that
	// refused: what was there stays, and no other comes.
	refusedPatience = 5 * time.Second
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
	authority  *pki.Authority // nil: the cluster has no TLS
	tls        *tls.Config    // ours, as a client; nil: the cluster has no TLS
	appTLS     *tls.Config    // the app's; nil: the cluster has no authentication
	app        *app           // nil as well
	desk       *harness.Desk
	ledger     *ledger.Writer
	traffic    *workload.Traffic
	backups    *backupJob
	archive    *archive
	shelf      shelf
	secrets    store.Secrets // what whoever recovers by hand may print, and we do not write down
	bundle     string        // SHA-256 of the bundle of certificates that was kept
	transcript *transcript
	ev         *harness.Evidence

	abort context.CancelCauseFunc // ends the drill, see broke

	mu    sync.Mutex // guards what the hosts' events and a procedure's steps share
	hosts map[string]harness.Host
	// fullTrial are the hosts on which etcd finds no space in the trial that is carried
	// out; nil: none is.
	fullTrial map[string]bool
	// reached is where the etcd of each host is reached from here, also of those that
	// are gone.
	reached map[string]string
	logs    map[string]*hostLog
	deaths  map[string]int        // etcds that ended by themselves before the steady state, by host
	lost    map[harness.Host]bool // by the strike and for good, although their disks are there
	spares  []string              // clean hosts for whoever recovers by hand
	hand    *hand                 // whoever does it just now; nil: nobody

	unseen    string         // directory that a runbook of the user's finds empty; "": none
	workplace *operator.Desk // of whoever recovers by hand; nil: nobody does
	game      *game          // nil: no people recover
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
	s = p.scenario
	s.Promises, s.Backups = p.promises, p.backups
	d := &drill{
		scenario: s, opts: o, plan: p,
		hosts: map[string]harness.Host{}, reached: map[string]string{}, logs: map[string]*hostLog{}, deaths: map[string]int{}, lost: map[harness.Host]bool{},
		rnd: rand.New(rand.NewPCG(uint64(o.Seed), 0x66697265)),
	}
	ctx, d.abort = context.WithCancelCause(ctx)
	kept := false
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the drill panicked: %w", crew.Crashed(p))
		}
		d.abort(nil)
		err = d.close(kept && err == nil, err)
		if err == nil {
			d.conclude(&report)
			return
		}
		d.conclude(nil)
		report = reports.Report{}
		if strings.Contains(err.Error(), diskFull) {
			err = hinted(err, diskHint)
		}
		if d.dir != "" {
			err = fmt.Errorf("drill %s of %s (what was seen is in %s): %w", d.id, s.Name, d.dir, err)
		}
	}()
	if err := d.open(ctx, rt); err != nil {
		return reports.Report{}, err
	}
	if err := d.execute(ctx, rt); err != nil {
		return reports.Report{}, err
	}
	report, err = d.judge()
	if err != nil {
		return reports.Report{}, fmt.Errorf("judge: %w", err)
	}
	d.saveData(ctx, report.Verdict)
	if o.Keep && o.Hold != nil {
		kept = true
		d.hold(ctx, report)
	}
	return report, nil
}

func (d *drill) hold(ctx context.Context, report reports.Report) {
	d.timeline.say(harness.DrillEvent, "", "kept: %s", d.id)
	var enter []string
	for _, h := range d.present() {
		enter = append(enter, d.rack.HowToEnter(h.Name()))
	}
	d.opts.Hold(ctx, report, enter)
}

// part is one part of a drill. within 0: it has a deadline of its own.
type part struct {
	name   string
	within time.Duration
	do     func(context.Context) error
}

// order is the order of a drill, up to and including its trials.
func (d *drill) order(rt harness.Runtime) []part {
	provision := part{"provision hosts", bootDeadline, func(ctx context.Context) error { return d.provision(ctx, rt) }}
	strike, recovery := part{"strike", strikeDeadline, d.strike}, part{"recover", 0, d.recover}
	parts := []part{
		provision,
		{"preload", preloadDeadline, d.preload},
		{"boot the cluster", bootDeadline, d.boot},
		{"reach a steady state", 0, func(ctx context.Context) error { return within(ctx, d.steadyDeadline(), d.steady) }},
	}
	if d.game != nil {
		parts = append(parts, part{"open the game day", openDeadline, d.openGameDay}, part{"wait for the strike", 0, d.letBe})
	}
	parts = append(parts, strike, part{"detect", detectDeadline, d.detect}, recovery)
	if d.scenario.AtBirth {
		parts = []part{
			provision,
			strike,
			{"install the cluster", bootDeadline, d.install},
			recovery,
			{"see what was created", bootDeadline, d.awaitCreated},
			{"preload", preloadDeadline, d.preloadServed},
			{"open to clients", 0, d.openToClients},
		}
	}
	return append(parts,
		part{"settle", settleDeadline + 2*d.writing(check.RestoredAcks), d.settle},
		part{"collect evidence", collectDeadline, d.collect},
		part{"try the recovered cluster", 0, d.try})
}

func (d *drill) execute(ctx context.Context, rt harness.Runtime) error {
	for _, part := range d.order(rt) {
		// A part may come to its end although the drill was told to: what it saw
		// last is then not to be trusted.
		if err := within(ctx, part.within+d.weight(part.within), part.do); err != nil || ctx.Err() != nil {
			return d.blame(ctx, part.name, err)
		}
	}
	return nil
}

// within bounds what is done. The error of whatever waits then tells the limit.
func within(ctx context.Context, limit time.Duration, do func(context.Context) error) error {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, fmt.Errorf("the time limit of %v passed: %w", limit, context.DeadlineExceeded))
		defer cancel()
	}
	return do(ctx)
}

// steadyDeadline is how long it may take until every writer was acknowledged
// as often as the strike needs, at the rate that was asked for, and until the
// backups were taken. A backup is read from the member and read again to be
// verified.
func (d *drill) steadyDeadline() time.Duration {
	job := d.scenario.Backups
	backup := job.Every + 2*d.weight(steadyPatience)
	backups := backupsBeforeStrike + 1
	if job.Dies > 0 {
		backups = job.Dies + harness.DeadFor + 1
	}
	return steadyPatience + 2*d.writing(steadyAcks) + time.Duration(backups)*backup
}

// writing is how long it takes until every writer has sent so many writes.
func (d *drill) writing(each int) time.Duration {
	traffic := d.plan.traffic
	return time.Duration(traffic.Writers*each) * time.Second / time.Duration(traffic.Rate)
}

// slowestDisk is what a part of a drill is given more for a preloaded dataset,
// in bytes per second: members load it, hash it, and send it to each other.
const slowestDisk = 32 << 20

func (d *drill) weight(limit time.Duration) time.Duration {
	if limit == 0 || d.ev.DatasetBefore == nil {
		return 0
	}
	return time.Duration(d.ev.DatasetBefore.Bytes/slowestDisk) * time.Second
}

// open makes the run directory and everything that lives from before the first
// host until after the last.
func (d *drill) open(ctx context.Context, rt harness.Runtime) error {
	started := time.Now()
	var err error
	if d.id, d.dir, err = newRunDirectory(d.opts.Out, d.named(), started); err != nil {
		return err
	}
	if d.timeline, err = newTimeline(d.dir, d.opts.Progress, func(err error) { d.broke(breakage{err: err}) }); err != nil {
		return err
	}
	if d.transcript, err = newTranscript(d.dir); err != nil {
		return err
	}
	if d.ledger, err = ledger.Create(d.dir); err != nil {
		return err
	}
	d.machine = watchMachine(d.dir, d.timeline.now, func(err error) { d.broke(breakage{err: err}) })
	token := d.scenario.Given.Token
	if token == "" {
		token = "etcd-cluster"
	}
	if err := d.certify(); err != nil {
		return err
	}
	opening, cancel := context.WithTimeout(ctx, archiveDeadline)
	defer cancel()
	if err := d.openArchive(opening); err != nil {
		return err
	}
	d.secrets = store.SecretsOf(d.archive.store)
	if err := d.keepBundle(opening); err != nil {
		return err
	}
	d.desk = &harness.Desk{Token: token, TLS: d.scenario.Given.TLS, Peers: map[string]string{}, Clients: map[string]string{}, Flags: map[string][]string{}, Known: map[string]string{}}
	d.ev = &harness.Evidence{
		Schema: harness.EvidenceSchema, Drill: d.id, Scenario: d.scenario.Name, Runtime: rt.Name(), Firedrill: d.opts.Version,
		Seed: d.opts.Seed, Strict: d.opts.Strict, Started: started, BornHosts: d.plan.hosts,
		TrafficPrefix: fmt.Sprintf("/firedrill/%s/", d.id), Writers: d.plan.traffic.Writers, Rate: d.plan.traffic.Rate, ValueSize: d.plan.traffic.ValueSize,
		Keeping:         harness.KeepingOf(d.opts.Store),
		ElectionTimeout: harness.ElectionTimeoutOf(d.plan.args),
		Marks:           map[harness.Mark]time.Duration{}, Gone: map[string]time.Duration{}, Procedure: harness.ProcedureRecord{Within: d.plan.within},
		Starts: []harness.HostStart{}, Fetches: []harness.FetchRecord{}, Rerun: d.opts.Rerun,
	}
	if d.opts.GameDay != nil {
		d.game = newGame(ctx, d)
	}
	if g := d.opts.GameDay; g != nil && g.Surprise {
		d.timeline.say(harness.DrillEvent, "", "a surprise: which scenario it is, is told when it is over")
	} else {
		d.tellScenario()
	}
	d.hideEvidence(ctx)
	return d.raiseQuota()
}

func (d *drill) tellScenario() {
	d.timeline.say(harness.DrillEvent, "", "%s: %s", d.scenario.Name, d.scenario.Summary)
}

// named is the scenario's name as the run directory's has it, where the team may see it.
func (d *drill) named() string {
	if g := d.opts.GameDay; g != nil && g.Surprise {
		return "surprise"
	}
	return d.scenario.Name
}

// close tears down whatever there is, and returns why with what went wrong
// meanwhile. It has a deadline of its own: the caller's context may have ended,
// which is when tearing down matters most.
func (d *drill) close(kept bool, why error) error {
	ctx, cancel := context.WithTimeout(context.Background(), closeDeadline)
	defer cancel()
	errs := []error{d.game.close()}
	if d.backups != nil {
		d.backups.stop()
	}
	if d.traffic != nil {
		// Nobody will look at what is in flight: it need not be waited for.
		now, cut := context.WithCancel(ctx)
		cut()
		_, err := d.traffic.Stop(now)
		errs = append(errs, err)
	}
	d.app.leave()
	if d.workplace != nil {
		errs = append(errs, d.workplace.Close(false))
	}
	if d.rack != nil {
		errs = append(errs, d.rack.Close(ctx, kept))
	}
	if d.archive != nil {
		bundle := ""
		if d.bundle != "" { // it was kept
			bundle = d.scenario.Backups.Bundle
		}
		errs = append(errs, d.archive.close(ctx, bundle, d.opts.StoreCleared && !kept))
	}
	for _, l := range d.logs {
		errs = append(errs, l.Close())
	}
	if d.machine != nil {
		d.machine.finish(d.dir)
	}
	if d.ledger != nil {
		errs = append(errs, d.ledger.Close())
	}
	if d.transcript != nil {
		errs = append(errs, d.transcript.close())
	}
	if d.timeline != nil {
		errs = append(errs, d.timeline.close())
	}
	if d.dir != "" && d.opts.PreloadFrom != "" && !kept {
		errs = append(errs, os.RemoveAll(filepath.Join(d.dir, backupsDir)))
	}
	for _, err := range errs {
		if err != nil && !errors.Is(why, err) { // the same error twice says no more
			why = errors.Join(why, err)
		}
	}
	return why
}

func (d *drill) mark(m harness.Mark) {
	d.markAt(m, d.timeline.now())
}

// marked tells whether a mark was set, while others may be.
func (d *drill) marked(m harness.Mark) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.ev.At(m)
	return ok
}

func (d *drill) markAt(m harness.Mark, at time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, already := d.ev.Marks[m]; !already {
		d.ev.Marks[m] = at
	}
}
