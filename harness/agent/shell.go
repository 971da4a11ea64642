//go:build linux

package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/relay"
)

// Exit codes as POSIX shells give them.
const (
	exitUsage      = 2 // also a syntax error
	exitNotRun     = 126
	exitNotFound   = 127
	exitSignal     = 128 // plus the signal
	exitBrokenPipe = exitSignal + 13
)

// script is one run of a POSIX sh script.
type script struct {
	parent *Parent
	board  *board
	depth  int // how many scripts called sh for this one to run

	mu    sync.Mutex
	ended bool           // nothing is started any more
	work  sync.WaitGroup // commands that run
}

// setting is what a script finds when it begins.
type setting struct {
	dir            string
	env            expand.Environ
	args           []string // as set(1) takes them: options, "--", and the parameters
	stdin          *os.File
	stdout, stderr io.Writer
}

// parse reads a whole script. Messages begin with the name, as sh puts its own
// in front, and $0 is it.
func parse(text io.Reader, name string) (*syntax.File, error) {
	file, err := newParser().Parse(text, name)
	if err != nil {
		return nil, err
	}
	declareAll(file)
	return file, nil
}

func newParser() *syntax.Parser { return syntax.NewParser(syntax.Variant(syntax.LangPOSIX)) }

// runScript runs a script in "/". It ends with the script's main line: what it
// left running in the background is killed then, as everything is when ctx
// ends first.
func (a *Agent) runScript(ctx context.Context, text string) *output {
	began := time.Now()
	var stdout, stderr relay.Clip
	code := a.main(ctx, harness.Streams{Out: &stdout, Err: &stderr}, nil, func() (*syntax.File, error) {
		return parse(strings.NewReader(text), "sh")
	})
	out := &output{ExitCode: code, Duration: time.Since(began)}
	var more int64
	out.Stdout, out.Dropped = stdout.Kept()
	out.Stderr, more = stderr.Kept()
	out.Dropped += more
	return out
}

// main runs what somebody on our side of the session asked for, in "/".
func (a *Agent) main(ctx context.Context, s harness.Streams, params []string, read func() (*syntax.File, error)) int {
	file, err := read()
	if err != nil {
		fmt.Fprintln(s.Err, err)
		return exitUsage
	}
	in, err := feed(s.In)
	if err != nil {
		fmt.Fprintln(s.Err, "sh:", err)
		return exitNotRun
	}
	defer in.end()
	sh := &script{parent: a.parent, board: a.board}
	return sh.run(ctx, setting{
		dir: "/", env: expand.ListEnviron(hostEnv()...), args: append([]string{"--"}, params...),
		stdin: in.file, stdout: s.Out, stderr: s.Err,
	}, func(ctx context.Context, r *interp.Runner) error { return r.Run(ctx, file) })
}

// run runs main with an interpreter, and ends what that left running.
func (s *script) run(ctx context.Context, c setting, main func(context.Context, *interp.Runner) error) int {
	runner, err := interp.New(
		interp.Dir(c.dir),
		interp.Env(c.env),
		interp.Params(c.args...),
		interp.StdIO(c.stdin, c.stdout, c.stderr),
		interp.OpenHandler(openFile),
		interp.ExecHandlers(func(interp.ExecHandlerFunc) interp.ExecHandlerFunc { return s.exec }),
	)
	if err != nil {
		fmt.Fprintln(c.stderr, "sh:", err)
		return exitNotRun
	}
	life, end := context.WithCancel(ctx)
	err = main(life, runner)
	s.close()
	end()
	s.work.Wait()

	var status interp.ExitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	case ctx.Err() == nil: // the interpreter itself gave up
		fmt.Fprintln(c.stderr, "sh:", err)
	}
	return 1
}

// enter counts a command that starts; false if the script has ended.
func (s *script) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	s.work.Add(1)
	return true
}

func (s *script) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
}

// exec runs a simple command that is neither a function nor a builtin: one of
// our own if its name is that of one, else a program of the host.
func (s *script) exec(ctx context.Context, args []string) error {
	if !s.enter() {
		return context.Canceled
	}
	defer s.work.Done()
	switch args[0] {
	case "pidof":
		return s.inside(ctx, s.pidOf, args)
	case "sh":
		return s.inside(ctx, s.shell, args)
	}
	if run, ok := commands[args[0]]; ok {
		return s.inside(ctx, run, args)
	}
	return s.outside(ctx, args)
}

// execFor runs a command for another one, as xargs does. There, what is a
// builtin here would be a program.
func (s *script) execFor(ctx context.Context, args []string) error {
	switch args[0] {
	case "echo", "printf", "true", "false", "test", "[", "pwd":
		if err := interp.HandlerCtx(ctx).Builtin(ctx, args); err != nil {
			return interp.ExitStatus(1)
		}
		return nil
	}
	return s.exec(ctx, args)
}

// pidOf is pidof etcd: it prints the process ID of the host's etcd and ends
// with 1 if none runs. The supervisor knows; a chroot need not have /proc.
func (s *script) pidOf(_ context.Context, c call) error {
	if len(c.args) != 1 || c.args[0] != "etcd" {
		return usageError("only the process ID of etcd is known: pidof etcd")
	}
	now, _ := s.board.latest()
	if now.State.PID == 0 {
		return interp.ExitStatus(1)
	}
	_, err := fmt.Fprintln(c.stdout, now.State.PID)
	return err
}

// openFile opens a file for a redirection. /dev/null is ours: a host need not
// have the device.
func openFile(ctx context.Context, path string, flag int, perm os.FileMode) (io.ReadWriteCloser, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(interp.HandlerCtx(ctx).Dir, path)
	}
	if filepath.Clean(path) == "/dev/null" {
		return nowhere{}, nil
	}
	return os.OpenFile(path, flag, perm)
}

// nowhere is /dev/null.
type nowhere struct{}

func (nowhere) Read([]byte) (int, error)    { return 0, io.EOF }
func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) Close() error                { return nil }
