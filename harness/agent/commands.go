//go:build linux

package agent

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/u-root/u-root/pkg/core"
	"github.com/u-root/u-root/pkg/core/base64"
	"github.com/u-root/u-root/pkg/core/chmod"
	"github.com/u-root/u-root/pkg/core/mktemp"
	"github.com/u-root/u-root/pkg/core/shasum"
	"github.com/u-root/u-root/pkg/core/touch"
	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
)

// command is a command of our own, run inside the agent. Its error is printed
// after its name; the exit status is 1, 2 for a usageError, or what an
// interp.ExitStatus says.
type command func(ctx context.Context, c call) error

// call is one call of a command.
type call struct {
	args           []string // without the command's name
	dir            string   // working directory, absolute
	env            expand.Environ
	stdin          io.Reader
	stdout, stderr io.Writer
	exec           func(ctx context.Context, args []string) error // runs another command
}

// path is where a path that the command was given leads.
func (c call) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(c.dir, name)
}

// usageError says that a command was called wrongly.
type usageError string

func (e usageError) Error() string { return string(e) }

// commands are what scripts find on every host, whatever its image holds, beside
// pidof and sh, which are a script's own.
// u-root's are taken where their exit status can be trusted. Its cp, find, ls,
// mkdir, mv and rm are not: they end with 0 when a file could not be copied,
// found, listed, made or removed, and mv cannot move between file systems. Its
// cat complains of a closed pipe, its find and tar take other arguments than
// those of the documents, and its xargs escapes the script's end. In a runbook
// under test that would be a step that failed and says it did not.
var commands map[string]command

func init() { // not a registry: xargs runs commands, so the map refers to itself
	commands = map[string]command{
		"base64":    borrowed(base64.New),
		"cat":       concatenate,
		"chmod":     changeMode,
		"cmp":       compare,
		"cp":        copyFiles,
		"find":      findFiles,
		"gzip":      zipFiles,
		"gunzip":    unzipFiles,
		"ls":        listFiles,
		"mkdir":     makeDirs,
		"mktemp":    borrowed(mktemp.New),
		"mv":        moveFiles,
		"rm":        removeFiles,
		"sha256sum": checksum,
		"shasum":    borrowed(shasum.New),
		"sleep":     sleep,
		"sync":      syncDisk,
		"tar":       tarFiles,
		"touch":     borrowed(touch.New),
		"xargs":     eachArgs,
	}
}

// borrowed is a command of u-root's.
func borrowed(order func() core.Command) command {
	return func(ctx context.Context, c call) error {
		cmd := order()
		cmd.SetIO(c.stdin, c.stdout, c.stderr)
		cmd.SetWorkingDir(c.dir)
		cmd.SetLookupEnv(func(name string) (string, bool) {
			v := c.env.Get(name)
			return v.String(), v.IsSet()
		})
		return cmd.RunContext(ctx, c.args...)
	}
}

// changeMode is u-root's chmod with the short form of --recursive.
func changeMode(ctx context.Context, c call) error {
	if len(c.args) > 0 && c.args[0] == "-R" {
		c.args = append([]string{"--recursive"}, c.args[1:]...)
	}
	return borrowed(chmod.New)(ctx, c)
}

// concatenate is cat [FILE…].
func concatenate(ctx context.Context, c call) error {
	if len(c.args) == 0 {
		c.args = []string{"-"}
	}
	var errs []error
	for _, name := range c.args {
		if name == "-" {
			_, err := io.Copy(c.stdout, c.stdin)
			errs = append(errs, err)
			continue
		}
		file, err := os.Open(c.path(name))
		if err == nil {
			_, err = io.Copy(c.stdout, readerUntil(ctx, file))
			err = errors.Join(err, file.Close())
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// sleep takes seconds, with a fraction if need be, or a number with s, m or h;
// several are added up.
func sleep(ctx context.Context, c call) error {
	if len(c.args) == 0 {
		return usageError("how long?")
	}
	var total time.Duration
	for _, arg := range c.args {
		text := arg
		if !strings.ContainsAny(arg[max(0, len(arg)-1):], "smh") {
			text += "s"
		}
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			return usageError(fmt.Sprintf("%q is not a time", arg))
		}
		total += d
	}
	timer := time.NewTimer(total)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// syncDisk flushes the host's file system, not those of the machine around it.
func syncDisk(_ context.Context, c call) error {
	if len(c.args) > 0 {
		return usageError("it takes no arguments")
	}
	root, err := os.Open("/")
	if err != nil {
		return err
	}
	defer root.Close()
	return unix.Syncfs(int(root.Fd()))
}

// compare is cmp [-s] FILE FILE: exit status 0 if they are equal, 1 if they
// differ, 2 if that cannot be told.
func compare(ctx context.Context, c call) error {
	silent := len(c.args) > 0 && c.args[0] == "-s"
	if silent {
		c.args = c.args[1:]
	}
	if len(c.args) != 2 {
		return usageError("cmp [-s] FILE FILE")
	}
	var files [2]*os.File
	for i, name := range c.args {
		file, err := os.Open(c.path(name))
		if err != nil {
			return usageError(err.Error())
		}
		defer file.Close()
		files[i] = file
	}
	at, err := firstDifference(readerUntil(ctx, files[0]), readerUntil(ctx, files[1]))
	if err != nil {
		return usageError(err.Error())
	}
	if at < 0 {
		return nil
	}
	if !silent {
		fmt.Fprintf(c.stdout, "%s %s differ: byte %d\n", c.args[0], c.args[1], at+1)
	}
	return interp.ExitStatus(1)
}

// firstDifference returns the offset at which two streams differ, -1 if they do not.
func firstDifference(a, b io.Reader) (int64, error) {
	bufA, bufB := make([]byte, 64<<10), make([]byte, 64<<10)
	for offset := int64(0); ; {
		n, errA := io.ReadFull(a, bufA)
		m, errB := io.ReadFull(b, bufB)
		for i := range min(n, m) {
			if bufA[i] != bufB[i] {
				return offset + int64(i), nil
			}
		}
		offset += int64(min(n, m))
		for _, err := range []error{errA, errB} {
			if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				return 0, err
			}
		}
		switch {
		case n != m:
			return offset, nil
		case errA != nil:
			return -1, nil
		}
	}
}

// checksum is sha256sum without options.
func checksum(ctx context.Context, c call) error {
	sum := func(r io.Reader, name string) error {
		hash := sha256.New()
		if _, err := io.Copy(hash, readerUntil(ctx, r)); err != nil {
			return err
		}
		_, err := fmt.Fprintf(c.stdout, "%x  %s\n", hash.Sum(nil), name)
		return err
	}
	if len(c.args) == 0 {
		return sum(c.stdin, "-")
	}
	var errs []error
	for _, name := range c.args {
		if strings.HasPrefix(name, "-") {
			return usageError("there is no option " + name)
		}
		file, err := os.Open(c.path(name))
		if err == nil {
			err = errors.Join(sum(file, name), file.Close())
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// eachArgs is xargs [-0] [-r] [-n N] COMMAND [ARG]…: it runs a command with
// what it reads as further arguments, split at white space or, with -0, at zero
// bytes. Without input nothing is run, with -r or without.
func eachArgs(ctx context.Context, c call) error {
	most, zero, args := 5000, false, c.args
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		switch {
		case args[0] == "-0":
			zero = true
		case args[0] == "-r":
		case args[0] == "-n" && len(args) > 1:
			n, err := strconv.Atoi(args[1])
			if err != nil || n < 1 {
				return usageError(fmt.Sprintf("-n %s: not a number above 0", args[1]))
			}
			most, args = n, args[1:]
		default:
			return usageError("there is no option " + args[0])
		}
		args = args[1:]
	}
	if len(args) == 0 {
		args = []string{"echo"}
	}
	text, err := io.ReadAll(c.stdin)
	if err != nil {
		return err
	}
	items := strings.Fields(string(text))
	if zero {
		items = strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00")
		if len(text) == 0 {
			items = nil
		}
	}
	failed := false
	for len(items) > 0 {
		n := min(most, len(items))
		err := c.exec(ctx, append(append([]string(nil), args...), items[:n]...))
		var status interp.ExitStatus
		if err != nil && !errors.As(err, &status) {
			return err
		}
		failed = failed || err != nil
		items = items[n:]
	}
	if failed {
		return interp.ExitStatus(123) // as xargs(1) says
	}
	return nil
}
