package observe

import (
	"strings"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/crew"
)

type panicky struct{}

func (panicky) Add(harness.KeyState) error { panic("the sink is out of order") }

// A panic beside or beneath an observation is that of whoever observes.
func TestPanics(t *testing.T) {
	err := crew.Caught(func() {
		each([]Target{{Host: "m1"}, {Host: "m2"}}, func(target Target) bool {
			if target.Host == "m2" {
				panic("m2 is out of order")
			}
			return true
		})
	})
	if err == nil || !strings.Contains(err.Error(), "m2 is out of order") || !strings.Contains(err.Error(), "panic_test.go") {
		t.Error(err)
	}
	cluster, targets := startCluster(t, 1)
	put(t, dial(t, cluster), "/t/a", "1")
	err = crew.Caught(func() {
		_, err := Verify(t.Context(), targets[0], targets, "/t/", panicky{})
		t.Errorf("it returned: %v", err)
	})
	if err == nil || !strings.Contains(err.Error(), "the sink is out of order") || !strings.Contains(err.Error(), "panic_test.go") {
		t.Error(err)
	}
}
