package drill_test

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/drill"
	"github.com/etcd-firedrill/firedrill/harness/fault"
)

func onEveryone(name, script string) harness.Step {
	return harness.Step{Name: name, On: harness.Everyone, Do: harness.Script(script)}
}

// What a procedure that refuses did to the hosts' disks is seen, though no etcd ran
// that could have told of it; and where nothing was done, nothing is.
func TestWhatARefusalLeavesOnDisk(t *testing.T) {
	t.Parallel()
	refuses := onEveryone("check the site", "echo two are needed; exit 1")
	refuses.Precondition = true
	for name, c := range map[string]struct {
		does string
		want harness.Verdict
		says string
	}{
		"nothing":          {"ls /", harness.Inconclusive, "no member was heard"},
		"it wipes":         {"rm -rf " + harness.DataDir, harness.Violated, harness.DataDir + " is gone on m1"},
		"it puts a copy":   {"mv /var/lib/etcd/member /root/old && cp -a /root/old /var/lib/etcd/member", harness.Violated, "in the place of /var/lib/etcd/member on m1"},
		"it overwrites":    {"cat /root/etcd.yaml > /var/lib/etcd/member/snap/db", harness.Violated, "should be the database is none any more on m1"},
		"it leaves a file": {"cp -a /var/lib/etcd/member/snap/db /var/lib/etcd/member/wal/1.wal", harness.Violated, "/var/lib/etcd/member/wal/1.wal was not there, and is on m1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			s := stopped()
			s.Recover = runbook{onEveryone("do it", c.does), refuses}
			s.Promises = []harness.Check{check.NothingChanged{}}
			report, err := r.run(t.Context(), t, s, drill.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range report.Findings {
				if f.Kind == harness.Promise && (f.Verdict != c.want || !strings.Contains(f.Detail, c.says)) {
					t.Errorf("%s: %s %q, want %s: …%s…", f.Verdict, f.Detail, f.Offending, c.want, c.says)
				}
			}
		})
	}
}

// What the procedure does is a finding, never an error, and can be read in
// transcript and evidence: the command, what it printed, how it ended.
func TestTheProceduresFailuresAreFindings(t *testing.T) {
	t.Parallel()
	fails := onEveryone("give up", "echo going down; echo and why >&2; exit 3")
	endless := onEveryone("take for ever", "echo still here; while true; do sleep 0.05; done")
	never := onEveryone("wait for ever", "echo not yet; exit 1")
	never.Await = true
	refuses := onEveryone("check the site", "echo two are needed; exit 1")
	refuses.Precondition = true
	forgets := onEveryone("read the ID", "echo nothing here")
	forgets.Learns = []harness.Fact{{Name: "ID", Pattern: "id=([0-9]+)"}}
	bogus := onEveryone("write a bad manifest", "cat > "+harness.ManifestPath+" <<'EOF'\n{{manifest name \"listen-metrics-urls=bogus\"}}EOF")
	for name, c := range map[string]struct {
		then    []harness.Step
		within  time.Duration // of which nothing goes to having etcd serve before
		says    []string      // why it did not complete
		command string
		output  string
	}{
		"fails": {then: []harness.Step{fails}, says: []string{"step 3 (give up) on m1 exited with status 3", "going down", "and why"},
			command: "$ echo going down; echo and why >&2; exit 3", output: "    going down\n    and why\n  exit status 3, "},
		"the deadline passes within": {then: []harness.Step{endless}, within: 3 * time.Second,
			says: []string{"step 1 (take for ever) on m1 was not done", "time limit of 3s", "still here"}, command: "$ echo still here;", output: "    still here\n  not run to its end: "},
		"the deadline passes between": {then: []harness.Step{never}, within: 3 * time.Second,
			says: []string{"step 1 (wait for ever) on m1 was not done", "attempts", "not yet"}, command: "$ echo not yet;", output: "    not yet\n  not run to its end: "},
		"no such host": {then: []harness.Step{{Name: "tell m7", On: harness.Hosts("m7"), Do: harness.Script("echo {{name}}")}},
			says: []string{"step 3 (tell m7)", "there is no host m7"}, command: "$ echo {{name}}", output: "not run to its end: select m7"},
		"nobody": {then: []harness.Step{{Name: "tell the others", On: harness.AllBut("m1"), Do: harness.Script("echo hello")}},
			says: []string{"step 3 (tell the others)", "all-but(m1)"}, command: "$ echo hello", output: "not run to its end: select all-but(m1)"},
		"refuses": {then: []harness.Step{refuses}, says: []string{"step 3 (check the site) on m1: two are needed"},
			command: "$ echo two are needed; exit 1", output: "    two are needed\n  exit status 1, "},
		"learns nothing": {then: []harness.Step{forgets}, says: []string{"step 3 (read the ID) on m1: learn the ID"},
			command: "$ echo nothing here", output: "    nothing here\n  exit status 0, "},
		"a fact is not known": {then: []harness.Step{onEveryone("use the ID", `echo {{known "ID"}}`)},
			says: []string{"step 3 (use the ID) on m1", "the ID is not known at this step"}, command: `$ echo {{known "ID"}}`, output: "not run to its end: render"},
		"orders a host twice": {then: []harness.Step{{Name: "order m1", Do: harness.NewHosts{Names: []string{"m1"}}}},
			says: []string{"step 3 (order m1)", "there is one of that name"}, command: "$ firedrill host new m1", output: "not run to its end: "},
		"announces nobody": {then: []harness.Step{{Name: "announce", Do: harness.Announce{Hosts: []string{"m9"}}}},
			says: []string{"step 3 (announce)", "announce m9: there is no such host"}, command: "$ firedrill announce m9", output: "not run to its end: "},
		"has no backup": {then: []harness.Step{{Name: "fetch", On: harness.Everyone, Do: harness.FetchBackup{To: "/x"}}},
			says: []string{"step 3 (fetch) on m1 exited with status 1", "this site takes no backups"}, command: "$ firedrill host cp", output: "this site takes no backups\n  exit status 1"},
		"starts etcd with a bad flag": {then: []harness.Step{bogus, awaitServe}, within: 4 * time.Second,
			says: []string{"step 2 (wait until etcd serves) on m1 was not done"}, command: "$ etcdctl --endpoints=http://", output: "not run to its end: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			s := stopped(c.then...)
			if c.within > 0 {
				s.Recover = runbook(c.then)
			}
			s.Promises = []harness.Check{check.ProcedureCompleted{}}
			report, err := r.run(t.Context(), t, s, drill.Options{Within: c.within})
			if err != nil {
				t.Fatal(err)
			}
			if report.Verdict != harness.Violated {
				t.Errorf("%s: %+v", report.Verdict, report.Findings)
			}
			var ev harness.Evidence
			if err := json.Unmarshal([]byte(read(t, r.latest(t), "evidence.json")), &ev); err != nil {
				t.Fatal(err)
			}
			if ev.Procedure.TimedOut != (c.within > 0) {
				t.Errorf("its time ran out, as the evidence has it: %v", ev.Procedure.TimedOut)
			}
			says(t, ev.Procedure.Failed+ev.Procedure.Refused, c.says...)
			if ev.Procedure.Completed || (ev.Procedure.Refused != "") != (name == "refuses") {
				t.Errorf("%+v", ev.Procedure)
			}
			says(t, read(t, r.latest(t), "transcript.txt"), c.command, c.output)
			last := ev.Steps[len(ev.Steps)-1]
			if !strings.Contains("$ "+last.Command, c.command) {
				t.Errorf("the last step in the evidence is %+v", last)
			}
			dataOf(t, r.latest(t), "m1")
		})
	}
}

// Service that was there when a procedure refused is waited for as it is after one that completed,
// however often it hesitates first.
func TestARefusalIsFollowedUntilServiceIsCalm(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var hesitating sync.WaitGroup
	defer hesitating.Wait()
	hesitates := harness.Step{Name: "let etcd hesitate", On: harness.Everyone, Do: act(func(_ context.Context, h harness.Host) (harness.Output, error) {
		hesitating.Go(func() {
			for range 7 { // 10.5 s in all, and no 2 s without
				for _, c := range []struct {
					signal syscall.Signal
					lasts  time.Duration
				}{{syscall.SIGSTOP, 2 * harness.GapThreshold}, {syscall.SIGCONT, time.Second}} {
					if err := h.Signal(t.Context(), c.signal); err != nil {
						t.Error(err)
						return
					}
					<-time.After(c.lasts)
				}
			}
		})
		return harness.Output{}, nil
	})}
	refuses := onEveryone("check the site", "echo two are needed; exit 1")
	refuses.Precondition = true
	s := crash()
	s.Break = []harness.Fault{blow(func(context.Context, harness.Strike) error { return nil })}
	s.Recover = runbook{hesitates, refuses}
	s.Promises = []harness.Check{check.ProcedureRefused{}, check.ServiceRestored{}}
	r.held(t, s, drill.Options{})
}

// A host that is off is the procedure's to deal with, and its data directory
// cannot be saved: that is told, and no more.
func TestAStepOnAHostThatIsOff(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := stopped()
	s.Break = []harness.Fault{fault.PowerOff{Who: harness.Everyone}}
	s.Promises = []harness.Check{check.ProcedureCompleted{}}
	report, err := r.run(t.Context(), t, s, drill.Options{})
	if err != nil || report.Verdict != harness.Violated {
		t.Fatalf("%s, %v", report.Verdict, err)
	}
	says(t, report.Findings[1].Detail, harness.ErrHostOff.Error())
	says(t, read(t, r.latest(t), "transcript.txt"), "$ mv /root/etcd.yaml", "not run to its end: ", harness.ErrHostOff.Error())
	says(t, read(t, r.latest(t), "timeline.jsonl"), "its data directory could not be saved: ")
	if found, _ := filepath.Glob(filepath.Join(r.latest(t), "hosts", "*", "data.tar*")); len(found) > 0 {
		t.Errorf("%v", found)
	}
}

// dataOf reads the saved data directory of a host: etcd's database is in it, and
// it takes no more disk than needed.
func dataOf(t *testing.T, dir, host string) {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "hosts", host, "data.tar"))
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	found := map[string]int64{}
	for in := tar.NewReader(f); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Errorf("%s's data: %v", host, err)
			return
		}
		if found[h.Name], err = io.Copy(io.Discard, in); err != nil || found[h.Name] != h.Size {
			t.Errorf("%s: %d of %d bytes, %v", h.Name, found[h.Name], h.Size, err)
		}
	}
	if found["member/snap/db"] == 0 {
		t.Errorf("%s's data holds no database: %v", host, found)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if used := info.Sys().(*syscall.Stat_t).Blocks * 512; info.Size() > 64<<20 && used > info.Size()/4 {
		t.Errorf("%d bytes on disk for a tar of %d, most of it zeros", used, info.Size())
	}
}

// A run directory is nobody else's to read.
func TestTheRunDirectoryIsPrivate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := crash()
	s.Backups.Every = 200 * time.Millisecond
	r.held(t, s, drill.Options{PreloadKeys: 1})
	err := filepath.WalkDir(r.out, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		switch mode := info.Mode(); {
		case mode&fs.ModeSymlink != 0:
		case e.IsDir() && mode.Perm() != 0o700, !e.IsDir() && mode.Perm() != 0o600:
			t.Errorf("%s has mode %v", path, mode)
		}
		if strings.HasSuffix(path, ".part") || strings.Contains(path, "born.db") || strings.HasSuffix(path, "data.tar") {
			t.Errorf("%s is left", path)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// The drill's context is over when the verdict is being reached: what was seen
// is judged all the same.
func TestToldToEndAfterTheLastLook(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := stopped(onEveryone("give up", "exit 1"))
	report, err := r.run(ctx, t, s, drill.Options{Progress: func(e harness.Event) {
		if strings.HasPrefix(e.Text, "verdict:") {
			cancel()
		}
	}})
	if err != nil || report.Verdict != harness.Violated {
		t.Fatalf("%s, %v", report.Verdict, err)
	}
}
