package scenarios

import (
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/fault"
	"github.com/etcd-firedrill/firedrill/recovery"
)

func talosSource(section string) harness.Source {
	return harness.Source{Document: "talos-disaster-recovery.md", Section: section}
}

// talosRecoverSnapshot: two of three control plane nodes are lost. What is left is
// wiped, one node is bootstrapped from the latest snapshot, and the others join
// it as learners. The node that is bootstrapped is the one that the cluster was
// born on, at its address and with its token, so the cluster ID is kept.
func talosRecoverSnapshot() harness.Scenario {
	return harness.Scenario{
		Name:     "talos-recover-snapshot",
		Source:   talosSource("Recovering from the Backup"),
		Summary:  "two of three nodes lost; wipe, bootstrap from the latest snapshot, the others join as learners",
		Labels:   []string{"talos", "snapshot", "quorum-loss", "host-loss"},
		Given:    talosCluster(3),
		Under:    harness.KubernetesTraffic,
		Backups:  harness.BackupJob{Every: time.Second},
		Break:    []harness.Fault{fault.LoseHost{Who: harness.AllBut("m1")}},
		Premises: []harness.Check{check.QuorumWasLost{}, check.HostsWereLost{Who: harness.AllBut("m1")}, check.WritesWereAcknowledged{}},
		Recover:  recovery.TalosRecover{Survivors: []string{"m1"}},
		Promises: append(restored(), check.ReplicasAgree{}, check.SurvivesOneMemberLoss{}),
		Sized:    smaller("the only node lost; a new one is bootstrapped from the latest snapshot", recovery.TalosRecover{}),
		Hazards:  []harness.Check{check.RevisionsUnique{}, check.WatcherInformed{}, check.CachesFresh{}, check.LeaseTermsKept{}},
		StandIns: talosStandIns(),
		LeftOut:  []string{"Preparing Control Plane Nodes, pointing the Kubernetes endpoint to other addresses: nodes keep theirs"},
		Within:   60 * time.Second,
	}
}

// talosRecoverDBCopy: as above, with no snapshot to be had. The database file of
// the survivor, whose etcd runs, is copied instead. Quorum is lost, so nothing is
// written to it meanwhile, and the copy has all that the survivor had.
func talosRecoverDBCopy() harness.Scenario {
	s := talosRecoverSnapshot()
	s.Name = "talos-recover-db-copy"
	s.Source = talosSource("Disaster Database Snapshot")
	s.Summary = "two of three nodes lost and no snapshot; bootstrap from a copy of the survivor's database file"
	s.Labels = []string{"talos", "survivor", "quorum-loss", "host-loss"}
	s.Backups = harness.BackupJob{}
	s.Recover, s.Sized = recovery.TalosRecover{Survivors: []string{"m1"}, DBCopy: true}, expendable
	s.Promises = survived("m1", true, harness.Everyone)
	return s
}

// talosQuorumRestorable: one of three nodes is lost. The document prefers to
// restore the quorum, and so the node is replaced.
func talosQuorumRestorable() harness.Scenario {
	s := talosRecoverSnapshot()
	s.Name = "talos-quorum-restorable"
	s.Source = talosSource("Recovery")
	s.Summary = "one of three nodes lost, quorum kept: no recovery, the node is replaced"
	s.Labels = []string{"talos", "member", "host-loss"}
	s.Break = []harness.Fault{fault.LoseHost{Who: harness.Hosts("m3")}}
	s.Premises = []harness.Check{check.HostsWereLost{Who: harness.Hosts("m3")}, check.WritesWereAcknowledged{}}
	s.Recover, s.Sized = recovery.TalosReplace{Lost: "m3"}, nil
	s.Promises = replaced()
	s.Hazards = []harness.Check{check.LeaseTermsKept{}}
	return s
}

// talosSingleNode: the only control plane node is lost, machine and disk.
func talosSingleNode() harness.Scenario {
	s := talosRecoverSnapshot()
	s.Name = "talos-single-node"
	s.Source = talosSource("Single Control Plane Node Cluster")
	s.Summary = "the only node is lost; a new one is bootstrapped from the latest snapshot"
	s.Given = talosCluster(1)
	s.Given.OnlyBecause = "it is about a control plane of a single node"
	s.Break = []harness.Fault{fault.LoseHost{Who: harness.Everyone}}
	s.Premises = []harness.Check{check.HostsWereLost{Who: harness.Everyone}, check.WritesWereAcknowledged{}}
	s.Recover, s.Sized = recovery.TalosRecover{}, nil
	s.Promises = restored()
	return s
}

// talosInitNode: the survivor is a node of type init, which cannot be recovered.
// The procedure refuses before anything is wiped.
func talosInitNode() harness.Scenario {
	s := talosRecoverSnapshot()
	s.Name = "talos-init-node"
	s.Source = talosSource("Init Node")
	s.Summary = "as talos-recover-snapshot, with a node of type init: the procedure refuses before anything is wiped"
	s.Labels = []string{"talos", "quorum-loss", "refusal"}
	s.Given, s.Sized = withInitNode(s.Given), nil
	s.Promises = []harness.Check{check.ProcedureRefused{Because: "nodes of type init cannot be recovered"}, check.NothingChanged{}}
	s.Hazards = nil // nobody serves in the end who could be asked
	return s
}

// talosInitNodeConverted: as above, and the node is converted first.
func talosInitNodeConverted() harness.Scenario {
	s := talosRecoverSnapshot()
	s.Name = "talos-init-node-converted"
	s.Source = talosSource("Init Node")
	s.Summary = "as talos-init-node, with the node converted to controlplane first: it recovers"
	s.Given = withInitNode(s.Given)
	s.Recover, s.Sized = recovery.TalosRecover{Survivors: []string{"m1"}, Convert: []string{"m1"}}, expendable
	return s
}

// talosCluster is bootstrapped on one node, which the others join.
func talosCluster(members int) harness.ClusterSpec {
	return harness.ClusterSpec{Members: members, Grown: true, Files: []harness.HostFile{
		{On: harness.Everyone, Path: recovery.TalosMachineType, Text: "controlplane\n"},
	}}
}

func withInitNode(g harness.ClusterSpec) harness.ClusterSpec {
	g.Files = append(g.Files, harness.HostFile{On: harness.Hosts("m1"), Path: recovery.TalosMachineType, Text: "init\n"})
	return g
}

func talosStandIns() []string {
	return []string{
		"talosctl: the commands that it has carried out on a node",
		"a node's machine type, part of its machine configuration: the file " + recovery.TalosMachineType,
		"the EPHEMERAL partition: etcd's data directory, and the node is not rebooted for its wiping",
	}
}
