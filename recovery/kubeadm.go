package recovery

import (
	"fmt"
	"slices"

	"github.com/etcd-firedrill/firedrill/harness"
)

// KubeadmForceNewCluster rebuilds a cluster of static-pod etcds from the one
// master that still has its data: stop etcd everywhere, start the survivor with
// --force-new-cluster, add the others back one by one on empty disks.
//
// The document stops after the last member list and leaves the flag in the
// survivor's manifest; see Verbatim.
type KubeadmForceNewCluster struct {
	Survivor string // host whose data the new cluster starts from
	// Verbatim ends where the document ends. Otherwise steps follow that
	// take the flag out again, because a restart of the survivor with the flag
	// would throw the other members out.
	Verbatim bool
	// Learners adds the others back as learners and promotes them when they have
	// caught up, which etcd could not do when the document was written: adding a
	// voter to a cluster of one stops it until the voter has come.
	Learners bool
}

const kubeadmDocument = "kubeadm-force-new-cluster.md"

func kubeadm(section string) harness.Source {
	return harness.Source{Document: kubeadmDocument, Section: section}
}

// Where the document keeps a manifest that must not run.
const parkedManifest = "/root/etcd.yaml"

const (
	parkEtcd  = harness.Script("mkdir -p /root && mv " + harness.ManifestPath + " " + parkedManifest)
	startEtcd = harness.Script("mv " + parkedManifest + " " + harness.ManifestPath)
	wipeData  = harness.Script("rm -rf " + harness.DataDir)
)

// Steps follow the document's numbers. It is written for three masters, and its
// steps 6 and 7 are repeated for each further one.
func (p KubeadmForceNewCluster) Steps(hosts []string) ([]harness.Step, error) {
	if !slices.Contains(hosts, p.Survivor) {
		return nil, fmt.Errorf("the survivor %s is none of the hosts %v", p.Survivor, hosts)
	}
	if len(hosts) < 3 {
		return nil, fmt.Errorf("the document is about losing a majority for good: it needs at least 3 masters, not %d", len(hosts))
	}
	steps := p.forceSurvivor()
	joined := []string{p.Survivor}
	for _, h := range hosts {
		if h == p.Survivor {
			continue
		}
		joined = append(joined, h)
		steps = append(steps, p.addBack(h, slices.Clone(joined))...)
	}
	steps = append(steps, harness.Step{
		Name: "verify that all members are listed", From: kubeadm("step 9"), On: harness.Hosts(p.Survivor), Await: true,
		Do: listed(p.Survivor, hosts...),
	})
	steps = append(steps, harness.Step{
		Name: "point clients at all masters", Do: harness.Announce{Hosts: hosts},
		Why: "stands in for the API servers, each of which uses the etcd of its own master",
	})
	if !p.Verbatim {
		steps = append(steps, p.removeFlag()...)
	}
	return steps, nil
}

func (p KubeadmForceNewCluster) forceSurvivor() []harness.Step {
	on := harness.Hosts(p.Survivor)
	return []harness.Step{
		{Name: "stop etcd on all masters", From: kubeadm("step 2"), On: harness.Everyone, AtOnce: true, Do: parkEtcd},
		{Name: "wait until etcd has stopped on all masters", On: harness.Everyone, AtOnce: true, Await: true, Do: etcdIsStopped,
			Why: "how the survivor was stopped is part of the procedure: the flag discards what was not yet persisted as committed"},
		{Name: "add --force-new-cluster to the manifest of " + p.Survivor, From: kubeadm("step 3"), On: on,
			Do: writeManifest(parkedManifest, p.Survivor, "force-new-cluster=true")},
		{Name: "start etcd on " + p.Survivor, From: kubeadm("step 4"), On: on, Do: startEtcd, Replaces: true},
		{Name: "verify that etcd on " + p.Survivor + " is OK", From: kubeadm("step 5"), On: on, Await: true,
			Do:  healthy(p.Survivor),
			Why: "stands in for looking at docker container ls and docker logs"},
		{Name: "point clients at " + p.Survivor, Do: harness.Announce{Hosts: []string{p.Survivor}},
			Why: "stands in for the API server on " + p.Survivor + ", which uses the etcd of its own master"},
		{Name: "check that " + p.Survivor + " is the only member", From: kubeadm("step 6.2"), On: on, Await: true,
			Do: harness.Script(`list=$({{etcdctl "` + p.Survivor + `"}} member list) && echo "$list" &&
case "$list" in *"
"*) echo "there are other members"; exit 1 ;; *", ` + p.Survivor + `, "*) ;; *) exit 1 ;; esac`)},
	}
}

func (p KubeadmForceNewCluster) addBack(h string, joined []string) []harness.Step {
	on, survivor := harness.Hosts(h), harness.Hosts(p.Survivor)
	add, start := kubeadm("step 6.2"), func(substep string) harness.Source { return kubeadm("step 7." + substep) }
	if len(joined) > 2 { // which refers back to steps 6 and 7
		add, start = kubeadm("step 8.1"), func(substep string) harness.Source { return kubeadm("step 8.2, as 7." + substep) }
	}
	adding := ""
	if p.Learners {
		adding = " --learner"
	}
	id := "ID of " + h
	steps := []harness.Step{
		{Name: "add " + h + " to the members", From: add, On: survivor, Await: true,
			Do:     harness.Script(`{{etcdctl "` + p.Survivor + `"}} member add ` + h + adding + ` --peer-urls={{peer "` + h + `"}}`),
			Learns: []harness.Fact{{Name: id, Pattern: `Member +([0-9a-f]+) added`}},
			Why:    "repeated while etcd refuses because the member before has not been connected for its 5 s health interval"},
		{Name: "remove the old data of " + h, From: start("1"), On: on, Do: wipeData},
		{Name: "write the manifest of " + h, From: start("2"), On: on,
			Do: writeManifest(parkedManifest, h, "initial-cluster="+clusterOf(joined), "initial-cluster-state=existing")},
		{Name: "start etcd on " + h, From: start("3"), On: on, Do: startEtcd},
		{Name: "verify that " + h + " has joined", From: start("4"), On: survivor, Await: true, Do: listed(p.Survivor, h)},
	}
	if p.Learners {
		steps = append(steps, promote(h, id, `{{etcdctl "`+p.Survivor+`"}} `, survivor))
	}
	return steps
}

func (p KubeadmForceNewCluster) removeFlag() []harness.Step {
	on := harness.Hosts(p.Survivor)
	return []harness.Step{
		{Name: "stop etcd on " + p.Survivor + " again", On: on, Do: parkEtcd,
			Why: "the document leaves --force-new-cluster in the manifest: the next restart of " + p.Survivor + " would expel every other member"},
		{Name: "wait until etcd has stopped on " + p.Survivor + " again", On: on, Await: true, Do: etcdIsStopped,
			Why: "so that what is verified below is the etcd without the flag; the others serve meanwhile"},
		{Name: "start etcd on " + p.Survivor + " without the flag", On: on, Do: startWith(p.Survivor),
			Why: "its manifest is again what it was before the disaster"},
		{Name: "verify that " + p.Survivor + " serves again", On: on, Await: true,
			Why: "the procedure ends with all masters serving",
			Do:  healthy(p.Survivor)},
	}
}
