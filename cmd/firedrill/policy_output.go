package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/etcd-firedrill/firedrill/reports/policy"
	"github.com/etcd-firedrill/firedrill/reports/render"
)

// output is a file that a result is written to besides.
type output struct {
	flag, usage string
	render      func(io.Writer, policy.Result) error
	path        string // "": it was not asked for
}

// policyOutputs are all of them, a flag each.
func policyOutputs() []output {
	return []output{
		{flag: "markdown", usage: "write the result as Markdown to a `file`", render: func(w io.Writer, r policy.Result) error {
			_, err := io.WriteString(w, render.SweepMarkdown(r))
			return err
		}},
		{flag: "csv", usage: "write every run as CSV to a `file`", render: render.SweepCSV},
		{flag: "prometheus", usage: "write the result to a `file` of a Prometheus textfile collector", render: render.SweepPrometheus},
	}
}

// possible tells before hours of drills whether the file can be written.
func (o output) possible() error {
	if o.path == "" {
		return nil
	}
	if info, err := os.Stat(o.path); err == nil && info.IsDir() {
		return hint(fmt.Errorf("--%s: %s is a directory", o.flag, o.path), "name a file")
	}
	fresh, err := os.CreateTemp(filepath.Dir(o.path), "."+filepath.Base(o.path)+".*")
	if err != nil {
		return hint(fmt.Errorf("--%s: %w", o.flag, err), "the directory must be there")
	}
	return errors.Join(fresh.Close(), os.Remove(fresh.Name()))
}

// write replaces the file at once or not at all, for others may read it meanwhile.
func (o output) write(r policy.Result) (err error) {
	if o.path == "" {
		return nil
	}
	fresh, err := os.CreateTemp(filepath.Dir(o.path), "."+filepath.Base(o.path)+".*")
	if err != nil {
		return fmt.Errorf("--%s: %w", o.flag, err)
	}
	err = o.render(fresh, r)
	err = errors.Join(err, fresh.Chmod(0o644), fresh.Sync(), fresh.Close())
	if err == nil {
		err = os.Rename(fresh.Name(), o.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("--%s: %w", o.flag, err), os.Remove(fresh.Name()))
	}
	return nil
}
