package recovery

import (
	"fmt"

	"github.com/etcd-firedrill/firedrill/harness"
)

// RkeRestore restores an RKE cluster from a snapshot and a bundle of certificates
// that were kept outside of it. Both are pulled to every node and compared before
// anything is cleaned; then `rke etcd snapshot-restore` and `rke up` are spelled
// out as what RKE has done on the nodes, and in the end the components, every
// long-lived client, are restarted.
//
// The revision is not bumped and the token is always the same, as in RKE. So
// revisions are handed out again, and where the nodes keep their addresses the
// new cluster has the old one's ID.
type RkeRestore struct {
	// NewNodes: every node is gone and as many new ones take their place, under
	// other names. Otherwise the nodes are still there and are cleaned.
	NewNodes bool
}

// RkeToken is the token of every cluster that RKE makes.
const RkeToken = "etcd-cluster-1"

const (
	rkeSnapshots = "/opt/rke/etcd-snapshots"
	rkeSnapshot  = rkeSnapshots + "/snapshot.db"
	rkeBundle    = rkeSnapshots + "/pki.bundle.tar.gz"
)

func rke(section string) harness.Source {
	return harness.Source{Document: "rke-ha-restore.md", Section: section}
}

// Steps generalises to any number of nodes.
func (p RkeRestore) Steps(hosts []string) ([]harness.Step, error) {
	if len(hosts) == 0 {
		return nil, fmt.Errorf("there is no node to restore")
	}
	nodes := hosts
	var steps []harness.Step
	if p.NewNodes {
		nodes = harness.HostNames(len(hosts)+1, len(hosts))
		steps = append(steps, harness.Step{Name: "create new nodes", From: rke("1, create new nodes"), Do: harness.NewHosts{Names: nodes}})
	}
	all, first := harness.Hosts(nodes...), harness.Hosts(nodes[0])
	steps = append(steps, p.pull(all, first)...)
	if !p.NewNodes {
		steps = append(steps, clean(all)...)
	}
	initial := clusterOf(nodes)
	return append(steps,
		harness.Step{Name: "make the nodes' certificates with the bundle's authority", From: rke("2, restore etcd database"), On: all, AtOnce: true,
			Do:  harness.Certify{Bundle: rkeBundle},
			Why: "stands in for RKE, which extracts the bundle, and for rke up, which makes certificates for the nodes in rancher-cluster.yml"},
		harness.Step{Name: "restore the snapshot on every node", From: rke("2, step 5, rke etcd snapshot-restore"), On: all, Replaces: true, Completes: harness.Restore,
			Do: harness.Script(`etcdutl snapshot restore ` + rkeSnapshot + ` --data-dir ` + harness.DataDir + ` \
  --name {{name}} --initial-advertise-peer-urls {{peer name}} \
  --initial-cluster ` + initial + ` --initial-cluster-token {{token}}`)},
		harness.Step{Name: "start etcd on every node", From: rke("2, step 6, rke up"), On: all,
			Do: startWith("", "initial-cluster="+initial, "initial-cluster-state=new")},
		harness.Step{Name: "wait until every member is healthy", From: rke("2, step 6, rke up"), On: first, Await: true, Do: healthy(nodes...),
			Why: "RKE asks for 90 s, and one healthy node is enough for it"},
		harness.Step{Name: "point clients at the nodes", From: rke("2, step 2"), Do: harness.Announce{Hosts: nodes},
			Why: "the nodes in rancher-cluster.yml are these"},
		harness.Step{Name: "restart the components", From: rke("2, step 7"), Do: harness.RestartComponents{},
			Why: "stands in for docker restart of kube-apiserver, kubelet, kube-controller-manager, kube-scheduler, kube-proxy and the network's components"},
	), nil
}

// pull brings snapshot and bundle to every node and compares them there.
func (p RkeRestore) pull(all, first harness.Selector) []harness.Step {
	const sums = "checksums"
	sum := "sha256sum " + rkeSnapshot + " " + rkeBundle
	return []harness.Step{
		{Name: "create the directory of snapshots", From: rke("1, step 2"), On: all, AtOnce: true, Do: harness.Script("mkdir -p " + rkeSnapshots)},
		{Name: "pull the snapshot to every node", From: rke("1, step 3"), On: all, AtOnce: true, Do: harness.FetchBackup{To: rkeSnapshot},
			Why: "stands in for s3cmd get; the nodes hold no credentials of the store"},
		{Name: "pull the bundle of certificates to every node", From: rke("1, step 4"), On: all, AtOnce: true, Do: harness.FetchBundle{To: rkeBundle}, Completes: harness.Fetch},
		{Name: "sum up what was pulled", On: first, Do: harness.Script(sum), Learns: []harness.Fact{{Name: sums, Pattern: `(?s)^(.*?)\s*$`}},
			Why: "RKE from v0.2 on compares checksums on all nodes before it cleans anything"},
		{Name: "compare what was pulled on every node", On: all, AtOnce: true, Do: harness.Script(`sums=$(` + sum + `) && echo "$sums" &&
if test "$sums" != '{{known "` + sums + `"}}'; then echo "this node has another snapshot or bundle"; exit 1; fi`),
			Why: "different snapshots start healthy and differ for ever"},
	}
}

// clean is the document's cleaning of nodes that are used again.
func clean(all harness.Selector) []harness.Step {
	from := rke("1, use the existing nodes")
	return []harness.Step{
		{Name: "remove the containers", From: from, On: all, AtOnce: true, Do: harness.Script("rm -f " + harness.ManifestPath),
			Why: "stands in for docker rm -fv $(docker ps -qa): without its manifest etcd is ended"},
		{Name: "wait until etcd has stopped", On: all, AtOnce: true, Await: true, Do: etcdIsStopped,
			Why: "its data directory is removed next"},
		{Name: "clean the nodes", From: from, On: all, AtOnce: true, Do: harness.Script(`rm -rf /etc/kubernetes/ssl
rm -rf /etc/kubernetes/.tmp
rm -rf ` + harness.DataDir + `
rm -rf /etc/cni
rm -rf /etc/kube-flannel/`)},
	}
}
