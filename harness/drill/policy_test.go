package drill_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/drill"
	"github.com/etcd-firedrill/firedrill/harness/fault"
	"github.com/etcd-firedrill/firedrill/harness/store"
	"github.com/etcd-firedrill/firedrill/reports"
)

// lost is a small drill that loses its host and restores the newest backup on a
// new one, after the steps given.
func lost(before ...harness.Step) harness.Scenario {
	s := crash()
	s.Name, s.Summary = "lost", "the only host is lost, and a backup restored"
	s.Backups = harness.BackupJob{Every: 300 * time.Millisecond}
	s.Break = []harness.Fault{fault.LoseHost{Who: harness.Everyone}}
	s.Recover = append(append(runbook{
		{Name: "order a host", Do: harness.NewHosts{Names: []string{"m1"}}},
	}, before...), append([]harness.Step{
		{Name: "fetch", On: harness.Everyone, Do: harness.FetchBackup{To: "/root/x.db"}, Completes: harness.Fetch},
	}, rkeRestored()[1:]...)...)
	s.Promises = []harness.Check{check.ProcedureCompleted{}, check.CutAtSnapshot{}, check.ServiceRestored{}}
	return s
}

// evidence is what a drill left.
func evidence(t *testing.T, report reports.Report) *harness.Evidence {
	t.Helper()
	ev, done, err := drill.OpenEvidence(report.Directory)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := done(); err != nil {
			t.Error(err)
		}
	})
	return ev
}

// What a snapshot policy needs is measured, adds up, and is the same when it is
// judged again. Evidence that older versions left has less of it and no other
// verdict.
func TestWhatAPolicyNeedsIsMeasured(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const every = 2 * time.Second // which a busy machine keeps
	o := drill.Options{PreloadKeys: 100, BackupEvery: every, Promises: []harness.Check{check.LossWithinPolicy{Interval: every}}}
	report := r.held(t, lost(), o)
	kept := 0
	for _, b := range report.Backups {
		if b.Problem != "" {
			continue
		}
		if parts := b.Snapshot + b.Verify + b.Upload; b.Snapshot == 0 || b.Status == 0 || b.Verify == 0 || b.Upload == 0 || parts < b.Took || parts > b.Took+3 || b.Bytes == 0 || b.Revision == 0 {
			t.Errorf("%+v is made of %d ms", b, parts)
		}
		if b.Kept {
			kept++
		}
	}
	if kept < 2 {
		t.Errorf("%d were kept: %+v", kept, report.Backups)
	}
	if f := report.Fetches; len(f) != 1 || f[0].Host != "m1" || f[0].Fetch == 0 || f[0].Verify == 0 || f[0].Bytes == 0 || f[0].At < report.Moments["procedure-began"] {
		t.Errorf("fetched %+v", f)
	}
	if p := report.Phases; p.FirstAck == 0 || p.Recovered <= p.FirstAck || p.Recovered < report.Gaps[0].To-report.Moments["struck"]-30 {
		t.Errorf("phases are %+v, gaps %+v", p, report.Gaps)
	}
	if l := report.Loss; l == nil || l.Bound <= every.Milliseconds() || l.LostSpan > l.Bound {
		t.Errorf("lost %+v", l)
	}
	var phases []string
	for _, s := range report.Steps {
		phases = append(phases, s.Phase)
	}
	if got := strings.Join(phases, ","); got != ",fetch,,,," {
		t.Errorf("the steps complete %q", got)
	}
	if s := report.Strikes; len(s) != 1 || s[0].Took == 0 || !slices.Equal(s[0].Hosts, []string{"m1"}) || s[0].At < report.Moments["struck"] {
		t.Errorf("struck %+v", s)
	}
	tracks(t, report)
	again, err := drill.Rejudge(report.Directory)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(report, again); diff != "" {
		t.Errorf("judged again: %s", diff)
	}
	ev := evidence(t, report)
	older(ev)
	is, err := drill.Judge(ev)
	if err != nil || is.Verdict != harness.Held || is.Tracks != nil || is.Fetches != nil || len(is.Backups) != len(report.Backups) || is.Backups[0].Snapshot != 0 {
		t.Errorf("of older evidence: %s, %v, %+v", is.Verdict, err, is)
	}
}

// tracks looks whether the one host is drawn as it was lost and ordered anew.
func tracks(t *testing.T, report reports.Report) {
	t.Helper()
	if len(report.Tracks) != 1 {
		t.Fatalf("tracks are %+v", report.Tracks)
	}
	m1 := report.Tracks[0]
	if len(m1.Power) != 2 || len(m1.Etcd) < 2 || m1.Power[0].To == nil || m1.Power[1].To != nil || m1.Etcd[len(m1.Etcd)-1].To != nil {
		t.Fatalf("%+v", m1)
	}
	if gone := *m1.Power[0].To; gone < report.Moments["struck"] || m1.Power[1].From < report.Moments["procedure-began"] || m1.Etcd[1].From < m1.Power[1].From {
		t.Errorf("%+v, and the moments are %v", m1, report.Moments)
	}
}

// older takes out of evidence what older versions did not put there.
func older(ev *harness.Evidence) {
	ev.Starts, ev.Fetches = nil, nil
	for i := range ev.Backups {
		ev.Backups[i].Snapshot, ev.Backups[i].Verify, ev.Backups[i].Upload = 0, 0, 0
	}
	for i := range ev.Steps {
		ev.Steps[i].Completes = ""
	}
}

// awaited strikes once another backup was taken.
func awaited(ctx context.Context, s harness.Strike) error {
	if err := s.AwaitBackup(ctx); err != nil {
		return err
	}
	return stop(ctx, s)
}

// Wherever backups are kept, no more of them are there than the policy keeps, and
// what somebody else keeps beside them stays.
func TestOldBackupsAreRemoved(t *testing.T) {
	if !alone(t) {
		return
	}
	for _, where := range []string{"its own directory", "a directory", "its own bucket", "a bucket"} {
		t.Run(where, func(t *testing.T) {
			if where != "a bucket" { // its credentials are in the environment
				t.Parallel()
			}
			r := newRig(t)
			var o drill.Options
			s := stopped(harness.Step{Name: "fetch", On: harness.Everyone, Do: harness.FetchBackup{To: "/root/x.db"}})
			s.Break = []harness.Fault{blow(awaited)}
			s.Backups = harness.BackupJob{Every: 150 * time.Millisecond, Keep: harness.Retention{Count: 1}}
			theirs := ""
			switch where {
			case "a directory":
				o.Store = filepath.Join(t.TempDir(), "store")
				theirs = filepath.Join(o.Store, "backup-001.db")
				if err := errors.Join(os.Mkdir(o.Store, 0o700), kept(theirs, []byte("theirs"))); err != nil {
					t.Fatal(err)
				}
			case "its own bucket":
				s.Backups.Bucket = "snapshots"
			case "a bucket":
				_, o = bucketServed(t)
			}
			report := r.held(t, s, o)
			var there, gone []string
			for _, b := range evidence(t, report).Backups {
				switch {
				case b.Removed != 0:
					gone = append(gone, b.Name)
				case b.Kept():
					there = append(there, b.Name)
				}
			}
			if len(there) != 1 || len(gone) < 2 || slices.Max(gone) > there[0] {
				t.Errorf("%q are there, and %q are removed", there, gone)
			}
			if fetches := report.Fetches; len(fetches) != 1 || fetches[0].Backup != there[0] {
				t.Errorf("fetched %+v, and %q are there", fetches, there)
			}
			says(t, read(t, report.Directory, "timeline.jsonl"), "backup "+gone[0]+" is removed")
			if theirs != "" && read(t, theirs) != "theirs" {
				t.Error("somebody else's backup is another now")
			}
			if dir := filepath.Join(report.Directory, "backups"); where == "its own directory" {
				found, err := filepath.Glob(filepath.Join(dir, "*.db"))
				if err != nil || len(found) != 1 {
					t.Errorf("%v, %v", found, err)
				}
			}
		})
	}
}

// What a drill keeps in a store that is not its own lies where nobody takes it for a
// backup of a cluster, and goes with the drill where that is asked for, the authority's
// key too, and also when the harness breaks. What others keep there stays.
func TestADrillClearsTheStore(t *testing.T) {
	if !alone(t) {
		return
	}
	for _, where := range []string{"a directory", "a bucket"} {
		for _, ends := range []string{"held", "broken", "kept"} {
			t.Run(where+", "+ends, func(t *testing.T) {
				if where != "a bucket" { // its credentials are in the environment
					t.Parallel()
				}
				r := newRig(t)
				o := drill.Options{Store: filepath.Join(t.TempDir(), "store")}
				if where == "a bucket" {
					_, o = bucketServed(t)
				}
				o.StoreCleared = ends != "kept"
				at, err := store.Open(t.Context(), o.Store, store.Options{Endpoint: o.S3Endpoint})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = at.Close() })
				if _, err := at.Put(t.Context(), "daily/theirs.db", 6, strings.NewReader("theirs")); err != nil {
					t.Fatal(err)
				}
				s := rkeLike(rkeRestored()...)
				if ends == "broken" {
					s.Break = []harness.Fault{blow(func(context.Context, harness.Strike) error { return errors.New("no hammer") })}
				}
				look := harness.Step{Name: "see what is there", Do: act(func(ctx context.Context, _ harness.Host) (harness.Output, error) {
					return harness.Output{}, allOfDrills(ctx, at)
				})}
				s.Recover = append(runbook{look}, s.Recover.(runbook)...)
				report, err := r.run(t.Context(), t, s, o)
				if (err != nil) != (ends == "broken") || err == nil && report.Verdict != harness.Held {
					t.Fatalf("%v, %+v", err, report.Findings)
				}
				left, err := at.List(t.Context())
				if err != nil || (ends == "kept") != (len(left) > 3) || !slices.ContainsFunc(left, func(o store.Object) bool { return o.Name == "daily/theirs.db" }) || ends != "kept" && len(left) != 1 {
					t.Errorf("%+v are left, %v", left, err)
				}
				if where == "a directory" && ends != "kept" {
					if found, err := filepath.Glob(filepath.Join(o.Store, "*")); err != nil || len(found) != 1 {
						t.Errorf("left in the directory: %v, %v", found, err)
					}
				}
			})
		}
	}
}

// allOfDrills wants two backups and a bundle in a store, and nothing of a drill where
// others keep what is theirs.
func allOfDrills(ctx context.Context, at store.Store) error {
	all, err := at.List(ctx)
	ours := 0
	for _, o := range all {
		if strings.HasPrefix(o.Name, store.DrillPrefix) {
			ours++
		} else if o.Name != "daily/theirs.db" {
			err = errors.Join(err, fmt.Errorf("%s is there", o.Name))
		}
	}
	if ours < 3 {
		err = errors.Join(err, fmt.Errorf("of the drill there is %+v", all))
	}
	return err
}

// An old backup that somebody else removed is no trouble.
func TestAnOldBackupIsGoneAlready(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := stopped()
	s.Backups = harness.BackupJob{Every: 150 * time.Millisecond, Keep: harness.Retention{Count: 2}}
	s.Break = []harness.Fault{blow(func(ctx context.Context, s harness.Strike) error {
		found, err := filepath.Glob(filepath.Join(r.latest(t), "backups", "*.db"))
		for _, path := range found {
			if gone := os.Remove(path); !errors.Is(gone, fs.ErrNotExist) { // the job may have removed it
				err = errors.Join(err, gone)
			}
		}
		return errors.Join(err, awaited(ctx, s))
	})}
	r.held(t, s, drill.Options{})
}

// A backup that is kept as it came is verified when it is fetched, and an older one
// is taken in its place: the evidence tells which, and what came back is that.
func TestADamagedBackupIsKeptUnverified(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	newest := ""
	s := lost(harness.Step{Name: "spoil", Do: act(func(context.Context, harness.Host) (harness.Output, error) {
		found, err := filepath.Glob(filepath.Join(r.latest(t), "backups", "*.db"))
		if err != nil || len(found) < 2 {
			return harness.Output{}, errors.Join(err, errors.New("two backups are needed"))
		}
		newest = filepath.Base(found[len(found)-1])
		return harness.Output{}, altered(func(b []byte) []byte { b[len(b)/2] ^= 1; return b })(found[len(found)-1])
	})})
	report := r.held(t, s, drill.Options{BackupUnverified: true})
	for _, b := range report.Backups {
		if b.Verify != 0 || (b.Name == newest) != strings.HasPrefix(b.Problem, "passed over") {
			t.Errorf("%+v, and %s was spoilt", b, newest)
		}
	}
	if f := report.Fetches; len(f) != 1 || f[0].Backup >= newest {
		t.Errorf("fetched %+v, and %s was spoilt", f, newest)
	}
	says(t, findingOf(t, report, "cut-at-snapshot").Detail, newest+" was passed over")
	ev := evidence(t, report)
	if why, looked := ev.PassedOver(newest); !looked || !strings.Contains(why, "checksum") {
		t.Errorf("looked %v: %s", looked, why)
	}
	for _, b := range ev.Backups {
		if b.Verified || b.Kept() != b.Unverified {
			t.Errorf("%+v", b)
		}
	}
}

// A job that stops without a word loses more than its interval explains, and a
// policy's own promise tells.
func TestTheBackupJobDies(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := lost()
	s.Backups.Dies = 2
	const every = time.Second
	report, err := r.run(t.Context(), t, s, drill.Options{BackupEvery: every, Promises: []harness.Check{check.LossWithinPolicy{Interval: every}}})
	if err != nil {
		t.Fatal(err)
	}
	bound := findingOf(t, report, "loss-within-policy")
	if report.Verdict != harness.Violated || bound.Verdict != harness.Violated || len(bound.Offending) == 0 {
		t.Errorf("%s: %+v", report.Verdict, report.Findings)
	}
	if f := findingOf(t, report, "cut-at-snapshot"); f.Verdict != harness.Held {
		t.Errorf("%+v", f)
	}
	if len(report.Backups) != 2 || report.Loss.LostSpan <= report.Loss.Bound || report.Moments["struck"]-report.Backups[1].At < (harness.DeadFor*every).Milliseconds() {
		t.Errorf("backups %+v, lost %+v, struck at %d ms", report.Backups, report.Loss, report.Moments["struck"])
	}
}
