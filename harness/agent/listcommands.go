//go:build linux

package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"mvdan.cc/sh/v3/interp"
)

// listFiles is ls [-1aAdil] [FILE…], one name a line.
func listFiles(ctx context.Context, c call) error {
	set, names, err := options(c.args, "1aAdil", nil)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		names = []string{"."}
	}
	var errs []error
	for i, name := range names {
		errs = append(errs, ctx.Err())
		info, err := os.Lstat(c.path(name))
		if err == nil && info.Mode()&fs.ModeSymlink != 0 && !set['l'] && !set['d'] {
			info, err = os.Stat(c.path(name))
		}
		switch {
		case err != nil:
			errs = append(errs, err)
		case !info.IsDir() || set['d']:
			errs = append(errs, c.listOne(info, name, set))
		default:
			if len(names) > 1 {
				fmt.Fprintf(c.stdout, "%s%s:\n", strings.Repeat("\n", min(1, i)), name)
			}
			errs = append(errs, c.listDir(name, set))
		}
	}
	return errors.Join(errs...)
}

func (c call) listDir(dir string, set map[rune]bool) error {
	entries, err := os.ReadDir(c.path(dir))
	if err != nil {
		return err
	}
	names := make([]string, 0, len(entries)+2)
	if set['a'] {
		names = append(names, ".", "..")
	}
	for _, e := range entries {
		if set['a'] || set['A'] || !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	for _, name := range names {
		info, err := os.Lstat(filepath.Join(c.path(dir), name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it went away meanwhile
		}
		if err == nil {
			err = c.listOne(info, name, set)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c call) listOne(info fs.FileInfo, name string, set map[rune]bool) error {
	if set['l'] {
		name = fmt.Sprintf("%v %10d %s %s", info.Mode(), info.Size(), info.ModTime().UTC().Format("2006-01-02 15:04:05"), name)
	}
	if is, ok := info.Sys().(*syscall.Stat_t); ok && set['i'] {
		name = fmt.Sprintf("%d %s", is.Ino, name)
	}
	_, err := fmt.Fprintln(c.stdout, name)
	return err
}

const findUsage = usageError(`find [PATH…] [-maxdepth N] [-type f|d|l] [-name GLOB] [-perm OCTAL] [-print | -exec COMMAND [ARG]… ;]`)

// search is a call of find.
type search struct {
	paths []string
	depth int // -1: any
	kind  string
	glob  string
	perm  int // -1: any
	exec  []string
}

func parseFind(args []string) (search, error) {
	s := search{depth: -1, perm: -1}
	for len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		s.paths, args = append(s.paths, args[0]), args[1:]
	}
	if len(s.paths) == 0 {
		s.paths = []string{"."}
	}
	for len(args) > 0 {
		test := args[0]
		if args = args[1:]; test == "-print" {
			continue
		}
		if len(args) == 0 {
			return s, findUsage
		}
		var err error
		switch test {
		case "-maxdepth":
			s.depth, err = strconv.Atoi(args[0])
		case "-type":
			s.kind = args[0]
		case "-name":
			s.glob = args[0]
			_, err = filepath.Match(s.glob, "")
		case "-perm":
			var perm uint64
			perm, err = strconv.ParseUint(args[0], 8, 9)
			s.perm = int(perm)
		case "-exec":
			end := slices.Index(args, ";")
			if end < 1 {
				return s, findUsage
			}
			s.exec, args = args[:end], args[end:]
		default:
			return s, findUsage
		}
		if err != nil || s.kind != "" && !slices.Contains([]string{"f", "d", "l"}, s.kind) {
			return s, findUsage
		}
		args = args[1:]
	}
	return s, nil
}

func (s search) matches(name string, info fs.FileInfo) bool {
	kind := map[fs.FileMode]string{0: "f", fs.ModeDir: "d", fs.ModeSymlink: "l"}[info.Mode().Type()]
	named := true
	if s.glob != "" {
		named, _ = filepath.Match(s.glob, filepath.Base(name)) // the pattern was tried when it was parsed
	}
	return named && (s.kind == "" || s.kind == kind) && (s.perm < 0 || s.perm == int(info.Mode().Perm()))
}

// findFiles is find with the tests that findUsage names. As everywhere, -exec
// that fails does not fail the find.
func findFiles(ctx context.Context, c call) error {
	s, err := parseFind(c.args)
	if err != nil {
		return err
	}
	var errs []error
	for _, path := range s.paths {
		errs = append(errs, s.walk(ctx, c, path, 0))
	}
	return errors.Join(errs...)
}

func (s search) walk(ctx context.Context, c call, name string, depth int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	info, err := os.Lstat(c.path(name))
	if errors.Is(err, fs.ErrNotExist) && depth > 0 {
		return nil // it went away meanwhile
	}
	if err != nil {
		return err
	}
	if s.matches(name, info) {
		if err := s.act(ctx, c, name); err != nil {
			return err
		}
	}
	if !info.IsDir() || s.depth >= 0 && depth >= s.depth {
		return nil
	}
	entries, err := os.ReadDir(c.path(name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var errs []error
	for _, e := range entries {
		errs = append(errs, s.walk(ctx, c, strings.TrimSuffix(name, "/")+"/"+e.Name(), depth+1))
	}
	return errors.Join(errs...)
}

func (s search) act(ctx context.Context, c call, name string) error {
	if s.exec == nil {
		_, err := fmt.Fprintln(c.stdout, name)
		return err
	}
	args := make([]string, len(s.exec))
	for i, arg := range s.exec {
		args[i] = strings.ReplaceAll(arg, "{}", name)
	}
	err := c.exec(ctx, args)
	var status interp.ExitStatus
	if errors.As(err, &status) {
		return nil
	}
	return err
}
