package scenarios

import (
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/fault"
	"github.com/etcd-firedrill/firedrill/recovery"
)

var rancherSource = harness.Source{Document: "rancher-1.5-disaster-recovery.md", Section: "Kubernetes - Disaster Recovery"}

// rancherSoleSurvivor: two of three hosts are disconnected, and stay off with their
// disks. The survivor, on which the cluster was born, is turned into a cluster of
// one and grown on new hosts. It keeps the cluster ID, because a cluster of one at
// its address with the default token is what it was born as. Nothing tells it from
// what the dead take for their own member, if they come back.
func rancherSoleSurvivor() harness.Scenario {
	return harness.Scenario{
		Name:     "rancher-sole-survivor",
		Source:   rancherSource,
		Summary:  "two of three hosts off for good; disaster on the survivor, then new hosts join",
		Labels:   []string{"rancher", "survivor", "quorum-loss", "host-loss"},
		Given:    rancherCluster(),
		Under:    harness.KubernetesTraffic,
		Break:    []harness.Fault{fault.PowerOff{Who: harness.AllBut("m1")}},
		Premises: []harness.Check{check.QuorumWasLost{}, check.HostsWereOff{Who: harness.AllBut("m1")}, check.WritesWereAcknowledged{}},
		Recover:  recovery.RancherDisaster{Survivor: "m1"},
		Promises: survived("m1", true, harness.Hosts("m1", "m4", "m5")),
		Hazards:  []harness.Check{check.RevisionsUnique{}, check.WatcherInformed{}, check.CachesFresh{}, check.LeaseTermsKept{}, check.DeadStayOut{}},
		StandIns: rancherStandIns(),
		LeftOut:  rancherLeftOut("they stay off, with their disks"),
		Within:   90 * time.Second,
	}
}

// rancherSoleSurvivorJoined is the same disaster, survived by a host that had
// joined the cluster later: a cluster of one at its address has another ID.
func rancherSoleSurvivorJoined() harness.Scenario {
	s := rancherSoleSurvivor()
	s.Name += "-joined"
	s.Summary = "as rancher-sole-survivor, where the survivor had joined the cluster later: the cluster ID is a new one"
	s.Break = []harness.Fault{fault.PowerOff{Who: harness.AllBut("m2")}}
	s.Premises = []harness.Check{check.QuorumWasLost{}, check.HostsWereOff{Who: harness.AllBut("m2")}, check.WritesWereAcknowledged{}}
	s.Recover = recovery.RancherDisaster{Survivor: "m2"}
	s.Promises = survived("m2", false, harness.Hosts("m2", "m4", "m5"))
	return s
}

// rancherDirtyHosts: as above, but no new host can be had. The old ones come back
// with their old data, one at a time, and are cleaned before the next.
func rancherDirtyHosts() harness.Scenario {
	s := rancherSoleSurvivor()
	s.Name = "rancher-dirty-hosts"
	s.Summary = "two of three hosts off; disaster on the survivor, then the old hosts come back, each cleaned before the next"
	s.Labels = []string{"rancher", "survivor", "quorum-loss"}
	s.OldHostsReturn, s.LeftOut = true, rancherLeftOut("they come back, and each is cleaned")
	s.Recover = recovery.RancherDisaster{Survivor: "m1", OldHosts: true}
	s.Promises = survived("m1", true, harness.Everyone)
	s.Hazards = []harness.Check{check.RevisionsUnique{}, check.WatcherInformed{}, check.CachesFresh{}, check.LeaseTermsKept{}} // none of the dead is left out
	return s
}

// rancherHealthyStop: one of three hosts is lost, and the others keep quorum. The
// document says to stop immediately, and the procedure does.
func rancherHealthyStop() harness.Scenario {
	s := rancherSoleSurvivor()
	s.Name = "rancher-healthy-stop"
	s.Summary = "one of three hosts lost, quorum kept: there is no disaster, and the procedure stops"
	s.Labels = []string{"rancher", "refusal"}
	s.Break = []harness.Fault{fault.LoseHost{Who: harness.Hosts("m3")}}
	s.Premises = []harness.Check{check.HostsWereLost{Who: harness.Hosts("m3")}, check.WritesWereAcknowledged{}}
	s.Recover, s.LeftOut = recovery.RancherDisaster{Survivor: "m1"}, rancherLeftOut("the one that is lost is gone, machine and disk")
	s.Promises = []harness.Check{
		check.ProcedureRefused{Because: "there is no disaster"},
		check.NothingChanged{},
		check.NothingLost{},
		check.DatasetIntact{},
		check.ClusterID{Kept: true},
		check.NoAlarms{},
		check.EveryMemberServes{},
		check.ServiceRestored{},
		check.RevisionsUnique{},
		check.WatcherInformed{},
		check.CachesFresh{},
		check.LeasesAgree{},
	}
	s.Hazards = []harness.Check{check.LeaseTermsKept{}}
	return s
}

// rancherCluster scaled up from one host, as Rancher's etcd service does.
func rancherCluster() harness.ClusterSpec {
	return harness.ClusterSpec{Members: 3, Grown: true, OnlyBecause: "Rancher runs etcd on up to 3 hosts"}
}

// survived is what a recovery from one survivor promises: the survivor's state,
// and a whole cluster of the given hosts.
func survived(survivor string, kept bool, members harness.Selector) []harness.Check {
	return []harness.Check{
		check.ProcedureCompleted{},
		check.CutAtSurvivor{Host: survivor},
		check.DatasetIntact{},
		check.ReplicasAgree{},
		check.MembersAre{Who: members},
		check.ClusterID{Kept: kept},
		check.NoAlarms{},
		check.EveryMemberServes{},
		check.ServiceRestored{},
		check.LeasesAgree{},
		check.SurvivesOneMemberLoss{},
	}
}

// rancherLeftOut tells what becomes of the disconnected hosts instead.
func rancherLeftOut(disconnected string) []string {
	return []string{
		"step 2, deleting the disconnected hosts: " + disconnected,
		"step 4, labels for separated planes: every host may run etcd",
	}
}

func rancherStandIns() []string {
	return []string{
		"etcdctl cluster-health, a command of etcd's v2 API: a linearizable read through the survivor",
		"the scripts disaster and delete of Rancher's image: the commands they ran",
	}
}
