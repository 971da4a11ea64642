package scenarios

import (
	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/fault"
)

// Refusals lists drills whose procedure must refuse and leave the cluster as it was.
// They are no document's own story, as those of the catalogue are, but what a
// precondition could be fooled by, or what its words hang on.
func Refusals() []harness.Scenario {
	full := rancherHealthyStop()
	full.Name = "rancher-healthy-stop-out-of-space"
	full.Summary = "every host is up, and the alarm NOSPACE is on: no etcd calls itself healthy, and there is no disaster"
	full.Break = []harness.Fault{fault.RaiseAlarm{Who: harness.Hosts("m1")}}
	full.Premises = []harness.Check{check.WritesWereAcknowledged{}}
	full.Promises = refusesAndKeepsAll("there is no disaster")

	restorable := talosRecoverSnapshot()
	restorable.Name = "talos-recover-out-of-space"
	restorable.Summary = "as rancher-healthy-stop-out-of-space: the quorum is there, and no restore is begun"
	restorable.Break, restorable.Premises = full.Break, full.Premises
	restorable.Promises, restorable.Hazards, restorable.Sized = refusesAndKeepsAll("there is a quorum"), nil, nil

	unsaved := rancherSoleSurvivor()
	unsaved.Name = "rancher-disaster-without-a-snapshot"
	unsaved.Summary = "the snapshot that disaster begins with cannot be written: it ends there, and the survivor's etcd runs on"
	unsaved.Break = []harness.Fault{fault.LoseHost{Who: harness.AllBut("m1")}} // what is off cannot be asked whether it changed
	unsaved.Premises = []harness.Check{check.QuorumWasLost{}, check.HostsWereLost{Who: harness.AllBut("m1")}, check.WritesWereAcknowledged{}}
	unsaved.Recover = careless{of: unsaved.Recover, slips: []slip{
		rewrite("take a snapshot of the sole survivor", "snapshot save /root/", "snapshot save /no/such/directory/")}}
	unsaved.Promises, unsaved.Hazards = []harness.Check{check.ProcedureRefused{Because: "no such file or directory"}, check.NothingChanged{}}, nil

	return []harness.Scenario{full, restorable, unsaved}
}

// refusesAndKeepsAll is promised where the cluster serves reads all the time.
func refusesAndKeepsAll(because string) []harness.Check {
	return []harness.Check{check.ProcedureRefused{Because: because}, check.NothingChanged{}, check.NothingLost{}, check.DatasetIntact{}, check.ClusterID{Kept: true}, check.EveryMemberServes{}}
}
