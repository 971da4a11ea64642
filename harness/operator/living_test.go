//go:build unix

package operator

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness/owner"
)

func TestLiving(t *testing.T) {
	base := filepath.Join(t.TempDir(), "base")
	living := func() []string {
		t.Helper()
		desks, err := Living(base)
		if err != nil {
			t.Fatal(err)
		}
		return desks
	}
	if desks := living(); len(desks) > 0 {
		t.Errorf("where there is nothing, %v lives", desks)
	}
	d, err := OpenDesk(base, "d1")
	if err != nil {
		t.Fatal(err)
	}
	dead, err := owner.Claim(d.dir[:len(d.dir)-len("/d1/desk")], "d2")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dead.Dir(), deskDir), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := dead.Release(true); err != nil {
		t.Fatal(err)
	}
	bare, err := owner.Claim(filepath.Dir(dead.Dir()), "d3") // it has no desk
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := bare.Release(false); err != nil {
			t.Error(err)
		}
	}()
	if desks := living(); !slices.Equal(desks, []string{d.Dir()}) {
		t.Errorf("%v", desks)
	}
	if err := d.Close(false); err != nil {
		t.Fatal(err)
	}
	if desks := living(); len(desks) > 0 {
		t.Errorf("afterwards %v lives", desks)
	}
}
