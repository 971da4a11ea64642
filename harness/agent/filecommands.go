//go:build linux

package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// options takes single-letter options off the front of args; -- ends them.
// known lists the letters; long options are given by the letter they mean.
func options(args []string, known string, long map[string]rune) (set map[rune]bool, rest []string, err error) {
	set = map[rune]bool{}
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			break
		}
		letters := arg[1:]
		if letter, ok := long[arg]; ok {
			letters = string(letter)
		}
		for _, letter := range letters {
			if !strings.ContainsRune(known, letter) {
				return nil, nil, usageError(fmt.Sprintf("there is no option %s", arg))
			}
			set[letter] = true
		}
	}
	return set, args, nil
}

// makeDirs is mkdir [-p] [-m MODE] DIR….
func makeDirs(_ context.Context, c call) error {
	mode, perm := "", fs.FileMode(0o777)
	var args []string
	for i := 0; i < len(c.args); i++ {
		if c.args[i] == "-m" && i+1 < len(c.args) {
			i++
			mode = c.args[i]
			continue
		}
		args = append(args, c.args[i])
	}
	set, dirs, err := options(args, "p", map[string]rune{"--parents": 'p'})
	if err != nil {
		return err
	}
	if len(dirs) == 0 {
		return usageError("mkdir [-p] [-m MODE] DIR…")
	}
	if mode != "" {
		bits, err := strconv.ParseUint(mode, 8, 9)
		if err != nil {
			return usageError(fmt.Sprintf("-m %s: not an octal mode", mode))
		}
		perm = fs.FileMode(bits)
	}
	var errs []error
	for _, dir := range dirs {
		if set['p'] {
			err = os.MkdirAll(c.path(dir), 0o777)
		} else {
			err = os.Mkdir(c.path(dir), perm)
		}
		if err == nil && mode != "" {
			err = os.Chmod(c.path(dir), perm)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// removeFiles is rm [-rf] FILE…. With -f a file that is not there is no error;
// everything else still is.
func removeFiles(ctx context.Context, c call) error {
	set, names, err := options(c.args, "rRfv", map[string]rune{"--recursive": 'r', "--force": 'f'})
	if err != nil {
		return err
	}
	if len(names) == 0 && !set['f'] {
		return usageError("rm [-rf] FILE…")
	}
	var errs []error
	for _, name := range names {
		base := filepath.Base(filepath.Clean(name))
		if base == "/" || base == "." || base == ".." {
			errs = append(errs, fmt.Errorf("it is refused to remove %q", name))
			continue
		}
		err := removeOne(ctx, c.path(name), set['r'] || set['R'])
		if set['f'] && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)) {
			err = nil
		}
		if err == nil && set['v'] {
			fmt.Fprintf(c.stdout, "removed %s\n", name)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func removeOne(ctx context.Context, path string, tree bool) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return os.Remove(path)
	}
	if !tree {
		return &fs.PathError{Op: "remove", Path: path, Err: syscall.EISDIR}
	}
	// Entry by entry, so that the removal of a large tree can be ended.
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := removeOne(ctx, filepath.Join(path, e.Name()), true); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return os.Remove(path)
}

// moveFiles is mv [-fn] FILE TARGET, or FILE… DIR. Between file systems it
// copies and then removes.
func moveFiles(ctx context.Context, c call) error {
	set, names, err := options(c.args, "fnv", nil)
	if err != nil {
		return err
	}
	return c.eachTarget(names, func(from, to string) error {
		if set['n'] {
			if _, err := os.Lstat(to); err == nil {
				return nil
			}
		}
		err := os.Rename(from, to)
		if errors.Is(err, syscall.EXDEV) {
			err = copyTree(ctx, from, to, copyHow{tree: true, preserve: true})
			if err == nil {
				err = removeOne(ctx, from, true)
			}
		}
		return err
	})
}

// copyFiles is cp [-arRpdPfT] FILE TARGET, or FILE… DIR.
func copyFiles(ctx context.Context, c call) error {
	set, names, err := options(c.args, "arRpdPfTv", map[string]rune{"--recursive": 'r', "--archive": 'a', "--preserve": 'p', "--force": 'f'})
	if err != nil {
		return err
	}
	how := copyHow{
		tree:     set['r'] || set['R'] || set['a'],
		preserve: set['p'] || set['a'],
		follow:   !set['d'] && !set['P'] && !set['a'] && !set['r'] && !set['R'],
	}
	do := func(from, to string) error { return copyTree(ctx, from, to, how) }
	if set['T'] {
		if len(names) != 2 {
			return usageError("with -T: one file and one target")
		}
		return do(c.path(names[0]), c.path(names[1]))
	}
	return c.eachTarget(names, do)
}

// eachTarget calls do for each file but the last name, with where it goes: the
// last name, or into it if that is a directory.
func (c call) eachTarget(names []string, do func(from, to string) error) error {
	if len(names) < 2 {
		return usageError("FILE TARGET, or FILE… DIRECTORY")
	}
	files, target := names[:len(names)-1], names[len(names)-1]
	info, err := os.Stat(c.path(target))
	into := err == nil && info.IsDir()
	if !into && (len(files) > 1 || strings.HasSuffix(target, "/") && err == nil) {
		return &fs.PathError{Op: "into", Path: target, Err: syscall.ENOTDIR}
	}
	var errs []error
	for _, file := range files {
		to := c.path(target)
		if into {
			to = filepath.Join(to, filepath.Base(filepath.Clean(c.path(file))))
		}
		errs = append(errs, do(c.path(file), to))
	}
	return errors.Join(errs...)
}

// copyHow says how to copy.
type copyHow struct {
	tree     bool // directories too
	follow   bool // what a link leads to, not the link
	preserve bool // modes and times
}

func copyTree(ctx context.Context, from, to string, how copyHow) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	stat := os.Lstat
	if how.follow {
		stat = os.Stat
	}
	info, err := stat(from)
	if err != nil {
		return err
	}
	switch {
	case info.IsDir():
		return copyDir(ctx, from, to, info, how)
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return os.Symlink(target, to)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is neither a file, a directory nor a symbolic link", from)
	}
	return copyFile(ctx, from, to, info, how)
}

func copyDir(ctx context.Context, from, to string, info fs.FileInfo, how copyHow) error {
	if !how.tree {
		return fmt.Errorf("%s is a directory, and -r was not given", from)
	}
	if rel, err := filepath.Rel(from, to); err == nil && filepath.IsLocal(rel) {
		return fmt.Errorf("%s cannot be copied into itself, %s", from, to)
	}
	err := os.Mkdir(to, 0o700|info.Mode().Perm())
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	made := err == nil
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		errs = append(errs, copyTree(ctx, filepath.Join(from, e.Name()), filepath.Join(to, e.Name()), how))
	}
	switch {
	case how.preserve:
		errs = append(errs, os.Chmod(to, info.Mode().Perm()), os.Chtimes(to, info.ModTime(), info.ModTime()))
	case made && info.Mode().Perm()&0o700 != 0o700:
		errs = append(errs, os.Chmod(to, info.Mode().Perm()))
	}
	return errors.Join(errs...)
}

func copyFile(ctx context.Context, from, to string, info fs.FileInfo, how copyHow) (err error) {
	if there, err := os.Stat(to); err == nil && os.SameFile(info, there) {
		return fmt.Errorf("%s and %s are the same file", from, to)
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, info.Mode().Perm())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	// In slices, so that the kernel can still copy by itself and a large copy can be ended.
	const slice = 64 << 20
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := io.CopyN(out, in, slice); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
	}
	if !how.preserve {
		return nil
	}
	return errors.Join(out.Chmod(info.Mode().Perm()), os.Chtimes(to, info.ModTime(), info.ModTime()))
}
