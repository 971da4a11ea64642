package trend_test

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/policy"
	"github.com/etcd-firedrill/firedrill/reports/trend"
)

// swept is sweep.json of two sizes, whose first acknowledgement took so long.
func swept(t testing.TB, small, large []int64) []byte {
	t.Helper()
	p := policy.Defaults()
	p.Policy.Interval = policy.Duration(time.Hour)
	p.Sweep.Sizes, p.Sweep.Procedures, p.Sweep.Runs = []policy.Size{1 << 20, 4 << 20}, []string{"restore"}, max(len(small), len(large))
	r := policy.Result{Firedrill: "v1", Etcd: "3.7.3", Runtime: "process", Machine: reports.Machine{CPUs: 2}, Policy: p.Policy, Sweep: p.Sweep}
	var runs []policy.Run
	for i, point := range p.Sweep.Points() {
		for n, ms := range [][]int64{small, large}[i] {
			runs = append(runs, policy.Run{
				Point: point, Number: n + 1, Verdict: harness.Held, Started: time.Date(2026, 11, 1, n, 0, 0, 0, time.UTC),
				Phases: map[policy.Phase]int64{policy.Ack: ms, policy.Snapshot: 7},
			})
		}
	}
	var b bytes.Buffer
	if err := r.Assemble(runs).Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(t testing.TB, name string, text []byte) trend.Source {
	t.Helper()
	s, err := trend.Read(name, text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func changes(t trend.Trend) []string {
	var lines []string
	for _, r := range t.Rows {
		lines = append(lines, r.Size.String()+" "+string(r.Phase)+": "+string(r.Change))
	}
	return lines
}

func TestWhetherRestoringHasChanged(t *testing.T) {
	five, slower, faster, alike := []int64{100, 101, 102, 103, 104}, []int64{200, 201, 202, 203, 204}, []int64{50, 51, 52, 53, 54}, []int64{99, 100, 105, 103, 102}
	for name, c := range map[string]struct {
		before, after [2][]int64
		want          trend.Change
		rows          []string
	}{
		"the same":            {[2][]int64{five, five}, [2][]int64{alike, alike}, trend.Unchanged, []string{"1.0 MiB first_ack: unchanged", "4.0 MiB first_ack: unchanged"}},
		"slower":              {[2][]int64{five, five}, [2][]int64{slower, slower}, trend.Slower, []string{"1.0 MiB first_ack: slower", "4.0 MiB first_ack: slower"}},
		"faster":              {[2][]int64{five, five}, [2][]int64{faster, alike}, trend.Faster, []string{"1.0 MiB first_ack: faster", "4.0 MiB first_ack: unchanged"}},
		"one is slower":       {[2][]int64{five, five}, [2][]int64{faster, slower}, trend.Slower, []string{"1.0 MiB first_ack: faster", "4.0 MiB first_ack: slower"}},
		"too few runs":        {[2][]int64{five[:3], five}, [2][]int64{slower[:3], alike}, trend.TooFew, []string{"1.0 MiB first_ack: too few runs", "4.0 MiB first_ack: unchanged"}},
		"slower all the same": {[2][]int64{five[:3], five}, [2][]int64{slower[:3], slower}, trend.Slower, []string{"1.0 MiB first_ack: too few runs", "4.0 MiB first_ack: slower"}},
		"one size is new":     {[2][]int64{five, nil}, [2][]int64{alike, alike}, trend.Unchanged, []string{"1.0 MiB first_ack: unchanged", "4.0 MiB first_ack: not in both"}},
		"nothing in both":     {[2][]int64{five, nil}, [2][]int64{nil, alike}, trend.TooFew, []string{"1.0 MiB first_ack: not in both", "4.0 MiB first_ack: not in both"}},
	} {
		got := trend.Compare([]trend.Source{read(t, "before", swept(t, c.before[0], c.before[1])), read(t, "after", swept(t, c.after[0], c.after[1]))})
		if diff := cmp.Diff(c.rows, changes(got)); diff != "" || got.Change != c.want {
			t.Errorf("%s: %s, want %s\n%s", name, got.Change, c.want, diff)
		}
	}
}

// many are two files of twenty scenarios, of which one has changed.
func many(t *testing.T, before, after []int64) trend.Trend {
	t.Helper()
	var sources []trend.Source
	for i, changed := range [][]int64{before, after} {
		var text bytes.Buffer
		for n := range 20 {
			figures := before
			if n == 3 {
				figures = changed
			}
			for _, ms := range figures {
				r := reports.Report{
					Schema: 1, Scenario: "s" + string(rune('a'+n)), Runtime: "process", Verdict: harness.Held, MembersBefore: []string{"m1"}, Phases: reports.Phases{FirstAck: ms},
				}
				if err := r.Encode(&text); err != nil {
					t.Fatal(err)
				}
			}
		}
		sources = append(sources, read(t, []string{"before", "after"}[i], text.Bytes()))
	}
	got := trend.Compare(sources)
	if len(got.Rows) != 20 {
		t.Fatalf("%d rows", len(got.Rows))
	}
	return got
}

// Who looks at twenty rows sees one change by chance: it is not called one, unless
// it is beyond that too.
func TestOneOfMany(t *testing.T) {
	six := []int64{1000, 1010, 1020, 1030, 1040, 1050}
	for name, c := range map[string]struct {
		before, after []int64
		p             float64
		want          trend.Change
	}{
		"as by chance":      {six, []int64{1015, 1060, 1070, 1080, 1090, 1100}, 0.026, trend.Unchanged},
		"quite apart":       {six, []int64{1055, 1060, 1070, 1080, 1090, 1100}, 0.0022, trend.Slower},
		"four of each only": {six[:4], []int64{1055, 1060, 1070, 1080}, 0.0286, trend.TooFew},
	} {
		got := many(t, c.before, c.after)
		r := got.Rows[3]
		if got.Change != c.want || r.Change != c.want || math.Abs(r.P-c.p) > 0.0005 || math.Abs(r.Adjusted-min(20*r.P, 1)) > 1e-9 {
			t.Errorf("%s: %s, want %s; %+v", name, got.Change, c.want, r)
		}
		for i, other := range got.Rows {
			if i != 3 && other.Change != trend.Unchanged {
				t.Errorf("%s: %+v", name, other)
			}
		}
	}
}

// Whatever a drill's reports are kept in, they are read; what does not count is not.
func TestReportsOfDrills(t *testing.T) {
	var indented, alone bytes.Buffer
	var one string
	for n := range 5 {
		r := reports.Report{
			Schema: 1, Drill: "d", Scenario: "etcd-snapshot-restore", Runtime: "container", Verdict: harness.Held, EtcdVersion: "3.7.3", Firedrill: "v1", CPUs: 2,
			Started: time.Date(2026, 11, 9-n, 0, 0, 0, 0, time.UTC), MembersBefore: []string{"m1", "m2", "m3"},
			Phases: reports.Phases{FirstAck: 100, Outage: 200}, Steps: []reports.Step{{Host: "m1", Took: 50, Phase: "restore"}},
		}
		if n == 4 {
			r.Unfit = []string{"busy"}
		}
		if err := r.Encode(&indented); err != nil {
			t.Fatal(err)
		}
		line, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		one += string(line) + "\n"
		if n == 0 {
			alone.Write(line)
		}
	}
	for name, text := range map[string]string{"one a line": one, "indented": indented.String()} {
		s := read(t, name, []byte(text))
		if s.Runs != 5 || s.Counted != 4 || s.Started.Day() != 5 || s.Etcd != "3.7.3" || s.CPUs != 2 {
			t.Errorf("%s: %+v", name, s)
		}
		got := trend.Compare([]trend.Source{s, s})
		if len(got.Rows) != 3 || got.Change != trend.Unchanged || got.Rows[0].String() != "etcd-snapshot-restore on container, 3 members" || got.Rows[1].Figures[0].Of != 4 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if s := read(t, "alone", alone.Bytes()); s.Runs != 1 {
		t.Errorf("%+v", s)
	}
}

func TestWhatIsNoReport(t *testing.T) {
	whole := swept(t, []int64{1, 2}, nil)
	for name, text := range map[string][]byte{
		"empty": nil, "prose": []byte("hello\n"), "half a sweep": whole[:len(whole)/2], "another kind": []byte(`{"kind":"policy","schema":9}`),
		"no run": swept(t, nil, nil), "something else": []byte(`{"a":1}`), "a list": []byte("[]"), "no scenario": []byte(`{"schema":1,"drill":"d","verdict":"held"}`),
		"a trend": []byte(`{"schema":1,"kind":"trend","scenario":"s"}`), "another rehearsal": []byte(`{"schema":2,"kind":"rehearsal","rehearsal":"r"}`),
	} {
		if s, err := trend.Read("file", text); err == nil || !strings.HasPrefix(err.Error(), "file: ") {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(swept(f, []int64{1, 2}, nil))
	f.Add([]byte(`{"schema":1,"scenario":"s","verdict":"held"}` + "\n" + `{"schema":1,"scenario":"s"}`))
	f.Add([]byte(`{"schema":1,"kind":"rehearsal","rehearsal":"r","verdict":"held","source":{"bytes":9},"phases_ms":{"restore":4,"recovered":9}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := trend.Read("file", text)
		if err != nil {
			return
		}
		got := trend.Compare([]trend.Source{s, s})
		if len(got.Sources) != 2 || got.Change == trend.Slower || got.Change == trend.Faster {
			t.Errorf("the same file is %s", got.Change)
		}
		if err := got.Encode(&bytes.Buffer{}); err != nil {
			t.Error(err)
		}
	})
}
