package recovery

import (
	"fmt"
	"slices"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
)

// EtcdSnapshotRestore is the procedure of etcd's own documentation: one
// snapshot, restored on every member into a new logical cluster. Once every host
// has it, the one that survives is stopped and its data moved aside, so that
// nothing of the old cluster serves beside the new one.
type EtcdSnapshotRestore struct {
	// Survivor is the host that is still there; the others are ordered anew under
	// their old names. "": none is.
	Survivor string
	// TLS: the cluster has certificates, and the site a bundle that new hosts' are
	// made with.
	TLS bool
}

const (
	etcdRecovery = "etcd operations guide: disaster recovery"
	snapshotPath = "/root/snapshot.db"
	bundlePath   = "/root/pki.bundle.tar.gz"
)

func etcdGuide(section string) harness.Source {
	return harness.Source{Document: etcdRecovery, Section: section}
}

// Steps generalises to any number of members of which one is lost at least.
func (p EtcdSnapshotRestore) Steps(hosts []string) ([]harness.Step, error) {
	if p.Survivor != "" && !slices.Contains(hosts, p.Survivor) {
		return nil, fmt.Errorf("the survivor %s is none of the hosts %v", p.Survivor, hosts)
	}
	lost := slices.DeleteFunc(slices.Clone(hosts), func(h string) bool { return h == p.Survivor })
	if len(lost) == 0 {
		return nil, fmt.Errorf("with %s as the only host nothing is lost and nothing is to be restored", p.Survivor)
	}
	gone := "machine and disk of the others are gone; new ones take their names"
	if p.Survivor == "" {
		gone = "machines and disks are gone; new ones take their names"
	}
	return slices.Concat([]harness.Step{
		{Name: "order new hosts", Do: harness.NewHosts{Names: lost}, Why: gone},
		{Name: "fetch the snapshot to every host", From: etcdGuide("restoring a cluster"), On: harness.Everyone, AtOnce: true,
			Do: harness.FetchBackup{To: snapshotPath}, Completes: harness.Fetch,
			Why: "before anything is stopped or moved, in case none is whole"},
	}, p.certify(lost), p.sameSnapshot(hosts), p.setAside(), p.restore(hosts), []harness.Step{
		{Name: "wait until every member is healthy", From: etcdGuide("restoring a cluster"), On: harness.Hosts(hosts[0]), Await: true,
			Do: healthy(hosts...)},
		{Name: "point clients at the new cluster", Do: harness.Announce{Hosts: hosts},
			Why: "the new members serve at the addresses of the old ones; clients dial anew"},
	}), nil
}

// setAside ends what is left of the old cluster, and keeps its data.
func (p EtcdSnapshotRestore) setAside() []harness.Step {
	if p.Survivor == "" {
		return nil
	}
	survivor := harness.Hosts(p.Survivor)
	return []harness.Step{
		{Name: "stop etcd on " + p.Survivor, On: survivor, Do: parkEtcd,
			Why: "a member of the old cluster that serves on takes part in nothing that follows, and clients may still reach it"},
		{Name: "wait until etcd has stopped on " + p.Survivor, On: survivor, Await: true, Do: etcdIsStopped,
			Why: "its data directory is moved next"},
		{Name: "move the old data of " + p.Survivor + " aside", On: survivor,
			Do:  harness.Script("mv " + harness.DataDir + " " + harness.DataDir + ".before-restore"),
			Why: "kept, not removed: until the restore is proven it is the last copy of what came after the snapshot"},
	}
}

// certify gives new hosts certificates of the cluster's authority.
func (p EtcdSnapshotRestore) certify(hosts []string) []harness.Step {
	if !p.TLS {
		return nil
	}
	return []harness.Step{
		{Name: "fetch the bundle of certificates to the new hosts", On: harness.Hosts(hosts...), AtOnce: true,
			Do:  harness.FetchBundle{To: bundlePath},
			Why: "the members take nobody without a certificate of their authority, which is kept beside the backups"},
		{Name: "make the new hosts' certificates", On: harness.Hosts(hosts...), AtOnce: true,
			Do:  harness.Certify{Bundle: bundlePath},
			Why: "for etcd, and for an operator's etcdctl, whose certificate is that of the user root"},
	}
}

func (p EtcdSnapshotRestore) sameSnapshot(hosts []string) []harness.Step {
	status := "etcdutl snapshot status " + snapshotPath + " --write-out=json"
	return []harness.Step{
		{Name: "read the snapshot's hash on " + hosts[0], From: etcdGuide("restoring a cluster"), On: harness.Hosts(hosts[0]),
			Do:     harness.Script(status),
			Learns: []harness.Fact{{Name: "snapshot's hash", Pattern: `"hash":(\d+)`}},
			Why:    "all members should be restored from the same snapshot"},
		{Name: "compare the snapshot's hash on every host", From: etcdGuide("restoring a cluster"), On: harness.Everyone, AtOnce: true,
			Do: harness.Script(`status=$(` + status + `) && echo "$status" &&
case "$status" in *'"hash":{{known "snapshot's hash"}},'*) ;; *) echo "this is another snapshot"; exit 1 ;; esac`),
			Why: "different snapshots start healthy and differ for ever"},
	}
}

func (p EtcdSnapshotRestore) restore(hosts []string) []harness.Step {
	initial := clusterOf(hosts)
	return []harness.Step{
		{Name: "restore the snapshot on every host", From: etcdGuide("restoring a cluster; restoring with revision bump"),
			On: harness.Everyone, AtOnce: true, Replaces: true, Completes: harness.Restore,
			Do: harness.Script(`etcdutl snapshot restore ` + snapshotPath + ` --data-dir ` + harness.DataDir + ` \
  --name {{name}} --initial-advertise-peer-urls {{peer name}} \
  --initial-cluster ` + initial + ` --initial-cluster-token {{token}}-restored \
  --bump-revision 1000000000 --mark-compacted`)},
		{Name: "start etcd on every host", From: etcdGuide("restoring a cluster"), On: harness.Everyone,
			Do: startWith("", "initial-cluster="+initial, "initial-cluster-token={{token}}-restored", "initial-cluster-state=new")},
	}
}

// clusterOf is the --initial-cluster of these hosts, as a template.
func clusterOf(hosts []string) string { return "{{cluster " + quoted(hosts) + "}}" }

func quoted(hosts []string) string { return `"` + strings.Join(hosts, `" "`) + `"` }
