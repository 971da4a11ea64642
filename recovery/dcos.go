package recovery

import (
	"fmt"
	"slices"

	"github.com/etcd-firedrill/firedrill/harness"
)

// DcosRestore re-creates the cluster of a DC/OS Kubernetes package from its
// previous backup: it is fetched, to new hosts too, which take the places of those
// that are gone; whatever still runs is stopped and wiped, and each member is restored from the one
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

const uninstalling = "uninstalling the package"

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
	steps := []harness.Step{
		{Name: "order new hosts", From: p.From, Do: harness.NewHosts{Names: lost},
			Why: "stands in for the scheduler, which finds other agents for the tasks"},
		{Name: "fetch the backup to every host", From: p.From, On: harness.Everyone, AtOnce: true,
			Do: harness.FetchBackup{To: snapshotPath}, Completes: harness.Fetch,
			Why: "stands in for Ark, which the package's restore command reads its backups with; before anything is wiped, in case none is whole"},
	}
	if len(p.Survivors) > 0 {
		steps = append(steps, clearAway(harness.Hosts(p.Survivors...), p.From, uninstalling)...)
	}
	initial := clusterOf(hosts)
	return append(steps,
		harness.Step{Name: "restore the backup on every host", From: p.From, On: harness.Everyone, AtOnce: true,
			Replaces: true, Completes: harness.Restore,
			Do: harness.Script(`etcdutl snapshot restore ` + snapshotPath + ` --data-dir ` + harness.DataDir + ` \
  --name {{name}} --initial-advertise-peer-urls {{peer name}} \
  --initial-cluster ` + initial + ` --initial-cluster-token {{token}}`)},
		harness.Step{Name: "start etcd on every host", From: p.From, On: harness.Everyone,
			Do: startWith("", "initial-cluster="+initial, "initial-cluster-state=new")},
		harness.Step{Name: "wait until every member is healthy", On: harness.Hosts(hosts[0]), Await: true,
			Do:  healthy(hosts...),
			Why: "stands in for the package's plan, which is complete when its tasks are ready"},
		harness.Step{Name: "point clients at the cluster", Do: harness.Announce{Hosts: hosts},
			Why: "the members serve at the addresses of the old ones; clients dial anew"},
	), nil
}

// DcosScaleUp is what the document advises for a scale-up that failed: uninstall,
// restore the backup that was taken before it to a new cluster, and scale up
// again. Members are added as voters, one after another, as the package's etcd did.
type DcosScaleUp struct {
	To int // members afterwards
}

// Steps is for a cluster of one that is to have more members.
func (p DcosScaleUp) Steps(hosts []string) ([]harness.Step, error) {
	if len(hosts) != 1 || p.To < 2 {
		return nil, fmt.Errorf("the document is about going from one member to several, not from %d to %d", len(hosts), p.To)
	}
	first, from := hosts[0], DcosScenario("Scenario 2, perform a backup of the existing installation")
	on := harness.Hosts(first)
	fetch := harness.Step{Name: "fetch the backup", From: from, On: on, Do: harness.FetchBackup{To: snapshotPath}, Completes: harness.Fetch,
		Why: "stands in for Ark, which the package's restore command reads its backups with; before anything is wiped, in case none is whole"}
	steps := append(append([]harness.Step{fetch}, clearAway(on, from, uninstalling)...),
		harness.Step{Name: "restore the backup to a new cluster", From: from, On: on, Replaces: true, Completes: harness.Restore, Do: restoreAlone(snapshotPath)},
		harness.Step{Name: "start etcd on " + first, From: from, On: on, Do: startWith(first, "initial-cluster="+onlyMember, "initial-cluster-state=new")},
		harness.Step{Name: "wait until " + first + " is healthy", On: on, Await: true, Do: healthy(first),
			Why: "stands in for the package's plan, which is complete when its tasks are ready"},
		harness.Step{Name: "point clients at " + first, Do: harness.Announce{Hosts: []string{first}},
			Why: "the new cluster serves at the address of the old one; clients dial anew"})
	all := []string{first}
	for len(all) < p.To {
		h := harness.HostName(len(all) + 1)
		all = append(all, h)
		again := DcosScenario("Scenario 2, retry the scale-up")
		steps = append(steps, harness.Step{Name: "order host " + h, From: again, Do: harness.NewHosts{Names: []string{h}},
			Why: "stands in for the scheduler, which finds an agent for the task"})
		steps = append(steps, join{host: h, through: first, members: slices.Clone(all), from: again}.steps()...)
	}
	return append(steps,
		harness.Step{Name: "wait until every member is healthy", On: on, Await: true, Do: healthy(all...),
			Why: "stands in for the package's plan, which is complete when its tasks are ready"},
		harness.Step{Name: "point clients at all members", Do: harness.Announce{Hosts: all},
			Why: "stands in for the service's name, which stands for every task"},
	), nil
}
