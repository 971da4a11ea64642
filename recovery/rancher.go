package recovery

import (
	"fmt"
	"slices"

	"github.com/etcd-firedrill/firedrill/harness"
)

// RancherDisaster is the recovery of Rancher 1.x: ask the sole survivor whether
// there is a disaster at all, run `disaster` on it, and let etcd scale back up on
// other hosts.
//
// `disaster` and `delete` are scripts of Rancher's image. What they did (in the
// images with etcd 3.0) is spelled out: `disaster` takes a snapshot, gives up
// without touching etcd if that fails, and stops etcd; the container, restarted,
// removes the data directory and restores the snapshot as a cluster of one.
// `delete` removes the data directory and restarts the container, which joins
// the cluster as a new member. Neither keeps dead members from coming back.
type RancherDisaster struct {
	Survivor string
	// OldHosts: the old hosts come back with their old data volumes, one at a
	// time, and are cleaned by `delete`. Otherwise new hosts are added, as the
	// document prefers.
	OldHosts bool
}

func rancher(section string) harness.Source {
	return harness.Source{Document: "rancher-1.5-disaster-recovery.md", Section: section}
}

const disasterSnapshot = "/root/disaster.db"

// Steps is for the three instances that Rancher runs.
func (p RancherDisaster) Steps(hosts []string) ([]harness.Step, error) {
	if !slices.Contains(hosts, p.Survivor) {
		return nil, fmt.Errorf("the survivor %s is none of the hosts %v", p.Survivor, hosts)
	}
	if len(hosts) != 3 {
		return nil, fmt.Errorf("it is about 3 hosts, as many as Rancher runs etcd on, and not about %d", len(hosts))
	}
	steps := p.disaster()
	members := []string{p.Survivor}
	for i, h := range slices.DeleteFunc(slices.Clone(hosts), func(h string) bool { return h == p.Survivor }) {
		if p.OldHosts {
			steps = append(steps, p.clean(h)...)
		} else {
			h = harness.HostName(len(hosts) + 1 + i)
			steps = append(steps, harness.Step{Name: "add new host " + h, From: rancher("step 4"), Do: harness.NewHosts{Names: []string{h}}})
		}
		members = append(members, h)
		steps = append(steps, join{host: h, through: p.Survivor, members: slices.Clone(members), from: rancher("step 4")}.steps()...)
	}
	return append(steps,
		harness.Step{Name: "wait until every member is healthy", From: rancher("step 4"), On: harness.Hosts(p.Survivor), Await: true, Do: healthy(members...),
			Why: "stands in for looking at the stack, in which everything heals"},
		harness.Step{Name: "point clients at all members", Do: harness.Announce{Hosts: members},
			Why: "stands in for the service's name, which stands for every container"},
	), nil
}

func (p RancherDisaster) disaster() []harness.Step {
	on := harness.Hosts(p.Survivor)
	self := `{{etcdctl "` + p.Survivor + `"}}`
	return []harness.Step{
		{Name: "check that the cluster is unhealthy", From: rancher("step 1"), On: on, Precondition: true,
			Do:  refuseQuorum(self, "cluster is healthy: there is no disaster, stop immediately", "cluster is unhealthy: "+p.Survivor+" is the sole survivor"),
			Why: "stands in for etcdctl cluster-health, a command of etcd's v2 API"},
		{Name: "take a snapshot of the sole survivor", From: rancher("step 3, disaster"), On: on, Precondition: true,
			Do:  harness.Script(self + ` snapshot save ` + disasterSnapshot + ` && etcdutl snapshot status ` + disasterSnapshot),
			Why: "the script ends here if this fails, and etcd is as it was"},
		{Name: "stop etcd on the sole survivor", From: rancher("step 3, disaster"), On: on, Do: parkEtcd},
		{Name: "wait until etcd has stopped on the sole survivor", On: on, Await: true, Do: etcdIsStopped,
			Why: "its data directory is removed next"},
		{Name: "restore the sole survivor as a cluster of one", From: rancher("step 3, disaster"), On: on, Replaces: true, Completes: harness.Restore,
			Do: wipeData + " &&\n" + restoreAlone(disasterSnapshot)},
		{Name: "start etcd on the sole survivor", From: rancher("step 3, disaster"), On: on,
			Do:  startWith(p.Survivor, "initial-cluster="+onlyMember, "initial-cluster-state=new"),
			Why: "the script gives --force-new-cluster to this one start; what was restored is a cluster of one already, and in a manifest the flag would stay"},
		{Name: "wait until the sole survivor is healthy", From: rancher("step 3"), On: on, Await: true, Do: healthy(p.Survivor),
			Why: "system functionality will be restored"},
		{Name: "point clients at the sole survivor", Do: harness.Announce{Hosts: []string{p.Survivor}},
			Why: "stands in for the service's name, which leaves out containers that are not healthy"},
	}
}

// clean brings an old host back and removes what lies on it.
func (p RancherDisaster) clean(h string) []harness.Step {
	on := harness.Hosts(h)
	return []harness.Step{
		{Name: "bring old host " + h + " back", From: rancher("step 4"), On: on, Do: harness.PowerOn{},
			Why: "no new host can be added; its old data volume will cause problems"},
		{Name: "see that " + h + " is stuck", From: rancher("step 4"), On: on, Await: true,
			Do: harness.Script(`pidof etcd && for second in 1 2; do
  if {{etcdctl "` + h + `"}} --command-timeout=1s ` + hasQuorum + `; then echo "it is not stuck: it serves"; exit 1; fi
done`),
			Why: "its etcd runs, and for 2 s it serves nobody; the document gives it three minutes"},
		{Name: "stop etcd on " + h, From: rancher("step 4, delete"), On: on, Do: parkEtcd},
		{Name: "wait until etcd has stopped on " + h, On: on, Await: true, Do: etcdIsStopped,
			Why: "its data directory is removed next"},
		{Name: "remove the old data of " + h, From: rancher("step 4, delete"), On: on, Do: wipeData,
			Why: "on this host, under no circumstance on the sole survivor"},
	}
}
