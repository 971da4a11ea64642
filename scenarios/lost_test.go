package scenarios_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/scenarios"
)

// Whoever recovers by hand may bring old hosts back where the procedure itself does, and
// nowhere else.
func TestOldHostsReturnByTheBook(t *testing.T) {
	returning := 0
	for _, sc := range scenarios.All() {
		bringsBack := false
		if sc.Recover != nil {
			steps, err := sc.Recover.Steps(sc.Given.Hosts())
			if err != nil {
				t.Fatal(err)
			}
			bringsBack = slices.ContainsFunc(steps, func(s harness.Step) bool { return s.Do == harness.Action(harness.PowerOn{}) })
		}
		if sc.OldHostsReturn != bringsBack {
			t.Errorf("%s: old hosts return: %v, and its procedure brings hosts back: %v", sc.Name, sc.OldHostsReturn, bringsBack)
		}
		if bringsBack {
			returning++
		}
	}
	if returning == 0 {
		t.Error("no scenario brings old hosts back")
	}
}

// What a team is told of a recovered cluster says of every disaster who is a member, what
// the cluster ID is, and what may be lost; and of none what broke, or that nothing may be
// touched.
func TestWhatCountsAsRecovered(t *testing.T) {
	for _, sc := range scenarios.All() {
		if sc.AtBirth {
			continue
		}
		all := check.Recovered(sc.Promises, sc.Given.Hosts())
		text := strings.Join(all, "\n")
		for _, want := range []string{"member", "The cluster ID is ", "lost", "the team leaves the cluster as it is"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: nothing says %q in\n%s", sc.Name, want, text)
			}
		}
		for _, broken := range []string{"power", " off", "ruin", "wipe", "snapshot", "quorum", "--"} {
			if strings.Contains(text, broken) {
				t.Errorf("%s: it tells what broke, or what to do (%q):\n%s", sc.Name, broken, text)
			}
		}
		t.Logf("%s:\n%s", sc.Name, text)
	}
}
