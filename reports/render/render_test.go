package render_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/render"
)

func finding(kind harness.FindingKind, verdict harness.Verdict, check, detail string, offending ...string) harness.Finding {
	return harness.Finding{Check: check, Kind: kind, Verdict: verdict, Claim: "every member holds the same data", Detail: detail, Offending: offending}
}

func held() reports.Report {
	return reports.Report{
		Schema: 1, Drill: "d-7", Scenario: "kubeadm-force-new-cluster", Runtime: "process", EtcdVersion: "3.7.3", Firedrill: "v0", Seed: 7,
		Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Verdict: harness.Held,
		Faults:    []string{"ruin the data directory on all-but(m1)"},
		Procedure: reports.Procedure{Outcome: "completed", Within: 60000},
		Findings: []harness.Finding{
			finding(harness.Premise, harness.Held, "quorum-was-lost", "no member reported a leader from 3.410 s on"),
			finding(harness.Promise, harness.Held, "cut-at-survivor", "everything up to revision 812 is there, m1 had told 810"),
			finding(harness.Promise, harness.Held, "replicas-agree", "m1, m2 and m3 hash to 4ad0c1f3 at revision 2044"),
			finding(harness.Hazard, harness.Violated, "restart-keeps-members", "m1 restarted by its manifest expelled m2 and m3, because the flag --force-new-cluster was left in it", "m2 exited with status 0", "m3 exited with status 0"),
			finding(harness.Hazard, harness.Inconclusive, "lease-terms-kept", "no lease was found"),
		},
		Listed: &reports.Listed{At: 5020, Took: 1001},
		Phases: reports.Phases{Detection: 41, Restore: 412, Outage: 7000, OutageSpan: 8020, Redundancy: 19730},
		Gaps: []reports.Gap{
			{From: 3200, To: 5200, MS: 2000, Cause: "ruin the data directory on all-but(m1)"},
			{From: 6220, To: 11220, MS: 5000, Cause: "member add m2 (m1)"},
		},
		StockOutage:   11250,
		Loss:          &reports.Loss{AckedWrites: 1203, LostWrites: 3, LostSpan: 12, Cut: 812},
		MembersBefore: []string{"m1", "m2", "m3"}, MembersAfter: []string{"m1", "m2", "m3"},
		MemberIDsBefore: map[string]string{"m1": "8e9e05c52164694d", "m2": "91bc3c398fb3c146", "m3": "fd422379fda50e48"},
		MemberIDsAfter:  map[string]string{"m1": "8e9e05c52164694d", "m2": "5d0b1c398fb3c146", "m3": "a0422379fda50e48"},
		ClusterIDBefore: "cdf818194e3a8c32", ClusterIDAfter: "cdf818194e3a8c32",
		Directory: "firedrill-runs/20260102T030405Z-kubeadm-force-new-cluster",
		Rerun:     "firedrill run kubeadm-force-new-cluster --runtime process --seed 7",
	}
}

func violated() reports.Report {
	r := held()
	r.Verdict = harness.Violated
	r.Findings = append(r.Findings, finding(harness.Promise, harness.Violated, "members-are", "m2 tells 4 members, 3 were expected",
		"(unstarted a9) is in the list of m2", "write #812 by writer-3 at 3.210s, put /firedrill/7/g0/w3/k1: acked at 3.214s, revision 900 by member 8e9e05c52164694d of cluster cdf818194e3a8c32 in term 2"))
	r.Gaps[1].Open, r.OutageOpen, r.StockOutageOpen = true, true, true
	r.MembersAfter = []string{"(unstarted a9)", "m1"}
	r.MemberIDsAfter = map[string]string{"(unstarted a9)": "a9", "m1": "8e9e05c52164694d"}
	r.Loss, r.Phases.Redundancy, r.Phases.Detection, r.Phases.Restore = nil, 0, 0, 0
	r.Procedure = reports.Procedure{Outcome: "failed", Within: 60000, Detail: "step 6, start etcd on m2: the deadline of 1m0s passed\nconnection refused"}
	r.Unfit = []string{"timers were up to 310 ms late"}
	return r
}

func inconclusive() reports.Report {
	r := held()
	r.Verdict = harness.Inconclusive
	r.Findings[0] = finding(harness.Premise, harness.Inconclusive, "quorum-was-lost", "nobody was asked")
	r.Procedure, r.Gaps, r.Phases.Outage, r.Phases.OutageSpan, r.StockOutage = reports.Procedure{Outcome: "none"}, nil, 0, 0, 0
	r.Loss, r.Listed = &reports.Loss{AckedWrites: 1}, &reports.Listed{At: 5020, Took: 12, Answered: true}
	r.MembersAfter, r.MemberIDsAfter, r.ClusterIDAfter = nil, nil, ""
	return r
}

func outcomes() []render.Outcome {
	return []render.Outcome{
		{Scenario: "kubeadm-force-new-cluster", Runtime: "process", Seed: 7, Took: 25 * time.Second, Report: held()},
		{Scenario: "kubeadm-force-new-cluster", Runtime: "process", Seed: 8, Took: 61 * time.Second, Report: violated()},
		{Scenario: "dcos-3-task-crash", Runtime: "process", Seed: 7, Took: 8 * time.Second, Report: inconclusive()},
		{Scenario: "dcos-3-task-crash", Runtime: "process", Seed: 8, Took: 900 * time.Millisecond, Err: errors.New("boot m1: etcd exited with status 1\x00\nhint: look at its log")},
	}
}

func TestSummary(t *testing.T) {
	for name, r := range map[string]reports.Report{"held": held(), "violated": violated(), "inconclusive": inconclusive()} {
		golden(t, "summary-"+name+".txt", render.Style{}.Summary(r), render.Width)
	}
}

// Colours change nothing but colours.
func TestColoursAddNoText(t *testing.T) {
	strip := func(text string) string {
		for _, part := range strings.Split(text, "\x1b")[1:] {
			sequence, _, _ := strings.Cut(part, "m")
			text = strings.Replace(text, "\x1b"+sequence+"m", "", 1)
		}
		return text
	}
	serving := false
	event := harness.Event{At: time.Second, Kind: harness.FaultEvent, Text: "kill", Serving: &serving}
	explained := func(s render.Style) string {
		text, err := s.Explain(scenario())
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for name, shown := range map[string]func(render.Style) string{
		"summary":  func(s render.Style) string { return s.Summary(violated()) },
		"table":    func(s render.Style) string { return s.Table(outcomes()) },
		"list":     func(s render.Style) string { return s.List([]harness.Scenario{scenario()}) },
		"explain":  explained,
		"progress": func(s render.Style) string { return s.Progress(event) },
	} {
		plain, coloured := shown(render.Style{}), shown(render.Style{Color: true})
		if strings.Contains(plain, "\x1b") {
			t.Errorf("%s: plain text holds an escape sequence", name)
		}
		if plain == coloured {
			t.Errorf("%s: there is no colour in it", name)
		}
		if diff := cmp.Diff(plain, strip(coloured)); diff != "" {
			t.Errorf("%s (-plain +coloured):\n%s", name, diff)
		}
	}
}

func TestProgress(t *testing.T) {
	up, down := true, false
	var b strings.Builder
	for _, e := range []harness.Event{
		{At: 12 * time.Millisecond, Kind: harness.DrillEvent, Text: "provision m1, m2, m3"},
		{At: 612 * time.Millisecond, Kind: harness.HostLine, Host: "m1", Text: "etcd started (pid 7)"},
		{At: 3200 * time.Millisecond, Kind: harness.FaultEvent, Text: "ruin the data directory on all-but(m1)", Serving: &up},
		{At: 3460 * time.Millisecond, Kind: harness.ServiceEvent, Text: "service lost", Serving: &down},
		{At: 4 * time.Second, Kind: harness.StepEvent, Host: "m1", Text: "step 3, start etcd with --force-new-cluster: exit 0 after 0.4 s, having printed what no terminal of eighty columns ever held in one line", Serving: &down},
		{At: 5 * time.Second, Kind: harness.WarningEvent, Text: "two\nlines", Serving: &up},
		{At: 1000 * time.Second, Kind: harness.DrillEvent, Text: "torn down"},
	} {
		b.WriteString(render.Style{}.Progress(e))
	}
	golden(t, "progress.txt", b.String(), render.Width)
}

func TestTable(t *testing.T) {
	golden(t, "table.txt", render.Style{}.Table(outcomes()), render.Width)
}

func TestJUnit(t *testing.T) {
	var b bytes.Buffer
	if err := render.JUnit(&b, outcomes()); err != nil {
		t.Fatal(err)
	}
	golden(t, "junit.xml", b.String(), 0)
	d := xml.NewDecoder(&b)
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestJSONIsOneLineThatReadsBack(t *testing.T) {
	var b bytes.Buffer
	if err := render.JSON(&b, violated()); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "\n"); n != 1 {
		t.Errorf("the report is %d lines", n)
	}
	got, err := reports.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(violated(), got); diff != "" {
		t.Error(diff)
	}
}

func TestList(t *testing.T) {
	long := scenario()
	long.Name, long.Summary = "a-scenario", strings.Repeat("a long summary ", 12)
	golden(t, "list.txt", render.Style{}.List([]harness.Scenario{scenario(), long}), render.Width)
	var b bytes.Buffer
	if err := render.ListJSON(&b, []harness.Scenario{scenario()}); err != nil {
		t.Fatal(err)
	}
	golden(t, "list.json", b.String(), 0)
	var entries []render.Entry
	if err := json.Unmarshal(b.Bytes(), &entries); err != nil || len(entries) != 1 {
		t.Errorf("%d entries, %v", len(entries), err)
	}
}
