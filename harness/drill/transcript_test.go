package drill

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness"
)

// However many steps there are, what is held of them in memory is bounded, and the transcript
// has them all. Those that are not in the evidence are counted; a procedure's own is always there.
func TestManySteps(t *testing.T) {
	dir := t.TempDir()
	lines, err := newTranscript(dir)
	if err != nil {
		t.Fatal(err)
	}
	d := &drill{transcript: lines, ev: &harness.Evidence{}}
	for range mostSteps + 2 {
		if err := d.keep(harness.StepRecord{By: "ann", Command: strings.Repeat("c", mostText+1), Input: "12345", Output: harness.Output{Stdout: "out", Stderr: "errs", ExitCode: 7}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.keep(harness.StepRecord{Name: "run restore.sh"}); err != nil {
		t.Fatal(err)
	}
	if err := lines.close(); err != nil {
		t.Fatal(err)
	}
	if n := len(d.ev.Steps); n != mostSteps+1 || d.ev.StepsMore != 2 || d.ev.Steps[n-1].Name != "run restore.sh" {
		t.Errorf("%d steps, and %d more, the last %.100v", n, d.ev.StepsMore, d.ev.Steps[n-1])
	}
	whole, short := d.ev.Steps[mostWhole-1], d.ev.Steps[mostWhole]
	if whole.Output.Stdout != "out" || whole.Input != "12345" || len(whole.Command) != mostText+1 {
		t.Errorf("%.100v", whole)
	}
	if short.By != "ann" || short.Output != (harness.Output{Dropped: 7, ExitCode: 7}) || short.Input != "" || short.InputDropped != 5 || short.Command != strings.Repeat("c", mostText)+"…" {
		t.Errorf("%.100v", short)
	}
	text, err := os.ReadFile(filepath.Join(dir, "transcript.txt"))
	if err != nil || strings.Count(string(text), "    errs\n") != mostSteps+2 {
		t.Errorf("%v: %d steps are in the transcript", err, strings.Count(string(text), "    errs\n"))
	}
}

// TestMuchIsPrinted: what is kept of all calls by hand together is bounded, in the evidence and in
// the transcript, which says so once. A procedure's own steps do not count.
func TestMuchIsPrinted(t *testing.T) {
	dir := t.TempDir()
	lines, err := newTranscript(dir)
	if err != nil {
		t.Fatal(err)
	}
	d := &drill{transcript: lines, ev: &harness.Evidence{}}
	const quarter = mostKept / 4
	much := strings.Repeat("x", quarter)
	for _, s := range []harness.StepRecord{
		{Output: harness.Output{Stdout: much}},
		{By: "ann", Output: harness.Output{Stdout: much}}, {By: "ann", Output: harness.Output{Stderr: much}}, {By: "bob", Input: much}, {By: "bob", Command: much[1:]},
		{By: "bob", Command: "host ls", Input: "in", Output: harness.Output{Stdout: "out", ExitCode: 7}},
		{By: "ann", Output: harness.Output{Stdout: "!"}}, // which there would be room for
		{Name: "the last", Output: harness.Output{Stdout: "done"}},
	} {
		if err := d.keep(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := lines.close(); err != nil {
		t.Fatal(err)
	}
	for i, dropped := range []int64{0, 0, 0, 0, 0, 3, 1, 0} {
		if got := d.ev.Steps[i].Output.Dropped; got != dropped {
			t.Errorf("step %d: %d bytes of output are not kept, want %d", i, got, dropped)
		}
	}
	if s := d.ev.Steps[5]; s.Command != "host ls" || s.Output.Stdout != "" || s.Input != "" || s.InputDropped != 2 || s.Output.ExitCode != 7 {
		t.Errorf("%.100v", s)
	}
	text, err := os.ReadFile(filepath.Join(dir, "transcript.txt"))
	if err != nil || len(text) > quarter+mostKept+4096 {
		t.Errorf("%v: the transcript has %d bytes", err, len(text))
	}
	tail := string(text[len(text)-1000:])
	for _, want := range []string{"as many bytes of calls are kept as are in a drill", "  $ host ls\n  < (2 bytes of input not kept)\n    (3 bytes of output not kept)\n  exit status 7,", "    (1 bytes of output not kept)\n", "    done\n"} {
		if strings.Count(tail, want) != 1 {
			t.Errorf("it does not say %q once:\n%s", want, tail)
		}
	}
}
