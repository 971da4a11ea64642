package reports_test

import (
	"bytes"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
)

// told is a ledger in memory.
type told struct {
	ops []harness.Operation
	err error
}

func (l told) Operations() iter.Seq2[harness.Operation, error] {
	return func(yield func(harness.Operation, error) bool) {
		for i, op := range l.ops {
			op.ID = uint64(i + 1)
			if !yield(op, nil) {
				return
			}
		}
		if l.err != nil {
			yield(harness.Operation{}, l.err)
		}
	}
}

func (l told) Keys() iter.Seq2[harness.KeyHistory, error] {
	return func(func(harness.KeyHistory, error) bool) {}
}

func ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// acks are acknowledged probes, one each 20 ms, from and to in milliseconds.
func acks(kind harness.OpKind, cluster uint64, from, to, every int64) []harness.Operation {
	var ops []harness.Operation
	for at := from; at <= to; at += every {
		ops = append(ops, harness.Operation{Kind: kind, Call: ms(at - 2), Return: ms(at), Outcome: harness.Acked, ClusterID: cluster})
	}
	return ops
}

func failures(kind harness.OpKind, from, to, every int64) []harness.Operation {
	var ops []harness.Operation
	for at := from; at <= to; at += every {
		ops = append(ops, harness.Operation{Kind: kind, Call: ms(at), Return: ms(at + 1000), Error: "deadline exceeded"})
	}
	return ops
}

func emptyEvidence() *harness.Evidence { return &harness.Evidence{} }

// drilled is a drill of three members whose recovery has two outages.
func drilled() *harness.Evidence {
	members := []harness.Member{{ID: 0xa3, Name: "m3"}, {ID: 0xa1, Name: "m1"}, {ID: 0xa2, Name: "m2"}}
	ops := slices.Concat(
		acks(harness.ProbeOp, 0xc1, 0, 1000, 20),
		failures(harness.ProbeOp, 1020, 1980, 20),
		acks(harness.ProbeOp, 0xc1, 3000, 4000, 20),
		acks(harness.ProbeOp, 0xc1, 9000, 11020, 20),
		acks(harness.ProbeOp, 0xc1, 12000, 12020, 20), // a gap among the trials
	)
	return &harness.Evidence{
		Drill: "d-7", Scenario: "kubeadm-force-new-cluster", Runtime: "process", EtcdVersion: "3.7.3", Firedrill: "v0", Seed: 7,
		Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Marks: map[harness.Mark]time.Duration{
			harness.TrafficBegan: 0, harness.Struck: ms(990), harness.Detected: ms(1030), harness.ProcedureBegan: ms(1500),
			harness.Restored: ms(1501) + 1, harness.ProcedureEnded: ms(9000), harness.Redundant: ms(9500),
			harness.Settled: ms(11010), harness.TrafficEnded: ms(12500),
		},
		Faults: []harness.FaultRecord{{Fault: "ruin the data directory on all-but(m1)", Hosts: []string{"m2", "m3"}, At: ms(990), Took: ms(100)}},
		Steps: []harness.StepRecord{
			{Number: 1, Name: "force a new cluster", Host: "m1", At: ms(1500), Took: ms(10), Attempts: 1, Completes: harness.Restore},
			{Number: 2, Name: "member add m2", Host: "m1", At: ms(4010), Took: ms(20), Attempts: 1},
		},
		StepsMore: 3, Writers: 6, Rate: 200, ValueSize: 128, Keeping: harness.KeptInOwn,
		Procedure: harness.ProcedureRecord{Completed: true, Within: time.Minute},
		Before:    []harness.MemberView{{Host: "m2", Error: "refused"}, {Host: "m1", ClusterID: 0xc1, Members: members}},
		After:     []harness.MemberView{{Host: "m1", ClusterID: 0xc1, Members: append(members, harness.Member{ID: 0xa9})}},
		Ledger:    told{ops: ops},
		Machine:   harness.MachineRecord{CPUs: 2},

		DatasetBefore: &harness.Dataset{Keys: 10, Bytes: 5120},
	}
}

func fullReport(t *testing.T) reports.Report {
	t.Helper()
	ev := drilled()
	timings, err := reports.Measure(ev)
	if err != nil {
		t.Fatal(err)
	}
	r := reports.New(ev, []harness.Finding{
		{Check: "replicas-agree", Kind: harness.Promise, Verdict: harness.Held, Claim: "replicas agree", Detail: "3 hashes equal"},
	}, &harness.Loss{AckedWrites: 100, LostWrites: 2, LostSpan: ms(3), Cut: 90, Bound: ms(1100) + 1}, timings)
	r.Directory = "firedrill-runs/x"
	return r
}

func TestReport(t *testing.T) {
	r := fullReport(t)
	want := reports.Report{
		Schema: 1, Drill: "d-7", Scenario: "kubeadm-force-new-cluster", Runtime: "process", EtcdVersion: "3.7.3", Firedrill: "v0", Seed: 7,
		Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), CPUs: 2, Dataset: 5120, Verdict: harness.Held,
		Traffic: &reports.Traffic{Writers: 6, Rate: 200, ValueSize: 128}, Keeping: harness.KeptInOwn,
		Faults:    []string{"ruin the data directory on all-but(m1)"},
		Procedure: reports.Procedure{Outcome: "completed", Within: 60000},
		Steps: []reports.Step{
			{Number: 1, Name: "force a new cluster", Host: "m1", At: 1500, Took: 10, Attempts: 1, Phase: "restore"},
			{Number: 2, Name: "member add m2", Host: "m1", At: 4010, Took: 20, Attempts: 1},
		},
		StepsMore: 3,
		Findings:  r.Findings,
		Moments: map[string]int64{
			"traffic-began": 0, "struck": 990, "detected": 1030, "procedure-began": 1500, "restored": 1501, "procedure-ended": 9000,
			"redundant": 9500, "settled": 11010, "traffic-ended": 12500,
		},
		Strikes: []reports.Strike{{Fault: "ruin the data directory on all-but(m1)", Hosts: []string{"m2", "m3"}, At: 990, Took: 100}},
		Phases:  reports.Phases{Detection: 40, Restore: 2, Outage: 7000, OutageSpan: 8000, Redundancy: 8000, FirstAck: 1500, Recovered: 2010},
		Gaps: []reports.Gap{
			{From: 1000, To: 3000, MS: 2000, Cause: "ruin the data directory on all-but(m1)"},
			{From: 4000, To: 9000, MS: 5000, Cause: "member add m2 (m1)"},
		},
		Loss:          &reports.Loss{AckedWrites: 100, LostWrites: 2, LostSpan: 3, Cut: 90, Bound: 1101},
		MembersBefore: []string{"m1", "m2", "m3"}, MemberIDsBefore: map[string]string{"m1": "a1", "m2": "a2", "m3": "a3"},
		MembersAfter:    []string{"(unstarted a9)", "m1", "m2", "m3"},
		MemberIDsAfter:  map[string]string{"(unstarted a9)": "a9", "m1": "a1", "m2": "a2", "m3": "a3"},
		ClusterIDBefore: "c1", ClusterIDAfter: "c1",
		Directory: "firedrill-runs/x",
		Rerun:     "firedrill run kubeadm-force-new-cluster --runtime process --seed 7",
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

func TestDecodeReadsWhatEncodeWrote(t *testing.T) {
	var b bytes.Buffer
	want := fullReport(t)
	if err := want.Encode(&b); err != nil {
		t.Fatal(err)
	}
	got, err := reports.Decode(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("report (-wrote +read):\n%s", diff)
	}
	for _, damaged := range []string{"", "{}", b.String()[:b.Len()/2], strings.Replace(b.String(), `"schema": 1`, `"schema": 2`, 1), strings.Replace(b.String(), `"held"`, `"fine"`, 1)} {
		if r, err := reports.Decode(strings.NewReader(damaged)); err == nil {
			t.Errorf("%.40q was read as %+v", damaged, r)
		}
	}
}

// Reports are read from the lines that --json prints and from report.json alike,
// and what is wrong with one is said with its line.
func TestDecodeAllNamesTheLine(t *testing.T) {
	const one = `{"schema":1,"drill":"a","scenario":"s","verdict":"held"}`
	const indented = "{\n  \"schema\": 1,\n  \"drill\": \"b\", \"scenario\": \"s\",\n  \"verdict\": \"held\"\n}"
	refused := errors.New("no such scenario")
	for name, c := range map[string]struct {
		text  string
		lines []int
		want  string
	}{
		"nothing":            {text: " \n\n"},
		"one a line":         {text: one + "\n" + one + "\n", lines: []int{1, 2}},
		"no last line end":   {text: one + "\n\n" + one, lines: []int{1, 3}},
		"indented":           {text: indented + "\n" + indented + "\n" + one, lines: []int{1, 6, 11}},
		"no JSON":            {text: one + "\n\nheld\n" + one, lines: []int{1}, want: "line 3: "},
		"cut short":          {text: one + "\n" + one[:20], lines: []int{1}, want: "line 2: read a report: unexpected EOF"},
		"another schema":     {text: one + "\n" + `{"schema":2}`, lines: []int{1}, want: "line 2: read a report: its schema is 2"},
		"not an object":      {text: "[" + one + "]", want: "line 1: "},
		"an unknown verdict": {text: `{"schema":1,"verdict":"fine"}`, want: "line 1: "},
		"no scenario":        {text: `{"schema":1,"kind":"rehearsal","rehearsal":"r","runtime":"process","verdict":"held"}`, want: "line 1: read a report: it is no drill's"},
		"refused":            {text: one + "\n" + `{"schema":1,"drill":"refused","scenario":"s"}`, lines: []int{1}, want: "line 2: no such scenario"},
	} {
		t.Run(name, func(t *testing.T) {
			var lines []int
			err := reports.DecodeAll(strings.NewReader(c.text), func(line int, r reports.Report) error {
				if r.Drill == "refused" {
					return refused
				}
				lines = append(lines, line)
				return nil
			})
			if diff := cmp.Diff(c.lines, lines); diff != "" {
				t.Error(diff)
			}
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// Two members under one name are two members.
func TestMembersOfOneNameAreToldApart(t *testing.T) {
	ev := emptyEvidence()
	ev.After = []harness.MemberView{
		{Host: "m1", ClusterID: 1, Members: []harness.Member{{ID: 1, Name: "m1"}}},
		{Host: "m2", ClusterID: 2, Members: []harness.Member{{ID: 2, Name: "m1"}}},
	}
	r := reports.New(ev, nil, nil, reports.Timings{})
	if diff := cmp.Diff([]string{"m1", "m1 (2)"}, r.MembersAfter); diff != "" {
		t.Error(diff)
	}
	if r.Verdict != harness.Inconclusive {
		t.Errorf("a drill without findings is %s", r.Verdict)
	}
}

// Whatever is read is a report that can be written and read again.
func FuzzDecode(f *testing.F) {
	var b bytes.Buffer
	if err := reports.New(drilled(), nil, &harness.Loss{}, reports.Timings{}).Encode(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	var people bytes.Buffer
	if err := reports.New(playedOut(), nil, &harness.Loss{}, reports.Timings{}).Encode(&people); err != nil {
		f.Fatal(err)
	}
	f.Add(people.Bytes())
	f.Add([]byte(`{"schema":1,"scenario":"s","verdict":"violated","findings":[{"verdict":"held"}],"gaps":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		first, err := reports.Decode(bytes.NewReader(text))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := first.Encode(&again); err != nil {
			t.Skip("a date that JSON cannot hold")
		}
		second, err := reports.Decode(&again)
		if err != nil {
			t.Fatalf("wrote what cannot be read: %v", err)
		}
		if diff := cmp.Diff(first, second, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("(-read +read again):\n%s", diff)
		}
	})
}
