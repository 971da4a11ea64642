package drill_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/drill"
	"github.com/etcd-firedrill/firedrill/harness/ledger"
)

const (
	manyWrites = 10_000_000
	manyKeys   = 200_000 // half of them in each of the two histories
	judgeLimit = 256     // MiB, the promise
	judgeOf    = "FIREDRILL_BENCH_JUDGE"
	judgement  = "judgement.json"
)

// measured is what the child tells of its judgement.
type measured struct {
	PeakKiB  int64
	Findings []harness.Finding
}

// BenchmarkJudgeTenMillion judges a drill of 10,000,000 acknowledged writes, all
// seen by the watcher, by every check that reads the ledger. A process of its
// own does, so that the peak is the judging's alone: that is what `firedrill
// check` needs. More than 256 MiB is a failure.
func BenchmarkJudgeTenMillion(b *testing.B) {
	if dir := os.Getenv(judgeOf); dir != "" {
		judgeHere(b, dir)
		return
	}
	dir := b.TempDir()
	writeMany(b, dir)
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for range b.N {
		begun := time.Now()
		child := exec.CommandContext(b.Context(), self, "-test.run", "^$", "-test.bench", "^BenchmarkJudgeTenMillion$", "-test.benchtime", "1x", "-test.timeout", "30m")
		child.Env = append(os.Environ(), judgeOf+"="+dir, "TMPDIR="+dir)
		if out, err := child.CombinedOutput(); err != nil {
			b.Fatalf("judge in a process of its own: %v\n%s", err, out)
		}
		took := time.Since(begun)
		report(b, filepath.Join(dir, judgement), took)
	}
}

func report(b *testing.B, path string, took time.Duration) {
	b.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	var m measured
	if err := json.Unmarshal(text, &m); err != nil {
		b.Fatal(err)
	}
	for _, f := range m.Findings {
		if f.Verdict != harness.Held {
			b.Errorf("%s: %s: %s", f.Check, f.Verdict, f.Detail)
		}
	}
	if len(m.Findings) != len(scanning()) {
		b.Errorf("%d findings of %d checks", len(m.Findings), len(scanning()))
	}
	peak := float64(m.PeakKiB) / 1024
	b.ReportMetric(peak, "MiB-peak")
	b.ReportMetric(took.Seconds(), "s")
	b.ReportMetric(0, "ns/op") // said in seconds already
	if peak > judgeLimit {
		b.Fatalf("judging %d writes took %.0f MiB, and %d MiB are promised", manyWrites, peak, judgeLimit)
	}
}

// judgeHere is the child: it judges, and tells what it took.
func judgeHere(b *testing.B, dir string) {
	book, err := ledger.Open(dir, b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	judged, err := drill.Judge(manyEvidence(b, book))
	if err != nil {
		b.Fatal(err)
	}
	if err := book.Close(); err != nil {
		b.Fatal(err)
	}
	text, err := json.Marshal(measured{PeakKiB: peakKiB(b), Findings: judged.Findings})
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, judgement), text, 0o600); err != nil {
		b.Fatal(err)
	}
}

// peakKiB is the most memory that this process ever had resident.
func peakKiB(b *testing.B) int64 {
	b.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			return n
		}
	}
	b.Fatal("/proc/self/status has no VmHWM")
	return 0
}

func scanning() []harness.Check {
	return []harness.Check{
		check.WritesWereAcknowledged{}, check.NothingLost{}, check.CutAtSurvivor{Host: "m1"}, check.CutAtSnapshot{},
		check.ServiceRestored{}, check.RevisionsUnique{}, check.WatcherInformed{},
	}
}

// The drill that is judged: one write every 10 µs, history replaced half-way
// with nothing lost.
const (
	pace     = 10 * time.Microsecond
	replaced = manyWrites / 2 * pace
)

func writeMany(b *testing.B, dir string) {
	b.Helper()
	w, err := ledger.Create(dir)
	if err != nil {
		b.Fatal(err)
	}
	last := make([]int, manyKeys)
	for i := range manyWrites {
		o := manyth(i)
		last[keyOf(i)] = i
		if _, err := w.Append(o); err != nil {
			b.Fatal(err)
		}
		if err := w.Saw(harness.WatchEvent{Key: o.Effects[0].Key, Value: o.Effects[0].Value, Revision: o.Revision, At: o.Return}); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	d, err := ledger.CreateDump(dir)
	if err != nil {
		b.Fatal(err)
	}
	for _, i := range last {
		o := manyth(i)
		if err := d.Add(harness.KeyState{Key: o.Effects[0].Key, Value: o.Effects[0].Value, ModRevision: o.Revision, CreateRevision: 2, Version: 5}); err != nil {
			b.Fatal(err)
		}
	}
	if err := d.Close(); err != nil {
		b.Fatal(err)
	}
}

// keyOf is the number of the key that the i-th write touches.
func keyOf(i int) int {
	const half = manyKeys / 2
	return i/(manyWrites/2)*half + i*7919%half
}

// manyth is the i-th write.
func manyth(i int) harness.Operation {
	o := harness.Operation{
		Client: fmt.Sprintf("writer-%d", i%4), Kind: harness.WriteOp, Call: time.Duration(i) * pace, Outcome: harness.Acked,
		Effective: true, Revision: int64(i + 2), ClusterID: 0xc1, MemberID: 1, Term: uint64(2 + i/(manyWrites/2)),
		Effects: []harness.Effect{{Key: fmt.Sprintf("/firedrill/bench/g0/w0/k%06d", keyOf(i)), Value: uint64(i+1) * 0x9e3779b97f4a7c15}},
	}
	if i%5 == 4 {
		o.Client, o.Kind = "probe", harness.ProbeOp
	}
	o.Return = o.Call + pace/2
	return o
}

func manyEvidence(b *testing.B, book harness.Ledger) *harness.Evidence {
	b.Helper()
	const greatest = manyWrites/2 + 1
	m1 := []harness.MemberView{{Host: "m1", ClusterID: 0xc1}}
	ev := &harness.Evidence{
		Ledger: book,
		Schema: harness.EvidenceSchema, Drill: "bench", Hosts: []string{"m1"}, BornHosts: []string{"m1"}, Writers: 4, TrafficPrefix: "/firedrill/bench/",
		Marks: map[harness.Mark]time.Duration{
			harness.Struck: replaced - time.Second, harness.ProcedureBegan: replaced - time.Millisecond, harness.HistoryReplaced: replaced,
			harness.ProcedureEnded: replaced + time.Second, harness.Settled: replaced + 3*time.Second, harness.TrafficEnded: 2*replaced + 2*time.Second,
		},
		Before: m1, After: m1,
		Survivors: []harness.SurvivorRead{{Host: "m1", Revision: greatest}},
		Backups:   []harness.Backup{{Verified: true, Revision: greatest}},
		Watcher:   harness.WatcherRecord{Opened: true, From: 2, Last: manyWrites + 1, Events: manyWrites},
	}
	for _, c := range scanning() {
		stored, err := check.Store(harness.Promise, c)
		if err != nil {
			b.Fatal(err)
		}
		ev.Checks = append(ev.Checks, stored)
	}
	return ev
}
