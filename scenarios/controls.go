package scenarios

import (
	"slices"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/fault"
	"github.com/etcd-firedrill/firedrill/recovery"
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
	// Says is in what the check says, where it might say Violated for another reason: a
	// procedure that does not complete must end at the step that was got wrong.
	Says string
	// Containers runs it on the container runtime as well; every control runs
	// on processes.
	Containers bool
}

// Controls lists every control, sabotaged procedures first.
func Controls() []Control {
	return slices.Concat(sabotaged(), carelessReplacements(), carelessInstall(), carelessDcos(), carelessLearners(), carelessSurvivors(), carelessRancher(), carelessRke(), carelessTalos(), doctored())
}

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
		{Name: "lease-times-started-anew", Summary: "a restore as etcd has it: the times of leases start anew",
			Catches:  "lease-terms-kept",
			Scenario: strictly(etcdSnapshotRestore())},
		{Name: "backup-job-died", Summary: "the backup job stopped without a word, and what it had taken is restored by the book",
			Catches:  "loss-within-policy",
			Scenario: died(etcdSnapshotRestore(), 2)},
		{Name: "alarm-carried-over", Summary: "NOSPACE is raised before the last backup, and the restored cluster has it under the ID of a member that is no more",
			// What waits for health waits for ever, and writes are refused.
			Catches: "no-alarms", Containers: true,
			Scenario: hurried(alarmed(etcdSnapshotRestore()), 15*time.Second)},
		{Name: "old-tokens-hang", Summary: "a restore as etcd has it: who logged in before waits in vain",
			Catches:  "old-tokens-work",
			Scenario: strictly(etcdSnapshotRestoreAuth())},
		{Name: "authentication-left-disabled", Summary: "authentication is disabled after the restore, as for a quick look, and stays so",
			Catches: "users-bind",
			Scenario: slipped(etcdSnapshotRestoreAuth(),
				after("wait until every member is healthy", harness.Step{Name: "disable authentication", On: harness.Hosts("m1"),
					Do: harness.Script(`{{etcdctl "m1"}} auth disable`)}))},
		{Name: "restored-and-not-started", Summary: "the data directories are ready and nobody starts etcd",
			Catches:  "service-restored",
			Scenario: hurried(slipped(etcdSnapshotRestore(), skip("start etcd on every host")), 5*time.Second)},
		{Name: "member-left-unstarted", Summary: "m3 is added and never started",
			Catches: "members-are", Containers: true,
			Scenario: slipped(kubeadmForceNewCluster(), withoutStartingM3()...)},
		{Name: "one-failure-from-the-end", Summary: "m3 is added and never started: two of three voters are there",
			Catches:  "survives-one-member-loss",
			Scenario: slipped(kubeadmForceNewCluster(), withoutStartingM3()...)},
		{Name: "learner-never-promoted", Summary: "m3 is added as a learner and stays one",
			Catches: "members-are",
			Scenario: slipped(kubeadmForceNewCluster(),
				rewrite("add m3 to the members", "member add m3", "member add m3 --learner"))},
		{Name: "unwiped-m2", Summary: "the old data of m2 is left in place, so it cannot start and the procedure cannot go on",
			Catches: "procedure-completed", Says: "(verify that m2 has joined)",
			Scenario: hurried(slipped(kubeadmForceNewCluster(), skip("remove the old data of m2")), 12*time.Second)},
		{Name: "flag-left-behind", Summary: "the manifest of m1 keeps --force-new-cluster, as the document leaves it",
			Catches: "restart-keeps-members", Containers: true,
			Scenario: strictly(kubeadmForceNewClusterVerbatim())},
	}
}

// carelessReplacements are slips in replacing one member.
func carelessReplacements() []Control {
	return []Control{
		{Name: "replacement-never-promoted", Summary: "the new member on m4 stays a learner",
			Catches:  "members-are",
			Scenario: hurried(slipped(etcdMemberReplace(), skip("promote the learner on m4")), 12*time.Second)},
		{Name: "lost-member-not-removed", Summary: "the lost member of m3 is left in the list, and etcd refuses to add another to what is not healthy",
			Catches: "procedure-completed", Says: "(add the new member)", Containers: true,
			Scenario: hurried(slipped(etcdMemberReplace(), skip("remove the lost member")), 12*time.Second)},
		{Name: "lost-member-left-listed", Summary: "as before, and etcd's check is switched off: the new one joins beside the lost member of m3, which serves again when it comes back",
			Catches: "dead-stay-out",
			// The etcd that is restarted serves on for some seconds: asked to add a member it may do so and
			// end before it answers, and whoever asks again is refused for ever. So it is waited for.
			Scenario: slipped(etcdMemberReplace(), skip("remove the lost member"),
				after("order a new host", harness.Step{Name: "switch off the check that refuses", On: harness.Hosts("m1"), Do: harness.Script(
					"cat > /root/etcd.yaml <<'EOF'\n{{manifest name `strict-reconfig-check=false`}}EOF\nold=$(pidof etcd)\nmv /root/etcd.yaml " + harness.ManifestPath +
						"\nwhile [ \"$(pidof etcd)\" = \"$old\" ]; do sleep 0.2; done")}),
				rewrite("add the new member", `etcdctl "m1" "m2"`, `etcdctl "m1"`),
				rewrite("start etcd on m4", `"m1" "m2" "m4"`, `"m1" "m2" "m3" "m4"`))},
		{Name: "quorum-lost-in-a-replacement", Summary: "when the lost member is removed, etcd on m2 is stopped as well, and started again after a while",
			Catches: "no-outage-beyond-election",
			// As one that is told to stop serves on for some seconds, it is waited for.
			Scenario: hurried(slipped(dcosPodReplace(), after("remove the lost member", harness.Step{Name: "stop etcd on m2 for a while", On: harness.Hosts("m2"),
				Do: harness.Script("mkdir -p /root && mv " + harness.ManifestPath + " /root/etcd.yaml\n" +
					"while pidof etcd; do sleep 0.2; done\nsleep 20\nmv /root/etcd.yaml " + harness.ManifestPath)})), 90*time.Second)},
		{Name: "wrong-member-removed", Summary: "the member of m2, which is fine, is to be removed instead of that of m3, and etcd refuses",
			Catches: "procedure-completed", Says: "(remove the lost member)",
			Scenario: hurried(slipped(etcdMemberReplace(), mistake("find the member on m3", "m3, ", "m2, ")), 15*time.Second)},
		{Name: "replacement-not-started", Summary: "m3 is added as a voter and never started",
			Catches:  "members-are",
			Scenario: hurried(slipped(dcosPodReplace(), skip("start etcd on m3")), 12*time.Second)},
		{Name: "replacement-as-a-new-cluster", Summary: "the new member on m3 is started with --initial-cluster-state=new",
			Catches: "procedure-completed", Says: "(wait until every member is healthy)",
			Scenario: hurried(slipped(dcosPodReplace(),
				rewrite("start etcd on m3", "initial-cluster-state=existing", "initial-cluster-state=new")), 12*time.Second)},
		{Name: "replacement-knows-one-member", Summary: "the new member on m3 is started with itself as the only one it knows",
			Catches: "procedure-completed", Says: "(wait until every member is healthy)",
			Scenario: hurried(slipped(dcosPodReplace(),
				rewrite("start etcd on m3", `(cluster "m1" "m2" "m3")`, `(cluster "m3")`)), 12*time.Second)},
	}
}

// carelessDcos are slips in restoring a DC/OS package's backup.
func carelessDcos() []Control {
	return []Control{
		{Name: "different-backup-on-one-task", Summary: "m3 is restored from an older backup than the others",
			Catches: "replicas-agree",
			Scenario: slipped(dcosQuorumLoss(),
				after("fetch the backup to every host", harness.Step{Name: "fetch another backup to m3", On: harness.Hosts("m3"),
					Do: harness.FetchBackup{To: "/root/snapshot.db", Back: 1}}))},
		{Name: "older-backup", Summary: "every task is restored from the backup before the previous one",
			Catches: "cut-at-snapshot", Containers: true,
			Scenario: slipped(dcosQuorumLoss(),
				instead("fetch the backup to every host", harness.FetchBackup{To: "/root/snapshot.db", Back: 1}))},
		{Name: "survivor-not-wiped", Summary: "the old data of m1 is in the way of the restore",
			Catches: "procedure-completed", Says: "(restore the backup on every host)",
			Scenario: slipped(dcosQuorumLoss(), skip("wipe what is left of the old cluster"))},
		{Name: "older-backup-of-one", Summary: "the single task is restored from the backup before the newest",
			Catches: "cut-at-snapshot",
			Scenario: slipped(dcosAgentLoss(),
				instead("fetch the backup to every host", harness.FetchBackup{To: "/root/snapshot.db", Back: 1}))},
		{Name: "started-on-an-empty-disk", Summary: "the single task is started anew and the backup is not restored",
			Catches:  "cut-at-snapshot",
			Scenario: slipped(dcosAgentLoss(), instead("restore the backup on every host", harness.Script("ls -l /root/snapshot.db")))},
		{Name: "relaunched-and-not-started", Summary: "the backup is restored and etcd is not started",
			Catches:  "service-restored",
			Scenario: hurried(slipped(dcosAgentLoss(), skip("start etcd on every host")), 5*time.Second)},
		{Name: "scaled-up-from-an-older-backup", Summary: "the backup before the newest is restored before scaling up again",
			Catches:  "cut-at-snapshot",
			Scenario: slipped(dcosScaleUpCrash(), instead("fetch the backup", harness.FetchBackup{To: "/root/snapshot.db", Back: 1}))},
		{Name: "scale-up-not-wiped", Summary: "the old data is in the way of the restore",
			Catches: "procedure-completed", Says: "(restore the backup to a new cluster)",
			Scenario: slipped(dcosScaleUpCrash(), skip("wipe what is left of the old cluster"))},
		{Name: "scale-up-not-started", Summary: "m3 is added and never started",
			Catches:  "members-are",
			Scenario: hurried(slipped(dcosScaleUpCrash(), skip("start etcd on m3")), 25*time.Second)},
	}
}

// carelessInstall are slips in installing a DC/OS package again. That nothing is
// wiped is none that does harm: names, URLs and token are the same, so what m1 and
// m2 hold of the first installation is a cluster that m3 belongs to. The agents'
// check finds it all the same.
func carelessInstall() []Control {
	return []Control{
		{Name: "agent-not-repaired", Summary: "the disk of m3 is not repaired, and the check of the agents finds it",
			Catches: "procedure-completed", Says: "(check that each agent is healthy)",
			Scenario: slipped(dcosInstallFailure(), skip("repair the disk of m3"))},
		{Name: "install-not-wiped", Summary: "the data of the first installation are left, and the check of the agents finds them",
			Catches: "procedure-completed", Says: "(check that each agent is healthy)",
			Scenario: slipped(dcosInstallFailure(), skip("wipe what is left of the old cluster"))},
		{Name: "installed-on-a-sick-agent", Summary: "m3 is neither repaired nor checked, and nobody waits for its member",
			Catches: "every-member-serves",
			Scenario: slipped(dcosInstallFailure(), skip("repair the disk of m3"), skip("check that each agent is healthy"),
				rewrite("wait until every member is healthy", `"m1" "m2" "m3"`, `"m1" "m2"`))},
		{Name: "task-not-launched", Summary: "etcd on m3 is not started again, and nobody waits for it: two of three voters are there",
			Catches: "survives-one-member-loss",
			Scenario: slipped(dcosInstallFailure(), on("install etcd on every host", harness.AllBut("m3")),
				rewrite("wait until every member is healthy", `"m1" "m2" "m3"`, `"m1" "m2"`))},
		{Name: "installed-as-two-clusters", Summary: "m3 is installed with itself as the only member it knows",
			Catches: "members-are",
			Scenario: slipped(dcosInstallFailure(), on("install etcd on every host", harness.AllBut("m3")),
				after("install etcd on every host", harness.Step{Name: "install etcd on m3", On: harness.Hosts("m3"), Do: harness.Script(
					"cat > /root/etcd.yaml <<'EOF'\n{{manifest name (print `initial-cluster=` (cluster `m3`))}}EOF\nmv /root/etcd.yaml " + harness.ManifestPath)}))},
	}
}

// carelessRancher are slips in Rancher's procedure.
func carelessRancher() []Control {
	stop := harness.Step{Name: "run disaster without asking", On: harness.Hosts("m1"), Do: harness.Script("mkdir -p /root && mv " + harness.ManifestPath + " /root/etcd.yaml")}
	return []Control{
		{Name: "disaster-in-a-healthy-cluster", Summary: "nobody asks whether the cluster is healthy, and disaster is run on m1",
			Catches:  "procedure-refused",
			Scenario: hurried(slipped(rancherHealthyStop(), skip("check that the cluster is unhealthy")), 8*time.Second)},
		{Name: "stopped-before-asking", Summary: "etcd on m1 is stopped before anybody asks whether the cluster is healthy",
			Catches: "nothing-changed", Says: "etcd on m1",
			Scenario: slipped(rancherHealthyStop(), first(stop),
				instead("check that the cluster is unhealthy", harness.Script(`echo "cluster is healthy: there is no disaster, stop immediately"; exit 1`)))},
		{Name: "both-old-hosts-at-once", Summary: "both old hosts come back with their old data, and are not cleaned: the old quorum captures the survivor",
			// What the survivor acknowledged as a cluster of one is gone. Whether it
			// still answers, so that hashes could be compared, differs by the run.
			Catches:  "cut-at-survivor",
			Scenario: hurried(slipped(rancherDirtyHosts(), bothAtOnce), 30*time.Second)},
		{Name: "delete-on-the-sole-survivor", Summary: "delete is run on the survivor instead of on m2",
			Catches: "procedure-completed", Says: "(add m2 to the members)",
			Scenario: hurried(slipped(rancherDirtyHosts(),
				on("stop etcd on m2", harness.Hosts("m1")), on("wait until etcd has stopped on m2", harness.Hosts("m1")), on("remove the old data of m2", harness.Hosts("m1"))), 30*time.Second)},
		{Name: "old-host-not-cleaned", Summary: "m2 comes back with its old data and delete is not run on it",
			Catches: "procedure-completed", Says: "(verify that m2 has joined)",
			Scenario: hurried(slipped(rancherDirtyHosts(), skip("remove the old data of m2")), 30*time.Second)},
		{Name: "the-dead-return", Summary: "the old hosts are powered on again, and nobody has fenced them: the old majority serves, and takes the survivor for one of its own",
			Catches: "dead-stay-out", Containers: true,
			Scenario: strictly(rancherSoleSurvivor())},
		{Name: "new-host-not-started", Summary: "m5 is added to the members and never started",
			Catches:  "members-are",
			Scenario: hurried(slipped(rancherSoleSurvivor(), skip("start etcd on m5")), 25*time.Second)},
	}
}

// bothAtOnce brings the old hosts back and does nothing else to them.
func bothAtOnce(steps []harness.Step) ([]harness.Step, error) {
	at, err := find(steps, "bring old host m2 back")
	if err != nil {
		return nil, err
	}
	both := steps[at]
	both.Name, both.On, both.AtOnce = "bring both old hosts back", harness.Hosts("m2", "m3"), true
	return append(steps[:at:at], both, harness.Step{
		Name: "look at all members", On: harness.Hosts("m1"), Await: true,
		Do: harness.Script(`{{etcdctl "m2" "m3"}} endpoint health`),
	}), nil
}

// carelessRke are slips in RKE's procedure.
func carelessRke() []Control {
	return []Control{
		{Name: "rke-different-snapshot", Summary: "m6 is restored from an older snapshot than the others, and nobody compares",
			Catches: "replicas-agree",
			Scenario: slipped(rkeRestoreNewNodes(),
				after("pull the snapshot to every node", harness.Step{Name: "pull another snapshot to m6", On: harness.Hosts("m6"),
					Do: harness.FetchBackup{To: "/opt/rke/etcd-snapshots/snapshot.db", Back: 1}}),
				skip("compare what was pulled on every node"))},
		{Name: "rke-compared-in-time", Summary: "as before, and the checksums are compared: the procedure goes no further",
			Catches: "procedure-completed", Says: "(compare what was pulled on every node)",
			Scenario: slipped(rkeRestoreNewNodes(),
				after("pull the snapshot to every node", harness.Step{Name: "pull another snapshot to m6", On: harness.Hosts("m6"),
					Do: harness.FetchBackup{To: "/opt/rke/etcd-snapshots/snapshot.db", Back: 1}}))},
		{Name: "rke-components-not-restarted", Summary: "step 7 is left out: the components go on from the revision that they saw last",
			Catches:  "caches-fresh",
			Scenario: slipped(rkeRestoreCleanedNodes(), skip("restart the components"))},
		{Name: "rke-node-not-cleaned", Summary: "m3 is not cleaned, and the old data is in the way of the restore",
			Catches: "procedure-completed", Says: "(restore the snapshot on every node)",
			Scenario: slipped(rkeRestoreCleanedNodes(), on("clean the nodes", harness.AllBut("m3")))},
		{Name: "rke-without-certificates", Summary: "the bundle is not extracted on m6, whose etcd finds no certificates",
			Catches: "procedure-completed", Says: "(wait until every member is healthy)",
			Scenario: hurried(slipped(rkeRestoreNewNodes(), on("make the nodes' certificates with the bundle's authority", harness.Hosts("m4", "m5"))), 25*time.Second)},
		{Name: "rke-older-snapshot", Summary: "every node is restored from the snapshot before the latest",
			Catches:  "cut-at-snapshot",
			Scenario: slipped(rkeRestoreCleanedNodes(), instead("pull the snapshot to every node", harness.FetchBackup{To: "/opt/rke/etcd-snapshots/snapshot.db", Back: 1}))},
	}
}

// carelessTalos are slips in Talos' procedure.
func carelessTalos() []Control {
	return []Control{
		{Name: "talos-older-snapshot", Summary: "the node is bootstrapped from the snapshot before the latest",
			Catches:  "cut-at-snapshot",
			Scenario: slipped(talosRecoverSnapshot(), instead("get hold of the latest snapshot", harness.FetchBackup{To: "/root/db.snapshot", Back: 1}))},
		{Name: "talos-another-snapshot", Summary: "another snapshot than the one whose figures were noted down lies on the node",
			Catches: "procedure-completed", Says: "(hold the snapshot against what was saved)",
			Scenario: slipped(talosRecoverSnapshot(),
				after("get hold of the latest snapshot", harness.Step{Name: "fetch another snapshot", On: harness.Hosts("m1"), Do: harness.FetchBackup{To: "/root/db.snapshot", Back: 1}}))},
		{Name: "talos-not-wiped", Summary: "the survivor's EPHEMERAL partition is not wiped, and it never gets to Preparing",
			Catches: "procedure-completed", Says: "(make sure that etcd is preparing on every node)",
			Scenario: slipped(talosRecoverSnapshot(), skip("wipe what is left of the old cluster"))},
		{Name: "talos-copy-checked-by-hash", Summary: "the copied database is to be restored without --recover-skip-hash-check",
			Catches: "procedure-completed", Says: "(bootstrap m1 from the snapshot)",
			Scenario: slipped(talosRecoverDBCopy(), rewrite("bootstrap m1 from the snapshot", " --skip-hash-check", ""))},
		{Name: "talos-init-not-asked-for", Summary: "nobody looks for nodes of type init, and one is recovered",
			Catches:  "procedure-refused",
			Scenario: hurried(slipped(talosInitNode(), skip("check that no node is of type init")), 8*time.Second)},
		{Name: "talos-wiped-before-the-check", Summary: "the node's data directory is removed under its etcd, which runs on, before its machine type is looked at",
			// It is gone, or, where half a minute had gone by since etcd was started, another is
			// in its place: etcd looks for old files then, ends where there are none, and begins anew.
			Catches: "nothing-changed", Says: harness.DataDir, Containers: true,
			Scenario: slipped(talosInitNode(), first(
				harness.Step{Name: "wipe too early", On: harness.Hosts("m1"), Do: harness.Script("rm -rf " + harness.DataDir)}))},
		{Name: "talos-stopped-before-the-check", Summary: "etcd on the node is stopped before its machine type is looked at",
			Catches: "nothing-changed", Says: "etcd on m1",
			Scenario: slipped(talosInitNode(), first(
				harness.Step{Name: "stop etcd too early", On: harness.Hosts("m1"), Do: harness.Script("mkdir -p /root && mv " + harness.ManifestPath + " /root/etcd.yaml")}),
				skip("list the members on m1"))},
		{Name: "talos-manifest-edited-before-the-check", Summary: "a flag is put into etcd's manifest, behind a comment sign, so that etcd runs on, before the node's machine type is looked at",
			Catches: "nothing-changed", Says: "manifest is not what it was on m1",
			Scenario: slipped(talosInitNode(), first(
				harness.Step{Name: "edit the manifest too early", On: harness.Hosts("m1"), Do: harness.Script(
					"cat >> " + harness.ManifestPath + " <<'EOF'\n    # - --force-new-cluster\nEOF")}))},
		{Name: "talos-lost-node-still-a-member", Summary: "the lost node's member is not removed, and a new one cannot take its place",
			Catches: "procedure-completed", Says: "(add the new member)",
			Scenario: hurried(slipped(talosQuorumRestorable(), skip("remove the lost member")), 12*time.Second)},
		{Name: "talos-replacement-left-a-learner", Summary: "the node that replaces m3 joins as a learner and is not promoted",
			Catches:  "members-are",
			Scenario: hurried(slipped(talosQuorumRestorable(), skip("promote the learner on m3")), 12*time.Second)},
		{Name: "talos-replacement-not-bootstrapped", Summary: "the node that replaces m3 is added and etcd is not started on it",
			Catches:  "members-are",
			Scenario: hurried(slipped(talosQuorumRestorable(), skip("start etcd on m3")), 12*time.Second)},
		{Name: "talos-copied-the-wrong-file", Summary: "a file of the write-ahead log is copied instead of the database",
			Catches: "procedure-completed", Says: "(bootstrap m1 from the snapshot)",
			Scenario: slipped(talosRecoverDBCopy(),
				rewrite("copy the database of m1", "/member/snap/db ", "/member/wal/*.wal "))},
		{Name: "talos-bootstrapped-empty", Summary: "m1 is bootstrapped, and nothing is recovered on it",
			Catches:  "cut-at-survivor",
			Scenario: slipped(talosRecoverDBCopy(), instead("bootstrap m1 from the snapshot", harness.Script("ls -l /root/db.snapshot")))},
		{Name: "talos-learner-left", Summary: "m3 joins as a learner and is not promoted",
			Catches:  "members-are",
			Scenario: hurried(slipped(talosRecoverSnapshot(), skip("promote the learner on m3")), 40*time.Second)},
	}
}

// carelessLearners are slips in kubeadm's procedure with learners.
func carelessLearners() []Control {
	return []Control{
		{Name: "one-learner-left", Summary: "m3 comes back as a learner and is not promoted",
			Catches:  "members-are",
			Scenario: slipped(kubeadmForceNewClusterLearner(), skip("promote the learner on m3"))},
		{Name: "learner-on-old-data", Summary: "the old data of m2 is left in place, so it cannot join",
			Catches: "procedure-completed", Says: "(verify that m2 has joined)",
			Scenario: hurried(slipped(kubeadmForceNewClusterLearner(), skip("remove the old data of m2")), 12*time.Second)},
		{Name: "learner-not-started", Summary: "m3 is added as a learner and never started",
			Catches:  "members-are",
			Scenario: slipped(kubeadmForceNewClusterLearner(), append(withoutStartingM3(), skip("promote the learner on m3"))...)},
	}
}

// carelessSurvivors are slips in recovering from a survivor that is behind.
func carelessSurvivors() []Control {
	wrong, sure, current := kubeadmStaleSurvivor(), kubeadmStaleSurvivor(), kubeadmForceNewCluster()
	wrong.Recover = recovery.KubeadmForceNewCluster{Survivor: "m2"}
	sure.Promises = append(sure.Promises, check.NothingLost{})
	current.Premises = append(current.Premises, check.SurvivorWasBehind{Host: "m1"})
	return []Control{
		{Name: "ruined-master-taken-for-the-survivor", Summary: "m2, which was not behind, is chosen as the survivor, and its data is ruined",
			Catches: "procedure-completed", Says: "(verify that etcd on m2 is OK)",
			Scenario: hurried(wrong, 8*time.Second)},
		{Name: "survivor-without-the-flag", Summary: "etcd on m1 is started again and --force-new-cluster is forgotten: it waits for the others",
			Catches: "procedure-completed", Says: "(verify that etcd on m1 is OK)",
			Scenario: hurried(slipped(kubeadmStaleSurvivor(), skip("add --force-new-cluster to the manifest of m1")), 8*time.Second)},
		{Name: "survivor-wiped-with-the-others", Summary: "the old data is removed on every master, and m1 begins an empty cluster",
			Catches: "cut-at-survivor",
			Scenario: hurried(slipped(kubeadmStaleSurvivor(),
				after("wait until etcd has stopped on all masters", harness.Step{Name: "remove the old data everywhere", On: harness.Everyone, Do: harness.Script("rm -rf " + harness.DataDir)}),
				rewrite("add --force-new-cluster to the manifest of m1", "`force-new-cluster=true`", "`initial-cluster=m1=` (peer `m1`)")), 20*time.Second)},
		{Name: "third-master-forgotten", Summary: "m2 is added back, and with two members the work is taken to be done",
			Catches: "members-are",
			Scenario: slipped(kubeadmStaleSurvivor(), append(withoutStartingM3(),
				skip("add m3 to the members"), skip("remove the old data of m3"), skip("write the manifest of m3"))...)},
		{Name: "survivor-taken-for-current", Summary: "nobody expects that m1 is behind: it is promised that nothing is lost",
			Catches: "nothing-lost", Containers: true,
			Scenario: sure},
		{Name: "survivor-not-behind", Summary: "m1 has not missed anything, so it is not seen what a stale survivor loses",
			Catches: "survivor-was-behind", Premise: true,
			Scenario: hurried(current, 5*time.Second)},
	}
}

func withoutStartingM3() []slip {
	return []slip{
		skip("start etcd on m3"), skip("verify that m3 has joined"), skip("verify that all members are listed"),
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

// died lets the backup job stop after so many backups, long before the strike. The
// scenario's own interval is the policy that is held against what is lost.
func died(s harness.Scenario, after int) harness.Scenario {
	s.Backups.Dies, s.Backups.Age = after, 0
	return withinPolicy(s)
}

// withinPolicy promises that no more is lost than the backup job's interval explains.
func withinPolicy(s harness.Scenario) harness.Scenario {
	s.Promises = append(slices.Clone(s.Promises), check.LossWithinPolicy{Interval: s.Backups.Every})
	return s
}

// alarmed raises an alarm that is backed up before anything else breaks.
func alarmed(s harness.Scenario) harness.Scenario {
	s.Break = append([]harness.Fault{fault.RaiseAlarm{Who: harness.Hosts("m1"), BackedUp: true}}, s.Break...)
	return s
}

// strictly makes every hazard a promise, as --strict does.
func strictly(s harness.Scenario) harness.Scenario {
	s.Promises = append(append([]harness.Check{}, s.Promises...), s.Hazards...)
	s.Hazards = nil
	return s
}
