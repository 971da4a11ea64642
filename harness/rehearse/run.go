package rehearse

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/etcd-firedrill/firedrill/fixtures/dataset"
	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/crew"
	"github.com/etcd-firedrill/firedrill/harness/hardware"
	"github.com/etcd-firedrill/firedrill/harness/store"
	"github.com/etcd-firedrill/firedrill/reports"
)

// The rehearsal's own deadlines, none of which is a bound of the user's. Where one
// passes, a finding says what was waited for. They grow with the snapshot; see weight.
const (
	hostsDeadline   = 60 * time.Second // hosts up
	restoreDeadline = 10 * time.Minute // the file on the hosts, and restored
	serveDeadline   = 60 * time.Second // etcd started, serving and hashed
	lookDeadline    = time.Minute      // members' lists, keys counted
	writeDeadline   = 30 * time.Second // the first acknowledged write, and again what takes it back
	lossDeadline    = 45 * time.Second // the first acknowledged write without one member
	closeDeadline   = 60 * time.Second // tear down, also after Ctrl-C
)

// slowest is what a part is given more for a large snapshot, in bytes per second.
const slowest = 32 << 20

// rehearsal is one rehearsal.
type rehearsal struct {
	o     Options
	plan  plan
	id    string
	start time.Time
	abort context.CancelCauseFunc // ends the rehearsal because the harness broke

	source  *source
	scratch *os.File // our own copy of the snapshot; nil: not made yet, or done with
	rack    harness.Rack
	members []*member
	etcd    string // version of the hosts' tools

	told   sync.Mutex // held while progress is told
	report reports.Rehearsal
	seen   seen
}

// Run rehearses a snapshot and reports what came of it. The error is not nil only
// if the snapshot could not be reached or the harness broke: then there is no
// verdict. Everything that was started is stopped on every path, a panic included.
func Run(ctx context.Context, rt harness.Runtime, o Options) (report reports.Rehearsal, err error) {
	p, err := planned(o)
	if err != nil {
		return reports.Rehearsal{}, err
	}
	r := &rehearsal{o: o, plan: p, start: time.Now()}
	ctx, r.abort = context.WithCancelCause(ctx)
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the rehearsal panicked: %w", crew.Crashed(p))
		}
		r.abort(nil)
		if err = r.close(err); err == nil {
			report = r.report
			return
		}
		report = reports.Rehearsal{}
		if strings.Contains(err.Error(), syscall.ENOSPC.Error()) && !strings.Contains(err.Error(), "\nhint: ") {
			err = fmt.Errorf("%w\nhint: free some space, or put our copy and the process runtime's hosts elsewhere by TMPDIR", err)
		}
	}()
	err = r.run(ctx, rt)
	// What was seen while it was told to end is not to be trusted.
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("rehearse %s: %w", o.Snapshot, cause)
	}
	if err != nil {
		return reports.Rehearsal{}, err
	}
	r.report.Phases.Total = milliseconds(time.Since(r.start))
	if r.seen.raised {
		r.collected()
	}
	r.report.Findings = judge(r.o, r.report, r.seen)
	r.report.Verdict = harness.Judge(r.report.Findings, false)
	disk := ""
	if rt.Name() == "process" {
		disk = os.TempDir()
	}
	r.report.Machine, r.report.PeakMemory = hardware.This(disk), hardware.PeakMemory()
	return r.report, nil
}

func (r *rehearsal) run(ctx context.Context, rt harness.Runtime) error {
	if err := r.open(rt); err != nil {
		return err
	}
	if err := r.obtain(ctx, rt); err != nil {
		return err
	}
	if r.seen.unfit == "" {
		if err := r.examine(); err != nil {
			return err
		}
	}
	switch {
	case r.seen.none:
		r.say(harness.WarningEvent, "", "there is no snapshot: %s", r.seen.unfit)
		return nil
	case r.seen.unfit != "" || r.seen.tooNew != "":
		r.say(harness.WarningEvent, "", "the snapshot is no good: %s", r.seen.unfit+r.seen.tooNew)
		return nil
	}
	if err := r.recover(ctx); err != nil || !r.seen.serving {
		return err
	}
	if err := r.look(ctx); err != nil {
		return err
	}
	if err := r.write(ctx); err != nil {
		return err
	}
	return r.lose(ctx)
}

func (r *rehearsal) open(rt harness.Runtime) error {
	var random [4]byte
	if _, err := rand.Read(random[:]); err != nil {
		return fmt.Errorf("choose the rehearsal's ID: %w", err)
	}
	r.id = hex.EncodeToString(random[:])
	r.report = reports.Rehearsal{
		Schema: reports.RehearsalSchemaVersion, Kind: reports.RehearsalKind, ID: r.id, Started: r.start, Firedrill: r.o.Version,
		Runtime: rt.Name(), Members: len(r.plan.hosts), Source: reports.RehearsedSource{Location: r.o.Snapshot},
		Hosts: []reports.RehearsedHost{},
	}
	return nil
}

// obtain fetches and verifies the snapshot, and orders the hosts meanwhile, as soon
// as its beginning looks like a snapshot's.
func (r *rehearsal) obtain(ctx context.Context, rt harness.Runtime) (err error) {
	r.say(harness.StepEvent, "", "fetching %s", r.o.Snapshot)
	r.source, err = locate(ctx, r.o)
	if empty := none(""); errors.As(err, &empty) {
		r.seen.none, r.seen.unfit = true, r.hinted(empty)
		return nil
	}
	if err != nil {
		return err
	}
	r.report.Source.Object = escaped(r.source.object)
	if r.source.object != "" {
		r.say(harness.StepEvent, "", "the newest there is %s, of %s", r.report.Source.Object, r.source.taken.UTC().Format(time.RFC3339))
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var fetchErr, hostsErr error
	plausible, fetched := make(chan struct{}), make(chan struct{})
	var abreast crew.Crew
	abreast.Go(func() {
		defer close(fetched)
		if fetchErr = r.fetch(ctx, sync.OnceFunc(func() { close(plausible) })); fetchErr != nil || r.seen.unfit != "" {
			cancel(errNeedless)
		}
	})
	abreast.Go(func() {
		if !looksWhole(plausible, fetched) {
			return
		}
		if hostsErr = r.provision(ctx, rt); hostsErr != nil {
			cancel(hostsErr) // unless it was ended itself
		}
	})
	abreast.Wait()
	if hostsErr != nil && !errors.Is(context.Cause(ctx), errNeedless) {
		return hostsErr // the fetch was broken off for it
	}
	return fetchErr
}

// looksWhole waits until the snapshot is known to be plausible, or is fetched and
// never was. A small file may be both before anybody looks here.
func looksWhole(plausible, fetched <-chan struct{}) bool {
	select {
	case <-plausible:
	case <-fetched:
	}
	select {
	case <-plausible:
		return true
	default:
		return false
	}
}

// errNeedless ends the provisioning of hosts that nobody needs.
var errNeedless = errors.New("the snapshot is no good, so no hosts are needed")

// fetch makes a copy of the snapshot, and verifies it while it comes.
func (r *rehearsal) fetch(ctx context.Context, plausible func()) (err error) {
	var dir string
	if r.scratch, dir, err = scratchFile(); err != nil {
		return err
	}
	if r.source.bytes > 0 {
		if err := hasRoom(r.scratch, r.source.bytes); err != nil {
			return fmt.Errorf("%w (in %s)", err, dir)
		}
	}
	in := newIntake(r.scratch, r.source.bytes, plausible)
	defer in.end()
	taken, err := r.source.send(ctx, in)
	if err != nil && in.bad == nil && !errors.Is(err, store.ErrDamaged) {
		return err
	}
	if taken.IsZero() {
		taken = r.source.taken
	}
	r.dated(taken)
	if in.bad != nil {
		r.seen.unfit = r.hinted(in.bad)
		r.report.Source.Bytes = max(r.source.bytes, 0)
		return nil
	}
	came := time.Since(r.start)
	sum, bad := in.verify()
	if bad == nil {
		bad = err // the store's own checksum says so
	}
	r.report.Source.Bytes = in.size
	if in.size > 0 && err == nil {
		r.report.Source.SHA256 = sum
	}
	if bad != nil {
		r.seen.unfit = r.hinted(bad)
		return nil
	}
	r.report.Phases.Fetch = milliseconds(came)
	if beyond := time.Since(r.start) - came; beyond > time.Millisecond {
		r.report.Phases.Verify = milliseconds(beyond)
	}
	r.seen.fetched = time.Since(r.start)
	r.say(harness.StepEvent, "", "fetched and verified %s", mebibytes(in.size))
	return nil
}

func (r *rehearsal) dated(taken time.Time) {
	taken = taken.UTC()
	age := int64(r.start.Sub(taken) / time.Second)
	r.report.Source.Taken, r.report.Source.Age = &taken, &age
}

// hinted takes the hint out of what is wrong with the file, and notes it.
func (r *rehearsal) hinted(bad error) string {
	what, hint, ok := strings.Cut(bad.Error(), "\nhint: ")
	if ok {
		r.note("hint: %s", strings.ReplaceAll(hint, "\n", " "))
	}
	return what
}

func (r *rehearsal) note(format string, args ...any) {
	r.report.Notes = append(r.report.Notes, fmt.Sprintf(format, args...))
}

// examine reads what the snapshot says of itself.
func (r *rehearsal) examine() error {
	f, err := dataset.Examine(fmt.Sprintf("/proc/self/fd/%d", r.scratch.Fd()))
	if errors.Is(err, dataset.ErrDamaged) {
		r.seen.unfit = r.hinted(err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("read what the snapshot says of itself: %w", err)
	}
	r.report.Snapshot = &reports.RehearsedFile{
		Revision: f.Revision, Compacted: f.Compacted, StorageVersion: f.StorageVersion, ClusterVersion: f.ClusterVersion,
		Auth: f.Auth, Leases: f.Leases, Alarms: f.Alarms, TakenOf: f.Members,
	}
	r.say(harness.StepEvent, "", "it holds revision %d, of etcd %s", f.Revision, versionOf(f))
	if above(f.StorageVersion, r.etcd) {
		r.seen.tooNew = fmt.Sprintf("it was written by etcd %s, and the hosts' etcd is %s, which cannot read it", minor(f.StorageVersion), r.etcd)
		r.note("hint: rehearse with etcd %s or later: --image or --etcd-bin names another", minor(f.StorageVersion))
	}
	if f.Auth && r.o.As.Name == "" {
		r.note("hint: the snapshot's cluster has authentication: --user root:PASSWORD lets what it holds be looked at, as that user")
	}
	if f.Leases > 0 {
		r.note("leases granted in the snapshot: %d; their keys go when they expire, but keys are counted, and hashes taken, at the snapshot's revision", f.Leases)
	}
	return nil
}

func versionOf(f dataset.Facts) string {
	switch {
	case f.ClusterVersion != "":
		return f.ClusterVersion
	case f.StorageVersion != "":
		return f.StorageVersion
	}
	return "of unknown version"
}

// newer tells whether a version is of a later minor version than another; known is
// false where one of them cannot be read.
func newer(version, than string) (is, known bool) {
	var a, b [2]int
	if _, err := fmt.Sscanf(version, "%d.%d", &a[0], &a[1]); err != nil {
		return false, false
	}
	if _, err := fmt.Sscanf(than, "%d.%d", &b[0], &b[1]); err != nil {
		return false, false
	}
	return a[0] > b[0] || a[0] == b[0] && a[1] > b[1], true
}

// above tells that a version is known to be of a later minor version than another.
func above(version, than string) bool {
	is, _ := newer(version, than)
	return is
}

// minor is a version without its patch.
func minor(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

// close tears down whatever there is, and returns why with what went wrong
// meanwhile. It has a deadline of its own: the caller's context may have ended.
func (r *rehearsal) close(why error) error {
	ctx, cancel := context.WithTimeout(context.Background(), closeDeadline)
	defer cancel()
	var errs []error
	if r.rack != nil {
		errs = append(errs, r.rack.Close(ctx, false))
	}
	if r.source != nil {
		errs = append(errs, r.source.close())
	}
	errs = append(errs, r.discard())
	for _, err := range errs {
		if err != nil && !errors.Is(why, err) {
			why = errors.Join(why, err)
		}
	}
	return why
}

// discard gives our copy of the snapshot up.
func (r *rehearsal) discard() error {
	if r.scratch == nil {
		return nil
	}
	err := r.scratch.Close()
	r.scratch = nil
	return err
}

// weight is what a part is given more because the snapshot is large.
func (r *rehearsal) weight(limit time.Duration) time.Duration {
	return limit + time.Duration(r.report.Source.Bytes/slowest)*time.Second
}

func (r *rehearsal) say(kind harness.EventKind, host, format string, args ...any) {
	if r.o.Progress == nil {
		return
	}
	r.told.Lock()
	defer r.told.Unlock()
	r.o.Progress(harness.Event{At: time.Since(r.start), Kind: kind, Host: host, Text: fmt.Sprintf(format, args...)})
}

// milliseconds rounds up, so that what occurred is never 0.
func milliseconds(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}

func mebibytes(n int64) string {
	if n < 1<<20 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}
