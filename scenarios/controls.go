package scenarios

import (
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// Control is a drill that must not end Held: a procedure as a tired operator
// carries it out, or a true history doctored afterwards. It names the check
// that must catch it; one that nothing catches is a hole in the harness.
type Control struct {
	Name     string
	Summary  string // what went wrong
	Scenario harness.Scenario
	// Doctor alters the evidence of an honest drill of Scenario; nil: the
	// scenario itself is sabotaged.
	Doctor Doctor
	// Catches is the check that must catch it, and Verdict what that check must
	// say: Violated, unless it is a premise, which is then Inconclusive.
	Catches string
	Premise bool
	// Containers runs it on the container runtime as well; every control runs
	// on processes.
	Containers bool
}

// Controls lists every control, sabotaged procedures first.
func Controls() []Control { return append(sabotaged(), doctored()...) }

func sabotaged() []Control {
	return []Control{
		{Name: "different-snapshot-on-one-member", Summary: "m3 is restored from an older backup than the others, and nobody compares",
			Catches: "replicas-agree", Containers: true,
			Scenario: slipped(etcdSnapshotRestore(),
				after("fetch the snapshot to every host", harness.Step{Name: "fetch another snapshot to m3", On: harness.Hosts("m3"),
					Do: harness.FetchBackup{To: "/root/snapshot.db", Back: 1}}),
				skip("compare the snapshot's hash on every host"))},
		{Name: "older-snapshot", Summary: "every member is restored from the backup before the newest",
			Catches: "cut-at-snapshot",
			Scenario: slipped(etcdSnapshotRestore(),
				instead("fetch the snapshot to every host", harness.FetchBackup{To: "/root/snapshot.db", Back: 1}))},
		{Name: "old-token-and-old-disk", Summary: "m2 and m3 are restored with the old token, m1 starts from its old disk",
			Catches: "cluster-id", Containers: true,
			Scenario: hurried(slipped(etcdSnapshotRestore(),
				skip("move the old data of m1 aside"),
				on("restore the snapshot on every host", harness.AllBut("m1")),
				rewrite("restore the snapshot on every host", "{{token}}-restored", "{{token}}"),
				rewrite("start etcd on every host", "(token) `-restored`", "(token)")), 20*time.Second)},
		{Name: "restored-without-bump", Summary: "the revisions are not bumped and marked compacted",
			Catches: "watcher-informed",
			Scenario: slipped(etcdSnapshotRestore(),
				rewrite("restore the snapshot on every host", " \\\n  --bump-revision 1000000000 --mark-compacted", ""))},
		{Name: "revisions-handed-out-again", Summary: "as restored-without-bump: lost revisions are handed out a second time",
			Catches: "revisions-unique",
			Scenario: slipped(etcdSnapshotRestore(),
				rewrite("restore the snapshot on every host", " \\\n  --bump-revision 1000000000 --mark-compacted", ""))},
		{Name: "restored-and-not-started", Summary: "the data directories are ready and nobody starts etcd",
			Catches:  "service-restored",
			Scenario: hurried(slipped(etcdSnapshotRestore(), skip("start etcd on every host")), 5*time.Second)},
		{Name: "member-left-unstarted", Summary: "m3 is added and never started",
			Catches: "members-are", Containers: true,
			Scenario: slipped(kubeadmForceNewCluster(), withoutStarting("m3")...)},
		{Name: "one-failure-from-the-end", Summary: "m3 is added and never started: two of three voters are there",
			Catches:  "survives-one-member-loss",
			Scenario: slipped(kubeadmForceNewCluster(), withoutStarting("m3")...)},
		{Name: "learner-never-promoted", Summary: "m3 is added as a learner and stays one",
			Catches: "members-are",
			Scenario: slipped(kubeadmForceNewCluster(),
				rewrite("add m3 to the members", "member add m3", "member add m3 --learner"))},
		{Name: "unwiped-m2", Summary: "the old data of m2 is left in place, so it cannot start and the procedure cannot go on",
			Catches:  "procedure-completed",
			Scenario: hurried(slipped(kubeadmForceNewCluster(), skip("remove the old data of m2")), 12*time.Second)},
		{Name: "flag-left-behind", Summary: "the manifest of m1 keeps --force-new-cluster, as the document leaves it",
			Catches: "restart-keeps-members", Containers: true,
			Scenario: strictly(kubeadmForceNewClusterVerbatim())},
	}
}

func withoutStarting(host string) []slip {
	return []slip{
		skip("start etcd on " + host), skip("verify that " + host + " has joined"), skip("verify that all members are listed"),
		skip("stop etcd on m1 again"), skip("wait until etcd has stopped on m1 again"), skip("start etcd on m1 without the flag"),
		skip("verify that m1 serves again"),
	}
}

// slipped is the scenario with its procedure carried out carelessly.
func slipped(s harness.Scenario, slips ...slip) harness.Scenario {
	s.Recover = careless{of: s.Recover, slips: slips}
	return s
}

// hurried gives a procedure that cannot succeed less time to fail.
func hurried(s harness.Scenario, within time.Duration) harness.Scenario {
	s.Within = within
	return s
}

// strictly makes every hazard a promise, as --strict does.
func strictly(s harness.Scenario) harness.Scenario {
	s.Promises = append(append([]harness.Check{}, s.Promises...), s.Hazards...)
	s.Hazards = nil
	return s
}
