//go:build unix

package owner_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness/owner"
)

// TestBaseAmongReleases makes a base that others, who are done with it, remove.
func TestBaseAmongReleases(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "base")
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for n := range 300 {
				base, err := owner.Base(dir)
				if err != nil {
					t.Error(err)
					return
				}
				o, err := owner.Claim(base, fmt.Sprintf("d%d-%d", i, n))
				if err != nil {
					t.Error(err)
					return
				}
				if err := o.Release(false); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}
