package nearest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNames(t *testing.T) {
	names := []string{"dcos-3-task-crash", "dcos-3-agent-loss", "kubeadm-force-new-cluster", "kubeadm-force-new-cluster-verbatim"}
	for name, want := range map[string][]string{
		"dcos-3-task-crahs": {"dcos-3-task-crash"},
		"kubeadm":           {"kubeadm-force-new-cluster", "kubeadm-force-new-cluster-verbatim"},
		"zzz":               nil,
		"":                  nil,
	} {
		if diff := cmp.Diff(want, Names(name, names)); diff != "" {
			t.Errorf("%q: %s", name, diff)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "", 3}, {"", "ab", 2}, {"kitten", "sitting", 3}, {"same", "same", 0}, {"flaw", "lawn", 2}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance of %q and %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
