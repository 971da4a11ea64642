//go:build linux

package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/etcd-firedrill/firedrill/harness/owner"
)

// Sweep removes what drills whose owners are dead left under base ("" is
// owner.DefaultBase): first their processes, which are known by their root
// directory, then their directories. It spares whatever has a living owner and
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
	dir := filepath.Join(base, drill)
	lock := filepath.Join(dir, owner.LockFile)
	if _, err := os.Lstat(lock); err != nil {
		return "", nil // no drill's: it merely lies here
	}
	if owner.Alive(base, drill) {
		return "", nil
	}
	// The dead stay dead: a drill's ID cannot be claimed while its directory is
	// there, so nobody comes in between.
	ended, err := evict(ctx, dir)
	if err != nil {
		return "", err
	}
	if err := removeTree(filepath.Join(dir, rackDir)); err != nil {
		return "", err
	}
	// What else lies there is not of our making: then the directory stays.
	if err := errors.Join(os.Remove(lock), os.Remove(dir)); err != nil {
		return "", err
	}
	line = fmt.Sprintf("drill %s: removed %s", drill, dir)
	if ended > 0 {
		line += fmt.Sprintf(", ended %d processes", ended)
	}
	return line, nil
}
