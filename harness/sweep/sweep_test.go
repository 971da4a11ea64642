package sweep_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/sweep"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/policy"
)

// head is a sweep of two sizes, two procedures and three runs.
func head() policy.Result {
	p := policy.Defaults()
	p.Policy.Name, p.Policy.Interval = "p", policy.Duration(time.Hour)
	p.Sweep.Sizes, p.Sweep.Procedures = []policy.Size{1 << 20, 4 << 20}, []string{"a", "b"}
	p.Sweep.Runs, p.Sweep.Seed, p.Sweep.TimeScale = 3, 100, 3600
	return policy.Result{
		Firedrill: "v1", Started: time.Date(2026, 11, 25, 3, 0, 0, 0, time.UTC), Runtime: "process",
		Machine: reports.Machine{CPUs: 2, Model: "A Processor", OS: "linux/amd64", Memory: 8 << 30, Kernel: "6.1.0", Disk: "ext4"}, Policy: p.Policy, Sweep: p.Sweep,
	}
}

// drills run drills that hold, and remember which.
type drills struct {
	made   []string
	before func(n int) error // what happens in the nth drill, from 1; nil: nothing
}

func (d *drills) drill(ctx context.Context, p policy.Point, number int, seed int64) (reports.Report, error) {
	d.made = append(d.made, fmt.Sprintf("%s %d #%d seed %d", p.Procedure, p.Size>>20, number, seed))
	if d.before != nil {
		if err := d.before(len(d.made)); err != nil {
			return reports.Report{}, err
		}
	}
	if err := context.Cause(ctx); err != nil {
		return reports.Report{}, err
	}
	return reports.Report{
		Drill: fmt.Sprint("d", seed), Scenario: p.Procedure, EtcdVersion: "3.7.3", Seed: seed, Verdict: harness.Held,
		Backups: []reports.Backup{{Name: "b1", Snapshot: 20, Bytes: int64(p.Size), Keys: 7}},
		Fetches: []reports.Fetch{{Backup: "b1", Host: "m1", Fetch: 5}},
		Phases:  reports.Phases{FirstAck: 300, Recovered: 400},
		Loss:    &reports.Loss{AckedWrites: 100, LostWrites: 4, LostSpan: 30},
	}, nil
}

// told keeps the lines of progress.
type told []string

func (t *told) say(line string) { *t = append(*t, line) }

func begin(t *testing.T) (dir string, b *sweep.Book) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "sweep")
	b, err := sweep.Begin(dir, head())
	if err != nil {
		t.Fatal(err)
	}
	return dir, b
}

func resume(t *testing.T, dir string) *sweep.Book {
	t.Helper()
	b, err := sweep.Resume(dir, head())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func closed(t *testing.T, b *sweep.Book) {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

var inOrder = []string{
	"a 1 #1 seed 100", "a 4 #1 seed 101", "b 1 #1 seed 102", "b 4 #1 seed 103",
	"a 1 #2 seed 104", "a 4 #2 seed 105", "b 1 #2 seed 106", "b 4 #2 seed 107",
	"a 1 #3 seed 108", "a 4 #3 seed 109", "b 1 #3 seed 110", "b 4 #3 seed 111",
}

func TestASweepFromEndToEnd(t *testing.T) {
	dir, b := begin(t)
	var d drills
	var lines told
	r, err := b.Run(t.Context(), d.drill, lines.say)
	if err != nil {
		t.Fatal(err)
	}
	closed(t, b)
	if diff := cmp.Diff(inOrder, d.made); diff != "" {
		t.Error(diff)
	}
	if !r.Finished || len(r.Runs) != 12 || r.Etcd != "3.7.3" || r.Verdict() != harness.Held {
		t.Errorf("finished %v, %d runs of etcd %s, %s: %+v", r.Finished, len(r.Runs), r.Etcd, r.Verdict(), r.Targets)
	}
	kept, err := sweep.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, kept); diff != "" {
		t.Error(diff)
	}
	text, err := os.ReadFile(filepath.Join(dir, sweep.ResultFile))
	if err != nil {
		t.Fatal(err)
	}
	if stored, err := policy.Decode(text); err != nil || !cmp.Equal(r, stored) {
		t.Errorf("%v; %s", err, cmp.Diff(r, stored))
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("in the directory: %v, %v", left, err)
	}
	for i, want := range []string{
		"12 of 12 runs are left, in " + dir,
		"run 1 of 12: a, 1.0 MiB of 512-byte values, 3 members, number 1, seed 100; 12 left, no estimate yet",
		"  held in ", "  so far: 1 of 1 runs count; worst recovery 0.40 s; worst loss 0.03 s",
		"run 2 of 12: a, 4.0 MiB of 512-byte values, 3 members, number 1, seed 101; 11 left, about ",
	} {
		if !strings.HasPrefix(lines[i], want) {
			t.Errorf("line %d is %q, want %q", i, lines[i], want)
		}
	}
	if last := lines[len(lines)-1]; !strings.Contains(last, "12 of 12 runs count") {
		t.Errorf("the last line is %q", last)
	}
}

// Each run is on the disk before the next begins, and the plan before the first.
func TestEveryRunIsKeptAtOnce(t *testing.T) {
	dir, b := begin(t)
	d := drills{before: func(n int) error {
		r, err := sweep.Read(dir)
		if err != nil || len(r.Runs) != n-1 || r.Planned != 12 {
			t.Errorf("before drill %d: %d runs of %d are kept, %v", n, len(r.Runs), r.Planned, err)
		}
		return nil
	}}
	if _, err := b.Run(t.Context(), d.drill, func(string) {}); err != nil {
		t.Fatal(err)
	}
	closed(t, b)
}

var errStop = errors.New("interrupted")

func TestAnInterruptedSweepGoesOnWhereItStopped(t *testing.T) {
	dir, b := begin(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	d := drills{before: func(n int) error {
		if n == 6 {
			cancel(errStop)
		}
		return nil
	}}
	r, err := b.Run(ctx, d.drill, func(string) {})
	if !errors.Is(err, errStop) || len(r.Runs) != 5 || r.Finished {
		t.Errorf("%d runs, finished %v, %v", len(r.Runs), r.Finished, err)
	}
	closed(t, b)

	b = resume(t, dir)
	var rest drills
	var lines told
	r, err = b.Run(t.Context(), rest.drill, lines.say)
	if err != nil || !r.Finished || len(r.Runs) != 12 {
		t.Errorf("%d runs, finished %v, %v", len(r.Runs), r.Finished, err)
	}
	closed(t, b)
	if diff := cmp.Diff(inOrder[5:], rest.made); diff != "" {
		t.Error(diff)
	}
	if lines[0] != "7 of 12 runs are left, in "+dir || !strings.HasPrefix(lines[1], "run 6 of 12: ") {
		t.Errorf("%q", lines[:2])
	}

	// Once more, and there is nothing to do.
	b = resume(t, dir)
	var none drills
	if again, err := b.Run(t.Context(), none.drill, func(string) {}); err != nil || len(none.made) > 0 || !cmp.Equal(again, r) {
		t.Errorf("%v were run again, %v; %s", none.made, err, cmp.Diff(r, again))
	}
	closed(t, b)
}

// What a power cut leaves of the last line is told and taken away, and its run is
// made again; what is damaged elsewhere is an error.
func TestATornLastLine(t *testing.T) {
	dir, b := begin(t)
	var d drills
	if _, err := b.Run(t.Context(), d.drill, func(string) {}); err != nil {
		t.Fatal(err)
	}
	closed(t, b)
	path := filepath.Join(dir, sweep.RunsFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := 1; cut < 60; cut += 7 {
		if err := os.WriteFile(path, text[:len(text)-cut], 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := sweep.Read(dir); err != nil || len(r.Runs) < 11 {
			t.Errorf("without the last %d bytes %d runs are read, %v", cut, len(r.Runs), err)
		}
		b := resume(t, dir)
		var again drills
		var lines told
		r, err := b.Run(t.Context(), again.drill, lines.say)
		if err != nil || len(r.Runs) != 12 || !r.Finished {
			t.Errorf("without the last %d bytes: %d runs, %v", cut, len(r.Runs), err)
		}
		closed(t, b)
		// The line's end alone costs nothing.
		if want := min(cut-1, 1); len(again.made) != want || strings.Contains(lines[0], "was torn") != (want == 1) {
			t.Errorf("without the last %d bytes %v were run again; told: %q", cut, again.made, lines[0])
		}
		if mended, err := os.ReadFile(path); err != nil || bytes.Count(mended, []byte("\n")) != 12 {
			t.Errorf("%d lines, %v", bytes.Count(mended, []byte("\n")), err)
		}
	}
	middle := bytes.Index(text, []byte("\n")) + 5
	damaged := append(bytes.Clone(text[:middle]), text[middle+9:]...)
	if err := os.WriteFile(path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sweep.Resume(dir, head()); err == nil || !strings.Contains(err.Error(), "runs.jsonl: line 2") {
		t.Errorf("a damaged line: %v", err)
	}
	if _, err := sweep.Read(dir); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a damaged line is read: %v", err)
	}
}

func TestAnotherPlanIsRefused(t *testing.T) {
	dir, b := begin(t)
	closed(t, b)
	for says, change := range map[string]func(*policy.Result){
		"sweep.runs is 20, and was 3":          func(r *policy.Result) { r.Sweep.Runs = 20 },
		"policy.interval is 2h, and was 1h":    func(r *policy.Result) { r.Policy.Interval *= 2 },
		"the runtime is container, and was pr": func(r *policy.Result) { r.Runtime = "container" },
		"the image is etcd:3.5, and was none":  func(r *policy.Result) { r.Image = "etcd:3.5" },
		"the list of etcd flags is --x=1":      func(r *policy.Result) { r.EtcdArgs = []string{"--x=1"} },
		"the version of firedrill is v2":       func(r *policy.Result) { r.Firedrill = "v2" },
		"the processor is 64":                  func(r *policy.Result) { r.Machine.CPUs = 64 },
		"the directory of etcd's binaries is ": func(r *policy.Result) { r.EtcdBin = "/opt" },
		"the file system that hosts lie on, which TMPDIR chooses, is tmpfs, and was ext4": func(r *policy.Result) { r.Machine.Disk = "tmpfs" },
		"the file system that hosts lie on, which TMPDIR chooses, is none, and was ext4":  func(r *policy.Result) { r.Machine.Disk = "" },
		"memory is 4.00 GiB, and was 8.00 GiB":                                            func(r *policy.Result) { r.Machine.Memory = 4 << 30 },
		"memory is 16.00 GiB, and was 8.00 GiB":                                           func(r *policy.Result) { r.Machine.Memory = 16 << 30 },
		"memory is 7.50 GiB, and was 8.00 GiB":                                            func(r *policy.Result) { r.Machine.Memory = 15 << 29 },
		"memory is none, and was 8.00 GiB":                                                func(r *policy.Result) { r.Machine.Memory = 0 },
	} {
		other := head()
		change(&other)
		if _, err := sweep.Resume(dir, other); !errors.Is(err, sweep.ErrOtherPlan) || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
	later := head()
	later.Started = time.Now()
	later.Machine.Kernel, later.Machine.Memory = "6.12.0", later.Machine.Memory-256<<20 // another boot
	b, err := sweep.Resume(dir, later)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.Result().Started; !got.Equal(head().Started) {
		t.Errorf("it was begun at %s", got)
	}
	closed(t, b)
}

// The etcd that a sweep runs on is known once a run has ended, and is on the disk
// before the next begins. A run with another one is none of this sweep's.
func TestAnotherEtcdEndsTheSweep(t *testing.T) {
	dir, b := begin(t)
	kept := ""
	d := drills{before: func(n int) error {
		if n == 2 {
			r, err := sweep.Read(dir)
			kept = r.Etcd
			return errors.Join(err, errStop)
		}
		return nil
	}}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := b.Run(ctx, func(ctx context.Context, p policy.Point, number int, seed int64) (reports.Report, error) {
		r, err := d.drill(ctx, p, number, seed)
		if err != nil {
			cancel()
		}
		return r, err
	}, func(string) {})
	if !errors.Is(err, errStop) || kept != "3.7.3" {
		t.Errorf("etcd %q is kept before the second run; %v", kept, err)
	}
	closed(t, b)
	b = resume(t, dir)
	r, err := b.Run(t.Context(), func(ctx context.Context, p policy.Point, number int, seed int64) (reports.Report, error) {
		r, err := (&drills{}).drill(ctx, p, number, seed)
		r.EtcdVersion = "3.6.1"
		return r, err
	}, func(string) {})
	if !errors.Is(err, sweep.ErrOtherPlan) || !strings.Contains(err.Error(), "etcd is 3.6.1, and was 3.7.3") || len(r.Runs) != 1 {
		t.Errorf("%d runs, %v", len(r.Runs), err)
	}
	closed(t, b)
}

// What there is no drill for is no point: it is told, and not waited for.
func TestWhatIsNotTriedIsNoPoint(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sweep")
	h := head()
	h.Untried = []policy.Untried{{Procedure: "b", Members: 3, Reason: "it needs five"}}
	b, err := sweep.Begin(dir, h)
	if err != nil {
		t.Fatal(err)
	}
	var d drills
	var lines told
	r, err := b.Run(t.Context(), d.drill, lines.say)
	if err != nil || !r.Finished || len(d.made) != 6 || r.Planned != 6 || len(r.Summaries) != 2 {
		t.Errorf("%v were run of %d, %v", d.made, r.Planned, err)
	}
	if lines[1] != "b with 3 members was not tried, because it needs five" {
		t.Errorf("%q", lines[:2])
	}
	closed(t, b)
}

func TestOneAtATime(t *testing.T) {
	dir, b := begin(t)
	if _, err := sweep.Resume(dir, head()); !errors.Is(err, sweep.ErrBusy) {
		t.Errorf("a second one: %v", err)
	}
	if _, err := sweep.Begin(dir, head()); err == nil || !strings.Contains(err.Error(), "--resume "+dir) {
		t.Errorf("begun twice: %v", err)
	}
	if r, err := sweep.Read(dir); err != nil || r.Planned != 12 {
		t.Errorf("it cannot be read meanwhile: %v", err)
	}
	closed(t, b)
	closed(t, resume(t, dir))
	empty := t.TempDir()
	if _, err := sweep.Resume(empty, head()); err == nil || !strings.Contains(err.Error(), "there is no sweep") {
		t.Errorf("an empty directory: %v", err)
	}
	if left, err := os.ReadDir(empty); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if _, err := sweep.Read(empty); err == nil || !strings.Contains(err.Error(), "hint: ") {
		t.Errorf("an empty directory: %v", err)
	}
}

// What the harness broke is kept as such, and run again when the sweep is resumed.
func TestABrokenRunIsMadeAgain(t *testing.T) {
	dir, b := begin(t)
	d := drills{before: func(n int) error {
		switch n {
		case 2:
			return errors.New("boot m1: no\nhint: look")
		case 4:
			panic("a nil map")
		}
		return nil
	}}
	var lines told
	r, err := b.Run(t.Context(), d.drill, lines.say)
	if err != nil || len(r.Runs) != 12 || r.Finished || r.Verdict() != harness.Inconclusive {
		t.Errorf("%d runs, finished %v, %s, %v", len(r.Runs), r.Finished, r.Verdict(), err)
	}
	closed(t, b)
	all := strings.Join(lines, "\n")
	if !strings.Contains(all, "the harness broke after 0.00 s, and nothing was measured: boot m1: no\n") || !strings.Contains(all, "a nil map") {
		t.Error(all)
	}
	b = resume(t, dir)
	var again drills
	r, err = b.Run(t.Context(), again.drill, func(string) {})
	if err != nil || !r.Finished || len(r.Runs) != 12 {
		t.Errorf("%d runs, finished %v, %v", len(r.Runs), r.Finished, err)
	}
	closed(t, b)
	if diff := cmp.Diff([]string{inOrder[1], inOrder[3]}, again.made); diff != "" {
		t.Error(diff)
	}
}

func TestAHarnessThatAlwaysBreaksIsGivenUp(t *testing.T) {
	dir, b := begin(t)
	d := drills{before: func(n int) error {
		if n > 3 {
			return errors.New("no space left on device")
		}
		return nil
	}}
	r, err := b.Run(t.Context(), d.drill, func(string) {})
	if err == nil || !strings.Contains(err.Error(), "3 runs one after the other") || !strings.Contains(err.Error(), "no space left") || len(d.made) != 6 {
		t.Errorf("%d drills, %v", len(d.made), err)
	}
	closed(t, b)
	kept, rerr := sweep.Read(dir)
	if rerr != nil || !cmp.Equal(r, kept) || len(kept.Runs) != 6 {
		t.Errorf("%d runs are kept, %v", len(kept.Runs), rerr)
	}
}
