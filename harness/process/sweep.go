//go:build linux

package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/etcd-firedrill/firedrill/harness/eviction"
	"github.com/etcd-firedrill/firedrill/harness/operator"
	"github.com/etcd-firedrill/firedrill/harness/owner"
)

// Sweep removes what drills whose owners are dead left under base ("" is
// owner.DefaultBase): first their processes, those of hosts, which are known by
// their root directory, and those of operators' own programs, then their
// directories, on whichever runtime the drills ran. It spares whatever has a living owner and
// touches nothing outside base. It returns a line for people about each drill
// swept.
func Sweep(ctx context.Context, base string) ([]string, error) {
	base, err := owner.Resolve(base)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // no drill left anything
	}
	if err != nil {
		return nil, fmt.Errorf("sweep: %w", err)
	}
	entries, err := os.ReadDir(base)
	if err != nil {
		return nil, fmt.Errorf("sweep: %w", err)
	}
	var lines []string
	var errs []error
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		line, err := sweepDrill(ctx, base, e.Name())
		if err != nil {
			errs = append(errs, fmt.Errorf("sweep drill %s: %w", e.Name(), err))
		}
		if line != "" {
			lines = append(lines, line)
		}
	}
	return lines, errors.Join(errs...)
}

func sweepDrill(ctx context.Context, base, drill string) (line string, err error) {
	heir, err := owner.Inherit(base, drill)
	if errors.Is(err, owner.ErrAlive) || errors.Is(err, fs.ErrNotExist) {
		return "", nil // it is somebody's, or no drill's
	}
	if err != nil {
		return "", err
	}
	ended, err := eviction.End(ctx, inmates(heir.Dir()))
	if err == nil {
		err = owner.RemoveTree(filepath.Join(heir.Dir(), rackDir))
	}
	programs, perr := operator.Sweep(ctx, heir.Dir())
	ended += programs
	if err = errors.Join(err, perr); err != nil {
		return "", errors.Join(err, heir.Release(true)) // for the next sweep
	}
	line = fmt.Sprintf("drill %s: removed %s", drill, heir.Dir())
	if ended > 0 {
		line += fmt.Sprintf(", ended %d processes", ended)
	}
	return line, heir.Release(false)
}
