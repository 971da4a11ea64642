package drill_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/bastion"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/drill"
	"github.com/etcd-firedrill/firedrill/harness/fault"
	"github.com/etcd-firedrill/firedrill/harness/files"
	"github.com/etcd-firedrill/firedrill/harness/process"
	"github.com/etcd-firedrill/firedrill/reports"
)

// byHand is a drill whose procedure is a script at the operator's desk.
func byHand(t *testing.T, script string) harness.Scenario {
	t.Helper()
	path := filepath.Join(t.TempDir(), "restore.sh")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	s := crash()
	s.Recover = runbook{{Name: "run restore.sh", Do: harness.Executable{Path: path}}}
	s.Promises = append(s.Promises, check.ProcedureCompleted{})
	s.Within = time.Minute
	return s
}

// findingOf is what a report says of a check.
func findingOf(t *testing.T, report reports.Report, check string) harness.Finding {
	t.Helper()
	for _, f := range report.Findings {
		if f.Check == check {
			return f
		}
	}
	t.Fatalf("there is no finding of %s: %+v", check, report.Findings)
	return harness.Finding{}
}

// TestRunbookDesk: a runbook has what an on-call engineer has, and nothing that leads to
// the answer sheet. What it prints is told as it comes.
func TestRunbookDesk(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var told []string
	report, err := r.run(t.Context(), t, byHand(t, `
set -eu
env | sort | cut -c1-150
echo "at $(pwd)"
ls -l /proc/self/fd
echo "tools: $(readlink -f "$(command -v firedrill)") $(readlink -f "$(command -v etcdctl)")"
tr '\0' ' ' </proc/$PPID/cmdline; echo
etcdctl --command-timeout=5s endpoint status >/dev/null && echo "etcdctl works"
echo "to stderr" >&2
setsid sleep 600 &
`), drill.Options{Progress: func(e harness.Event) {
		if e.Kind == harness.RunbookEvent {
			told = append(told, e.Text)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if f := findingOf(t, report, "procedure-completed"); f.Verdict != harness.Held {
		t.Errorf("%+v", f)
	}
	text := strings.Join(told, "\n")
	says(t, text, "FIREDRILL_HOSTS=m1", "FIREDRILL_HOSTS_UP=m1", "FIREDRILL_HOSTS_LOST=\n", "FIREDRILL_CLUSTER_TOKEN=", "FIREDRILL_PEER_URL_m1=http://127.", "FIREDRILL_CLIENT_URL_m1=http://127.",
		"ETCDCTL_ENDPOINTS=http://127.", "FIREDRILL_BY=restore.sh", "FIREDRILL_BASTION=", "etcdctl works", "to stderr")
	if out, err := filepath.EvalSymlinks(r.out); err != nil || strings.Contains(text, out) || strings.Contains(text, "ledger.bin") || strings.Contains(text, "tools: /proc") {
		t.Errorf("something leads to %s (%v):\n%s", out, err, text)
	}
	transcript := read(t, r.latest(t), "transcript.txt")
	says(t, transcript, "restore.sh: etcdctl works", "restore.sh: to stderr", "step 1 at the desk: run restore.sh")
	if strings.Count(transcript, "etcdctl works") != 1 {
		t.Errorf("it is told twice:\n%s", transcript)
	}
}

// TestRunbookReadsLogs: what is told of a machine's log begins when it came up. Nothing of the one
// that was lost is in that of a new one of its name.
func TestRunbookReadsLogs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := byHand(t, `
set -eu
starts() { firedrill host logs "$1" | grep -c '"starting an etcd server"' || true; }
firedrill host new m2
echo "of the new m2: [$(firedrill host logs m2)]"
test "$(starts m1)" = 1 || { echo "m1 was started $(starts m1) times"; exit 1; }
firedrill host off m1
firedrill host on m1
until test "$(starts m1)" != 0; do sleep 0.1; done
test "$(starts m1)" = 1 || { echo "m1 was started $(starts m1) times since"; exit 1; }
exit 77 # what is not settled need not be waited for
`)
	s.Name, s.Given.Members = "logs", 3
	// Its own words for it are nobody's promise.
	s.Break, s.Promises = []harness.Fault{fault.LoseHost{Who: harness.Hosts("m2")}}, []harness.Check{check.ProcedureRefused{Because: "the document's words"}}
	r.held(t, s, drill.Options{})
	transcript := read(t, r.latest(t), "transcript.txt")
	says(t, transcript, "of the new m2: []\n")
	for host, least := range map[string]int{"m1": 2, "m2": 1} {
		if log := read(t, r.latest(t), "hosts", host, "etcd.log"); strings.Count(log, `"starting an etcd server"`) < least {
			t.Errorf("what %s logged before is not kept:\n%s", host, log)
		}
	}
}

// TestRunbookUsesTools: what a runbook asks of etcd's tools at the desk is a step of the drill as
// what it asks of a host is, without the secrets in it, and is done as it would be anyway. Where
// the drill is not found any more it is done all the same.
func TestRunbookUsesTools(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	report, err := r.run(t.Context(), t, byHand(t, `
etcdctl --command-timeout=5s put written here && test "$(etcdctl get --print-value-only written)" = here || exit 1
printf 'here' | etcdctl put written
etcdctl --user=root:secret --password=sesame --command-timeout=5s user list
etcdutl snapshot status nowhere.db
echo "it ended with $?"
FIREDRILL_BASTION=/nowhere etcdctl --command-timeout=5s put unseen here
etcdctl get --print-value-only unseen
etcdctl version >/dev/null &
wait $!
`), drill.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if f := findingOf(t, report, "procedure-completed"); f.Verdict != harness.Held {
		t.Errorf("%+v", f)
	}
	var typed []string
	for _, s := range r.evidence(t).Steps {
		if s.By != "restore.sh" {
			continue
		}
		typed = append(typed, fmt.Sprintf("%d: %s", s.Output.ExitCode, s.Command))
		if s.Host != "" || s.Took <= 0 || s.Error != "" || s.Output.Stdout != "" {
			t.Errorf("%+v", s)
		}
	}
	want := []string{
		"0: etcdctl '--command-timeout=5s' put written here", "0: etcdctl get --print-value-only written", "0: etcdctl put written",
		"0: etcdctl '--user=root:***' '--password=***' '--command-timeout=5s' user list", "1: etcdutl snapshot status nowhere.db",
		"0: etcdctl get --print-value-only unseen", "0: etcdctl version",
	}
	if diff := cmp.Diff(want, typed); diff != "" {
		t.Errorf("typed: %s", diff)
	}
	transcript := read(t, r.latest(t), "transcript.txt")
	says(t, transcript, "at the desk, by restore.sh: etcdctl get --print-value-only written\n", "  $ etcdutl snapshot status nowhere.db\n  exit status 1,", "restore.sh: it ended with 1", "restore.sh: here")
	if strings.Contains(transcript, "secret") || strings.Contains(transcript, "sesame") {
		t.Errorf("a secret is written down:\n%s", transcript)
	}
}

// TestRunbookFeedsScripts: what a shell on a host is fed is written down as what it is asked for
// is, and where that is cut it says so.
func TestRunbookFeedsScripts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	report, err := r.run(t.Context(), t, byHand(t, `
set -eu
firedrill host exec m1 -- sh -s <<'SCRIPT'
touch /root/by-script
SCRIPT
head -c 30000 /dev/zero | tr '\0' 'x' | firedrill host exec m1 -- sha256sum
head -c 300 /dev/zero | firedrill host exec m1 -- sh -c 'cat >/root/zeroes'
firedrill host exec -n m1 -- ls /root/by-script </dev/zero
firedrill host exec m1 -- etcdctl --user root:sesame version
`), drill.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if f := findingOf(t, report, "procedure-completed"); f.Verdict != harness.Held {
		t.Errorf("%+v", f)
	}
	transcript := read(t, r.latest(t), "transcript.txt")
	if strings.Contains(transcript, "sesame") {
		t.Errorf("a secret is written down:\n%s", transcript)
	}
	says(t, transcript, "-- etcdctl --user 'root:***' version\n",
		"  $ firedrill host exec m1 -- sh -s\n  < touch /root/by-script\n  exit status 0",
		"xxx\n  < (13616 bytes of input not kept)\n    ", "cat >/root/zeroes'\n  < (300 bytes of input not kept)\n", "  $ firedrill host exec m1 -- ls /root/by-script\n    /root/by-script")
	if step := r.evidence(t).Steps[0]; step.Input != "touch /root/by-script\n" || step.InputDropped != 0 {
		t.Errorf("%s: %.100q", step.Command, step.Input)
	}
}

// TestRunbookEnds: how a runbook ends is a finding, with what it printed.
func TestRunbookEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script string
		within time.Duration
		check  string
		says   []string
	}{
		"a failure":       {script: "echo first; echo 'no leader' >&2; exit 5", check: "procedure-completed", says: []string{"run restore.sh", "status 5", "no leader"}},
		"a refusal":       {script: "echo 'there is a quorum'; exit 77", check: "procedure-completed", says: []string{"refuse", "there is a quorum"}},
		"a hang":          {script: "echo waiting; exec sleep 600", within: 5 * time.Second, check: "procedure-completed", says: []string{"5s", "waiting"}},
		"its own end":     {script: "echo bye; kill -9 $$", check: "procedure-completed", says: []string{"137", "bye"}},
		"its guard's end": {script: "echo bye; kill -9 $PPID; sleep 600", within: 5 * time.Second, check: "procedure-completed", says: []string{"bye"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := byHand(t, c.script)
			report, err := newRig(t).run(t.Context(), t, s, drill.Options{Within: c.within})
			if err != nil {
				t.Fatal(err)
			}
			f := findingOf(t, report, c.check)
			if f.Verdict != harness.Violated || report.Verdict != harness.Violated {
				t.Errorf("%s: %+v", report.Verdict, f)
			}
			says(t, f.Detail, c.says...)
		})
	}
}

// TestRunbookPrintsMuch: what is kept of it is bounded, and what is kept says so.
func TestRunbookPrintsMuch(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	lines := 0
	report, err := r.run(t.Context(), t, byHand(t, `head -c 1073741824 /dev/zero | tr '\0' 'x'; echo; i=0; while [ $i -lt 3000 ]; do echo "line $i"; i=$((i+1)); done`),
		drill.Options{Progress: func(e harness.Event) {
			if e.Kind == harness.RunbookEvent {
				lines++
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	if f := findingOf(t, report, "procedure-completed"); f.Verdict != harness.Held {
		t.Errorf("%+v", f)
	}
	if lines < 1000 || lines > 2001 {
		t.Errorf("%d lines were told", lines)
	}
	if info, err := os.Stat(filepath.Join(r.latest(t), "evidence.json")); err != nil || info.Size() > 8<<20 {
		t.Errorf("%v: %v bytes of evidence", err, info.Size())
	}
}

// TestRunbookFillsTheDisk: where it fills the disk that it works on, that is how it went, and is
// in the report. Where the evidence lies on that disk there is nothing to judge by.
func TestRunbookFillsTheDisk(t *testing.T) {
	if !alone(t) {
		return
	}
	const fill = "set -e\nhead -c 1073741824 /dev/zero >%s/filler\n"
	t.Run("its own", func(t *testing.T) {
		r, s := newRig(t), byHand(t, fmt.Sprintf(fill, "."))
		dir, _ := full(t, "512m") // our own binary is there as well
		t.Setenv("TMPDIR", dir)
		report, err := r.run(t.Context(), t, s, drill.Options{})
		if err != nil {
			t.Fatal(err)
		}
		f := findingOf(t, report, "procedure-completed")
		if f.Verdict != harness.Violated || report.Verdict != harness.Violated {
			t.Errorf("%s: %+v", report.Verdict, f)
		}
		says(t, f.Detail, "exited with status 1", "No space left on device")
		// What it left is removed before anything is sorted there.
		says(t, read(t, r.latest(t), "timeline.jsonl"), "what the recovery left at the desk is removed")
		if f := findingOf(t, report, "nothing-lost"); f.Verdict != harness.Held {
			t.Errorf("%+v", f)
		}
		if left, err := os.ReadDir(filepath.Join(dir, fmt.Sprintf("firedrill-%d", os.Geteuid()))); err == nil {
			t.Errorf("left where it worked: %v", left)
		}
	})
	t.Run("all", func(t *testing.T) {
		dir, _ := full(t, "8m")
		report, err := newRig(t).run(t.Context(), t, byHand(t, fmt.Sprintf(fill, dir)), drill.Options{Out: dir})
		if err == nil {
			t.Fatalf("it ended %s: %+v", report.Verdict, report.Findings)
		}
		says(t, err.Error(), "no space left on device", "\nhint: free some space")
	})
}

// TestRunbookFillsAHostsDisk: so it went, and the drill goes on to its end; what came of it is
// judged, and the report tells of the disk. The hosts' disk is the one that evidence is sorted
// on, too.
func TestRunbookFillsAHostsDisk(t *testing.T) {
	if !alone(t) {
		return
	}
	r := newRig(t)
	s := byHand(t, `
firedrill host exec m1 -- rm -rf /var/lib/etcd
head -c 2147483648 /dev/zero | firedrill host exec m1 -- sh -c 'cat >/fill'
echo "the filling ended with $?"
firedrill host exec m1 -- mv /root/etcd.yaml `+harness.ManifestPath+`
i=0
until [ $i -ge 300 ] || firedrill host logs m1 | grep -q 'no space left on device'; do sleep 0.1; i=$((i+1)); done
firedrill host new m7
echo "the order ended with $?"
`)
	s.Break = []harness.Fault{blow(stop)}
	s.Promises = append(s.Promises, check.ServiceRestored{})
	dir, _ := full(t, "1100m") // a runtime asks for 1 GiB
	t.Setenv("TMPDIR", dir)
	r.base = filepath.Join(dir, fmt.Sprintf("firedrill-%d", os.Geteuid()))
	rt, err := process.New(process.Options{Dir: r.base})
	if err != nil {
		t.Fatal(err)
	}
	report, err := r.runOn(t.Context(), t, rt, s, drill.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if f := findingOf(t, report, "service-restored"); f.Verdict != harness.Violated || report.Verdict != harness.Violated {
		t.Errorf("%s: %+v", report.Verdict, report.Findings)
	}
	if f := findingOf(t, report, "procedure-completed"); f.Verdict != harness.Held {
		t.Errorf("%+v", f)
	}
	says(t, strings.Join(report.Unfit, "\n"), "the disk of m1 was full: ", "no space left on device")
	if disks := r.evidence(t).FullDisks; len(disks) != 1 || disks[0].Host != "m1" || disks[0].At == 0 {
		t.Errorf("%+v", disks)
	}
	says(t, read(t, r.latest(t), "timeline.jsonl"), "the disk is full: etcd found no space left on device")
	says(t, read(t, r.latest(t), "transcript.txt"), "no space left on device", "restore.sh: the filling ended with ", "restore.sh: the order ended with ")
}

// TestRunbookFindsNoEvidence: as we are root, a runbook finds nothing where the evidence lies,
// from its own directory, by its HOME, and whatever it starts. It keeps its desk.
func TestRunbookFindsNoEvidence(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root may hide it")
	}
	const script = `
set -eu
cd "$(dirname "$0")"
for runs in "$(dirname "$0")/runs" runs "${HOME}/runs"; do
	test -d "$runs/latest" || { echo "$runs is not there"; exit 1; }
	echo "it sees: [$(ls -A "$runs/latest/")]"
	setsid sh -c 'test ! -e "$1/latest/ledger.bin"' - "$runs"
	if (: >"$runs/latest/made") 2>/dev/null; then exit 1; fi
done
firedrill host exec m1 -- true
test -d "${TMPDIR:-/tmp}" && : >"$FIREDRILL_BASTION.made" && rm "$FIREDRILL_BASTION.made"
`
	r, s := newRig(t), byHand(t, `exec env HOME="${0%/*}" "${0%/*}"/own.sh`)
	own := s.Recover.(runbook)[0].Do.(harness.Executable).Path
	r.out = filepath.Join(filepath.Dir(own), "runs")
	if err := os.WriteFile(filepath.Join(filepath.Dir(own), "own.sh"), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	report, err := r.run(t.Context(), t, s, drill.Options{Progress: func(e harness.Event) {
		if e.Kind == harness.WarningEvent {
			t.Errorf("there is a warning: %s", e.Text)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if f := findingOf(t, report, "procedure-completed"); f.Verdict != harness.Held {
		t.Errorf("%+v", f)
	}
	if transcript := read(t, r.latest(t), "transcript.txt"); strings.Count(transcript, "it sees: []") != 3 {
		t.Error(transcript)
	}
	if mounts := read(t, "/proc/self/mountinfo"); strings.Contains(mounts, r.out) {
		t.Errorf("a mount is left:\n%s", mounts)
	}
}

// TestRunbookAltersEvidence: a runbook that finds the evidence all the same, as another process
// sees it, and alters it, does not get a verdict.
func TestRunbookAltersEvidence(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ file, do string }{
		"writes into the ledger":     {"ledger.bin", `printf X | dd of="$1" bs=1 seek=1048576 conv=notrunc 2>/dev/null`},
		"takes another ledger":       {"ledger.bin", `: >"$1.new" && mv "$1.new" "$1"`},
		"removes the ledger":         {"ledger.bin", `rm "$1"`},
		"rewrites the timeline":      {"timeline.jsonl", `sed s/strike/stroke/ <"$1" >"$1.new" && mv "$1.new" "$1"`},
		"adds to the transcript":     {"transcript.txt", `echo "all went well" >>"$1"`},
		"adds to what a host logged": {"hosts/m1/etcd.log", `echo '{"level":"info","msg":"all is well"}' >>"$1"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			report, err := r.run(t.Context(), t, byHand(t, fmt.Sprintf("set -eu\ntest $PPID != 1 || umount -l /proc # under its own is ours\nset -- %q\n%s\n", fmt.Sprintf("/proc/%d/root%s", os.Getpid(), filepath.Join(r.out, "latest", c.file)), c.do)), drill.Options{})
			if err == nil {
				t.Fatalf("it ended %s: %+v", report.Verdict, report.Findings)
			}
			if says(t, err.Error(), c.file); !errors.Is(err, files.ErrAltered) {
				t.Error(err)
			}
		})
	}
}

// TestRunbookHasNoPowerOverTheLost: what a team cannot have back a runbook cannot either.
func TestRunbookHasNoPowerOverTheLost(t *testing.T) {
	t.Parallel()
	r, done := newRig(t), filepath.Join(t.TempDir(), "done")
	s := byHand(t, `echo "$FIREDRILL_BASTION"; while ! test -e `+done+`; do sleep 0.1; done; exit 77`)
	s.Name, s.Given.Members = "no-power", 3
	s.Break, s.Promises = []harness.Fault{fault.PowerOff{Who: harness.Hosts("m3")}}, []harness.Check{check.ProcedureRefused{}}
	asked := make(chan error, 2)
	report, err := r.run(t.Context(), t, s, drill.Options{Progress: func(e harness.Event) {
		if e.Kind != harness.RunbookEvent {
			return
		}
		go func() { // the runbook's own firedrill would be this test
			for _, verb := range []string{bastion.On, bastion.Reboot} {
				_, err := bastion.Do(t.Context(), e.Text, bastion.Call{By: "restore.sh", Verb: verb, Args: []string{"m3"}}, harness.Streams{})
				asked <- err
			}
			if err := os.WriteFile(done, nil, 0o600); err != nil {
				t.Error(err)
			}
		}()
	}})
	if err != nil || report.Verdict != harness.Held {
		t.Fatalf("%v, %+v", err, report.Findings)
	}
	for range cap(asked) {
		if err := <-asked; err == nil || !strings.Contains(err.Error(), "m3 is lost for good in this drill: no power brings it back\nhint: ") {
			t.Errorf("it is given power: %v", err)
		}
	}
}
