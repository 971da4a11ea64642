//go:build linux

package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
)

// outside runs a program of the host. When ctx ends it is killed with its
// whole process group.
func (s *script) outside(ctx context.Context, args []string) error {
	hc := interp.HandlerCtx(ctx)
	path, err := interp.LookPathDir(hc.Dir, hc.Env, args[0])
	if err != nil {
		fmt.Fprintf(hc.Stderr, "sh: %s: not found\n", args[0])
		return interp.ExitStatus(exitNotFound)
	}
	if options, ok := ownScript(path); ok {
		return s.inside(ctx, s.shell, slices.Concat([]string{"sh"}, options, []string{path}, args[1:]))
	}
	cmd := &exec.Cmd{Path: path, Args: args, Env: exported(hc.Env), Dir: hc.Dir, Stdin: hc.Stdin}
	if hc.Stdin == nil { // closed by the script: <&-
		none, err := noInput()
		if err != nil {
			return err
		}
		defer none.Close()
		cmd.Stdin = none
	}
	printed, err := printing(cmd, hc.Stdout, hc.Stderr)
	if err != nil {
		return err
	}
	p, err := start(s.parent, cmd)
	printed.begun()
	if err != nil {
		printed.end()
		var cause *fs.PathError
		if errors.As(err, &cause) {
			err = cause.Err
		}
		fmt.Fprintf(hc.Stderr, "sh: %s: %v\n", args[0], err)
		return interp.ExitStatus(exitNotRun)
	}
	stop := context.AfterFunc(ctx, p.kill)
	status, err := p.wait()
	stop()
	printed.end()
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", args[0], err)
	case ctx.Err() != nil:
		return ctx.Err()
	case status.Signaled():
		return interp.ExitStatus(exitSignal + int(status.Signal()))
	case status.ExitStatus() != 0:
		return interp.ExitStatus(status.ExitStatus())
	}
	return nil
}

// exported lists the variables that a program inherits.
func exported(env expand.Environ) []string {
	var list []string
	env.Each(func(name string, v expand.Variable) bool {
		if v.IsSet() && v.Exported && v.Kind == expand.String {
			list = append(list, name+"="+v.String())
		}
		return true
	})
	return list
}

// insideLinger is how long a command of our own may take to notice that it is
// not wanted any more. All look between two reads, writes or files; what they
// cannot leave is the opening of a named pipe that nobody writes to.
const insideLinger = 2 * time.Second

// inside runs one of our own commands.
func (s *script) inside(ctx context.Context, run command, args []string) error {
	hc := interp.HandlerCtx(ctx)
	stdin, out := hc.Stdin, writerUntil(ctx, hc.Stdout)
	if stdin == nil {
		stdin = nowhere{}
	}
	if file, ok := stdin.(*os.File); ok {
		// A pipe that stays silent must not hold a command that is to end.
		defer context.AfterFunc(ctx, func() { _ = file.SetReadDeadline(time.Now()) })()
	}
	c := call{
		args: args[1:], dir: hc.Dir, env: hc.Env,
		stdin: readerUntil(ctx, stdin), stdout: out, stderr: writerUntil(ctx, hc.Stderr),
		exec: s.execFor,
	}
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		err = run(ctx, c)
	}()
	select {
	case <-done:
		return exitOf(ctx, err, args[0], hc.Stderr)
	case <-ctx.Done():
		linger := time.NewTimer(insideLinger)
		defer linger.Stop()
		select {
		case <-done:
		case <-linger.C:
		}
		return ctx.Err()
	}
}

// exitOf turns a command's error into its message and exit status.
func exitOf(ctx context.Context, err error, name string, stderr io.Writer) error {
	var status interp.ExitStatus
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &status):
		return status
	case errors.Is(err, syscall.EPIPE): // as a program that SIGPIPE ends: silently
		return interp.ExitStatus(exitBrokenPipe)
	}
	fmt.Fprintf(stderr, "%s: %v\n", name, err)
	var misuse usageError
	if errors.As(err, &misuse) {
		return interp.ExitStatus(exitUsage)
	}
	return interp.ExitStatus(1)
}
