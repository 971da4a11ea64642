package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/drill"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/render"
)

type nowhere struct{ harness.Runtime }

func (nowhere) Name() string { return "process" }

// stage is the command wired to drills that end as their scenario's name says.
type stage struct {
	app
	stdout, stderr bytes.Buffer
	mu             sync.Mutex
	options        []drill.Options
	running, most  int
	during         func(context.Context) // what happens in each drill
}

func newStage(t *testing.T) *stage {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	s := &stage{}
	s.app = app{
		out: &s.stdout, err: &s.stderr, validate: drill.Validate, run: s.drill,
		scenarios: func() []harness.Scenario {
			var all []harness.Scenario
			for _, name := range []string{"held", "violated", "inconclusive", "broke", "panicked"} {
				all = append(all, harness.Scenario{Name: name, Summary: "ends " + name, Labels: []string{"label-" + name}, Given: harness.ClusterSpec{Members: 1}, Under: harness.KubernetesTraffic})
			}
			return all
		},
		runtime: func(context.Context, place) (harness.Runtime, string, error) { return nowhere{}, "because", nil },
		rejudge: func(dir string) (reports.Report, error) {
			if dir == "damaged" {
				return reports.Report{}, errors.New("damaged/ledger.bin: record 4: checksum")
			}
			return reports.Report{Schema: 1, Scenario: dir, Verdict: harness.Violated}, nil
		},
		sweep: func(context.Context) ([]string, error) { return nil, nil },
	}
	return s
}

func (s *stage) drill(ctx context.Context, rt harness.Runtime, sc harness.Scenario, o drill.Options) (reports.Report, error) {
	s.mu.Lock()
	s.options = append(s.options, o)
	s.running++
	s.most = max(s.most, s.running)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.running--
		s.mu.Unlock()
	}()
	o.Progress(harness.Event{Kind: harness.DrillEvent, Text: "begun"})
	if s.during != nil {
		s.during(ctx)
	}
	if err := context.Cause(ctx); err != nil {
		return reports.Report{}, err
	}
	r := reports.Report{Schema: 1, Scenario: sc.Name, Runtime: rt.Name(), Seed: o.Seed, Verdict: harness.Held}
	switch sc.Name {
	case "violated":
		r.Verdict = harness.Violated
	case "inconclusive":
		r.Verdict = harness.Inconclusive
	case "broke":
		return reports.Report{}, errors.New("boot m1: no\nhint: look")
	case "panicked":
		panic("a nil map")
	}
	if o.Keep {
		o.Hold(ctx, r, []string{"chroot /x"})
	}
	return r, nil
}

func (s *stage) execute(ctx context.Context, args ...string) int { return s.app.execute(ctx, args) }

func TestTheWorstDrillDecides(t *testing.T) {
	for line, want := range map[string]int{
		"held":                                 0,
		"violated":                             1,
		"inconclusive":                         2,
		"broke":                                3,
		"held inconclusive":                    2,
		"inconclusive violated":                1,
		"violated inconclusive held":           1,
		"violated broke held":                  3,
		"--label label-violated":               1,
		"--parallel 4 held violated":           1,
		"--parallel 2 broke held inconclusive": 3,
	} {
		s := newStage(t)
		if got := s.execute(t.Context(), append([]string{"run"}, strings.Fields(line)...)...); got != want {
			t.Errorf("run %s: exit %d, want %d\n%s", line, got, want, s.stderr.String())
		}
	}
}

func TestMisuseStartsNothing(t *testing.T) {
	for line, want := range map[string]string{
		"run":                                       "either names",
		"run held --all":                            "either names",
		"run hled":                                  "did you mean held?",
		"run unheard-of":                            "hint: firedrill list",
		"run held voilated":                         "did you mean violated?",
		"run --label label-hled":                    "did you mean label-held?",
		"run held --sede 4":                         "did you mean --seed?",
		"run held --seed four":                      "hint: firedrill run --help",
		"run held --repeat 0":                       "--repeat 0",
		"run held --parallel -1":                    "--parallel -1",
		"run held --within -3s":                     "deadline",
		"run held --members 10":                     "from 1 to 9",
		"run held --runtime prozess":                "did you mean process?",
		"run held --runtime process --image x":      "--image needs containers",
		"run held --runtime container --etcd-bin x": "--etcd-bin needs processes",
		"run held --image x --etcd-bin y":           "both were given",
		"run held --keep --repeat 2":                "--keep is for one drill",
		"run held --preload-from /no/such/file":     "--preload-from",
		"run held --junit /no/such/dir/x":           "--junit",
		"run held --html /no/such/dir/x":            "--html",
		"run held --markdown /no/such/dir/x":        "--markdown",
		"run held --etcd-arg --data-dir=/x":         "data-dir",
		"rnu held":                                  "did you mean run?",
		"list extra":                                "takes no argument",
		"explain":                                   "takes one argument",
		"explain hled":                              "did you mean held?",
		"check":                                     "takes one argument",
		"check damaged":                             "record 4",
	} {
		s := newStage(t)
		if code := s.execute(t.Context(), strings.Fields(line)...); code != exitBroke {
			t.Errorf("%s: exit %d", line, code)
		}
		if !strings.Contains(s.stderr.String(), want) {
			t.Errorf("%s: got %q, want %q in it", line, s.stderr.String(), want)
		}
		if len(s.options) > 0 || s.stdout.Len() > 0 {
			t.Errorf("%s: %d drills were started, output %q", line, len(s.options), s.stdout.String())
		}
	}
}

func TestRepeatedDrillsTakeTheNextSeed(t *testing.T) {
	s := newStage(t)
	s.execute(t.Context(), "run", "held", "violated", "--repeat", "2", "--seed", "7")
	var seeds []int64
	for _, o := range s.options {
		seeds = append(seeds, o.Seed)
	}
	if diff := cmp.Diff([]int64{7, 7, 8, 8}, seeds); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(s.stdout.String(), "4 drills: 2 held, 2 violated") {
		t.Errorf("no table in %s", s.stdout.String())
	}
}

func TestTheRerunCommandHasTheFlagsOfTheDrill(t *testing.T) {
	s := newStage(t)
	s.execute(t.Context(), "run", "held", "--seed", "7", "--writers", "3", "--etcd-arg", "--x=$1", "--etcd-arg=--y=1", "--strict", "--out", t.TempDir(), "--json", "--within", "90s")
	want := []string{"--runtime", "process", "--seed", "7", "--etcd-arg", "'--x=$1'", "--etcd-arg", "--y=1", "--strict=true", "--within", "1m30s", "--writers", "3"}
	if diff := cmp.Diff(want, s.options[0].Flags); diff != "" {
		t.Error(diff)
	}
}

func TestSoManyAtATime(t *testing.T) {
	s := newStage(t)
	arrived := make(chan struct{}, 8)
	var together sync.WaitGroup
	together.Add(3)
	s.during = func(context.Context) {
		arrived <- struct{}{}
		if len(arrived) <= 3 {
			together.Done()
			together.Wait() // only if three are under way at once
		}
	}
	s.execute(t.Context(), "run", "held", "--repeat", "6", "--parallel", "3", "--seed", "1")
	if got := s.most; got != 3 {
		t.Errorf("%d drills at a time, want 3", got)
	}
	for line := range strings.Lines(s.stdout.String()) {
		if strings.Contains(line, "begun") && !strings.HasPrefix(line, "held ") {
			t.Errorf("a progress line without its drill: %q", line)
		}
	}
}

func TestInterruptedDrillsAreNotFollowedByOthers(t *testing.T) {
	s := newStage(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	s.during = func(context.Context) { cancel(errInterrupted) }
	if code := s.execute(ctx, "run", "held", "--repeat", "5"); code != exitBroke {
		t.Errorf("exit %d", code)
	}
	if len(s.options) != 1 {
		t.Errorf("%d drills were begun", len(s.options))
	}
	if !strings.Contains(s.stderr.String(), "4 of 5 drills were not run") {
		t.Errorf("stderr: %s", s.stderr.String())
	}
}

func TestAPanicEndsInExit3AndIsToldWithItsStack(t *testing.T) {
	s := newStage(t)
	if code := s.execute(t.Context(), "run", "panicked", "held"); code != exitBroke {
		t.Errorf("exit %d", code)
	}
	for _, want := range []string{"a nil map", "fleet_test.go", "hint: this is an error in firedrill: please report it"} {
		if !strings.Contains(s.stderr.String(), want) {
			t.Errorf("no %q in %s", want, s.stderr.String())
		}
	}
	if !strings.Contains(s.stdout.String(), "1 held, 1 broke") {
		t.Errorf("the next drill was not run:\n%s", s.stdout.String())
	}
}

func TestAPanicOutsideADrillIsNoVerdict(t *testing.T) {
	s := newStage(t)
	s.rejudge = func(string) (reports.Report, error) { panic("a nil map") }
	if code := s.execute(t.Context(), "check", "dir"); code != exitBroke || !strings.Contains(s.stderr.String(), "a nil map") {
		t.Errorf("exit %d, %s", code, s.stderr.String())
	}
}

func TestJSONIsAloneOnStandardOutput(t *testing.T) {
	s := newStage(t)
	s.execute(t.Context(), "run", "held", "violated", "broke", "--json")
	var got []string
	for line := range strings.Lines(s.stdout.String()) {
		r, err := reports.Decode(strings.NewReader(line))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		got = append(got, r.Scenario)
	}
	if !slices.Equal(got, []string{"held", "violated"}) {
		t.Errorf("reports of %v", got)
	}
	if !strings.Contains(s.stderr.String(), "begun") {
		t.Error("no progress on standard error")
	}
}

func TestJUnitFile(t *testing.T) {
	s := newStage(t)
	path := filepath.Join(t.TempDir(), "junit.xml")
	s.execute(t.Context(), "run", "held", "violated", "broke", "--junit", path)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
	}
	if err := xml.Unmarshal(text, &file); err != nil || file.Tests != 3 || file.Failures != 1 || file.Errors != 1 {
		t.Errorf("%+v, %v\n%s", file, err, text)
	}
}

// One page holds all drills, those of a harness that broke too.
func TestPapersOfSeveral(t *testing.T) {
	s := newStage(t)
	dir := t.TempDir()
	page, summary := filepath.Join(dir, "page.html"), filepath.Join(dir, "summary.md")
	if code := s.execute(t.Context(), "run", "held", "violated", "broke", "--html", page, "--markdown", summary); code != exitBroke {
		t.Errorf("exit %d", code)
	}
	for path, wants := range map[string][]string{
		page:    {"1 held, 1 violated, 1 broke", `<a href="#drill-1">held</a>`, `<article id="drill-3"`},
		summary: {"## 3 fire drills: 1 held, 1 violated, 1 broke", "### VIOLATED: violated", "### BROKE: broke"},
	} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s: there is no %q in it", filepath.Base(path), want)
			}
		}
	}
}

// A reader that goes away must not end a drill before it is torn down.
func TestOutputThatGoesAwayIsToldAtTheEnd(t *testing.T) {
	s := newStage(t)
	s.out = broken{}
	junit := filepath.Join(t.TempDir(), "junit.xml")
	if code := s.execute(t.Context(), "run", "held", "violated", "--junit", junit); code != exitBroke {
		t.Errorf("exit %d", code)
	}
	if len(s.options) != 2 || !strings.Contains(s.stderr.String(), "write the output: no reader") {
		t.Errorf("%d drills, stderr %q", len(s.options), s.stderr.String())
	}
	if text, err := os.ReadFile(junit); err != nil || !strings.Contains(string(text), "violated") {
		t.Errorf("what was asked for beside the output: %q, %v", text, err)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no reader") }

func TestKeepWaitsForTheUser(t *testing.T) {
	s := newStage(t)
	said := make(chan string, 16)
	s.out = lines(said)
	ctx, interrupt := context.WithCancelCause(t.Context())
	ended := make(chan int, 1)
	go func() { ended <- s.execute(ctx, "run", "held", "--keep") }()
	var shown strings.Builder
	for !strings.Contains(shown.String(), "Ctrl-C ends it") {
		select {
		case text := <-said:
			shown.WriteString(text)
		case code := <-ended:
			t.Fatalf("exit %d before the user was done:\n%s", code, shown.String())
		}
	}
	if len(ended) > 0 {
		t.Error("it ended by itself")
	}
	interrupt(errInterrupted)
	if code := <-ended; code != exitHeld {
		t.Errorf("exit %d, want the verdict's", code)
	}
	text := shown.String()
	if strings.Count(text, "HELD") != 1 || !strings.Contains(text, "chroot /x") || len(said) > 0 {
		t.Errorf("the summary should be shown once, with the way in, and nothing after it:\n%s", text)
	}
}

// lines passes on what is written.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

func TestCheckCommand(t *testing.T) {
	s := newStage(t)
	if code := s.execute(t.Context(), "check", "some-dir", "--json"); code != exitViolated {
		t.Errorf("exit %d", code)
	}
	if r, err := reports.Decode(&s.stdout); err != nil || r.Scenario != "some-dir" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestCleanSaysWhatItRemoved(t *testing.T) {
	s := newStage(t)
	s.sweep = func(context.Context) ([]string, error) {
		return []string{"drill d-1: 3 hosts"}, errors.New("drill d-2: busy")
	}
	if code := s.execute(t.Context(), "clean"); code != exitBroke || s.stdout.String() != "drill d-1: 3 hosts\n" || !strings.Contains(s.stderr.String(), "busy") {
		t.Errorf("exit %d, %q, %q", code, s.stdout.String(), s.stderr.String())
	}
	s = newStage(t)
	if code := s.execute(t.Context(), "clean"); code != exitHeld || s.stdout.String() != "nothing to clean\n" {
		t.Errorf("exit %d, %q", code, s.stdout.String())
	}
}

func TestAPanicInShowingADrillCostsNoOther(t *testing.T) {
	s := newStage(t)
	f := &fleet{app: &s.app, runtime: nowhere{}}
	outcome := f.surely(job{scenario: harness.Scenario{Name: "held"}}, func() render.Outcome { panic("a nil map") })
	if outcome.Err == nil || outcome.Scenario != "held" || !strings.Contains(s.stderr.String(), "a nil map") {
		t.Errorf("%+v, stderr: %s", outcome, s.stderr.String())
	}
}
