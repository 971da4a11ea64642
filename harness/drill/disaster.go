package drill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/crew"
	"github.com/etcd-firedrill/firedrill/harness/observe"
	"github.com/etcd-firedrill/firedrill/harness/workload"
)

// backupsBeforeStrike is how many backups a site that takes any must have: a
// newest one, and an older one that a tired operator could take for it.
const backupsBeforeStrike = 2

// steady starts traffic and backups, waits until both are seen to work, and
// records what the cluster is before anything happens to it.
func (d *drill) steady(ctx context.Context) error {
	if err := d.beginTraffic(ctx, d.targets()); err != nil {
		return err
	}
	if d.scenario.Backups.Every > 0 {
		// It outlives the deadline of this part; close and recover stop it.
		d.backups = startBackups(context.WithoutCancel(ctx), d, d.scenario.Backups)
	}
	if err := d.traffic.AwaitSteady(ctx, steadyAcks); err != nil {
		return err
	}
	if err := d.awaitBackups(ctx); err != nil {
		return err
	}
	if err := d.recordBefore(ctx); err != nil {
		return err
	}
	if err := d.logIn(ctx); err != nil {
		return err
	}
	d.mark(harness.SteadyStateSeen)
	d.timeline.say(harness.DrillEvent, "", "steady state: every writer acknowledged, %s", countOf(len(d.ev.Before), "member"))
	if d.game != nil {
		return nil // see letBe
	}
	return d.untilTheStrike(ctx)
}

func (d *drill) beginTraffic(ctx context.Context, targets []observe.Target) (err error) {
	endpoints := []string{}
	for _, t := range targets {
		endpoints = append(endpoints, t.Endpoint)
	}
	config := workload.Config{
		Seed: d.opts.Seed, Prefix: d.ev.TrafficPrefix, Traffic: d.plan.traffic, Clock: d.timeline.now,
		Ledger: d.ledger, Endpoints: endpoints, TLS: d.tls, Serving: d.timeline.service,
	}
	if g := d.game; g != nil {
		config.Ended = g.heard
		config.Serving = func(at time.Duration, serving bool) { d.timeline.service(at, serving); g.saw(at, serving) }
	}
	d.traffic, err = workload.Start(ctx, config)
	if err == nil {
		d.mark(harness.TrafficBegan)
	}
	return err
}

// nextGeneration moves clients to new keys, if there are any clients yet.
func (d *drill) nextGeneration() {
	if d.traffic != nil {
		d.traffic.NextGeneration()
	}
}

func (d *drill) awaitBackups(ctx context.Context) error {
	if d.backups == nil {
		return nil
	}
	want := backupsBeforeStrike
	if dies := d.backups.Dies; dies > 0 {
		want = min(want, dies)
	}
	return poll(ctx, fmt.Sprintf("%d backups were taken", want), func(context.Context) (bool, string) {
		kept := 0
		last := "none was tried"
		for _, b := range d.backups.list() {
			if b.Kept() {
				kept++
			}
			last = b.Name + " " + b.Problem
		}
		return kept >= want, fmt.Sprintf("%d, the last: %s", kept, last)
	})
}

func (d *drill) recordBefore(ctx context.Context) error {
	// A member that answers late on a busy machine is asked again, within the
	// deadline of the steady state.
	err := poll(ctx, "every member has told what it is before the strike", func(ctx context.Context) (bool, string) {
		d.ev.Before = observe.Members(ctx, d.targets())
		for _, v := range d.ev.Before {
			if v.Error != "" {
				return false, v.Error
			}
			d.ev.EtcdVersion = v.Version
		}
		return true, ""
	})
	if err != nil {
		return err
	}
	return d.leasesBefore(ctx, d.targets()[0])
}

// leasesBefore reads the traffic's leases, of which the traffic alone knows which
// one it does not renew.
func (d *drill) leasesBefore(ctx context.Context, source observe.Target) (err error) {
	// As members are: one that answers late is asked again.
	err = poll(ctx, "the leases before the strike are told", func(ctx context.Context) (bool, string) {
		if d.ev.LeasesBefore, err = observe.Leases(ctx, source, d.traffic.LeaseIDs(), d.ev.TrafficPrefix, d.timeline.now); err != nil {
			return false, err.Error()
		}
		return true, ""
	})
	for i := range d.ev.LeasesBefore {
		d.ev.LeasesBefore[i].Unrenewed = d.traffic.Unrenewed(d.ev.LeasesBefore[i].ID)
	}
	return err
}

// noBackups is the part of a second within which disaster strikes a site that
// takes no backups.
const noBackups = 300 * time.Millisecond

// untilTheStrike lets time pass until the newest backup is as old as the
// scenario or the seed says, not as old as is convenient.
func (d *drill) untilTheStrike(ctx context.Context) error {
	if d.backups == nil {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(d.rnd.Int64N(int64(noBackups)))):
			return nil
		}
	}
	if d.backups.Dies > 0 {
		return d.untilLongDead(ctx)
	}
	age := d.scenario.Backups.Age
	if age == 0 {
		age = time.Duration(d.rnd.Int64N(int64(d.backups.Every)))
	}
	begun, err := d.lastBackup(ctx, age)
	if err != nil {
		return err
	}
	defer d.backups.release()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(begun + age - d.timeline.now()):
	}
	if d.scenario.Backups.Age == 0 {
		return d.backups.looked(ctx) // the backup itself may well be under way
	}
	return poll(ctx, "the last backup before the strike has been taken", func(context.Context) (bool, string) {
		_, underWay := d.backups.newest()
		return !underWay, "it is under way"
	})
}

// untilLongDead waits until the backup job has died and its newest backup is older
// than harness.DeadFor intervals, than twice what a backup took, and than the machine was
// late meanwhile: on one that is busy, too, that is more than its policy explains.
func (d *drill) untilLongDead(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return fmt.Errorf("wait for the backup job to die after %s: %w", countOf(d.backups.Dies, "backup"), ctx.Err())
	case <-d.backups.done:
	}
	begun, _ := d.backups.newest()
	var longest time.Duration
	for _, b := range d.backups.list() {
		longest = max(longest, b.Took+b.Status)
	}
	for {
		left := begun + harness.DeadFor*d.backups.Every + 2*longest + d.machine.lateSince(begun) - d.timeline.now()
		if left <= 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(left):
		}
	}
}

// lastBackup waits for a backup that is no older than that, and holds the job so
// that it stays the newest: the moment to strike must not pass while one waits
// for it. It returns when the backup was begun.
func (d *drill) lastBackup(ctx context.Context, age time.Duration) (begun time.Duration, err error) {
	d.backups.hold()
	passed, _ := d.backups.newest()
	if d.timeline.now()-passed <= age {
		return passed, nil
	}
	d.backups.release()
	err = poll(ctx, "another backup is begun", func(context.Context) (bool, string) {
		begun, _ = d.backups.newest()
		return begun != passed, fmt.Sprintf("the last was begun at %.3fs", passed.Seconds())
	})
	if err == nil {
		d.backups.hold()
		begun, _ = d.backups.newest()
	}
	return begun, err
}

// strike injects the faults in order, at once where the scenario lists one.
func (d *drill) strike(ctx context.Context) error {
	if len(d.scenario.Break) == 0 {
		return errors.New("the scenario breaks nothing")
	}
	if g := d.game; g != nil {
		if err := g.moves.take(ctx, true); err != nil {
			return err
		}
		if !g.strikes() {
			return nil
		}
	}
	d.mark(harness.Struck)
	d.nextGeneration()
	for _, f := range d.scenario.Break {
		record := harness.FaultRecord{Fault: f.String(), At: d.timeline.now()}
		d.timeline.say(harness.FaultEvent, "", "strike: %s", f)
		hosts, err := f.Inject(ctx, strikeable{d})
		if err != nil {
			return err
		}
		record.Hosts, record.Took = hosts, d.timeline.now()-record.At
		d.loseForGood(ctx, hosts)
		d.mu.Lock() // the events of hosts ask who was struck
		d.ev.Faults = append(d.ev.Faults, record)
		d.mu.Unlock()
		d.timeline.say(harness.FaultEvent, "", "in effect on %s after %d ms", strings.Join(hosts, ", "), record.Took.Milliseconds())
	}
	d.mark(harness.TookEffect)
	d.forgetTheGone(ctx)
	if g := d.game; g != nil {
		g.moves.mu.Lock()
		defer g.moves.mu.Unlock()
		g.moves.struck(ctx)
	}
	return nil
}

// AwaitBackup waits for a backup that was begun from now on.
func (d *drill) AwaitBackup(ctx context.Context) error {
	if d.backups == nil {
		return errors.New("wait for a backup: this site takes none")
	}
	now := d.timeline.now()
	return poll(ctx, "a backup was taken", func(context.Context) (bool, string) {
		last := "none was begun"
		for _, b := range d.backups.list() {
			if b.Begun < now {
				continue
			}
			if b.Kept() {
				return true, ""
			}
			last = b.Name + " " + b.Problem
		}
		return false, last
	})
}

// forgetTheGone takes destroyed hosts off the list; their names are free again.
func (d *drill) forgetTheGone(ctx context.Context) {
	for _, h := range d.present() {
		_, err := h.Etcd(ctx)
		d.noteLost(h, err)
		if errors.Is(err, harness.ErrHostGone) {
			d.mu.Lock()
			d.hosts[h.Name()] = nil
			d.mu.Unlock()
		}
	}
}

// detectPatience is how long an operator looks for a failure that a fresh
// client may not see, because a quorum is left.
const detectPatience = 3 * time.Second

// probePatience is how long a monitor's probe waits for its answer.
const probePatience = time.Second

// detect watches as a monitor would: until a fresh client's probe fails, and,
// where the scenario says that quorum is lost, until that is seen. Meanwhile it
// reads what the survivors hold, serializably. That nothing was detected is not
// an error; a premise may miss it.
func (d *drill) detect(ctx context.Context) error {
	if len(d.plan.steps) == 0 || d.calledOff() {
		return nil // nobody waits for anything: the settling below watches
	}
	wantsQuorumLoss := slices.ContainsFunc(d.scenario.Premises, func(c harness.Check) bool { return c.Name() == check.QuorumWasLost{}.Name() })
	patience := detectPatience
	if wantsQuorumLoss {
		patience = detectDeadline - time.Second
	}
	watch, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := poll(watch, "the disaster is detected", func(ctx context.Context) (bool, string) {
		listed := func() *harness.ListRecord { return nil }
		if wantsQuorumLoss {
			listed = d.list(ctx)
		}
		probe, cancel := context.WithTimeout(ctx, probePatience)
		served := observe.FreshServed(probe, d.targets())
		cancel()
		if served != nil && ctx.Err() == nil {
			d.mark(harness.Detected)
		}
		list := listed()
		leaderless := d.readSurvivors(ctx)
		if served != nil && leaderless && ctx.Err() == nil {
			d.mark(harness.QuorumLost)
			d.ev.Listed = list
		}
		detected, lost := d.marked(harness.Detected), d.marked(harness.QuorumLost)
		return detected && (lost || !wantsQuorumLoss), fmt.Sprintf("a fresh client: %v", served)
	})
	if ctx.Err() != nil {
		return err
	}
	if d.marked(harness.QuorumLost) {
		d.timeline.say(harness.DrillEvent, "", "detected: quorum is lost%s", listing(d.ev.Listed))
		// Once more, now that nothing is acknowledged: what the survivors hold
		// until they are stopped.
		d.readSurvivors(ctx)
	}
	return nil
}

// list asks for the member list beside the monitor's probe, and for as long: it costs no
// time. What it returns waits for the answer.
func (d *drill) list(ctx context.Context) func() *harness.ListRecord {
	record, targets := &harness.ListRecord{At: d.timeline.now()}, d.targets()
	var asked crew.Crew
	asked.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, probePatience)
		defer cancel()
		if err := observe.FreshListed(ctx, targets); err != nil {
			record.Error = err.Error()
		}
		record.Took = d.timeline.now() - record.At
	})
	return func() *harness.ListRecord { asked.Wait(); return record }
}

// listing says what came of it, behind other words.
func listing(l *harness.ListRecord) string {
	switch {
	case l == nil:
		return ""
	case l.Error != "":
		return fmt.Sprintf("; a linearizable member list was not answered in %.2f s", l.Took.Seconds())
	}
	return fmt.Sprintf("; a linearizable member list was answered after %.2f s", l.Took.Seconds())
}

// readSurvivors reads every host whose etcd runs, and tells whether none of
// them knows a leader: each that runs was heard to say so.
func (d *drill) readSurvivors(ctx context.Context) (leaderless bool) {
	hosts, asked := d.present(), d.timeline.now()
	reads := make([]*harness.SurvivorRead, len(hosts))
	silent := make([]bool, len(hosts))
	var wg crew.Crew
	for i, t := range d.targetsOf(hosts) {
		was, err := hosts[i].Etcd(ctx)
		if err != nil || was.PID == 0 {
			d.noteLost(hosts[i], err)
			continue
		}
		wg.Go(func() {
			read, err := observe.Survivor(ctx, t)
			if err != nil {
				// One that is paused, or that ended meanwhile, has nothing to say.
				is, err := hosts[i].Etcd(ctx)
				silent[i] = err == nil && is.PID == was.PID && !is.Paused
				return
			}
			read.At = d.timeline.now()
			reads[i] = &read
		})
	}
	wg.Wait()
	leaderless = !slices.Contains(silent, true)
	for _, read := range reads {
		if read != nil {
			d.ev.Survivors = append(d.ev.Survivors, *read)
			leaderless = leaderless && !read.HasLeader
			if d.game != nil {
				d.game.moves.learns(read.Host, read.Revision, asked)
			}
		}
	}
	return leaderless
}
