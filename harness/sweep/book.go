package sweep

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/etcd-firedrill/firedrill/harness/files"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/policy"
)

// The names of what a sweep keeps in its directory.
const (
	ResultFile = "sweep.json"
	RunsFile   = "runs.jsonl"
)

// ErrOtherPlan is wrapped by errors that say why a sweep cannot go on as asked.
var ErrOtherPlan = errors.New("it was begun with another plan")

// ErrBusy says that somebody is at work on the directory.
var ErrBusy = errors.New("another firedrill is at work on it")

// Book is a sweep's directory, ours alone until it is closed.
type Book struct {
	// Torn says what was found to be damaged by an earlier end and left out; "" if
	// nothing was.
	Torn string

	dir  string
	head policy.Result // plan and what it runs on; Runs are not in it
	runs []policy.Run  // in the order in which they ended
	log  *os.File      // RunsFile, locked
	told bool          // the version of etcd is in ResultFile
}

// Begin makes the directory of a new sweep and writes down its plan. A directory
// that has one is refused.
func Begin(dir string, head policy.Result) (b *Book, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("begin a sweep: %w\nhint: --out DIR puts it elsewhere", err)
	}
	if _, err := os.Stat(filepath.Join(dir, ResultFile)); err == nil {
		return nil, fmt.Errorf("begin a sweep in %s: there is one already\nhint: --resume %s goes on with it", dir, dir)
	}
	if b, err = open(dir, os.O_CREATE); err != nil {
		return nil, fmt.Errorf("begin a sweep in %s: %w", dir, err)
	}
	b.head = head
	if err := b.write(b.Result()); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// Resume opens the directory of a sweep that was begun, to go on with it. The head
// says what it would run now: where that differs from what was begun, the error is
// ErrOtherPlan and tells in what.
func Resume(dir string, head policy.Result) (b *Book, err error) {
	if b, err = open(dir, 0); err != nil {
		return nil, fmt.Errorf("resume the sweep in %s: %w", dir, err)
	}
	defer func() {
		if err != nil {
			b, err = nil, fmt.Errorf("resume the sweep in %s: %w", dir, errors.Join(err, b.Close()))
		}
	}()
	if b.head, err = readResult(dir); err != nil {
		return b, err
	}
	if lines := differences(head, b.head); len(lines) > 0 {
		return b, fmt.Errorf("%w:\n  %s\nhint: resume it as it was begun, or begin another with --out DIR", ErrOtherPlan, strings.Join(lines, "\n  "))
	}
	if err := b.mend(); err != nil {
		return b, err
	}
	return b, nil
}

// Read reads the sweep in a directory, whether or not somebody is at work on it.
func Read(dir string) (policy.Result, error) {
	head, err := readResult(dir)
	if err != nil {
		return policy.Result{}, fmt.Errorf("read the sweep in %s: %w", dir, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, RunsFile))
	if err != nil {
		return policy.Result{}, fmt.Errorf("read the sweep in %s: %w", dir, err)
	}
	runs, _, err := parse(text)
	if err != nil {
		return policy.Result{}, fmt.Errorf("read the sweep in %s: %w", dir, err)
	}
	return head.Assemble(runs), nil
}

func readResult(dir string) (policy.Result, error) {
	text, err := os.ReadFile(filepath.Join(dir, ResultFile))
	if errors.Is(err, fs.ErrNotExist) {
		return policy.Result{}, fmt.Errorf("there is no sweep: %w\nhint: give the directory that firedrill policy --out named", err)
	}
	if err != nil {
		return policy.Result{}, err
	}
	r, err := policy.Decode(text)
	if err != nil {
		return policy.Result{}, fmt.Errorf("%s: %w", ResultFile, err)
	}
	return r, nil
}

// open opens and locks the file of runs, which is ours then for as long as it is
// open. The kernel drops the lock with this process.
func open(dir string, flags int) (*Book, error) {
	log, err := os.OpenFile(filepath.Join(dir, RunsFile), os.O_RDWR|os.O_APPEND|flags, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no sweep: %w\nhint: give the directory that firedrill policy --out named", err)
	}
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(log.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fmt.Errorf("%w\nhint: wait for it, or end it first", ErrBusy)
	}
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return &Book{dir: dir, log: log}, nil
}

// mend reads the runs that are kept, and takes away a last line that an earlier end
// tore.
func (b *Book) mend() error {
	text, err := os.ReadFile(b.log.Name())
	if err != nil {
		return err
	}
	runs, whole, err := parse(text)
	if err != nil {
		return err
	}
	b.runs = runs
	switch rest := text[whole:]; {
	case len(rest) > 0:
		b.Torn = fmt.Sprintf("the last line of %s was torn (%d bytes): its run is made again", b.log.Name(), len(rest))
		err = b.log.Truncate(int64(whole))
	case whole > 0 && text[whole-1] != '\n':
		_, err = b.log.WriteString("\n") // the run is whole, only its line was not ended
	}
	if err != nil {
		return fmt.Errorf("mend %s: %w", b.log.Name(), err)
	}
	return nil
}

// parse reads runs, a line each. What follows whole is a torn last line: one that
// was not ended and cannot be read. Any other that cannot be read is an error.
func parse(text []byte) (runs []policy.Run, whole int, err error) {
	number := 0
	for line := range bytes.Lines(text) {
		number++
		run, err := policy.DecodeRun(line)
		if err != nil && !bytes.HasSuffix(line, []byte("\n")) {
			return runs, whole, nil
		}
		if err != nil {
			return nil, 0, fmt.Errorf("%s: line %d: %w", RunsFile, number, err)
		}
		runs = append(runs, run)
		whole += len(line)
	}
	return runs, whole, nil
}

// keep appends a run, and returns when it is on the disk.
func (b *Book) keep(r policy.Run) error {
	line, err := json.Marshal(r)
	if err == nil {
		_, err = b.log.Write(append(line, '\n'))
	}
	if err == nil {
		err = b.log.Sync()
	}
	if err != nil {
		return fmt.Errorf("keep a run in %s: %w", b.log.Name(), err)
	}
	b.runs = append(b.runs, r)
	return nil
}

// Result is what the runs so far come to.
func (b *Book) Result() policy.Result { return b.head.Assemble(b.runs) }

// write replaces the result file at once or not at all.
func (b *Book) write(r policy.Result) error {
	path := filepath.Join(b.dir, ResultFile)
	if err := files.Replace(path, 0o600, r.Encode); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// Close gives the directory up to whoever comes next.
func (b *Book) Close() error { return b.log.Close() }

// differences tells in what a sweep would be another than the one that was begun:
// in its plan, or in what it runs on, as far as figures depend on it.
func differences(is, was policy.Result) []string {
	lines := policy.Plan{Policy: is.Policy, Sweep: is.Sweep}.Differences(policy.Plan{Policy: was.Policy, Sweep: was.Sweep})
	say := func(what, is, was string) {
		if is != was {
			lines = append(lines, fmt.Sprintf("%s is %s, and was %s", what, orNone(is), orNone(was)))
		}
	}
	say("the runtime", is.Runtime, was.Runtime)
	say("the image", is.Image, was.Image)
	say("the directory of etcd's binaries", is.EtcdBin, was.EtcdBin)
	say("the version of firedrill", is.Firedrill, was.Firedrill)
	say("the processor", processor(is.Machine), processor(was.Machine))
	if a, b := is.Machine.Memory, was.Machine.Memory; !alike(a, b) {
		say("memory", gibibytes(a), gibibytes(b))
	}
	say("the file system that hosts lie on, which TMPDIR chooses,", is.Machine.Disk, was.Machine.Disk)
	if !slices.Equal(is.EtcdArgs, was.EtcdArgs) {
		say("the list of etcd flags", strings.Join(is.EtcdArgs, " "), strings.Join(was.EtcdArgs, " "))
	}
	return lines
}

func processor(m reports.Machine) string { return fmt.Sprintf("%d × %s, %s", m.CPUs, m.Model, m.OS) }

// alike tells whether two sizes of memory may be one machine's: what its kernel keeps
// for itself is not the same after every boot.
func alike(a, b int64) bool {
	const kept = 20 // one part of so many
	return max(a, b)-min(a, b) <= max(a, b)/kept
}

func gibibytes(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f GiB", float64(n)/(1<<30))
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}
