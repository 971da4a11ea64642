package scenarios

import (
	"slices"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/fault"
	"github.com/etcd-firedrill/firedrill/recovery"
)

// etcdSnapshotRestore: all hosts but one are lost, machine and disk. The same
// snapshot is restored on every member of a new logical cluster.
//
// What was written after the snapshot is lost, and the report says how much. The
// restore bumps revisions and marks them compacted, so that no revision is handed
// out twice and held watchers are told: both are promises here, and so chance must
// not have it that nothing was written. The times of leases start anew with it.
func etcdSnapshotRestore() harness.Scenario {
	return harness.Scenario{
		Name:     "etcd-snapshot-restore",
		Source:   harness.Source{Document: "etcd operations guide: disaster recovery", Section: "restoring a cluster"},
		Summary:  "two of three hosts lost; restore one snapshot on every member of a new cluster",
		Labels:   []string{"etcd", "snapshot", "quorum-loss"},
		Given:    harness.ClusterSpec{Members: 3},
		Under:    harness.KubernetesTraffic,
		Backups:  harness.BackupJob{Every: time.Second, Age: time.Second / 2},
		Break:    []harness.Fault{fault.LoseHost{Who: harness.AllBut("m1")}},
		Premises: []harness.Check{check.QuorumWasLost{}, check.WritesWereAcknowledged{}},
		Recover:  recovery.EtcdSnapshotRestore{Survivor: "m1"},
		Promises: []harness.Check{
			check.ProcedureCompleted{},
			check.CutAtSnapshot{},
			check.DatasetIntact{},
			check.ReplicasAgree{},
			check.MembersAre{Who: harness.Everyone},
			check.ClusterID{Kept: false},
			check.NoAlarms{},
			check.EveryMemberServes{},
			check.ServiceRestored{},
			check.RevisionsUnique{},
			check.WatcherInformed{},
			check.CachesFresh{},
			check.LeasesAgree{},
			check.SurvivesOneMemberLoss{},
		},
		Hazards: []harness.Check{check.LeaseTermsKept{}},
		Sized:   smaller("the only host lost; restore the snapshot on a new one, a new cluster", recovery.EtcdSnapshotRestore{}),
		Within:  60 * time.Second,
	}
}

// etcdSnapshotRestoreAuth: as etcd-snapshot-restore, with etcd's own
// authentication, and a client that logged in by name and password before the
// disaster. Users and roles are in the snapshot. Tokens are not, and those that
// were given before carry an index of the old log.
//
// The guide is silent about both: what new hosts need (the authority's key, a
// certificate of the user root for etcdctl) is done as RKE does it.
func etcdSnapshotRestoreAuth() harness.Scenario {
	s := etcdSnapshotRestore()
	s.Name, s.VariantOf = "etcd-snapshot-restore-auth", s.Name
	s.Summary = "as etcd-snapshot-restore, with authentication: users and roles bind, and what becomes of old tokens"
	s.Labels = append(s.Labels, "auth")
	s.Given.TLS, s.Given.Auth = etcdTLS, true
	s.Backups.Bucket, s.Backups.Bundle = "etcd-backups", "pki.bundle.tar.gz"
	s.Recover = recovery.EtcdSnapshotRestore{Survivor: "m1", TLS: true}
	s.Sized = smaller("as etcd-snapshot-restore with its only host lost, and with authentication", recovery.EtcdSnapshotRestore{TLS: true})
	s.Promises = append(s.Promises, check.UsersBind{})
	s.Hazards = append(s.Hazards, check.OldTokensWork{})
	s.StandIns = []string{
		"a log as long as that of a cluster which has served for long: 6,400 entries that change nothing, before the first client comes",
		"an authority that gives new hosts their certificates: its key, in a bundle beside the backups",
	}
	return s
}

// etcdTLS is where the hosts have their certificates; etcdctl shows another one
// than etcd.
var etcdTLS = harness.TLSFiles{
	CA: "/etc/etcd/pki/ca.crt", CAKey: "/etc/etcd/pki/ca.key",
	Cert: "/etc/etcd/pki/server.crt", Key: "/etc/etcd/pki/server.key",
	PeerCert: "/etc/etcd/pki/peer.crt", PeerKey: "/etc/etcd/pki/peer.key",
	ClientCert: "/etc/etcd/pki/root.crt", ClientKey: "/etc/etcd/pki/root.key",
}

// etcdMemberReplace: one of three hosts is off for good, its disk intact, and the
// others keep quorum. The lost member is removed, and a new one joins as a learner on
// a host of another name and address.
//
// So the lost one can come back: somebody powers it on again. It was removed, and the
// others tell it so.
func etcdMemberReplace() harness.Scenario {
	source := harness.Source{Document: "etcd operations guide: runtime reconfiguration", Section: "replace a failed machine"}
	return harness.Scenario{
		Name:     "etcd-member-replace",
		Source:   source,
		Summary:  "one of three hosts off for good; remove its member, add a learner on a new host, promote it; the old one comes back",
		Labels:   []string{"etcd", "member"},
		Given:    harness.ClusterSpec{Members: 3},
		Under:    harness.KubernetesTraffic,
		Break:    []harness.Fault{fault.PowerOff{Who: harness.Hosts("m3")}},
		Premises: []harness.Check{check.HostsWereOff{Who: harness.Hosts("m3")}, check.WritesWereAcknowledged{}},
		Recover:  recovery.MemberReplace{Lost: "m3", NewName: true, From: source},
		Promises: replacedBeside(3),
		Sized:    func(of *harness.Scenario, members int) { of.Promises = replacedBeside(members) },
		Hazards:  []harness.Check{check.LeaseTermsKept{}},
		Within:   60 * time.Second,
	}
}

// replacedBeside is what a replacement of the member on m3 by one on a host of another
// name promises, of that many members.
func replacedBeside(members int) []harness.Check {
	names := slices.DeleteFunc(harness.HostNames(1, members+1), func(name string) bool { return name == "m3" })
	return append(quorumKept(harness.Hosts(names...)), check.DeadStayOut{})
}

// replaced is what a replacement of the member on m3 under its old name promises. Host
// and disk are gone, and its address is taken: nothing can come back.
func replaced() []harness.Check {
	return append(quorumKept(harness.Everyone), check.MemberReplaced{Host: "m3"})
}

// quorumKept is what is promised where the others never lost their quorum: nothing may
// be lost, and nobody goes unserved for longer than an election takes.
func quorumKept(members harness.Selector) []harness.Check {
	return []harness.Check{
		check.ProcedureCompleted{},
		check.NothingLost{},
		check.NoOutageBeyondElection{},
		check.DatasetIntact{},
		check.ReplicasAgree{},
		check.MembersAre{Who: members},
		check.ClusterID{Kept: true},
		check.NoAlarms{},
		check.EveryMemberServes{},
		check.ServiceRestored{},
		check.RevisionsUnique{},
		check.WatcherInformed{},
		check.CachesFresh{},
		check.LeasesAgree{},
		check.SurvivesOneMemberLoss{},
	}
}
