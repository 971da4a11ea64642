package render_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/policy"
	"github.com/etcd-firedrill/firedrill/reports/render"
)

// swept is a sweep of three sizes and two procedures, so many runs each, in which
// something went wrong here and there if trouble says so.
func swept(runs int, trouble bool) policy.Result {
	p := policy.Defaults()
	p.Policy = policy.Policy{
		Name: "nightly", Interval: policy.Duration(24 * time.Hour), Verify: policy.VerifyTrailer, Retention: policy.Retention{Count: 7},
		Targets: policy.Targets{RTO: policy.Duration(2 * time.Minute), RPO: policy.Duration(25 * time.Hour)},
	}
	p.Sweep.Sizes, p.Sweep.Procedures = []policy.Size{16 << 20, 64 << 20, 256 << 20}, []string{"etcd-snapshot-restore", "talos-recover-snapshot"}
	p.Sweep.ValueSizes, p.Sweep.Runs, p.Sweep.TimeScale = []int{1024}, runs, 14400
	r := policy.Result{
		Firedrill: "v0.4.0", Started: time.Date(2026, 11, 25, 3, 0, 0, 0, time.UTC), Runtime: "process", Etcd: "3.7.3", Policy: p.Policy, Sweep: p.Sweep,
		Machine: reports.Machine{CPUs: 2, Model: "A Processor @ 2.00GHz", Memory: 24 << 30, OS: "linux/amd64", Kernel: "6.1.0", Disk: "ext4"},
	}
	var made []policy.Run
	for n := 1; n <= runs; n++ {
		for i, point := range p.Sweep.Points() {
			bytes := int64(point.Size) + int64(n)<<12
			took := func(fixed, perMiB int64) int64 { return fixed + perMiB*(bytes>>20)/10 + int64((n*7+i*3)%5) }
			run := policy.Run{
				Point: point, Number: n, Seed: int64(len(made)), Started: r.Started.Add(time.Duration(len(made)) * time.Minute), Drill: fmt.Sprintf("%08x", len(made)),
				Took: took(20_000, 400), Verdict: harness.Held, DatabaseBytes: bytes, Keys: bytes / 1100, Recovered: took(2500, 150),
				Phases: map[policy.Phase]int64{
					policy.Snapshot: took(60, 40), policy.VerifyTaken: took(3, 10), policy.Upload: took(5, 20), policy.Fetch: took(10, 25),
					policy.VerifyFetched: took(4, 10), policy.RestoreHost: took(90, 70), policy.Ack: took(1200, 150), policy.Redundancy: took(1900, 180), policy.Outage: took(2450, 150),
				},
			}
			older := policy.Backup{Name: "b1", Snapshot: took(60, 40), Verify: took(3, 10), Upload: took(5, 15), Bytes: bytes - 4096, Keys: run.Keys - 3, Completed: true}
			newest := policy.Backup{Name: "b2", Snapshot: took(60, 40), Verify: took(3, 10), Upload: took(5, 20), Bytes: bytes, Keys: run.Keys, Completed: true, Restored: true}
			run.Backups = []policy.Backup{older, newest}
			for h := range int64(3) {
				run.Hosts = append(run.Hosts, policy.HostTimes{Host: fmt.Sprint("m", h+1), Fetch: took(10, 25) - h, Verify: took(4, 10) - h, Restore: took(90, 70) - h})
			}
			run.Loss = &policy.Loss{AckedWrites: 900, LostWrites: int64(n * 100), LostMS: int64(n*800) % 6000, BoundMS: 6000 + took(68, 70)}
			made = append(made, run)
		}
	}
	if trouble {
		made[1].Recovered = 130_000
		made[2].Loss.LostMS, made[2].Loss.AgeMS, made[2].Verdict, made[2].Failed = 19_000, 19_400, harness.Violated, []string{"loss-within-policy"}
		made[3].Unfit = []string{"the machine stalled for 2.1 s"}
		made[4] = policy.Run{Point: made[4].Point, Number: 1, Seed: 4, Started: made[4].Started, Took: 700, Broke: "boot m1: no | space\nhint: look"}
	}
	return r.Assemble(made)
}

func results() map[string]policy.Result {
	cut := swept(5, false)
	cut.Sweep.Sizes = []policy.Size{16 << 20, 64 << 20}
	cut.Policy.Retention, cut.Policy.Targets, cut.Sweep.TimeScale = policy.Retention{}, policy.Targets{}, 1
	cut.Image, cut.EtcdArgs, cut.Runtime, cut.Policy.Store, cut.Policy.Verify = "etcd:3.5", []string{"--auto-compaction-retention=1h"}, "container", "s3://bucket/prefix", policy.VerifyNone
	return map[string]policy.Result{
		"held": swept(5, false), "trouble": swept(5, true), "twenty": swept(20, false), "cut": cut.Assemble(cut.Runs[:7]), "begun": cut.Assemble(nil), "unrecovered": unrecovered(),
	}
}

func TestSweepAsText(t *testing.T) {
	for name, r := range results() {
		golden(t, "sweep-"+name+".txt", render.Style{}.Sweep(r), 0)
	}
	// Without its colours it is the same text.
	coloured := render.Style{Color: true}.Sweep(swept(5, true))
	for _, sequence := range []string{"\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m"} {
		coloured = strings.ReplaceAll(coloured, sequence, "")
	}
	if coloured != (render.Style{}).Sweep(swept(5, true)) {
		t.Error("colours change the text")
	}
}

func TestSweepAsMarkdown(t *testing.T) {
	for name, r := range results() {
		golden(t, "sweep-"+name+".md", render.SweepMarkdown(r), 0)
	}
}

func TestSweepAsCSV(t *testing.T) {
	r := swept(5, true)
	var b bytes.Buffer
	if err := render.SweepCSV(&b, r); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(b.Bytes())).ReadAll()
	if err != nil || len(rows) != 31 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	golden(t, "sweep-trouble.csv", b.String(), 0)
	if err := render.SweepCSV(broken{}, r); err == nil {
		t.Error("a writer that fails is no error")
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, fmt.Errorf("no reader") }

// unfolded is a text as one line, with nothing escaped: wherever a sentence was folded,
// it is found in it.
func unfolded(text string) string {
	text = html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(text, " "))
	return strings.Join(strings.Fields(strings.ReplaceAll(text, `\`, "")), " ")
}

// forPeople are the three outputs of a sweep that people read.
func forPeople(t *testing.T, r policy.Result) map[string]string {
	t.Helper()
	return map[string]string{"text": unfolded(render.Style{}.Sweep(r)), "Markdown": unfolded(render.SweepMarkdown(r)), "HTML": unfolded(sweepPage(t, r, nil))}
}

// What a sweep ran on and what it tried is the same wherever it is told, and a run that
// the harness broke was not made.
func TestEveryOutputTellsTheSameFacts(t *testing.T) {
	r := swept(5, true)
	r.Policy.Retention.Age, r.Policy.Store, r.Policy.Endpoint, r.Policy.Verify = policy.Duration(48*time.Hour), "s3://bucket/prefix", "http://127.0.0.1:9000", policy.VerifyNone
	r.Image, r.EtcdBin, r.EtcdArgs = "quay.io/etcd:3.6", "/opt/etcd", []string{"--auto-compaction-retention=1h", "--snapshot-count=5"}
	r.Sweep.Writers, r.Sweep.Rate = 7, 450
	for name, text := range forPeople(t, r) {
		for _, want := range []string{
			"quay.io/etcd:3.6", "/opt/etcd", "--auto-compaction-retention=1h --snapshot-count=5", "A Processor @ 2.00GHz", "ext4", "6.1.0", "v0.4.0", "3.7.3",
			"7 snapshots, none older than 48 h", "s3://bucket/prefix at http://127.0.0.1:9000", "not at all", "16 MiB, 64 MiB, 256 MiB", "seeds from 1", "450", "2 min", "25 h",
			"29 of 30", "in the drills the interval of 24 h was 6 s",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not tell %q", name, want)
			}
		}
		if strings.Contains(text, "30 of 30") || strings.Contains(text, "30 drills ·") {
			t.Errorf("%s counts a run that the harness broke as made", name)
		}
	}
}

// What was computed is not said to be seen, and what nobody promised not to be promised.
func TestEachTargetHasItsRightWords(t *testing.T) {
	for name, text := range forPeople(t, swept(5, true)) {
		for _, want := range []string{"target 2 min, worst seen 2 min 10 s", "target 25 h, at most 24 h 2 s, computed", "loss or age 19.40 s, explained 7.86 s"} {
			if strings.Count(text, want) != 1 {
				t.Errorf("%s does not tell %q once", name, want)
			}
		}
	}
	begun := swept(5, false)
	for name, text := range forPeople(t, begun.Assemble(nil)) {
		for _, want := range []string{"target 2 min, none seen", "target 25 h, none computed"} {
			if strings.Count(text, want) != 1 {
				t.Errorf("of no runs: %s does not tell %q once", name, want)
			}
		}
	}
}

// A target that nobody saw has no series: 0 would be the best of all figures.
func TestPrometheusLeavesOutWhatWasNotSeen(t *testing.T) {
	begun := swept(5, false)
	for name, c := range map[string]struct {
		result policy.Result
		want   string
	}{
		"nothing was run": {begun.Assemble(nil), ""},
		"nothing counts": {func() policy.Result {
			r := swept(5, false)
			for i := range r.Runs {
				r.Runs[i].Unfit = []string{"busy"}
			}
			return r.Assemble(r.Runs)
		}(), "loss-bound"},
		"all was run": {begun, "rto rpo loss-bound"},
	} {
		var b bytes.Buffer
		if err := render.SweepPrometheus(&b, c.result); err != nil {
			t.Fatal(err)
		}
		var seen []string
		for _, target := range []string{"rto", "rpo", "loss-bound"} {
			if strings.Contains(b.String(), `firedrill_policy_target_worst_seconds{policy="nightly",target="`+target+`"}`) {
				seen = append(seen, target)
			}
		}
		if got := strings.Join(seen, " "); got != c.want {
			t.Errorf("%s: the worst is told of %q, want %q", name, got, c.want)
		}
	}
}

func TestSweepForPrometheus(t *testing.T) {
	for name, r := range results() {
		var b bytes.Buffer
		if err := render.SweepPrometheus(&b, r); err != nil {
			t.Fatal(err)
		}
		parser := expfmt.NewTextParser(model.LegacyValidation)
		families, err := parser.TextToMetricFamilies(bytes.NewReader(b.Bytes()))
		if err != nil || families["firedrill_policy_time_scale"] == nil {
			t.Errorf("%s: %d families, %v", name, len(families), err)
		}
		problems, err := promlint.New(bytes.NewReader(b.Bytes())).Lint()
		if err != nil || len(problems) > 0 {
			t.Errorf("%s: %v, %v", name, problems, err)
		}
		if name == "trouble" {
			golden(t, "sweep-trouble.prom", b.String(), 0)
		}
		if err := render.SweepPrometheus(broken{}, r); err == nil {
			t.Error("a writer that fails is no error")
		}
	}
}

// What is compressed is said so wherever a figure is.
func TestEveryOutputTellsTheTimeScale(t *testing.T) {
	r := swept(5, false)
	var table, metrics bytes.Buffer
	if err := render.SweepCSV(&table, r); err != nil {
		t.Fatal(err)
	}
	if err := render.SweepPrometheus(&metrics, r); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"text": render.Style{}.Sweep(r), "Markdown": render.SweepMarkdown(r), "CSV": table.String(), "Prometheus": metrics.String()} {
		if !strings.Contains(text, "14400") {
			t.Errorf("%s does not tell the time scale", name)
		}
	}
}
