package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/etcd-firedrill/firedrill/fixtures/dataset"
	"github.com/etcd-firedrill/firedrill/reports/policy"
)

// birth is what a cluster is born with.
type birth struct {
	size      policy.Size
	valueSize int
}

// births are the snapshot files for them.
type births map[birth]string

// birthsDir is where they lie, in the sweep's directory, for as long as it runs.
const birthsDir = "datasets"

// birthsSeed is that of every dataset, so that a drill can be run again alone, on the
// same data.
const birthsSeed = 1

// make writes the file, and says what is in it.
func (b births) make(ctx context.Context, dir string, of birth) (string, error) {
	dir = filepath.Join(dir, birthsDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	keys, err := dataset.KeysFor(ctx, dir, int64(of.size), of.valueSize)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, fmt.Sprintf("%d-%d.db", int64(of.size), of.valueSize))
	if _, err := dataset.Write(ctx, path, dataset.Spec{Keys: keys, ValueSize: of.valueSize, Seed: birthsSeed}); err != nil {
		return "", err
	}
	bytes, err := dataset.InUse(path)
	if err != nil {
		return "", err
	}
	b[of] = path
	return fmt.Sprintf("a database of %s: %d keys with values of %d bytes make %s", of.size, keys, of.valueSize, policy.Size(bytes)), nil
}

// close removes the files.
func (r *rounds) close() error {
	if err := os.RemoveAll(filepath.Join(r.dir, birthsDir)); err != nil {
		return fmt.Errorf("remove the datasets: %w", err)
	}
	return nil
}
