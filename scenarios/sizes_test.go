package scenarios_test

import (
	"slices"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/drill"
	"github.com/etcd-firedrill/firedrill/scenarios"
)

// smaller are the scenarios that restore a backup, and that say what they are for
// another number of members, a single one included.
func smaller() (all []harness.Scenario) {
	for _, s := range scenarios.All() {
		if scenarios.Restores(s) && s.Sized != nil && drill.Validate(s, drill.Options{Members: 1}) == nil {
			all = append(all, s)
		}
	}
	return all
}

// What restores a backup can be tried on a single member too: it is lost then, and
// recovered.
var _ = Describe("scenario for one member", func() {
	for _, s := range smaller() {
		It(s.Name+" holds with one member on the process runtime", Label("process", s.Name, "members"), func(ctx SpecContext) {
			report := run(ctx, runtimes()[0], s.WithMembers(1))
			Expect(report.Verdict).To(Equal(harness.Held), "%s", explain(report))
		}, SpecTimeout(specDeadline))
	}
})

// That one can be lost is promised of no cluster that has no majority without it. What
// is born as small as that may grow, and says so itself.
func TestNobodyIsExpendableOfTwo(t *testing.T) {
	possible := 0
	for _, s := range scenarios.All() {
		for _, members := range []int{1, 2} {
			if members == s.Given.Members || drill.Validate(s, drill.Options{Members: members}) != nil {
				continue
			}
			possible++
			if slices.ContainsFunc(s.WithMembers(members).Promises, func(c harness.Check) bool { return c.Name() == check.SurvivesOneMemberLoss{}.Name() }) {
				t.Errorf("%s with %d members promises that one can be lost", s.Name, members)
			}
		}
	}
	if possible < len(smaller())*2 {
		t.Errorf("%d scenarios of one or two members were looked at", possible)
	}
}

// Nothing is promised that so few members cannot keep, and what is struck leaves the
// procedure something to do.
func TestScenariosFitTheirMembers(t *testing.T) {
	names := map[string]bool{}
	for _, s := range smaller() {
		names[s.Name] = true
		for _, members := range []int{1, 2, 3, 5} {
			of := s.WithMembers(members)
			if err := drill.Validate(s, drill.Options{Members: members}); err != nil || !scenarios.Restores(of) {
				t.Errorf("%s with %d members: restores %v, %v", s.Name, members, scenarios.Restores(of), err)
			}
			survives := slices.ContainsFunc(of.Promises, func(c harness.Check) bool { return c.Name() == check.SurvivesOneMemberLoss{}.Name() })
			if survives != (members > 2) {
				t.Errorf("%s with %d members promises that one can be lost: %v", s.Name, members, survives)
			}
		}
		if of := s.WithMembers(s.Given.Members); of.Summary != s.Summary || len(of.Promises) != len(s.Promises) {
			t.Errorf("%s is changed for its own number of members", s.Name)
		}
	}
	for _, name := range []string{"etcd-snapshot-restore", "etcd-snapshot-restore-auth", "talos-recover-snapshot", "dcos-4-quorum-loss", "rke-restore-new-nodes", "rke-restore-cleaned-nodes"} {
		if !names[name] {
			t.Errorf("%s does not say what it is for one member", name)
		}
	}
}

// A restore that lost nothing keeps these promises whatever it does: where they are made
// something was written after the backup, of however many members.
func TestWhatHangsOnALossHasOne(t *testing.T) {
	hang := []string{check.RevisionsUnique{}.Name(), check.WatcherInformed{}.Name(), check.CachesFresh{}.Name()}
	var found []string
	for _, s := range scenarios.All() {
		for _, members := range []int{s.Given.Members, 1} {
			of := s.WithMembers(members)
			if !scenarios.Restores(of) || !slices.ContainsFunc(of.Promises, func(c harness.Check) bool { return slices.Contains(hang, c.Name()) }) {
				continue
			}
			if found = append(found, s.Name); of.Backups.Age < 300*time.Millisecond {
				t.Errorf("%s with %d members: the backup is %v old when disaster strikes", s.Name, members, of.Backups.Age)
			}
		}
	}
	if found = slices.Compact(found); len(found) != 4 {
		t.Errorf("it is promised by %q", found)
	}
}

// A backup job alone makes no scenario one that restores.
func TestWhatRestores(t *testing.T) {
	for _, s := range scenarios.All() {
		want := !slices.Contains([]string{"talos-init-node", "talos-quorum-restorable"}, s.Name) && s.Backups.Every > 0
		if got := scenarios.Restores(s); got != want {
			t.Errorf("%s restores a backup: %v", s.Name, got)
		}
	}
}
