package drill_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/drill"
	"github.com/etcd-firedrill/firedrill/harness/fault"
)

// A backup that was damaged where it is kept is passed over. One that is there
// no more, or cannot be read, is the harness's trouble: nobody chose an older one.
func TestABackupIsSpoilt(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(path string) error{
		"damaged": func(path string) error {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteAt([]byte("spoilt"), 100)
			return errors.Join(err, f.Close())
		},
		"removed":    os.Remove,
		"unreadable": func(path string) error { return errors.Join(os.Remove(path), os.Symlink(path, path)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			newest := ""
			s := stopped(
				harness.Step{Name: "spoil", Do: act(func(context.Context, harness.Host) (harness.Output, error) {
					found, err := filepath.Glob(filepath.Join(r.latest(t), "backups", "*.db"))
					if err != nil || len(found) < 2 {
						return harness.Output{}, errors.Join(err, errors.New("two backups are needed"))
					}
					newest = found[len(found)-1]
					return harness.Output{}, spoil(newest)
				})},
				harness.Step{Name: "fetch", On: harness.Everyone, Do: harness.FetchBackup{To: "/root/x.db"}},
			)
			s.Backups.Every = 200 * time.Millisecond
			report, err := r.run(t.Context(), t, s, drill.Options{})
			if name == "damaged" {
				if err != nil || report.Verdict != harness.Held {
					t.Fatalf("%s, %v", report.Verdict, err)
				}
				return
			}
			if err == nil {
				t.Fatalf("%s: %+v", report.Verdict, report.Findings)
			}
			says(t, err.Error(), "recover: step 4 (fetch): fetch a backup: verify backup "+filepath.Base(newest)+": ")
			if name == "removed" && !errors.Is(err, fs.ErrNotExist) {
				t.Error(err)
			}
		})
	}
}

// However long backups take and whenever the steady state was seen: the newest is
// as old at the strike as the scenario says.
func TestTheStrikeFindsABackupOfThatAge(t *testing.T) {
	t.Parallel()
	for _, age := range []time.Duration{time.Millisecond, 200 * time.Millisecond, 399 * time.Millisecond} {
		t.Run(age.String(), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			s := stopped()
			s.Backups = harness.BackupJob{Every: 400 * time.Millisecond, Age: age}
			report := r.held(t, s, drill.Options{})
			ev, done, err := drill.OpenEvidence(report.Directory)
			if err != nil {
				t.Fatal(err)
			}
			struck, _ := ev.At(harness.Struck)
			var newest time.Duration
			for _, b := range ev.Backups {
				if b.Verified && b.Begun < struck {
					newest = b.Begun
				}
			}
			if is := struck - newest; newest == 0 || is < age {
				t.Errorf("at the strike the newest of %d backups was %v old", len(ev.Backups), is)
			}
			if err := done(); err != nil {
				t.Error(err)
			}
		})
	}
}

// looking is a runtime whose hosts do this before they tell what is in a backup.
func looking(r rig, first func()) lossy {
	return lossy{r, func(method string) bool {
		if strings.HasPrefix(method, "run etcdutl snapshot status /root/backup.db") {
			first()
		}
		return false
	}}
}

// What the drill does with a backup that is kept is no part of what it took, however
// long that lasts, and disaster does not strike meanwhile: the backup would be lost by
// it with its host.
func TestLookingIntoABackupIsNoPartOfIt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const every, look = time.Second, 900 * time.Millisecond
	s := lost()
	s.Backups.Every = every
	report, err := r.runOn(t.Context(), t, looking(r, func() { <-time.After(look) }), s, drill.Options{Seed: 3, Promises: []harness.Check{check.LossWithinPolicy{Interval: every}}})
	if err != nil {
		t.Fatal(err)
	}
	ev := evidence(t, report)
	struck, _ := ev.At(harness.Struck)
	kept := 0
	for _, b := range ev.Backups {
		switch parts := b.Snapshot + b.Verify + b.Upload; {
		case !b.Kept() && b.Status > 0:
			t.Errorf("%s was looked into while its host was lost: %s", b.Name, b.Problem)
		case !b.Kept():
		case b.Took != parts || b.Status < look || b.Size == 0: // the first may hold no key yet, and tells of revision 0
			t.Errorf("%s took %v, of it %v for itself, and looking took %v", b.Name, b.Took, parts, b.Status)
		case b.Begun+b.Took > struck: // it was being taken then, which a disaster does not wait for
		case b.Begun+b.Took+b.Status > struck:
			t.Errorf("%s, kept at %v, was looked into at the strike at %v", b.Name, b.Begun+b.Took, struck)
		default:
			kept++
		}
	}
	if kept < 2 {
		t.Errorf("%d backups were kept: %+v", kept, ev.Backups)
	}
	if f := findingOf(t, report, "cut-at-snapshot"); f.Verdict != harness.Held {
		t.Errorf("%+v", f)
	}
	if f := findingOf(t, report, "loss-within-policy"); f.Verdict == harness.Violated {
		t.Errorf("%+v", f)
	}
}

// A backup of which nobody can tell what is in it, because its host was lost, is none,
// is not where backups are kept, and an older one is restored.
func TestABackupThatNobodySawIntoIsNone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	struck, begun, gone, told := make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan struct{}, 1)
	look := func() {
		select {
		case <-struck:
			close(begun)
			select {
			case <-gone:
			case <-t.Context().Done():
			}
		default:
		}
	}
	s := lost()
	s.Break = []harness.Fault{blow(func(ctx context.Context, s harness.Strike) error {
		close(struck)
		select {
		case <-begun:
		case <-ctx.Done():
			return ctx.Err()
		}
		_, err := fault.LoseHost{Who: harness.Everyone}.Inject(ctx, s)
		close(gone)
		select {
		case <-told:
		case <-ctx.Done():
			return ctx.Err()
		}
		return err
	})}
	report, err := r.runOn(t.Context(), t, looking(r, look), s, drill.Options{Progress: func(e harness.Event) {
		if e.Kind == harness.BackupEvent && strings.Contains(e.Text, " is none: ") {
			select {
			case told <- struct{}{}:
			default:
			}
		}
	}})
	if err != nil || report.Verdict != harness.Held {
		t.Fatalf("%v, %+v", err, report.Findings)
	}
	backups := evidence(t, report).Backups
	at := slices.IndexFunc(backups, func(b harness.Backup) bool { return !b.Kept() })
	if at < 2 {
		t.Fatalf("backups are %+v", backups)
	}
	unseen := backups[at]
	if unseen.Status == 0 || unseen.Took < unseen.Snapshot+unseen.Verify+unseen.Upload+unseen.Status || unseen.Upload == 0 || !strings.Contains(unseen.Problem, "m1") {
		t.Errorf("%+v", unseen)
	}
	there, err := filepath.Glob(filepath.Join(report.Directory, "backups", "*.db"))
	if err != nil || len(there) != at {
		t.Errorf("%v, %v are there, and %s is none", there, err, unseen.Name)
	}
	if f := report.Fetches; len(f) != 1 || f[0].Backup != backups[at-1].Name {
		t.Errorf("fetched %+v, and %s is none", f, unseen.Name)
	}
	says(t, read(t, report.Directory, "timeline.jsonl"), "backup "+unseen.Name+" is none: ")
}
