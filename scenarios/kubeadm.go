package scenarios

import (
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/fault"
	"github.com/etcd-firedrill/firedrill/recovery"
)

// kubeadmForceNewCluster: etcd on all masters but m1 is ruined. The survivor m1
// is restarted with --force-new-cluster and grown back.
//
// The flag discards what m1 holds beyond its persisted commit index, and what m1
// never received is lost with the others: the procedure promises m1's state, not
// zero loss. Revisions that were lost are handed out again, so that is a hazard
// here and no promise.
func kubeadmForceNewCluster() harness.Scenario {
	return harness.Scenario{
		Name:     "kubeadm-force-new-cluster",
		Source:   harness.Source{Document: "kubeadm-force-new-cluster.md", Section: "Recovering from a major etcd failure"},
		Summary:  "quorum lost for good; rebuild from the one survivor, then take the flag out again",
		Labels:   []string{"kubeadm", "survivor", "quorum-loss"},
		Given:    harness.ClusterSpec{Members: 3, TLS: kubeadmTLS},
		Under:    harness.KubernetesTraffic,
		Break:    []harness.Fault{fault.RuinData{Who: harness.AllBut("m1")}},
		Premises: []harness.Check{check.QuorumWasLost{}, check.WritesWereAcknowledged{}},
		Recover:  recovery.KubeadmForceNewCluster{Survivor: "m1"},
		Promises: []harness.Check{
			check.ProcedureCompleted{},
			check.CutAtSurvivor{Host: "m1"},
			check.DatasetIntact{},
			check.ReplicasAgree{},
			check.MembersAre{Who: harness.Everyone},
			check.ClusterID{Kept: true},
			check.NoAlarms{},
			check.EveryMemberServes{},
			check.ServiceRestored{},
			check.LeasesAgree{},
			check.SurvivesOneMemberLoss{},
		},
		Hazards: []harness.Check{
			check.RestartKeepsMembers{Host: "m1"},
			check.RevisionsUnique{},
			check.WatcherInformed{},
			check.CachesFresh{},
			check.LeaseTermsKept{},
		},
		StandIns: []string{
			"the page's v2 flags of etcdctl (--ca-file, --cert-file, --key-file): the v3 ones",
			"docker container ls, docker logs and docker exec on m1: etcdctl endpoint health, and a shell on the host",
			"moving manifests past a kubelet: the agent on each host, which runs etcd from that very file",
		},
		LeftOut: []string{"step 1, choosing the progenitor: the scenario says which master it is"},
		Within:  60 * time.Second,
	}
}

// kubeadmForceNewClusterVerbatim ends where the document ends: the flag stays in
// m1's manifest, and a later restart of m1 throws m2 and m3 out. That is the
// hazard restart-keeps-members, measured by restarting m1 after everything else
// was looked at.
func kubeadmForceNewClusterVerbatim() harness.Scenario {
	s := kubeadmForceNewCluster()
	s.Name, s.VariantOf = "kubeadm-force-new-cluster-verbatim", s.Name
	s.Summary = "as kubeadm-force-new-cluster, exactly as documented: the flag is left behind"
	s.Recover = recovery.KubeadmForceNewCluster{Survivor: "m1", Verbatim: true}
	return s
}

// kubeadmForceNewClusterLearner is our improvement of the document: adding m2 as
// a voter stops the cluster of one until m2 has come, adding a learner does not.
func kubeadmForceNewClusterLearner() harness.Scenario {
	s := kubeadmForceNewCluster()
	s.Name, s.VariantOf = "kubeadm-force-new-cluster-learner", s.Name
	s.Summary = "as kubeadm-force-new-cluster, improved: the others come back as learners and are promoted"
	s.Recover = recovery.KubeadmForceNewCluster{Survivor: "m1", Learners: true}
	return s
}

// kubeadmStaleSurvivor: etcd on m1, which leads, hangs. The others elect another
// leader and go on acknowledging writes until etcd on all of them is ruined; then
// m1 answers again, and is behind. It is all that is left, so it is recovered from
// as documented.
//
// What it never received was acknowledged by the others alone and is lost with
// them: the loss is shown, and what m1 holds must be there.
func kubeadmStaleSurvivor() harness.Scenario {
	s := kubeadmForceNewCluster()
	s.Name, s.VariantOf = "kubeadm-stale-survivor", s.Name
	s.Summary = "as kubeadm-force-new-cluster, but the survivor had hung and is behind: acknowledged writes are lost"
	s.Break = []harness.Fault{fault.LeaveBehind{Host: "m1", Revisions: 50, Then: fault.RuinData{Who: harness.AllBut("m1")}}}
	s.Premises = append(s.Premises, check.SurvivorWasBehind{Host: "m1"})
	return s
}

// kubeadmTLS is where kubeadm keeps etcd's certificates on a master.
var kubeadmTLS = harness.TLSFiles{
	CA:   "/etc/kubernetes/pki/etcd/ca.crt",
	Cert: "/etc/kubernetes/pki/etcd/server.crt", Key: "/etc/kubernetes/pki/etcd/server.key",
	PeerCert: "/etc/kubernetes/pki/etcd/peer.crt", PeerKey: "/etc/kubernetes/pki/etcd/peer.key",
}
