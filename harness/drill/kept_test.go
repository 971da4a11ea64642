package drill_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/bastion"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/drill"
	"github.com/etcd-firedrill/firedrill/harness/gameday"
	"github.com/etcd-firedrill/firedrill/harness/store"
)

// asksForNewest is the end of a runbook that asks for the newest backup and tells how
// it went: it does not fail.
const asksForNewest = `
newest=$(ls "$FIREDRILL_BACKUPS" | tail -n 1)
%s
if firedrill host backup "$newest" >got; then echo "given: $(wc -c <got)"; else echo "refused"; fi
`

// Where backups are files whoever recovers has copies of them, and what becomes of a copy
// becomes of the backup: the drill gives no other one, and says what was done.
func TestBackupsOnTheDesk(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, does string
		said       string // by the runbook
		want       harness.Verdict
		detail     string
	}{
		{"left alone", `cp "$FIREDRILL_BACKUPS/$newest" mine`, "given", harness.Held, "lie where they are kept"},
		{"touched", `touch "$FIREDRILL_BACKUPS/$newest"`, "given", harness.Held, "lie where they are kept"},
		{"removed", `rm -rf "$FIREDRILL_BACKUPS"/*`, "refused", harness.Violated, " is gone, at "},
		{"truncated", `: >"$FIREDRILL_BACKUPS/$newest"`, "refused", harness.Violated, " has 0 bytes, and had "},
		{"altered", `printf x | dd of="$FIREDRILL_BACKUPS/$newest" bs=1 seek=5000 conv=notrunc 2>/dev/null`, "refused", harness.Violated, " was written again: its SHA-256 is "},
		{"put aside, and back", `mv "$FIREDRILL_BACKUPS/$newest" aside; firedrill host backup "$newest"; mv aside "$FIREDRILL_BACKUPS/$newest"`, "given", harness.Violated, " is gone, at "},
		{"removed, an older one", `oldest=$(ls "$FIREDRILL_BACKUPS" | head -n 1); rm "$FIREDRILL_BACKUPS/$oldest"`, "given", harness.Violated, "backup-001.db is gone, at "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			s := byHand(t, fmt.Sprintf(asksForNewest, c.does))
			s.Backups.Every = 200 * time.Millisecond
			report, err := r.run(t.Context(), t, s, drill.Options{})
			if err != nil {
				t.Fatal(err)
			}
			f := findingOf(t, report, check.BackupsKept{}.Name())
			if f.Verdict != c.want || f.Kind != harness.Promise || !strings.Contains(f.Detail, c.detail) || report.Verdict != c.want {
				t.Errorf("%s: %+v", report.Verdict, f)
			}
			transcript := read(t, r.latest(t), "transcript.txt")
			says(t, transcript, "restore.sh: "+c.said)
			if strings.Contains(transcript, "refused") {
				says(t, transcript, "it was whole when the recovery began")
			}
		})
	}
}

// spoiledBy is a drill that is recovered by hand, in which the newest object in the
// user's directory is spoilt at the strike, or in the course of the recovery.
func spoiledBy(t *testing.T, at string, atStrike bool, spoil func(path string) error) (s harness.Scenario, newest func() string) {
	name := ""
	spoils := func() error {
		found, err := filepath.Glob(filepath.Join(at, "*", "*.db"))
		if err != nil || len(found) < 2 {
			return errors.Join(err, fmt.Errorf("two backups are needed: %v", found))
		}
		slices.Sort(found)
		name = filepath.Base(found[len(found)-1])
		return spoil(found[len(found)-1])
	}
	script := filepath.Join(t.TempDir(), "restore.sh")
	// The last that is listed may be gone: the newest is told by the drill.
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"+`firedrill host backup "$(cat `+at+`.newest)" >got && echo given || echo refused`+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	s = stopped(
		harness.Step{Name: "spoil", Do: act(func(context.Context, harness.Host) (harness.Output, error) {
			var err error
			if !atStrike {
				err = spoils()
			}
			return harness.Output{}, errors.Join(err, os.WriteFile(at+".newest", []byte(name), 0o600))
		})},
		harness.Step{Name: "run restore.sh", Do: harness.Executable{Path: script}},
	)
	s.Backups.Every = 300 * time.Millisecond
	s.Within = time.Minute
	s.Break = []harness.Fault{blow(func(ctx context.Context, on harness.Strike) error {
		err := stop(ctx, on)
		if err == nil && atStrike {
			err = spoils()
		}
		return err
	})}
	return s, func() string { return name }
}

// Whatever whoever recovers makes of the newest object in the user's store is told, and
// nobody has passed it over; what had become of it before is not his doing.
func TestBackupsInTheUsersStore(t *testing.T) {
	t.Parallel()
	for _, c := range spoilt {
		for _, atStrike := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, before %v", c.name, atStrike), func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				at := filepath.Join(t.TempDir(), "store")
				s, newest := spoiledBy(t, at, atStrike, c.spoil)
				report, err := r.run(t.Context(), t, s, drill.Options{Store: at})
				if err != nil {
					t.Fatal(err)
				}
				says(t, read(t, r.latest(t), "transcript.txt"), "restore.sh: refused")
				f := findingOf(t, report, check.BackupsKept{}.Name())
				ev := r.evidence(t)
				why, looked := ev.PassedOver(newest())
				if !looked || why == "" {
					t.Errorf("nobody looked at %s: %q", newest(), why)
				}
				if atStrike {
					if f.Verdict != harness.Held {
						t.Errorf("%+v", f)
					}
					return
				}
				if f.Verdict != harness.Violated || !strings.Contains(f.Detail, newest()) {
					t.Errorf("%+v", f)
				}
			})
		}
	}
}

// So it is in a bucket, and where nobody asked for the backup again.
func TestBackupsInABucket(t *testing.T) {
	if !alone(t) {
		return
	}
	r := newRig(t)
	_, o := bucketServed(t)
	removed := ""
	s := byHand(t, "true\n")
	s.Backups.Every = 300 * time.Millisecond
	s.Recover = append(runbook{{Name: "remove the newest", Do: act(func(ctx context.Context, _ harness.Host) (harness.Output, error) {
		at, err := store.Open(ctx, o.Store, store.Options{Endpoint: o.S3Endpoint})
		if err != nil {
			return harness.Output{}, err
		}
		all, err := at.List(ctx)
		if err == nil && len(all) == 0 {
			err = errors.New("there is no backup")
		}
		if err == nil {
			removed = all[len(all)-1].Name
			err = at.Remove(ctx, removed)
		}
		return harness.Output{}, errors.Join(err, at.Close())
	})}}, s.Recover.(runbook)...)
	report, err := r.run(t.Context(), t, s, o)
	if err != nil {
		t.Fatal(err)
	}
	if f := findingOf(t, report, check.BackupsKept{}.Name()); f.Verdict != harness.Violated || !strings.Contains(f.Detail, filepath.Base(removed)+" is gone") {
		t.Errorf("%+v", f)
	}
}

// What is listed is what lies there now: on the desk, or in the user's store.
func TestBackupsAreListedAsTheyLie(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, does, said string }{
		{"left alone", "true", ""},
		{"touched", `touch "$at/$newest"`, ""},
		{"removed", `rm "$at/$newest"`, "gone"},
		{"put aside, and back", `mv "$at/$newest" aside; firedrill host backups; mv aside "$at/$newest"`, ""},
		{"truncated", `: >"$at/$newest"`, "CHANGED since it was kept: it has 0 bytes, and had "},
		{"altered", `printf x | dd of="$at/$newest" bs=1 seek=5000 conv=notrunc 2>/dev/null`, "CHANGED since it was kept: it was written again, with another content"},
	} {
		for _, desk := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, desk %v", c.name, desk), func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				o, where := drill.Options{}, `"$FIREDRILL_BACKUPS"`
				if !desk {
					o.Store = filepath.Join(t.TempDir(), "store")
					where = o.Store + "/*"
				}
				s := byHand(t, `at=$(echo `+where+`)
newest=$(cd "$at"; ls *.db | tail -n 1)
`+c.does+`
firedrill host backups >list
line=$(grep "^$newest " list) || line=gone
echo "listed: $(wc -l <list) $line;"
oldest=$(tail -n 1 list)
echo "oldest: $oldest;"
`)
				s.Backups.Every = 200 * time.Millisecond
				if _, err := r.run(t.Context(), t, s, o); err != nil {
					t.Fatal(err)
				}
				said := read(t, r.latest(t), "transcript.txt")
				listed := regexp.MustCompile(`listed: \d+ (.*);`).FindStringSubmatch(said)
				if listed == nil || !strings.Contains(listed[1], c.said) || (c.said == "") != (len(strings.Fields(listed[1])) == 6) {
					t.Errorf("the newest is %q", listed)
				}
				if oldest := regexp.MustCompile(`oldest: (backup-.*);`).FindStringSubmatch(said); oldest == nil || len(strings.Fields(oldest[1])) != 6 {
					t.Errorf("the oldest is %q", oldest)
				}
			})
		}
	}
}

// The wall shows what `firedrill backups` lists, and goes by what lies there: until the team
// has its desk that is the drill's own directory.
func TestTheWallShowsBackupsAsTheyLie(t *testing.T) {
	t.Parallel()
	s := stoppedByHand()
	s.Backups.Every = time.Second
	held := &drill.GameDay{QuietLeast: 4 * time.Second, QuietMost: 4 * time.Second} // the wall has looked by then
	plays(t, s, drill.Options{GameDay: held}, func(ctx context.Context, m mate) {
		listed := m.does(ctx, bastion.Backups)
		says(t, listed, "backup-001.db")
		if strings.Contains(listed, "CHANGED") || strings.Contains(listed, "cannot") {
			t.Errorf("before the strike it lists\n%s", listed)
		}
		m.awaitAlarm(ctx)
		first := func(b gameday.Backup) bool { return b.Name == "backup-001.db" && b.Changed == "" && !b.Unseen }
		if w := m.Wall(); len(w.Backups) < 3 || !first(w.Backups[len(w.Backups)-1]) {
			t.Errorf("before anybody touched them the wall shows %+v", w.Backups)
		}
		at := knows(t, m.does(ctx, bastion.Env))["FIREDRILL_BACKUPS"]
		was := m.Wall().Backups
		if err := errors.Join(os.Remove(filepath.Join(at, was[0].Name)), os.Truncate(filepath.Join(at, was[1].Name), 10)); err != nil {
			t.Error(err)
		}
		m.await(ctx, "the newest backup is gone, and the next one another", func(w gameday.Wall) bool {
			return len(w.Backups) == len(was)-1 && w.Backups[0].Name == was[1].Name && strings.HasPrefix(w.Backups[0].Changed, "it has 10 bytes, and had ") && first(w.Backups[len(w.Backups)-1])
		})
		listed = m.does(ctx, bastion.Backups)
		says(t, listed, was[1].Name, "CHANGED since it was kept: it has 10 bytes")
		if strings.Contains(listed, was[0].Name) || strings.Count(listed, "\n") != len(was) {
			t.Errorf("it lists\n%s", listed)
		}
		m.does(ctx, bastion.CallOff, "enough was seen")
	})
}
