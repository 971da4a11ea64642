//go:build linux

package agent

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness/files"
)

const tarUsage = usageError("tar -c|-x|-t [-zv] -f FILE [-C DIR] [MEMBER…]")

// tarCall is a call of tar.
type tarCall struct {
	do      rune // c, x or t
	zip     bool
	verbose bool
	file    string // "-": the standard streams
	dir     string
	members []string
}

func parseTar(c call) (tarCall, error) {
	t := tarCall{dir: c.dir}
	for i := 0; i < len(c.args); i++ {
		arg := c.args[i]
		letters, dashed := strings.CutPrefix(arg, "-")
		if arg == "-" || !dashed && i > 0 {
			t.members = append(t.members, arg)
			continue
		}
		for _, letter := range letters {
			switch letter {
			case 'c', 'x', 't':
				if t.do != 0 {
					return t, tarUsage
				}
				t.do = letter
			case 'z':
				t.zip = true
			case 'v':
				t.verbose = true
			case 'p':
			case 'f', 'C':
				i++
				if i >= len(c.args) {
					return t, tarUsage
				}
				if letter == 'f' {
					t.file = c.args[i]
				} else {
					t.dir = c.path(c.args[i])
				}
			default:
				return t, usageError(fmt.Sprintf("there is no option %q; %s", letter, tarUsage))
			}
		}
	}
	if t.do == 0 || t.file == "" || t.do == 'c' && len(t.members) == 0 {
		return t, tarUsage
	}
	if t.do != 'c' && len(t.members) > 0 {
		return t, usageError("only whole archives can be unpacked or listed here")
	}
	return t, nil
}

// tarFiles is tar as the documents use it: whole archives, packed or unpacked
// relative to a directory, compressed or not. -z is needed to compress;
// compressed archives are recognised. Entries that would land outside the
// directory are refused.
func tarFiles(ctx context.Context, c call) error {
	t, err := parseTar(c)
	if err != nil {
		return err
	}
	if t.do == 'c' {
		return t.create(ctx, c)
	}
	in := c.stdin
	if t.file != "-" {
		file, err := os.Open(c.path(t.file))
		if err != nil {
			return err
		}
		defer file.Close()
		in = readerUntil(ctx, file)
	}
	buffered := bufio.NewReaderSize(in, 64<<10)
	in = buffered
	if magic, err := buffered.Peek(2); err == nil && string(magic) == "\x1f\x8b" {
		zipped, err := gzip.NewReader(buffered)
		if err != nil {
			return err
		}
		defer zipped.Close()
		in = zipped
	}
	if t.do == 't' {
		return listTar(c, in)
	}
	root, err := os.OpenRoot(t.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return files.Unpack(root, readerUntil(ctx, in), t.named(c))
}

func (t tarCall) named(c call) func(string) {
	if !t.verbose {
		return nil
	}
	return func(name string) { fmt.Fprintln(c.stdout, name) }
}

func listTar(c call, in io.Reader) error {
	archive := tar.NewReader(in)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(c.stdout, header.Name); err != nil {
			return err
		}
	}
}

func (t tarCall) create(ctx context.Context, c call) (err error) {
	out := c.stdout
	if t.file != "-" {
		file, err := os.Create(c.path(t.file))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		out = file
	}
	if t.zip {
		zipped := gzip.NewWriter(out)
		defer func() { err = errors.Join(err, zipped.Close()) }()
		out = zipped
	}
	root, err := os.OpenRoot(t.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	archive := tar.NewWriter(writerUntil(ctx, out))
	for _, member := range t.members {
		within := root
		name := filepath.Clean(member)
		if filepath.IsAbs(name) { // as everybody's tar: stored without the leading slash
			if within, err = os.OpenRoot("/"); err != nil {
				return err
			}
			defer within.Close()
		}
		if err := files.Pack(within, local(name), archive, t.named(c)); err != nil {
			return err
		}
	}
	return archive.Close()
}
