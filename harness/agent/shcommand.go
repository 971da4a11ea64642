//go:build linux

package agent

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// mostNested is how deep scripts may call sh. Nothing else would end one that
// calls itself.
const mostNested = 64

// invocation is how sh was called:
//
//	sh [OPTION]... -c TEXT [NAME [ARG]...]
//	sh [OPTION]... FILE [ARG]...
//	sh [OPTION]... [-s [ARG]...]
//
// The options are those of set(1): a, e, f, n, u and x, together or apart, with
// "+" in place of "-" to take them back, and -o NAME.
type invocation struct {
	options []string // as set takes them
	text    *string  // -c
	file    string   // "": standard input, unless there is a text
	name    string   // $0, and what messages begin with
	params  []string
}

// optionNames are what -o knows.
var optionNames = []string{"allexport", "errexit", "noexec", "noglob", "nounset", "pipefail", "xtrace"}

func invoked(args []string) (invocation, error) {
	inv := invocation{name: "sh"}
	var text, input bool
	for len(args) > 0 {
		arg := args[0]
		if arg == "-" || arg == "--" {
			args = args[1:]
			break
		}
		if len(arg) < 2 || arg[0] != '-' && arg[0] != '+' {
			break
		}
		args = args[1:]
		sign := arg[:1]
		for _, letter := range arg[1:] {
			switch {
			case strings.ContainsRune("aefnux", letter):
				inv.options = append(inv.options, sign+string(letter))
			case letter == 'o':
				if len(args) == 0 || !slices.Contains(optionNames, args[0]) {
					return inv, usageError(arg + " takes one of " + strings.Join(optionNames, ", "))
				}
				inv.options = append(inv.options, sign+"o", args[0])
				args = args[1:]
			case letter == 'c' && sign == "-":
				text = true
			case letter == 's' && sign == "-":
				input = true
			default:
				return inv, usageError("there is no option " + sign + string(letter))
			}
		}
	}
	switch {
	case text && len(args) == 0:
		return inv, usageError("-c takes a script")
	case text:
		inv.text = &args[0]
		if args = args[1:]; len(args) > 0 {
			inv.name, args = args[0], args[1:]
		}
	case len(args) > 0 && !input:
		inv.file, inv.name, args = args[0], args[0], args[1:]
	}
	inv.params = args
	return inv, nil
}

// shell is sh. What it runs, and how, is as in every script here, also where
// the host's image has a sh of its own: it has the variables that were exported,
// and what it leaves running in the background is ended with it.
func (s *script) shell(ctx context.Context, c call) error {
	inv, err := invoked(c.args)
	if err != nil {
		return err
	}
	if s.depth >= mostNested {
		return usageError(fmt.Sprintf("scripts call each other %d deep, and deeper they may not", mostNested))
	}
	hc := interp.HandlerCtx(ctx)
	stdin, ok := hc.Stdin.(*os.File)
	if !ok { // closed by the script: <&-
		if stdin, err = noInput(); err != nil {
			return err
		}
		defer stdin.Close()
	}
	var main func(context.Context, *interp.Runner) error
	if inv.text == nil && inv.file == "" {
		main = func(ctx context.Context, r *interp.Runner) error { return readAndRun(ctx, r, stdin, c.stderr) }
	} else {
		file, err := inv.parse(ctx, c)
		if err != nil {
			fmt.Fprintln(c.stderr, err)
			return interp.ExitStatus(parseStatus(err))
		}
		main = func(ctx context.Context, r *interp.Runner) error { return r.Run(ctx, file) }
	}
	nested := &script{parent: s.parent, board: s.board, depth: s.depth + 1}
	code := nested.run(ctx, setting{
		dir: hc.Dir, env: expand.ListEnviron(exported(hc.Env)...), args: slices.Concat(inv.options, []string{"--"}, inv.params),
		stdin: stdin, stdout: hc.Stdout, stderr: hc.Stderr,
	}, main)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case code != 0:
		return interp.ExitStatus(code)
	}
	return nil
}

// parse reads a script that is read as a whole before any of it is run.
func (inv invocation) parse(ctx context.Context, c call) (*syntax.File, error) {
	if inv.text != nil {
		return parse(strings.NewReader(*inv.text), inv.name)
	}
	path := inv.file
	if !filepath.IsAbs(path) {
		path = filepath.Join(c.dir, path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("sh: %w", err)
	}
	defer file.Close()
	script, err := parse(readerUntil(ctx, file), inv.name)
	if unread := (*fs.PathError)(nil); errors.As(err, &unread) {
		err = fmt.Errorf("sh: %w", err)
	}
	return script, err
}

// ownScript tells whether the program at path is a script whose first line asks
// for sh, and with which options. It need not be on the host, and where it is,
// ours comes first.
func ownScript(path string) (options []string, ok bool) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, false
	}
	defer file.Close()
	first, err := bufio.NewReaderSize(file, 256).ReadSlice('\n')
	line, marked := strings.CutPrefix(string(first), "#!")
	if err != nil || !marked {
		return nil, false
	}
	words := strings.Fields(line)
	if len(words) > 1 && words[0] == "/usr/bin/env" {
		words = words[1:]
	}
	if len(words) > 0 && slices.Contains([]string{"sh", "/bin/sh", "/usr/bin/sh"}, words[0]) {
		return words[1:], true
	}
	return nil, false
}

// parseStatus is the exit status of a shell that cannot have its script.
func parseStatus(err error) int {
	var file *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return exitNotFound
	case errors.As(err, &file):
		return exitNotRun
	}
	return exitUsage
}

// readAndRun runs a script from its standard input, line by line as it comes: no
// more is read than is run, for the rest may be what a command of the script reads.
func readAndRun(ctx context.Context, r *interp.Runner, stdin io.Reader, stderr io.Writer) error {
	p := newParser()
	var misread error
	for stmts, err := range p.InteractiveSeq(&lineByLine{r: readerUntil(ctx, stdin)}) {
		if err != nil {
			misread = err // the iterator, left here, would come back once more
			continue
		}
		if misread != nil || p.Incomplete() {
			continue
		}
		for _, stmt := range stmts {
			declareAll(stmt)
			if err := r.Run(ctx, stmt); r.Exited() {
				return err
			}
		}
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case misread != nil:
		fmt.Fprintf(stderr, "sh:%v\n", misread)
		return interp.ExitStatus(exitUsage)
	}
	// What a script ends with that does not say so: the last status, and its trap.
	return r.Run(ctx, &syntax.Stmt{Cmd: &syntax.CallExpr{Args: []*syntax.Word{
		{Parts: []syntax.WordPart{&syntax.Lit{Value: "exit"}}},
	}}})
}

// lineByLine reads a byte at a time, and a newline at the end even if there is none.
type lineByLine struct {
	r     io.Reader
	last  byte
	ended bool
}

func (l *lineByLine) Read(p []byte) (int, error) {
	if l.ended || len(p) == 0 {
		return 0, io.EOF
	}
	n, err := l.r.Read(p[:1])
	switch {
	case n > 0:
		l.last = p[0]
		return n, nil
	case errors.Is(err, io.EOF) && l.last != 0 && l.last != '\n':
		l.ended, p[0] = true, '\n'
		return 1, nil
	}
	return n, err
}
