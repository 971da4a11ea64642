package scenarios

import (
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/fault"
	"github.com/etcd-firedrill/firedrill/recovery"
)

// rkeRestoreNewNodes: every etcd host has failed, and stays off with its disk. New
// nodes with other names are restored from the snapshot and the bundle of
// certificates in S3. Their addresses are new, so the cluster ID is, although the
// token is RKE's: the old nodes, if they come back, cannot reach into it.
//
// That the components are told is promised, and so chance must not have it that nothing
// was written after the snapshot: they would have nothing to be told.
func rkeRestoreNewNodes() harness.Scenario {
	return harness.Scenario{
		Name:     "rke-restore-new-nodes",
		Source:   harness.Source{Document: "rke-ha-restore.md", Section: "Restoration Outline, new nodes"},
		Summary:  "every host off for good; new nodes, snapshot and certificates pulled from S3, restore, restart the components",
		Labels:   []string{"rke", "snapshot", "quorum-loss", "host-loss", "s3"},
		Given:    harness.ClusterSpec{Members: 3, Token: recovery.RkeToken, TLS: rkeTLS},
		Under:    harness.KubernetesTraffic,
		Backups:  harness.BackupJob{Every: time.Second, Age: time.Second / 2, Bucket: "rke-etcd-snapshots", Bundle: "pki.bundle.tar.gz"},
		Break:    []harness.Fault{fault.PowerOff{Who: harness.Everyone}},
		Premises: []harness.Check{check.HostsWereOff{Who: harness.Everyone}, check.WritesWereAcknowledged{}},
		Recover:  recovery.RkeRestore{NewNodes: true},
		Promises: rkeRestored(false, rkeNewNodes(3)),
		Sized: func(s *harness.Scenario, nodes int) {
			s.Promises = rkeRestored(false, rkeNewNodes(nodes))
			expendable(s, nodes)
		},
		Hazards: []harness.Check{check.RevisionsUnique{}, check.WatcherInformed{}, check.LeaseTermsKept{}, check.DeadStayOut{}},
		StandIns: []string{
			"s3cmd, and the nodes' access to S3: what is pulled comes through the operator's session",
			"rke etcd snapshot-restore and rke up: what they have done on the nodes",
			"the certificates in the bundle that RKE extracts: its authority, which makes them for each node anew",
		},
		LeftOut: []string{
			"2, the warning to back up what is in the current cluster: no node of it is up",
			"2, steps 1 to 4, rancher-cluster.yml: it would name these nodes",
		},
		Within: 60 * time.Second,
	}
}

// rkeNewNodes are the nodes that take the places of as many old ones.
func rkeNewNodes(n int) harness.Selector { return harness.Hosts(harness.HostNames(n+1, n)...) }

// rkeRestoreCleanedNodes: the data on every node is ruined, the nodes are there.
// They are cleaned as the document says and used again, so that with RKE's fixed
// token the restored cluster has the old one's ID, and its members have theirs.
func rkeRestoreCleanedNodes() harness.Scenario {
	s := rkeRestoreNewNodes()
	s.Name = "rke-restore-cleaned-nodes"
	s.Source.Section = "Restoration Outline, existing nodes"
	s.Summary = "data ruined on every node; the nodes are cleaned, snapshot and certificates pulled from S3, restore, restart the components"
	s.Labels = []string{"rke", "snapshot", "quorum-loss", "s3"}
	s.Break = []harness.Fault{fault.RuinData{Who: harness.Everyone}}
	s.Premises = []harness.Check{check.EtcdDied{Who: harness.Everyone}, check.WritesWereAcknowledged{}}
	s.LeftOut = []string{
		"1, docker volume rm of all that docker volume ls lists: a node has no volume but etcd's data directory",
		"2, the warning to back up what is in the current cluster: its data is ruined on every node",
		"2, steps 1 to 4, rancher-cluster.yml: it names these nodes",
	}
	s.Recover = recovery.RkeRestore{}
	s.Promises, s.Sized = rkeRestored(true, harness.Everyone), expendable
	s.Hazards = []harness.Check{check.RevisionsUnique{}, check.WatcherInformed{}, check.LeaseTermsKept{}} // no node is left out
	return s
}

func rkeRestored(kept bool, members harness.Selector) []harness.Check {
	return []harness.Check{
		check.ProcedureCompleted{},
		check.CutAtSnapshot{},
		check.DatasetIntact{},
		check.ReplicasAgree{},
		check.MembersAre{Who: members},
		check.ClusterID{Kept: kept},
		check.NoAlarms{},
		check.EveryMemberServes{},
		check.ServiceRestored{},
		check.LeasesAgree{},
		check.CachesFresh{},
		check.SurvivesOneMemberLoss{},
	}
}

// rkeTLS is where RKE keeps certificates on a node. Members use one for clients
// and peers alike.
var rkeTLS = harness.TLSFiles{
	CA: "/etc/kubernetes/ssl/kube-ca.pem", CAKey: "/etc/kubernetes/ssl/kube-ca-key.pem",
	Cert: "/etc/kubernetes/ssl/kube-etcd.pem", Key: "/etc/kubernetes/ssl/kube-etcd-key.pem",
	PeerCert: "/etc/kubernetes/ssl/kube-etcd.pem", PeerKey: "/etc/kubernetes/ssl/kube-etcd-key.pem",
}
