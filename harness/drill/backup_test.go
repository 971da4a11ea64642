package drill_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/drill"
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
