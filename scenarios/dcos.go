package scenarios

import (
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/fault"
	"github.com/etcd-firedrill/firedrill/recovery"
)

// dcosInstallFailure: the package is installed for the first time, and one of the
// three members fails to start, because its agent's disk is not as it should be.
// Nothing existed, so nothing can be lost: what is promised is the cluster that
// should have been created, and that it keeps what it then acknowledges.
func dcosInstallFailure() harness.Scenario {
	return harness.Scenario{
		Name:     "dcos-1-install-failure",
		Source:   recovery.DcosScenario("Scenario 1"),
		Summary:  "a member fails to start while the cluster is first created; uninstall, check the hosts, install again",
		Labels:   []string{"dcos", "install"},
		Given:    harness.ClusterSpec{Members: 3},
		Under:    harness.KubernetesTraffic,
		Break:    []harness.Fault{fault.SpoilDisk{Who: harness.Hosts("m3")}},
		AtBirth:  true,
		Premises: []harness.Check{check.FailedToStart{Who: harness.Hosts("m3")}},
		Recover:  recovery.DcosReinstall{Failed: "m3"},
		Promises: []harness.Check{
			check.ProcedureCompleted{},
			check.MembersAre{Who: harness.Everyone},
			check.ReplicasAgree{},
			check.NoAlarms{},
			check.EveryMemberServes{},
			check.ServiceRestored{},
			check.NewWritesKept{},
			check.RevisionsUnique{},
			check.WatcherInformed{},
			check.LeasesAgree{},
			check.SurvivesOneMemberLoss{},
		},
		StandIns: []string{
			"installing and uninstalling the package: static-pod manifests, and the removal of etcd's data",
			"an agent that is not healthy: a file in the place of the directory for data, which uninstalling does not remove",
			"the health checks of the DC/OS cluster: a file written and read on each agent, and etcdctl, which tells whether a machine is reached by the refusal of its connection; what else the package's pre-requisites are (its versions, its resources) is not checked",
		},
		Within: 60 * time.Second,
	}
}

// dcosTaskCrash: the single member's process dies and its host is fine. Nobody
// does anything: the task is restarted in place, and existing data is safe.
func dcosTaskCrash() harness.Scenario {
	return harness.Scenario{
		Name:     "dcos-3-task-crash",
		Source:   harness.Source{Document: "dcos-troubleshooting-etcd.md", Section: "Scenario 3, the task crashes but the agent remains healthy"},
		Summary:  "the single member's process dies; it is restarted in place",
		Labels:   []string{"dcos", "crash"},
		Given:    harness.ClusterSpec{Members: 1, OnlyBecause: "the document's scenario 3 is about a single member (kubernetes.high_availability is false)"},
		Under:    harness.KubernetesTraffic,
		Break:    []harness.Fault{fault.KillEtcd{Who: harness.Everyone}},
		Premises: []harness.Check{check.EtcdDied{Who: harness.Everyone}, check.WritesWereAcknowledged{}},
		Promises: []harness.Check{
			check.NothingLost{},
			check.DatasetIntact{},
			check.MembersAre{Who: harness.Everyone},
			check.ClusterID{Kept: true},
			check.NoAlarms{},
			check.EveryMemberServes{},
			check.ServiceRestored{},
			check.RevisionsUnique{},
			check.WatcherInformed{},
			check.CachesFresh{},
			check.LeasesAgree{},
		},
		Hazards:  []harness.Check{check.LeaseTermsKept{}},
		StandIns: []string{"the DC/OS agent that restarts the task: the agent on the host, which restarts an etcd that ends"},
		Within:   60 * time.Second,
	}
}

// dcosScaleUpCrash: the cluster of one is scaled up, and the member that is added
// crashes before it ever connects: of two voters one is there, so there is no
// quorum, and the member cannot be removed again. A backup was taken before.
func dcosScaleUpCrash() harness.Scenario {
	return harness.Scenario{
		Name:     "dcos-2-scale-up-crash",
		Source:   recovery.DcosScenario("Scenario 2"),
		Summary:  "a member is added to a cluster of one and crashes before it connects; restore the backup, scale up again",
		Labels:   []string{"dcos", "snapshot", "quorum-loss", "member"},
		Given:    harness.ClusterSpec{Members: 1, OnlyBecause: "the document's scenario 2 is about going from one member to three"},
		Under:    harness.KubernetesTraffic,
		Backups:  harness.BackupJob{Every: time.Second},
		Break:    []harness.Fault{fault.StrandMember{Through: harness.Everyone, Name: "m2"}},
		Premises: []harness.Check{check.QuorumWasLost{}, check.WritesWereAcknowledged{}},
		Recover:  recovery.DcosScaleUp{To: 3},
		Promises: append(restored(), check.ReplicasAgree{}, check.SurvivesOneMemberLoss{}),
		Hazards:  []harness.Check{check.RevisionsUnique{}, check.WatcherInformed{}, check.CachesFresh{}, check.LeaseTermsKept{}},
		StandIns: dcosStandIns(),
		LeftOut: []string{
			"Scenario 2, the snapshot of the keyspace by etcdctl: it is for a cluster outside DC/OS, and the backup is what is restored",
			"Scenario 2, technical support, where scaling up fails again",
		},
		Within: 60 * time.Second,
	}
}

// dcosAgentLoss: the single member's host is gone, and its disk with it. What the
// periodic backup holds comes back.
func dcosAgentLoss() harness.Scenario {
	source := recovery.DcosScenario("Scenario 3, the DC/OS agent permanently fails")
	return harness.Scenario{
		Name:     "dcos-3-agent-loss",
		Source:   source,
		Summary:  "the single member's host is lost; restore the periodic backup on another",
		Labels:   []string{"dcos", "snapshot", "host-loss"},
		Given:    harness.ClusterSpec{Members: 1, OnlyBecause: "the document's scenario 3 is about a single member (kubernetes.high_availability is false)"},
		Under:    harness.KubernetesTraffic,
		Backups:  harness.BackupJob{Every: time.Second},
		Break:    []harness.Fault{fault.LoseHost{Who: harness.Everyone}},
		Premises: []harness.Check{check.HostsWereLost{Who: harness.Everyone}, check.WritesWereAcknowledged{}},
		Recover:  recovery.DcosRestore{From: source},
		Promises: restored(),
		Hazards:  []harness.Check{check.RevisionsUnique{}, check.WatcherInformed{}, check.CachesFresh{}, check.LeaseTermsKept{}},
		StandIns: dcosStandIns(),
		Within:   60 * time.Second,
	}
}

// dcosPodReplace: one of three members is gone for good. pod replace cleans it up
// and relaunches it elsewhere under its old name.
func dcosPodReplace() harness.Scenario {
	source := recovery.DcosScenario("Scenario 4, a single etcd task crashes permanently")
	return harness.Scenario{
		Name:     "dcos-4-pod-replace",
		Source:   source,
		Summary:  "one of three hosts lost; its member is removed and relaunched on another host",
		Labels:   []string{"dcos", "member"},
		Given:    harness.ClusterSpec{Members: 3},
		Under:    harness.KubernetesTraffic,
		Break:    []harness.Fault{fault.LoseHost{Who: harness.Hosts("m3")}},
		Premises: []harness.Check{check.HostsWereLost{Who: harness.Hosts("m3")}, check.WritesWereAcknowledged{}},
		Recover:  recovery.MemberReplace{Lost: "m3", AsVoter: true, From: source},
		Promises: replaced(),
		Hazards:  []harness.Check{check.LeaseTermsKept{}},
		StandIns: []string{"dcos beta-kubernetes pod replace, which cleans up and relaunches a task: the commands of etcd's own guide, the member removed first"},
		Within:   60 * time.Second,
	}
}

// dcosQuorumLoss: two of three members are gone for good. The cluster is
// re-created from the previous backup, with its stable names and its token.
func dcosQuorumLoss() harness.Scenario {
	source := recovery.DcosScenario("Scenario 4, two or more etcd tasks crash permanently")
	return harness.Scenario{
		Name:     "dcos-4-quorum-loss",
		Source:   source,
		Summary:  "two of three hosts lost; the cluster is re-created from the previous backup",
		Labels:   []string{"dcos", "snapshot", "quorum-loss"},
		Given:    harness.ClusterSpec{Members: 3},
		Under:    harness.KubernetesTraffic,
		Backups:  harness.BackupJob{Every: time.Second},
		Break:    []harness.Fault{fault.LoseHost{Who: harness.AllBut("m1")}},
		Premises: []harness.Check{check.QuorumWasLost{}, check.HostsWereLost{Who: harness.AllBut("m1")}, check.WritesWereAcknowledged{}},
		Recover:  recovery.DcosRestore{Survivors: []string{"m1"}, From: source},
		Promises: append(restored(), check.ReplicasAgree{}, check.SurvivesOneMemberLoss{}),
		Sized:    smaller("the only host lost; the cluster is re-created from the previous backup", recovery.DcosRestore{From: source}),
		Hazards:  []harness.Check{check.RevisionsUnique{}, check.WatcherInformed{}, check.CachesFresh{}, check.LeaseTermsKept{}},
		StandIns: dcosStandIns(),
		Within:   60 * time.Second,
	}
}

// restored is what a restore of the package's backup promises, of however many
// members. Names, URLs and token stay as they were, and so does the cluster ID.
func restored() []harness.Check {
	return []harness.Check{
		check.ProcedureCompleted{},
		check.CutAtSnapshot{},
		check.DatasetIntact{},
		check.MembersAre{Who: harness.Everyone},
		check.ClusterID{Kept: true},
		check.NoAlarms{},
		check.EveryMemberServes{},
		check.ServiceRestored{},
		check.LeasesAgree{},
	}
}

func dcosStandIns() []string {
	return []string{
		"dcos beta-kubernetes backup and restore, which keep etcd's keys in Ark's archives: etcd's own snapshots",
		"the package's scheduler, which gives the tasks new agents: new hosts under the old names",
	}
}
