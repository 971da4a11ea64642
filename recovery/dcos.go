package recovery

import (
	"fmt"
	"slices"

	"github.com/etcd-firedrill/firedrill/harness"
)

// DcosRestore re-creates the cluster of a DC/OS Kubernetes package from its
// previous backup: whatever still runs is stopped and wiped, new hosts take the
// places of those that are gone, and each member is restored from the one
// backup with the peer URLs and the token that it always had. So the cluster ID
// stays, and revisions are handed out again; both are as in the package's time.
type DcosRestore struct {
	Survivors []string // hosts that are still there
	// From is the scenario of the document that asks for the restore.
	From harness.Source
}

const dcosDocument = "dcos-troubleshooting-etcd.md"

// DcosScenario is a section of the document.
func DcosScenario(section string) harness.Source {
	return harness.Source{Document: dcosDocument, Section: section}
}

// Steps generalises to any number of members of which one is lost at least.
func (p DcosRestore) Steps(hosts []string) ([]harness.Step, error) {
	for _, h := range p.Survivors {
		if !slices.Contains(hosts, h) {
			return nil, fmt.Errorf("the survivor %s is none of the hosts %v", h, hosts)
		}
	}
	lost := slices.DeleteFunc(slices.Clone(hosts), func(h string) bool { return slices.Contains(p.Survivors, h) })
	if len(lost) == 0 {
		return nil, fmt.Errorf("all of the hosts %v survive, and there is nothing to restore", hosts)
	}
	var steps []harness.Step
	if len(p.Survivors) > 0 {
		on := harness.Hosts(p.Survivors...)
		steps = append(steps,
			harness.Step{Name: "stop etcd on what is left", From: p.From, On: on, AtOnce: true, Do: parkEtcd,
				Why: "stands in for uninstalling the package, which ends its tasks"},
			harness.Step{Name: "wait until etcd has stopped", On: on, Await: true, Do: etcdIsStopped,
				Why: "its data directory is wiped next"},
			harness.Step{Name: "wipe what is left of the old cluster", From: p.From, On: on, AtOnce: true, Do: wipeData,
				Why: "stands in for uninstalling the package, which gives its volumes back"})
	}
	initial := clusterOf(hosts)
	return append(steps,
		harness.Step{Name: "order new hosts", From: p.From, Do: harness.NewHosts{Names: lost},
			Why: "stands in for the scheduler, which finds other agents for the tasks"},
		harness.Step{Name: "fetch the backup to every host", From: p.From, On: harness.Everyone, AtOnce: true,
			Do: harness.FetchBackup{To: snapshotPath}, Completes: harness.Fetch,
			Why: "stands in for Ark, which the package's restore command reads its backups with"},
		harness.Step{Name: "restore the backup on every host", From: p.From, On: harness.Everyone, AtOnce: true,
			Replaces: true, Completes: harness.Restore,
			Do: harness.Script(`etcdutl snapshot restore ` + snapshotPath + ` --data-dir ` + harness.DataDir + ` \
  --name {{name}} --initial-advertise-peer-urls {{peer name}} \
  --initial-cluster ` + initial + ` --initial-cluster-token {{token}}`)},
		harness.Step{Name: "start etcd on every host", From: p.From, On: harness.Everyone,
			Do: startWith("", "initial-cluster="+initial, "initial-cluster-state=new")},
		harness.Step{Name: "wait until every member is healthy", On: harness.Hosts(hosts[0]), Await: true,
			Do:  harness.Script(`etcdctl --endpoints={{endpoints ` + quoted(hosts) + `}} endpoint health`),
			Why: "stands in for the package's plan, which is complete when its tasks are ready"},
		harness.Step{Name: "point clients at the cluster", Do: harness.Announce{Hosts: hosts},
			Why: "the members serve at the addresses of the old ones; clients dial anew"},
	), nil
}
