package drill_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/fixtures/dataset"
	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/drill"
	"github.com/etcd-firedrill/firedrill/harness/process"
	"github.com/etcd-firedrill/firedrill/reports"
)

// evidence is what the rig's last drill stored.
func (r rig) evidence(t *testing.T) harness.Evidence {
	t.Helper()
	var ev harness.Evidence
	if err := json.Unmarshal([]byte(read(t, r.latest(t), "evidence.json")), &ev); err != nil {
		t.Fatal(err)
	}
	return ev
}

func TestPreloadedKeys(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 1000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			report := r.held(t, crash(), drill.Options{PreloadKeys: n, ValueSize: 11})
			if want := (reports.Traffic{Writers: 2, Rate: 200, ValueSize: 11}); report.Traffic == nil || *report.Traffic != want || report.Keeping != harness.KeptInOwn {
				t.Errorf("the report tells of %+v, and of backups in %q", report.Traffic, report.Keeping)
			}
			ev := r.evidence(t)
			switch {
			case n == 0 && ev.DatasetBefore != nil:
				t.Errorf("born with nothing, and the evidence says %+v", ev.DatasetBefore)
			case n > 0 && (ev.DatasetBefore == nil || ev.DatasetBefore.Keys != int64(n) || *ev.DatasetBefore != *ev.DatasetAfter):
				t.Errorf("born with %d keys: before %+v, after %+v", n, ev.DatasetBefore, ev.DatasetAfter)
			}
		})
	}
}

func snapshot(t *testing.T) (path string, info dataset.Info) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "users.db")
	info, err := dataset.Write(t.Context(), path, dataset.Spec{Keys: 300, ValueSize: 100, Prefix: "/secrets/"})
	if err != nil {
		t.Fatal(err)
	}
	return path, info
}

// holds tells whether any file beneath dir contains the text.
func holds(t *testing.T, dir, text string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if strings.Contains(string(content), text) {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return files
}

// A user's own data is gone with the hosts, whatever the drill's end.
func TestAUsersSnapshotIsNotKept(t *testing.T) {
	t.Parallel()
	path, info := snapshot(t)
	for name, then := range map[string][]harness.Step{"held": nil, "violated": {onEveryone("give up", "exit 1")}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			s := stopped(then...)
			s.Backups.Every = 300 * time.Millisecond
			report, err := r.run(t.Context(), t, s, drill.Options{PreloadFrom: path})
			if err != nil || report.Verdict.String() != name {
				t.Fatalf("%s, %v", report.Verdict, err)
			}
			ev := r.evidence(t)
			if ev.DatasetBefore == nil || *ev.DatasetBefore != info.Dataset || *ev.DatasetAfter != info.Dataset || len(ev.Backups) == 0 {
				t.Errorf("the evidence says %+v before and %+v after, of %+v, with %d backups", ev.DatasetBefore, ev.DatasetAfter, info.Dataset, len(ev.Backups))
			}
			if files := holds(t, r.out, "/secrets/"); len(files) > 0 {
				t.Errorf("the user's keys are kept in %v", files)
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("the user's own file: %v", err)
			}
		})
	}
}

func TestASnapshotThatIsNone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path, _ := snapshot(t)
	if err := os.Truncate(path, 5000); err != nil {
		t.Fatal(err)
	}
	_, err := r.run(t.Context(), t, crash(), drill.Options{PreloadFrom: path})
	if err == nil {
		t.Fatal("no error")
	}
	says(t, err.Error(), "preload: ", path)
}

// Kept is what was asked to be kept, once the drill came to its end: the hosts
// run until Hold returns, then their disks stay until they are swept.
func TestKeep(t *testing.T) {
	t.Parallel()
	path, _ := snapshot(t)
	r := newRig(t)
	s := stopped(onEveryone("give up", "exit 1"))
	s.Backups.Every = 300 * time.Millisecond
	holding := 0
	report, err := drill.Run(t.Context(), r, s, drill.Options{
		Out: r.out, PreloadFrom: path, Keep: true,
		Hold: func(_ context.Context, report reports.Report, enter []string) {
			holding = len(r.processes(t))
			if report.Verdict != harness.Violated || len(enter) != 1 || !strings.Contains(enter[0], r.base) {
				t.Errorf("%s, %v", report.Verdict, enter)
			}
		},
	})
	if err != nil || report.Verdict != harness.Violated {
		t.Fatalf("%s, %v", report.Verdict, err)
	}
	if holding < 2 { // the agent and etcd
		t.Errorf("%d processes ran on the host that was kept", holding)
	}
	if left := r.processes(t); len(left) > 0 {
		t.Errorf("they outlived the drill: %v", left)
	}
	if len(holds(t, r.out, "/secrets/")) == 0 || len(r.left(t)) == 0 {
		t.Error("neither the backups nor the disks were kept")
	}
	dataOf(t, r.latest(t), "m1")
	if _, err := process.Sweep(t.Context(), r.base); err != nil {
		t.Error(err)
	}
	if left := r.left(t); len(left) > 0 {
		t.Errorf("swept, and left: %v", left)
	}
}

// A drill that broke is nobody's to look around in.
func TestABrokenDrillIsNotKept(t *testing.T) {
	t.Parallel()
	path, _ := snapshot(t)
	r := newRig(t)
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	s := stopped(onEveryone("give up", "exit 1"))
	s.Backups.Every = 300 * time.Millisecond
	_, err := r.run(ctx, t, s, drill.Options{
		PreloadFrom: path, Keep: true,
		Hold: func(context.Context, reports.Report, []string) { t.Error("it was held") },
		Progress: func(e harness.Event) {
			if strings.HasPrefix(e.Text, "step 2") {
				cancel(enough)
			}
		},
	})
	if !errors.Is(err, enough) {
		t.Fatal(err)
	}
	if files := holds(t, r.out, "/secrets/"); len(files) > 0 {
		t.Errorf("the user's keys are kept in %v", files)
	}
}
