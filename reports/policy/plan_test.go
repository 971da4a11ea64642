package policy_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-firedrill/firedrill/reports/policy"
)

// nightly is the committed example.
func nightly(t testing.TB) policy.Plan {
	t.Helper()
	text, err := os.ReadFile("../../fixtures/policies/nightly.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.ReadPlan(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestTheCommittedExample(t *testing.T) {
	want := policy.Plan{
		Policy: policy.Policy{
			Name: "nightly", Interval: policy.Duration(24 * time.Hour), Verify: policy.VerifyTrailer,
			Retention: policy.Retention{Count: 7, Age: policy.Duration(168 * time.Hour)},
			Targets:   policy.Targets{RTO: policy.Duration(2 * time.Minute), RPO: policy.Duration(25 * time.Hour)},
		},
		Sweep: policy.Sweep{
			Sizes: []policy.Size{16 << 20, 64 << 20, 256 << 20}, ValueSizes: []int{1024}, Members: []int{3},
			Procedures: []string{"etcd-snapshot-restore", "talos-recover-snapshot"}, Runs: 5, Seed: 1, TimeScale: 14400,
		},
	}
	got := nightly(t)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := got.Validate(); err != nil {
		t.Error(err)
	}
	if every := got.Sweep.Scaled(got.Policy.Interval); every != 6*time.Second {
		t.Errorf("a drill's interval is %s", every)
	}
	if points := got.Sweep.Points(); len(points) != 6 {
		t.Errorf("%d points", len(points))
	}
}

// Every file that is committed can be run.
func TestCommittedPoliciesAreValid(t *testing.T) {
	files, err := filepath.Glob("../../fixtures/policies/*.yaml")
	if err != nil || len(files) < 2 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p, err := policy.ReadPlan(text)
		if err == nil {
			err = p.Validate()
		}
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestWhatAFileLeavesOutIsAsDocumented(t *testing.T) {
	got, err := policy.ReadPlan([]byte("policy: {interval: 30m}\nsweep: {sizes: [1GiB], procedures: [x]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := policy.Plan{
		Policy: policy.Policy{Name: "unnamed", Interval: policy.Duration(30 * time.Minute), Verify: policy.VerifyTrailer},
		Sweep:  policy.Sweep{Sizes: []policy.Size{1 << 30}, ValueSizes: []int{512}, Members: []int{3}, Procedures: []string{"x"}, Runs: 5, Seed: 1, TimeScale: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := got.Validate(); err != nil {
		t.Error(err)
	}
}

func lines(err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

// Every slip of a file is told at once, with its key.
func TestEverySlipIsToldAtOnce(t *testing.T) {
	_, err := policy.ReadPlan([]byte(`
policy:
  intervall: 30m
  interval: 30
  retention: 7
  targets: {rto: fast, rpos: 1h}
  verify: true
sweep:
  sizes: [256MiB, huge, -1]
  members: 3
  runs: 2.5
  time_scale: quick
  sises: [1GiB]
swep: {}
`))
	if diff := cmp.Diff([]string{
		`policy.interval: 30 is no duration, such as 90s, 30m or 12h`,
		`policy.intervall: there is no such key: there are name, interval, retention, store, s3_endpoint, verify, targets`,
		`policy.retention: 7: a section with keys of its own is wanted`,
		`policy.targets.rpos: there is no such key: there are rto, rpo`,
		`policy.targets.rto: "fast" is no duration, such as 90s, 30m or 12h`,
		`policy.verify: true is no text`,
		`sweep.members: 3: a list is wanted, written [3]`,
		`sweep.runs: 2.5 is no whole number`,
		`sweep.sises: there is no such key: there are sizes, value_sizes, members, procedures, runs, seed, time_scale, within, writers, rate`,
		`sweep.sizes: "huge" is no size, such as 256MiB or 4GiB`,
		`sweep.sizes: -1 is no size, such as 256MiB or 4GiB`,
		`sweep.time_scale: "quick" is no number`,
		`swep: there is no such key: there are policy, sweep`,
	}, lines(err)); diff != "" {
		t.Error(diff)
	}
	var problems policy.Problems
	if !errors.As(err, &problems) || problems[1].Key != "policy.intervall" || len(problems[1].Known) != 7 {
		t.Errorf("%+v", problems)
	}
}

func TestFilesThatHoldNoPolicy(t *testing.T) {
	for name, c := range map[string]struct{ text, says string }{
		"empty":           {"", "the sections policy and sweep are wanted"},
		"a comment":       {"# nothing\n", "the sections policy and sweep are wanted"},
		"a list":          {"- policy\n", "the sections policy and sweep are wanted"},
		"no YAML":         {"policy: [\n", "it is no policy file: "},
		"a key twice":     {"policy: {interval: 1h, interval: 2h}\n", "interval"},
		"two documents":   {"policy: {interval: 1h}\n---\npolicy: {interval: 2h}\n", "several documents"},
		"far too long":    {"# " + strings.Repeat("x", 2<<20), "longer than"},
		"a section twice": {"policy: {}\npolicy: {}\n", "policy"},
	} {
		_, err := policy.ReadPlan([]byte(c.text))
		if !errors.Is(err, policy.ErrNoPlan) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	if _, err := policy.ReadPlan([]byte("---\n# one\npolicy: {interval: 1h}\n")); err != nil {
		t.Errorf("one document with its separator: %v", err)
	}
}

func TestValidate(t *testing.T) {
	for key, c := range map[string]struct {
		set  func(*policy.Plan)
		says string
	}{
		"policy.interval":        {func(p *policy.Plan) { p.Policy.Interval = 0 }, "it is missing"},
		"policy.name":            {func(p *policy.Plan) { p.Policy.Name = "a/b" }, "without slashes"},
		"policy.retention.count": {func(p *policy.Plan) { p.Policy.Retention.Count = -1 }, "-1"},
		"policy.retention.age":   {func(p *policy.Plan) { p.Policy.Retention.Age = policy.Duration(time.Hour) }, "less than the interval of 24h"},
		"policy.verify":          {func(p *policy.Plan) { p.Policy.Verify = "perhaps" }, "trailer or none"},
		"policy.s3_endpoint":     {func(p *policy.Plan) { p.Policy.Endpoint = "http://x" }, "s3://bucket/prefix"},
		"sweep.sizes":            {func(p *policy.Plan) { p.Sweep.Sizes = nil }, "it is missing"},
		"sweep.value_sizes":      {func(p *policy.Plan) { p.Sweep.ValueSizes = []int{0} }, "0 is none of values"},
		"sweep.members":          {func(p *policy.Plan) { p.Sweep.Members = []int{3, 3} }, "3 is there more than once"},
		"sweep.procedures":       {func(p *policy.Plan) { p.Sweep.Procedures = []string{} }, "it is missing"},
		"sweep.runs":             {func(p *policy.Plan) { p.Sweep.Runs = 0 }, "from 1"},
		"sweep.time_scale":       {func(p *policy.Plan) { p.Sweep.TimeScale = 0.5 }, "from 1"},
		"sweep.writers":          {func(p *policy.Plan) { p.Sweep.Writers = -1 }, "-1"},
		"sweep.rate":             {func(p *policy.Plan) { p.Sweep.Rate = -1 }, "-1"},
	} {
		p := nightly(t)
		c.set(&p)
		if err := p.Validate(); err == nil || !strings.HasPrefix(err.Error(), key+": ") || !strings.Contains(err.Error(), c.says) || len(lines(err)) != 1 {
			t.Errorf("%s: %v, want %q", key, err, c.says)
		}
	}
	for says, set := range map[string]func(*policy.Plan){
		"10 is none of members":           func(p *policy.Plan) { p.Sweep.Members = []int{1, 10} },
		"more than 10000 drills":          func(p *policy.Plan) { p.Sweep.Runs = 5000 },
		"nothing can be backed up":        func(p *policy.Plan) { p.Sweep.TimeScale = 1e6 },
		"sweep.sizes: 0 B is none of dat": func(p *policy.Plan) { p.Sweep.Sizes = []policy.Size{0} },
	} {
		p := nightly(t)
		set(&p)
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
	var empty policy.Plan
	if got := lines(empty.Validate()); len(got) < 8 {
		t.Errorf("of an empty plan only this is said: %q", got)
	}
}

// Whatever a file can say, a flag can.
func TestEveryKeyCanBeSetAsItIsPrinted(t *testing.T) {
	full := nightly(t)
	full.Policy.Store, full.Policy.Endpoint = "s3://bucket/prefix", "http://127.0.0.1:9000"
	full.Sweep.Writers, full.Sweep.Rate = 3, 50
	full.Sweep.Sizes = append(full.Sweep.Sizes, 1<<30+1)
	copied := policy.Defaults()
	for _, key := range policy.Keys() {
		if err := copied.Set(key, full.Get(key)); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	if diff := cmp.Diff(full, copied); diff != "" {
		t.Error(diff)
	}
	for key, value := range map[string]string{
		"policy.interval": "soon", "sweep.runs": "null", "sweep.members": "3,many", "sweep.seed": "", "sweep.size": "1GiB", "sweep.time_scale": "true",
	} {
		if err := copied.Set(key, value); err == nil || !strings.HasPrefix(err.Error(), key) {
			t.Errorf("%s = %q: %v", key, value, err)
		}
	}
}

func TestDifferencesOfPlans(t *testing.T) {
	was := nightly(t)
	if got := was.Differences(nightly(t)); got != nil {
		t.Errorf("the same plan differs: %q", got)
	}
	is := nightly(t)
	is.Sweep.Runs = 20
	is.Sweep.Sizes[0]++ // prints as before
	is.Policy.Store = "/backups"
	if diff := cmp.Diff([]string{
		"policy.store is /backups, and was ",
		"sweep.sizes is 16777217,64 MiB,256 MiB, and was 16 MiB,64 MiB,256 MiB",
		"sweep.runs is 20, and was 5",
	}, is.Differences(was)); diff != "" {
		t.Error(diff)
	}
}

func TestDurationsPrintAsTheyAreWritten(t *testing.T) {
	for _, text := range []string{"24h", "1h30m", "30m", "90s", "1m30s", "1h0m5s", "0s", "250ms", "1.5s"} {
		var d policy.Duration
		if err := d.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		var again policy.Duration
		if err := again.UnmarshalText([]byte(d.String())); err != nil || again != d {
			t.Errorf("%s prints as %s, which is %v, %v", text, d, again, err)
		}
		if text != "90s" && d.String() != text {
			t.Errorf("%s prints as %s", text, d)
		}
	}
}

func TestDurationsInWords(t *testing.T) {
	for d, want := range map[time.Duration]string{
		24 * time.Hour: "24 h", 90 * time.Minute: "1 h 30 min", time.Hour + 5*time.Second: "1 h 5 s", 90 * time.Second: "1 min 30 s",
		2741 * time.Millisecond: "2.741 s", 1872 * time.Millisecond: "1.872 s", 250 * time.Millisecond: "250 ms", 0: "0 ms",
	} {
		if got := policy.Duration(d).Words(); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

// No text makes the reader panic, and what it takes for a plan it takes again.
func FuzzReadPlan(f *testing.F) {
	text, err := os.ReadFile("../../fixtures/policies/nightly.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("policy: {interval: 1h}\n---\n{}\n"))
	f.Add([]byte("sweep: {sizes: [&a 1GiB, *a], runs: 0x10, time_scale: .inf}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := policy.ReadPlan(text)
		if err != nil {
			return
		}
		if p.Validate() != nil {
			return
		}
		copied := policy.Defaults()
		for _, key := range policy.Keys() {
			value := p.Get(key)
			if strings.Contains(value, " ") || value == "" {
				continue // lists are split at commas, and their items trimmed
			}
			if err := copied.Set(key, value); err != nil {
				t.Errorf("%s = %q: %v", key, value, err)
			}
		}
		for _, point := range p.Sweep.Points() {
			if point.Size <= 0 || point.Members < 1 {
				t.Errorf("a valid plan has the point %+v", point)
			}
		}
	})
}
