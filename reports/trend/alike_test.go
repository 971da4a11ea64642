package trend_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/policy"
	"github.com/etcd-firedrill/firedrill/reports/trend"
)

// drills are five reports of a drill.
func drills(t *testing.T, change func(n int, r *reports.Report)) []byte {
	t.Helper()
	var text []byte
	for n := range 5 {
		r := reports.Report{
			Schema: 1, Drill: "d", Scenario: "etcd-snapshot-restore", Runtime: "process", Verdict: harness.Held, EtcdVersion: "3.7.3", CPUs: 2,
			MembersBefore: []string{"m1", "m2", "m3"}, Phases: reports.Phases{FirstAck: int64(100 + n), Recovered: int64(110 + n)},
		}
		change(n, &r)
		text = append(text, encodedReport(t, r)...)
	}
	return text
}

// Drills are compared with drills of a database of about the same size, whatever tells it.
func TestDrillsAreComparedWithTheirLike(t *testing.T) {
	backups := func(bytes ...int64) func(int, *reports.Report) {
		return func(_ int, r *reports.Report) {
			for _, b := range bytes {
				r.Backups = append(r.Backups, reports.Backup{Bytes: b, Kept: true})
			}
		}
	}
	born := func(bytes int64) func(int, *reports.Report) {
		return func(_ int, r *reports.Report) { r.Dataset = bytes }
	}
	const restore = "etcd-snapshot-restore on process, 3 members"
	for name, c := range map[string]struct {
		before, after func(int, *reports.Report)
		subjects      []string
	}{
		"ten thousand keys, and a million": {backups(6 << 20), backups(600 << 20), []string{restore + ", a database of 4.0 MiB to 8.0 MiB", restore + ", a database of 512 MiB to 1.0 GiB"}},
		"of about the same size":           {backups(600<<20, 610<<20), backups(700 << 20), []string{restore + ", a database of 512 MiB to 1.0 GiB"}},
		"of what the traffic wrote":        {backups(160_000, 180_000), backups(700_000), []string{restore}},
		"no backups, born of other sizes":  {born(5 << 20), born(500 << 20), []string{restore + ", a database of 4.0 MiB to 8.0 MiB", restore + ", a database of 256 MiB to 512 MiB"}},
		"of which nothing tells":           {backups(), backups(0), []string{restore}},
		"the backup tells more":            {backups(600 << 20), func(n int, r *reports.Report) { backups(600<<20)(n, r); born(500<<20)(n, r) }, []string{restore + ", a database of 512 MiB to 1.0 GiB"}},
	} {
		got := trend.Compare([]trend.Source{read(t, "before", drills(t, c.before)), read(t, "after", drills(t, c.after))})
		var subjects []string
		want := trend.NotInBoth
		if len(c.subjects) == 1 {
			want = trend.Unchanged
		}
		for _, r := range got.Rows {
			if subjects = append(subjects, r.String()); r.Change != want {
				t.Errorf("%s: %s is %s, want %s", name, r, r.Change, want)
			}
		}
		if diff := cmp.Diff(c.subjects, subjects); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	// A drill that restored nothing, of a backup that was there, is like one that did.
	hung := func(n int, r *reports.Report) {
		backups(600<<20)(n, r)
		r.Verdict, r.OutageOpen, r.Phases = harness.Violated, true, reports.Phases{Outage: 60_000}
	}
	if got := trend.Compare([]trend.Source{read(t, "before", drills(t, backups(600<<20))), read(t, "after", drills(t, hung))}); got.Change != trend.NoLonger {
		t.Errorf("%s: %+v", got.Change, got.Recoveries)
	}
}

// Whatever a sweep's runs have in common that is no part of their subject is told where
// it is another.
func TestOtherSweepsAreTold(t *testing.T) {
	as := func(change func(*policy.Result)) trend.Source {
		r, err := policy.Decode(swept(t, asLong(5, 100), nil))
		if err != nil {
			t.Fatal(err)
		}
		change(&r)
		var b strings.Builder
		if err := r.Encode(&b); err != nil {
			t.Fatal(err)
		}
		return read(t, "sweep", []byte(b.String()))
	}
	plain := as(func(*policy.Result) {})
	for name, c := range map[string]struct {
		change func(*policy.Result)
		want   []string
	}{
		"the same":       {func(*policy.Result) {}, nil},
		"in S3":          {func(r *policy.Result) { r.Policy.Store = "s3://bucket/prefix" }, []string{"where backups are kept is S3, and was each drill's own directory"}},
		"in a directory": {func(r *policy.Result) { r.Policy.Store = "backups" }, []string{"where backups are kept is a directory for all drills, and was each drill's own directory"}},
		"unverified":     {func(r *policy.Result) { r.Policy.Verify = policy.VerifyNone }, []string{"how backups are verified is not at all, and was by their checksum"}},
		"more traffic": {func(r *policy.Result) { r.Sweep.Writers, r.Sweep.Rate = 8, 500 }, []string{
			"the number of writers is 8, and was the scenario's own", "the rate of writes is 500 a second, and was the scenario's own",
		}},
	} {
		got := trend.Compare([]trend.Source{plain, as(c.change)})
		if diff := cmp.Diff(c.want, got.Differences); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
	moved := func(to string) trend.Source {
		return as(func(r *policy.Result) { r.Policy.Store = to })
	}
	if got := trend.Compare([]trend.Source{moved("s3://a/b"), moved("s3://c")}); len(got.Differences) > 0 {
		t.Errorf("two buckets: %q", got.Differences)
	}
}

// The flags that a drill's members had are told of each scenario, which may have its own.
func TestOtherFlagsOfDrillsAreTold(t *testing.T) {
	of := func(flags map[string][]string) trend.Source {
		var text []byte
		for _, scenario := range []string{"a", "b"} {
			text = append(text, drills(t, func(_ int, r *reports.Report) { r.Scenario, r.EtcdArgs = scenario, flags[scenario] })...)
		}
		return read(t, "drills", text)
	}
	own := map[string][]string{"b": {"quota-backend-bytes=16777216"}}
	for name, c := range map[string]struct {
		after map[string][]string
		want  []string
	}{
		"each has its own": {own, nil},
		"one has more":     {map[string][]string{"a": {"snapshot-count=5"}, "b": own["b"]}, []string{"the list of etcd flags of a is --snapshot-count=5, and was none"}},
		"both have others": {map[string][]string{"a": {"snapshot-count=5", "heartbeat-interval=200"}}, []string{
			"the list of etcd flags of a is --snapshot-count=5 --heartbeat-interval=200, and was none",
			"the list of etcd flags of b is none, and was --quota-backend-bytes=16777216",
		}},
	} {
		if diff := cmp.Diff(c.want, trend.Compare([]trend.Source{of(own), of(c.after)}).Differences); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// So are what clients did and where backups were kept; a report that does not tell is no
// different from one that does.
func TestOtherTrafficOfDrillsIsTold(t *testing.T) {
	of := func(change func(*reports.Report)) trend.Source {
		return read(t, "drills", drills(t, func(_ int, r *reports.Report) {
			r.Traffic, r.Keeping = &reports.Traffic{Writers: 6, Rate: 200, ValueSize: 128}, harness.KeptInOwn
			change(r)
		}))
	}
	plain := of(func(*reports.Report) {})
	for name, c := range map[string]struct {
		change func(*reports.Report)
		want   []string
	}{
		"the same":      {func(*reports.Report) {}, nil},
		"nothing tells": {func(r *reports.Report) { r.Traffic, r.Keeping = nil, "" }, nil},
		"more of all": {func(r *reports.Report) { r.Traffic = &reports.Traffic{Writers: 8, Rate: 500, ValueSize: 4096} }, []string{
			"the number of writers of etcd-snapshot-restore is 8, and was 6",
			"the rate of writes of etcd-snapshot-restore is 500 a second, and was 200 a second",
			"the size of values of etcd-snapshot-restore is 4096 bytes, and was 128 bytes",
		}},
		"in a directory": {func(r *reports.Report) { r.Keeping = harness.KeptInDirectory }, []string{"the store of backups of etcd-snapshot-restore is a directory for all drills, and was each drill's own directory"}},
		"in S3":          {func(r *reports.Report) { r.Keeping = harness.KeptInS3 }, []string{"the store of backups of etcd-snapshot-restore is S3, and was each drill's own directory"}},
	} {
		if diff := cmp.Diff(c.want, trend.Compare([]trend.Source{plain, of(c.change)}).Differences); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}
