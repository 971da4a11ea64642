package scenarios

import (
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/fault"
)

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
			check.LeasesAgree{},
		},
		StandIns: []string{"the DC/OS agent that restarts the task: the agent on the host, which restarts an etcd that ends"},
		Within:   60 * time.Second,
	}
}
