//go:build linux

package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/crew"
	"github.com/etcd-firedrill/firedrill/harness/eviction"
)

const (
	// outputLinger is how long the output of an ended program is still read if
	// something that could not be ended holds it open.
	outputLinger = 5 * time.Second
	// guardLimit is how long a guard may take to see to the end of a program that
	// was told to end.
	guardLimit = grace + endLimit + 3*time.Second
)

func supported() error { return nil }

// Run runs a program at the desk and returns when it has ended and nothing that
// it started is left. code is its exit status (128+n: ended by signal n).
//
// When ctx ends, the program is told to end (SIGTERM, to its process group), and
// 2 s later it and all that is left are killed; the error is ctx's, unless the
// program had ended by itself. What was printed until then has been written to
// its streams. Other errors are ErrUnfit, ErrUnguarded, or say what could not be
// ended or done; code is -1 where no program ended.
func (d *Desk) Run(ctx context.Context, p Program) (code int, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("run %s: %w", filepath.Base(p.Path), err)
		}
	}()
	if ctx.Err() != nil {
		return -1, context.Cause(ctx)
	}
	// The kernel tells a script this path, and the guard stands elsewhere.
	path, err := filepath.Abs(p.Path)
	if err != nil {
		return -1, err
	}
	if err := Check(path); err != nil {
		return -1, err
	}
	dir, err := d.place(p.Dir)
	if err != nil {
		return -1, err
	}
	w := watched{mark: deskMark(d.dir).ofProgram(d.programs.Add(1)), path: path, patience: guardLimit}
	// Tried first: a guard that finds itself refused may have taken some of the input.
	w.apart = p.Unseen != "" && tryHiding(ctx, p.Unseen, true) == nil
	if err := w.start(p, dir); err != nil {
		return -1, err
	}
	return w.await(ctx)
}

// Hides tells whether a program can be kept from seeing a directory, an existing one: nil,
// or why not. It is tried: we have to be root, or to have what root may, and a container
// engine may forbid it all the same.
func Hides(ctx context.Context, dir string) error { return tryHiding(ctx, dir, false) }

// place is where a program works. The desk's own is made anew where an earlier
// program removed it.
func (d *Desk) place(dir string) (string, error) {
	if dir == "" {
		return d.Work(), os.MkdirAll(d.Work(), 0o700)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is not a directory", dir)
	}
	return dir, err
}

// watched is a program with its guard.
type watched struct {
	mark     mark
	path     string        // "": none, and the guard only hides
	apart    bool          // the guard is the first process of a PID namespace
	patience time.Duration // with the guard, once the program was told to end
	guard    *exec.Cmd
	lifeline *os.File // closed: the program is to end
	report   *os.File
	over     shutter // before the program's streams that are no files
}

// start starts the guard, which starts the program.
func (w *watched) start(p Program, dir string) (err error) {
	theirEnd, lifeline, err := os.Pipe()
	if err != nil {
		return err
	}
	report, ourReport, err := os.Pipe()
	if err != nil {
		return errors.Join(err, theirEnd.Close(), lifeline.Close())
	}
	w.lifeline, w.report = lifeline, report
	w.guard = &exec.Cmd{
		// Whatever the path that we were started by leads to by now.
		Path: "/proc/self/exe",
		Args: append([]string{"firedrill", guardCommand, strconv.FormatUint(uint64(w.mark), 10), dir, w.path}, p.Args...),
		// Not nil, which would be ours.
		Env: append([]string{}, p.Env...),
		// Nobody who looks at the program's parent finds where we work.
		Dir:    "/",
		Stdout: w.over.before(p.Streams.Out), Stderr: w.over.before(p.Streams.Err),
		ExtraFiles: []*os.File{theirEnd, ourReport},
		// A terminal's Ctrl-C is for us: we take the program down in order.
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
		WaitDelay:   outputLinger,
	}
	if p.Unseen != "" {
		w.guard.SysProcAttr.Cloneflags = syscall.CLONE_NEWNS
	}
	if w.apart {
		w.guard.SysProcAttr.Cloneflags |= syscall.CLONE_NEWPID
	}
	feed, err := input(w.guard, p.Streams)
	if err == nil {
		// Not an argument, nor a variable: the program can look at those of its guard.
		_, err = lifeline.WriteString(p.Unseen + endOfPath)
	}
	if err == nil {
		err = w.guard.Start()
	}
	// Ours must not hold the guard's ends open: its death has to end the report.
	err = errors.Join(err, theirEnd.Close(), ourReport.Close())
	if err != nil {
		return errors.Join(fmt.Errorf("start its guard: %w", err), w.close())
	}
	go feed()
	return nil
}

func (w *watched) close() error { return errors.Join(w.lifeline.Close(), w.report.Close()) }

// input makes the program's standard input that of the streams. feed carries it
// and returns when it is at its end, or nobody reads it any more. Nobody waits
// for that, as os/exec would: a reader may not return for as long as it likes.
func input(guard *exec.Cmd, s harness.Streams) (feed func(), err error) {
	file, isFile := s.In.(*os.File)
	switch {
	case s.In == nil:
		return func() {}, nil // os/exec opens /dev/null
	case isFile:
		guard.Stdin = file
		return func() {}, nil
	}
	pipe, err := guard.StdinPipe()
	return func() {
		// A panic in the reader is the end of what it has to say.
		_ = crew.Caught(func() { _, _ = io.Copy(pipe, s.In) })
		_ = pipe.Close()
	}, err
}

// await waits for the guard's report and says what came of the program.
func (w *watched) await(ctx context.Context) (code int, err error) {
	over, watching := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watching)
		w.watch(ctx, over)
	}()
	const most = 64 << 10
	text, err := io.ReadAll(io.LimitReader(w.report, most))
	close(over)
	<-watching
	var r report
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		err = w.avenge(ctx)
	}
	// Only now: what holds its output open has been ended, as far as that goes.
	waited, stuck := w.collect()
	_ = w.close() // both have served
	if err != nil {
		return -1, errors.Join(err, stuck)
	}
	if w.apart {
		// Whatever the guard could not end, and named by numbers that are its own, the kernel has.
		r.Left = ""
	}
	if stuck != nil {
		r.Left = stuck.Error()
	}
	return w.judge(ctx, r, waited)
}

// watch closes the lifeline when ctx ends, and kills a guard that does not act on it.
func (w *watched) watch(ctx context.Context, over <-chan struct{}) {
	select {
	case <-over:
		return
	case <-ctx.Done():
	}
	_ = w.lifeline.Close()
	overdue := time.NewTimer(w.patience)
	defer overdue.Stop()
	select {
	case <-over:
	case <-overdue.C:
		_ = w.guard.Process.Kill() // it is stopped, or stuck: see avenge
	}
}

// avenge ends what a guard that was killed left behind.
func (w *watched) avenge(ctx context.Context) error {
	why := ErrUnguarded
	if ctx.Err() != nil {
		why = fmt.Errorf("%w: %w", context.Cause(ctx), ErrUnguarded)
	}
	if w.apart {
		_ = w.guard.Process.Kill() // should its report be all that ended
		return fmt.Errorf("%w (process %d); the kernel ended all that it had started\nhint: either the program had it crash, or somebody killed it, or the system did for want of memory (dmesg)", why, w.guard.Process.Pid)
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), endLimit)
	defer cancel()
	ended, err := eviction.End(limited, w.mark.bearers())
	told := fmt.Errorf("%w (process %d); what was left of what it had started, %d processes, was ended", why, w.guard.Process.Pid, ended)
	if err != nil {
		return fmt.Errorf("%w, but not all: %w", told, err)
	}
	return fmt.Errorf("%w\nhint: either the program killed its parent, or the system did for want of memory (dmesg)", told)
}

func (w *watched) judge(ctx context.Context, r report, waited error) (code int, err error) {
	switch {
	case r.Problem != "":
		return -1, errors.New(r.Problem)
	case r.Refused != 0:
		return -1, refused(w.path, r.Refused)
	}
	if r.Left != "" {
		err = fmt.Errorf("it ended, and left what could not be: %s", r.Left)
	}
	if r.Told {
		return r.Code, errors.Join(context.Cause(ctx), err)
	}
	var exit *exec.ExitError
	if err == nil && waited != nil && !errors.As(waited, &exit) {
		err = fmt.Errorf("take its output: %w", waited)
	}
	return r.Code, err
}
