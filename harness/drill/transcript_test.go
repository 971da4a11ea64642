package drill

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness"
)

// However many steps there are, what is held of them in memory is bounded, and the transcript
// has them all.
func TestManySteps(t *testing.T) {
	dir := t.TempDir()
	lines, err := newTranscript(dir)
	if err != nil {
		t.Fatal(err)
	}
	d := &drill{transcript: lines, ev: &harness.Evidence{}}
	for range mostWhole + 2 {
		if err := d.keep(harness.StepRecord{By: "ann", Command: strings.Repeat("c", mostText+1), Input: "12345", Output: harness.Output{Stdout: "out", Stderr: "errs", ExitCode: 7}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := lines.close(); err != nil {
		t.Fatal(err)
	}
	whole, short := d.ev.Steps[mostWhole-1], d.ev.Steps[mostWhole]
	if whole.Output.Stdout != "out" || whole.Input != "12345" || len(whole.Command) != mostText+1 {
		t.Errorf("%.100v", whole)
	}
	if short.By != "ann" || short.Output != (harness.Output{Dropped: 7, ExitCode: 7}) || short.Input != "" || short.InputDropped != 5 || short.Command != strings.Repeat("c", mostText)+"…" {
		t.Errorf("%.100v", short)
	}
	text, err := os.ReadFile(filepath.Join(dir, "transcript.txt"))
	if err != nil || strings.Count(string(text), "    errs\n") != mostWhole+2 {
		t.Errorf("%v: %d steps are in the transcript", err, strings.Count(string(text), "    errs\n"))
	}
}
