//go:build linux

package agent

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// zipFiles is gzip [-dckf] [FILE…], unzipFiles the same with -d.
func zipFiles(ctx context.Context, c call) error {
	set, names, err := options(c.args, "dckf", map[string]rune{"--decompress": 'd', "--stdout": 'c', "--keep": 'k', "--force": 'f'})
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return zipStream(c.stdout, c.stdin, set['d'])
	}
	var errs []error
	for _, name := range names {
		errs = append(errs, zipFile(ctx, c, name, set))
	}
	return errors.Join(errs...)
}

func unzipFiles(ctx context.Context, c call) error {
	c.args = append([]string{"-d"}, c.args...)
	return zipFiles(ctx, c)
}

func zipStream(w io.Writer, r io.Reader, decompress bool) (err error) {
	if decompress {
		zipped, err := gzip.NewReader(r)
		if err != nil {
			return err
		}
		_, err = io.Copy(w, zipped)
		return errors.Join(err, zipped.Close())
	}
	zipped := gzip.NewWriter(w)
	_, err = io.Copy(zipped, r)
	return errors.Join(err, zipped.Close())
}

func zipFile(ctx context.Context, c call, name string, set map[rune]bool) (err error) {
	in, err := os.Open(c.path(name))
	if err != nil {
		return err
	}
	defer in.Close()
	if set['c'] {
		return zipStream(c.stdout, readerUntil(ctx, in), set['d'])
	}
	target := name + ".gz"
	if set['d'] {
		var ok bool
		if target, ok = strings.CutSuffix(name, ".gz"); !ok {
			return fmt.Errorf("%s does not end in .gz", name)
		}
	}
	info, err := in.Stat()
	if err != nil {
		return err
	}
	flag := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if set['f'] {
		flag = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	out, err := os.OpenFile(c.path(target), flag, info.Mode().Perm())
	if err != nil {
		return err
	}
	err = errors.Join(zipStream(out, readerUntil(ctx, in), set['d']), out.Close())
	if err != nil {
		return errors.Join(err, os.Remove(c.path(target)))
	}
	if set['k'] {
		return nil
	}
	return os.Remove(c.path(name))
}
