package rehearse

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/client"
	"github.com/etcd-firedrill/firedrill/harness/crew"
	"github.com/etcd-firedrill/firedrill/harness/observe"
)

const (
	// snapshotPath is where the hosts have the snapshot until it is restored.
	snapshotPath = "/root/snapshot.db"
	// startStagger separates the starts of members, which otherwise can lose 1–2 s
	// to each other's half-open listeners.
	startStagger = 30 * time.Millisecond
	token        = "firedrill-rehearsal"
)

// errElsewhere ends what is done with a host because another did not get so far: a
// cluster that lacks a founder proves nothing.
var errElsewhere = errors.New("another host does not serve what was restored")

// recover makes a cluster of the snapshot: on each host the file is restored and
// etcd started as soon as that host is ready, without waiting for the others. It
// returns once every member serves and has told its hash, or will not.
func (r *rehearsal) recover(ctx context.Context) error {
	r.seen.raised = true
	if r.report.Runtime == "process" { // where else disks are is not for us to know
		const walBytes = 128 << 20
		if err := hasRoom(r.scratch, int64(len(r.members))*(r.report.Source.Bytes+walBytes)); err != nil {
			return err
		}
	}
	r.quota()
	r.say(harness.StepEvent, "", "restoring it on %d hosts at once", len(r.members))
	working, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var starts starts
	started := make(chan struct{})
	var restored sync.WaitGroup
	restored.Add(len(r.members))
	var writing crew.Crew
	writing.Go(func() {
		select {
		case <-started:
			r.firstWrite(working)
		case <-working.Done():
		}
	})
	var waiting crew.Crew
	waiting.Go(func() { restored.Wait(); close(started) })
	err := r.everywhere(func(m *member) error {
		done := sync.OnceFunc(restored.Done)
		defer done()
		err := r.raise(working, m, &starts)
		if err != nil || m.report.Problem != "" {
			cancel(errElsewhere)
			return err
		}
		done()
		return r.await(working, m)
	})
	if err == nil {
		r.compare(working)
	}
	if err != nil || !r.seen.serving {
		cancel(errElsewhere)
	}
	waiting.Wait()
	writing.Wait()
	return errors.Join(err, r.discard())
}

// quota raises the members' quota where the snapshot alone would fill the default
// one: a quota is a flag of the members, and not in the snapshot.
func (r *rehearsal) quota() {
	flag := harness.RaisedQuota(r.plan.args, r.report.Source.Bytes)
	if flag == "" {
		return
	}
	r.plan.args = append(r.plan.args, flag)
	r.note("the members were started with --%s: the snapshot nearly fills etcd's default of 2 GiB or is larger, and yours need that flag too, or they refuse writes", flag)
}

// starts keeps the starts of members apart.
type starts struct {
	mu   sync.Mutex
	last time.Time
}

func (s *starts) wait(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if pause := time.Until(s.last.Add(startStagger)); pause > 0 {
		timer := time.NewTimer(pause)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	s.last = time.Now()
	return nil
}

// raise restores the snapshot on a host and starts etcd there. That it cannot be
// restored is the member's problem, not an error.
func (r *rehearsal) raise(ctx context.Context, m *member, starts *starts) error {
	limit := r.weight(restoreDeadline)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the time limit of %v passed: %w", limit, context.DeadlineExceeded))
	defer cancel()
	begun := time.Now()
	if err := r.place(ctx, m); err != nil {
		return notElsewhere(ctx, err)
	}
	m.report.Place = milliseconds(time.Since(begun))
	if r.blind() && m == r.members[0] {
		if err := r.status(ctx, m); err != nil {
			return notElsewhere(ctx, err)
		}
	}
	begun = time.Now()
	out, err := m.host.Run(ctx, fmt.Sprintf("etcdutl snapshot restore %s --data-dir %s --name %s --initial-advertise-peer-urls %s --initial-cluster-token %s --initial-cluster %s && rm -f %[1]s",
		snapshotPath, harness.DataDir, m.name, m.peer, token, r.initialCluster()))
	if err != nil {
		return notElsewhere(ctx, err)
	}
	if out.ExitCode != 0 {
		return r.unrestored(m, out)
	}
	m.report.Restore = milliseconds(time.Since(begun))
	r.say(harness.StepEvent, m.name, "restored in %d ms", m.report.Restore)
	if err := starts.wait(ctx); err != nil {
		return notElsewhere(ctx, err)
	}
	flags := harness.ChangeFlags(harness.BirthFlags(m.name, m.peer, m.client, r.initialCluster(), "new", token), r.plan.args...)
	return notElsewhere(ctx, m.host.Upload(ctx, harness.ManifestPath, 0o600, strings.NewReader(harness.Manifest(m.name, flags))))
}

// notElsewhere is nothing where the reason lies with another host, which tells it.
func notElsewhere(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), errElsewhere) {
		return nil
	}
	return err
}

func (r *rehearsal) place(ctx context.Context, m *member) error {
	const mode = 0o400
	if p, ok := m.host.(placer); ok {
		return p.Place(ctx, snapshotPath, mode, r.scratch)
	}
	return m.host.Upload(ctx, snapshotPath, mode, r.copy())
}

// unrestored tells apart why etcdutl did not restore: the snapshot, or the host. What
// etcdutl says is looked at and never told: it may quote keys and values.
func (r *rehearsal) unrestored(m *member, out harness.Output) error {
	switch {
	case strings.Contains(out.Stderr, syscall.ENOSPC.Error()):
		return fmt.Errorf("restore the snapshot on %s: %s", m.name, syscall.ENOSPC.Error())
	case out.ExitCode > 125: // not run, not found, or ended by a signal
		return fmt.Errorf("restore the snapshot on %s: etcdutl ended with status %d\nhint: was it killed because memory was short? (dmesg tells)", m.name, out.ExitCode)
	}
	m.report.Problem = fmt.Sprintf("etcdutl snapshot restore ended with status %d; what it said is not shown, for it may quote keys and values", out.ExitCode)
	r.say(harness.WarningEvent, m.name, "%s", m.report.Problem)
	return nil
}

// blind tells that the snapshot's cluster wants a user and there is none.
func (r *rehearsal) blind() bool { return r.report.Snapshot.Auth && r.o.As.Name == "" }

// await waits until a member serves and has told its hash. What it does not do in
// time is in its record; only a harness that broke is an error.
func (r *rehearsal) await(ctx context.Context, m *member) error {
	limit := r.weight(serveDeadline)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not within %v", limit))
	defer cancel()
	begun := time.Now()
	if err := r.answers(ctx, m); err != nil {
		return r.problem(ctx, m, err)
	}
	m.report.Up = milliseconds(time.Since(begun))
	if r.blind() {
		return nil // it tells nothing to nobody in particular
	}
	var hashing crew.Crew
	var hashed harness.MemberHash
	hash := func() {
		begun := time.Now()
		hashed = observe.HashesWithin(ctx, []observe.Target{r.target(m)}, r.report.Snapshot.Revision, r.weight(serveDeadline))[0]
		m.report.HashKV = milliseconds(time.Since(begun))
	}
	if !r.report.Snapshot.Auth {
		// A hash needs no leader: it is taken while one is elected.
		hashing.Go(hash)
	}
	err := r.serves(ctx, m)
	if r.report.Snapshot.Auth && err == nil && m.unasked == "" {
		hash() // logging in needs one
	}
	hashing.Wait()
	if err != nil {
		return r.problem(ctx, m, err)
	}
	if m.unasked == "" {
		r.took(m, hashed)
	}
	return nil
}

// took notes a member's hash, or why there is none. One that has not come as far
// as the snapshot's revision lacks something.
func (r *rehearsal) took(m *member, hashed harness.MemberHash) {
	switch {
	case hashed.Error != "" && hashed.Reached > 0:
		m.report.Hash, m.report.HashKV, m.report.Problem = "", 0, hashed.Error
	case hashed.Error != "":
		m.report.Hash, m.report.HashKV, m.unhashed = "", 0, hashed.Error
	default:
		m.report.Hash, m.report.Compact = fmt.Sprintf("%08x", hashed.Hash), max(hashed.CompactRevision, 0)
		r.say(harness.StepEvent, m.name, "serves, and hashes to %s at revision %d", m.report.Hash, hashed.Revision)
	}
}

// problem notes what a member did not do. A context that ended for all is the
// rehearsal's business.
func (r *rehearsal) problem(ctx context.Context, m *member, err error) error {
	if how, dead := m.dead(); dead {
		return r.startless(m, how)
	}
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errElsewhere):
		return nil
	case errors.Is(cause, context.Canceled), errors.Is(err, harness.ErrAgentLost):
		return err
	}
	m.unasked = err.Error() // it runs, and may only be slow
	r.say(harness.WarningEvent, m.name, "%v", err)
	return nil
}

// startless is an etcd that ends whenever it is started: for what the user told it
// on the command line, or for what was restored.
func (r *rehearsal) startless(m *member, how string) error {
	lines := m.log.lines()
	if len(r.o.EtcdArgs) > 0 || strings.Contains(strings.Join(lines, "\n"), syscall.ENOSPC.Error()) {
		return fmt.Errorf("etcd on %s does not start: it ended %d times, the last time it %s; its last lines:\n%s\nhint: without --etcd-arg this would be the snapshot's fault; with it, nobody can tell",
			m.name, startsAllowed, how, strings.Join(lines, "\n"))
	}
	m.report.Problem = fmt.Sprintf("etcd does not start from what was restored: it ended %d times, the last time it %s", startsAllowed, how)
	m.lastWords = lines
	r.say(harness.WarningEvent, m.name, "%s", m.report.Problem)
	return nil
}

const (
	lookEvery  = 20 * time.Millisecond
	lookWithin = time.Second // one look
)

// await looks at a condition until it holds, or give says that it never will. When
// ctx ends first, the error names the condition and what was seen last.
func await(ctx context.Context, what string, look func(context.Context) (ok bool, seen string), give func() bool) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	last := "nothing"
	for {
		asked, cancel := context.WithTimeout(ctx, lookWithin)
		ok, seen := look(asked)
		cancel()
		if ok {
			return nil
		}
		if ctx.Err() == nil || last == "nothing" {
			last = seen
		}
		if give() {
			return fmt.Errorf("wait until %s: it never will; last seen: %s", what, last)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w; last seen: %s", what, context.Cause(ctx), last)
		case <-tick.C:
		}
	}
}

// answers waits until a member says anything at all, be it that it wants to know
// who asks: it has read its data.
func (r *rehearsal) answers(ctx context.Context, m *member) error {
	c, err := client.New([]string{m.host.ClientAddress()}, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	return await(ctx, "etcd on "+m.name+" answers", func(ctx context.Context) (bool, string) {
		_, err := c.Get(ctx, "\x00", clientv3.WithCountOnly(), clientv3.WithSerializable())
		return err == nil || refused(err), fmt.Sprint(err)
	}, m.isDead)
}

// serves waits until a member answers a linearizable read, which takes a quorum;
// that a user may not read is found out after that. A login that is not granted
// is no fault of the member's: then it could not be asked.
func (r *rehearsal) serves(ctx context.Context, m *member) error {
	var c *clientv3.Client
	defer func() {
		if c != nil {
			_ = c.Close() // it was only asked
		}
	}()
	return await(ctx, "etcd on "+m.name+" serves", func(ctx context.Context) (bool, string) {
		if c == nil {
			var err error
			if c, err = r.dial([]*member{m}); err != nil {
				if refused(err) {
					m.unasked = err.Error()
				}
				return refused(err), err.Error()
			}
		}
		_, err := c.Get(ctx, "\x00", clientv3.WithCountOnly())
		return err == nil || refused(err), fmt.Sprint(err)
	}, m.isDead)
}

// compare judges the members' hashes, which can be compared where the members are
// compacted alike, and tells when the cluster had recovered.
func (r *rehearsal) compare(ctx context.Context) {
	alike := func() bool {
		for _, m := range r.members {
			if m.report.Compact != r.members[0].report.Compact {
				return false
			}
		}
		return true
	}
	if r.all(func(m *member) bool { return m.report.Hash != "" }) && !alike() {
		for i, hashed := range observe.HashesWithin(ctx, r.targets(), r.report.Snapshot.Revision, r.weight(serveDeadline)) {
			r.took(r.members[i], hashed)
		}
	}
	r.seen.serving = r.all(func(m *member) bool { return m.report.Up > 0 && m.report.Problem == "" && m.unasked == "" })
	equal := r.all(func(m *member) bool { return m.report.Hash != "" && m.report.Hash == r.members[0].report.Hash }) && alike()
	if r.seen.serving && equal {
		now := time.Since(r.start)
		r.report.Phases.Serving, r.report.Phases.Recovered = milliseconds(now-r.seen.fetched), milliseconds(now)
		r.say(harness.ServiceEvent, "", "every member serves and holds the same, %.3f s after the file was fetched", (now - r.seen.fetched).Seconds())
	}
}

func (r *rehearsal) all(holds func(*member) bool) bool {
	for _, m := range r.members {
		if !holds(m) {
			return false
		}
	}
	return true
}

// collected puts the members' records into the report.
func (r *rehearsal) collected() {
	r.seen.lastWords, r.seen.unasked, r.seen.unhashed = map[string][]string{}, map[string]string{}, map[string]string{}
	for _, m := range r.members {
		r.report.Hosts = append(r.report.Hosts, m.report)
		r.report.Phases.Restore = max(r.report.Phases.Restore, m.report.Restore)
		r.seen.lastWords[m.name], r.seen.unasked[m.name], r.seen.unhashed[m.name] = m.lastWords, m.unasked, m.unhashed
	}
}
