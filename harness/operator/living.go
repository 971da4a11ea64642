//go:build unix

package operator

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/etcd-firedrill/firedrill/harness/owner"
)

// Living lists the desks, by their directories, of drills under base ("" is
// owner.DefaultBase) that have a living owner at this moment.
func Living(base string) (desks []string, err error) {
	base, err = owner.Resolve(base)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for drills that live: %w", err)
	}
	entries, err := os.ReadDir(base)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // the last of them may just have ended
		return nil, fmt.Errorf("look for drills that live: %w", err)
	}
	for _, e := range entries {
		desk := filepath.Join(base, e.Name(), deskDir)
		if info, err := os.Stat(desk); err == nil && info.IsDir() && owner.Alive(base, e.Name()) {
			desks = append(desks, desk)
		}
	}
	return desks, nil
}
