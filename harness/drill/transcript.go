package drill

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/files"
)

// transcript is transcript.txt: each step, its command, what it printed and how
// long it took, as an operator would paste it into a ticket.
type transcript struct {
	mu   sync.Mutex
	file *files.Record // nil when the books are closed
	said bool          // all that a runbook printed is there, as it came
	kept int           // bytes of calls by hand that are kept whole
	full bool          // they are mostKept, and no further one is
}

// mostKept is how many bytes of calls by hand are kept in a drill, of what was typed, fed
// and printed together. What is kept of each call is bounded, and whoever polls makes as
// many as he has time for: the ledger lies on the same disk.
const mostKept = 64 << 20

// afford is as much of a step as is still kept of one, and says when it is no longer all.
func (t *transcript) afford(s harness.StepRecord) (harness.StepRecord, error) {
	if s.By == "" {
		return s, nil // there are as many of these as the procedure has
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	size := len(s.Command) + len(s.Input) + len(s.Output.Stdout) + len(s.Output.Stderr)
	if !t.full && t.kept+size <= mostKept {
		t.kept += size
		return s, nil
	}
	if !t.full {
		t.full = true
		if _, err := fmt.Fprintf(t.file, "%8.3fs  (as many bytes of calls are kept as are in a drill, %d: of each from here on what was typed, up to %d bytes, and how it ended)\n\n", s.At.Seconds(), mostKept, mostText); err != nil {
			return s, fmt.Errorf("write the transcript: %w", err)
		}
	}
	return abridged(s), nil
}

func newTranscript(dir string) (*transcript, error) {
	f, err := files.Begin(filepath.Join(dir, "transcript.txt"))
	if err != nil {
		return nil, fmt.Errorf("start the transcript: %w", err)
	}
	return &transcript{file: f}, nil
}

func (t *transcript) add(s harness.StepRecord) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	where := "at the desk"
	if s.Host != "" {
		where = "on " + s.Host
	}
	if s.By != "" {
		where += ", by " + s.By
	}
	fmt.Fprintf(&b, "%8.3fs  step %d %s: %s\n", s.At.Seconds(), s.Number, where, s.Name)
	for line := range strings.Lines(s.Command) {
		fmt.Fprintf(&b, "  $ %s\n", strings.TrimRight(line, "\n"))
	}
	for line := range strings.Lines(s.Input) {
		fmt.Fprintf(&b, "  < %s\n", strings.TrimRight(line, "\n"))
	}
	if s.InputDropped > 0 {
		fmt.Fprintf(&b, "  < (%d bytes of input not kept)\n", s.InputDropped)
	}
	printed := []string{s.Output.Stdout, s.Output.Stderr}
	if s.Host == "" && s.By == "" && t.said {
		printed = []string{"(what it printed is above, as it came)"}
	}
	for _, text := range printed {
		for line := range strings.Lines(text) {
			fmt.Fprintf(&b, "    %s\n", strings.TrimRight(line, "\n"))
		}
	}
	if s.Output.Dropped > 0 {
		fmt.Fprintf(&b, "    (%d bytes of output not kept)\n", s.Output.Dropped)
	}
	attempts := ""
	if s.Attempts > 1 {
		attempts = fmt.Sprintf(" at attempt %d", s.Attempts)
	}
	ended := fmt.Sprintf("exit status %d", s.Output.ExitCode)
	if s.Error != "" {
		ended = "not run to its end: " + s.Error
	}
	fmt.Fprintf(&b, "  %s%s, %d ms\n\n", ended, attempts, s.Took.Milliseconds())
	if _, err := io.WriteString(t.file, b.String()); err != nil {
		return fmt.Errorf("write the transcript: %w", err)
	}
	return nil
}

// say adds a line that a runbook printed.
func (t *transcript) say(at time.Duration, by, line string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, err := fmt.Fprintf(t.file, "%8.3fs  %s: %s\n", at.Seconds(), by, line); err != nil {
		return fmt.Errorf("write the transcript: %w", err)
	}
	return nil
}

// told says whether all that a runbook printed was said as it came.
func (t *transcript) told(all bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.said = all
}

// intact is an error where the file is not what was written to it.
func (t *transcript) intact() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.file.Intact()
}

func (t *transcript) close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.file == nil {
		return nil
	}
	err := t.file.Close()
	t.file = nil
	return err
}
