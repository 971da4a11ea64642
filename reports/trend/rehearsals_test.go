package trend_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/trend"
)

// rehearsals are what `rehearse --json` printed so many nights, of backups of this
// size that took so long to restore.
func rehearsals(t *testing.T, bytesEach int64, change func(*reports.Rehearsal), restored ...int64) []byte {
	t.Helper()
	var text bytes.Buffer
	for n, ms := range restored {
		r := reports.Rehearsal{
			Schema: 1, Kind: reports.RehearsalKind, ID: "r", Runtime: "process", EtcdVersion: "3.7.3", Members: 3, Verdict: harness.Held,
			Started: time.Date(2026, 11, 1+n, 3, 0, 0, 0, time.UTC), Source: reports.RehearsedSource{Location: "backups", Bytes: bytesEach},
			Phases:  reports.RehearsalPhases{Restore: ms, FirstAck: 900, Serving: 2 * ms, Recovered: 3 * ms},
			Machine: reports.Machine{CPUs: 2, Model: "A Processor", OS: "linux/amd64"},
		}
		if change != nil {
			change(&r)
		}
		if err := r.Encode(&text); err != nil {
			t.Fatal(err)
		}
	}
	return text.Bytes()
}

// Rehearsals are compared with rehearsals of backups of about the same size, on a
// cluster of as many members, and with nothing else.
func TestRehearsalsAreComparedWithTheirLike(t *testing.T) {
	const size = 700 << 20
	five, slower := []int64{100, 101, 102, 103, 104}, []int64{200, 201, 202, 203, 204}
	old := func(r *reports.Rehearsal) { r.Verdict, r.Kind = harness.Violated, "" } // too old, and of a version that wrote no kind
	for name, c := range map[string]struct {
		after []byte
		want  trend.Change
		rows  []string
	}{
		"slower":   {rehearsals(t, size, nil, slower...), trend.Slower, []string{"512 MiB restore: slower", "512 MiB first_ack: unchanged", "512 MiB serving: slower", "512 MiB recovered: slower"}},
		"too old":  {rehearsals(t, size, old, slower...), trend.Slower, []string{"512 MiB restore: slower", "512 MiB first_ack: unchanged", "512 MiB serving: slower", "512 MiB recovered: slower"}},
		"as large": {rehearsals(t, 1000<<20, nil, five...), trend.Unchanged, []string{"512 MiB restore: unchanged", "512 MiB first_ack: unchanged", "512 MiB serving: unchanged", "512 MiB recovered: unchanged"}},
		"larger": {rehearsals(t, 3*size, nil, slower...), trend.TooFew, []string{
			"512 MiB restore: not in both", "512 MiB first_ack: not in both", "512 MiB serving: not in both", "512 MiB recovered: not in both",
			"2.0 GiB restore: not in both", "2.0 GiB first_ack: not in both", "2.0 GiB serving: not in both", "2.0 GiB recovered: not in both",
		}},
		"not restored": {rehearsals(t, size, func(r *reports.Rehearsal) { r.Phases.Recovered = 0 }, slower...), trend.TooFew, []string{
			"512 MiB restore: not in both", "512 MiB first_ack: not in both", "512 MiB serving: not in both", "512 MiB recovered: not in both",
		}},
	} {
		got := trend.Compare([]trend.Source{read(t, "before", rehearsals(t, size, nil, five...)), read(t, "after", c.after)})
		if diff := cmp.Diff(c.rows, changes(got)); diff != "" || got.Change != c.want {
			t.Errorf("%s: %s, want %s\n%s", name, got.Change, c.want, diff)
		}
		if is := got.Rows[0].String(); is != "rehearsals on process, 3 members, backups of 512 MiB to 1.0 GiB" {
			t.Errorf("%s: %s", name, is)
		}
	}
	s := read(t, "before", append(rehearsals(t, size, nil, five...), swept(t, five, five)...))
	if s.Runs != 15 || s.Counted != 15 || s.Started.Day() != 1 {
		t.Errorf("rehearsals and a sweep in one file: %+v", s)
	}
}

// What was measured elsewhere, or of another etcd, is compared, and that is said.
func TestOtherConditionsAreTold(t *testing.T) {
	five := []int64{100, 101, 102, 103, 104}
	before := read(t, "before", rehearsals(t, 1<<20, nil, five...))
	for name, c := range map[string]struct {
		change func(*reports.Rehearsal)
		want   []string
	}{
		"the same":        {nil, nil},
		"another etcd":    {func(r *reports.Rehearsal) { r.EtcdVersion = "3.6.1" }, []string{"etcd is 3.6.1, and was 3.7.3"}},
		"another machine": {func(r *reports.Rehearsal) { r.Machine.Model = "B" }, []string{"the processor is 2 × B, and was 2 × A Processor"}},
		"now and then": {func(r *reports.Rehearsal) {
			if r.Started.Day() == 2 {
				r.EtcdVersion = "3.6.1"
			}
		}, []string{"etcd is 3.6.1 and 3.7.3, and was 3.7.3"}},
	} {
		got := trend.Compare([]trend.Source{before, read(t, "after", rehearsals(t, 1<<20, c.change, five...))})
		if diff := cmp.Diff(c.want, got.Differences); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
	flagged := bytes.Replace(swept(t, five, five), []byte(`"runtime"`), []byte(`"etcd_args": ["--snapshot-count=5"], "image": "etcd:3.6", "runtime"`), 1)
	got := trend.Compare([]trend.Source{read(t, "before", swept(t, five, five)), read(t, "after", flagged)})
	if want := "where etcd comes from is image etcd:3.6, and was firedrill's own\nthe list of etcd flags is --snapshot-count=5, and was none"; strings.Join(got.Differences, "\n") != want {
		t.Errorf("%q", got.Differences)
	}
}
