package recovery

import (
	"fmt"
	"slices"

	"github.com/etcd-firedrill/firedrill/harness"
)

// TalosRecover is the recovery of a Talos control plane whose quorum is lost: look
// at every node that answers, wipe what is left, bootstrap one node from a
// database snapshot, and let the others join it as learners, which are promoted.
type TalosRecover struct {
	Survivors []string // nodes that answer
	// DBCopy recovers from a copy of the database file of the first survivor,
	// for want of a fresh snapshot.
	DBCopy bool
	// Convert turns these nodes from machine type init to controlplane first.
	Convert []string
}

// TalosMachineType is where a node's machine type is kept; it stands in for the
// node's machine configuration. It reads controlplane or init.
const TalosMachineType = "/system/state/machinetype"

const talosSnapshot = "/root/db.snapshot"

func talos(section string) harness.Source {
	return harness.Source{Document: "talos-disaster-recovery.md", Section: section}
}

// Steps generalises to any number of control plane nodes.
func (p TalosRecover) Steps(hosts []string) ([]harness.Step, error) {
	for _, h := range slices.Concat(p.Survivors, p.Convert) {
		if !slices.Contains(hosts, h) {
			return nil, fmt.Errorf("the node %s is none of the nodes %v", h, hosts)
		}
	}
	lost := slices.DeleteFunc(slices.Clone(hosts), func(h string) bool { return slices.Contains(p.Survivors, h) })
	if len(p.Survivors) > len(hosts)/2 {
		return nil, fmt.Errorf("%d of %d nodes survive: the quorum can be restored, which is the better strategy", len(p.Survivors), len(hosts))
	}
	if (p.DBCopy || len(p.Convert) > 0) && len(p.Survivors) == 0 {
		return nil, fmt.Errorf("no node of %v survives whose database could be copied, or whose machine type converted", hosts)
	}
	// The node that is bootstrapped is one that survives, so that what it is recovered
	// from is there before anything is wiped.
	first := slices.Concat(p.Survivors, hosts)[0]
	var steps []harness.Step
	if len(p.Survivors) > 0 {
		steps = append(steps, talosLook(p.Survivors, false)...)
		steps = append(steps, p.getHold(first))
		steps = append(steps, p.machineTypes()...)
		steps = append(steps, clearAway(harness.Hosts(p.Survivors...), talos("preparing control plane nodes"), "talosctl reset of the EPHEMERAL partition")...)
	}
	steps = append(steps,
		harness.Step{Name: "order new nodes", From: talos("preparing control plane nodes"), Do: harness.NewHosts{Names: lost}},
		harness.Step{Name: "apply the machine configuration", From: talos("preparing control plane nodes"), On: harness.Hosts(lost...), AtOnce: true,
			Do:  harness.Script("mkdir -p /system/state && echo controlplane > " + TalosMachineType),
			Why: "stands in for the backup of the machine configuration"},
	)
	if len(p.Survivors) == 0 {
		steps = append(steps, p.getHold(first))
	}
	steps = append(append(steps, preparing()), p.bootstrap(first)...)
	members := []string{first}
	for _, h := range slices.DeleteFunc(slices.Clone(hosts), func(h string) bool { return h == first }) {
		members = append(members, h)
		steps = append(steps, join{host: h, through: first, members: slices.Clone(members), learner: true, from: talos("recovering from the backup")}.steps()...)
	}
	return append(steps,
		harness.Step{Name: "wait until every member is healthy", From: talos("recovering from the backup"), On: harness.Hosts(first), Await: true, Do: healthy(hosts...)},
		harness.Step{Name: "point clients at all nodes", Do: harness.Announce{Hosts: hosts},
			Why: "the API server of each node uses the etcd of its own node"},
	), nil
}

// talosLook compares the members as every node lists them, and asks each for
// etcd's health. Where a quorum is there, or can be, recovery goes no further;
// where one is wanted, the other way round.
func talosLook(nodes []string, wanted bool) []harness.Step {
	const members = "member list"
	list := `list=$({{etcdctl name}} member list --consistency=s) && echo "$list"`
	first := harness.Hosts(nodes[0])
	steps := []harness.Step{
		{Name: "list the members on " + nodes[0], From: talos("recovery"), On: first, Do: harness.Script(list),
			Learns: []harness.Fact{{Name: members, Pattern: `(?s)^(.*?)\s*$`}}},
	}
	if len(nodes) > 1 {
		steps = append(steps, harness.Step{Name: "compare the members on the other nodes", From: talos("recovery"), On: harness.Hosts(nodes[1:]...),
			Precondition: true, Do: harness.Script(list + ` &&
if test "$list" != '{{known "` + members + `"}}'; then echo "this node lists other members than ` + nodes[0] + `"; exit 1; fi`)})
	}
	ask := harness.Step{Name: "check that the quorum cannot be restored", From: talos("recovery"), On: harness.Hosts(nodes...), AtOnce: true, Precondition: true,
		Do: refuseQuorum("{{etcdctl name}}", "there is a quorum: restore the members that are missing instead", "there is no quorum")}
	if wanted {
		ask.Name, ask.Do = "check that the quorum can be restored", wantQuorum("{{etcdctl name}}")
	}
	return append(steps, ask)
}

// machineTypes refuses while there is a node of type init.
func (p TalosRecover) machineTypes() []harness.Step {
	var steps []harness.Step
	if len(p.Convert) > 0 {
		on := harness.Hosts(p.Convert...)
		steps = append(steps,
			harness.Step{Name: "stage the conversion to controlplane", From: talos("init node"), On: on, Do: harness.Script("echo controlplane > " + TalosMachineType),
				Why: "stands in for talosctl edit mc --mode=staged"},
			harness.Step{Name: "reboot what was converted", From: talos("init node"), On: on, Do: harness.Reboot{}})
	}
	return append(steps, harness.Step{Name: "check that no node is of type init", From: talos("init node"), On: harness.Hosts(p.Survivors...), AtOnce: true, Precondition: true,
		Do: harness.Script(`type=$(cat ` + TalosMachineType + `) && echo "{{name}} is of type $type" &&
if test "$type" = init; then echo "nodes of type init cannot be recovered: convert it to controlplane first"; exit 1; fi`)})
}

// preparing is the state of a node on which etcd waits to be bootstrapped or to join.
func preparing() harness.Step {
	return harness.Step{Name: "make sure that etcd is preparing on every node", From: talos("recovering from the backup"), On: harness.Everyone, AtOnce: true,
		Do: harness.Script(`if pidof etcd; then echo "STATE Running"; exit 1; fi
if test -e ` + harness.DataDir + ` && test -n "$(ls -A ` + harness.DataDir + `)"; then echo "STATE Finished, the data directory is not empty"; exit 1; fi
echo "STATE Preparing"`),
		Why: "stands in for talosctl service etcd"}
}

// getHold brings what is recovered from to the node that is bootstrapped: the latest
// snapshot, or a copy of that node's database.
func (p TalosRecover) getHold(node string) harness.Step {
	on := harness.Hosts(node)
	if p.DBCopy {
		return harness.Step{Name: "copy the database of " + node, From: talos("disaster database snapshot"), On: on, Completes: harness.Fetch,
			Do:  harness.Script("cp " + harness.DataDir + "/member/snap/db " + talosSnapshot),
			Why: "stands in for talosctl cp to the operator's own disk: what is wiped later is the etcd data directory only"}
	}
	return harness.Step{Name: "get hold of the latest snapshot", From: talos("latest etcd snapshot"), On: on, Completes: harness.Fetch,
		Do: harness.FetchBackup{To: talosSnapshot},
		Learns: []harness.Fact{
			{Name: "hash at save", Pattern: `hash ([0-9a-f]+),`}, {Name: "revision at save", Pattern: `revision (\d+),`},
			{Name: "total keys at save", Pattern: `total keys (\d+),`}, {Name: "total size at save", Pattern: `total size (\d+)`},
		},
		Why: "before anything is wiped: without one that is whole there would be nothing to recover from"}
}

func (p TalosRecover) bootstrap(node string) []harness.Step {
	on, from := harness.Hosts(node), talos("recovering from the backup")
	figures := harness.Step{Name: "hold the snapshot against what was saved", From: from, On: on,
		Do: harness.Script(`info=$(etcdutl snapshot status ` + talosSnapshot + `) && json=$(etcdutl snapshot status ` + talosSnapshot + ` --write-out=json) &&
echo "recovering from snapshot: $info" &&
case "$info" in "{{known "hash at save"}}, {{known "revision at save"}}, {{known "total keys at save"}}, "*) ;; *) echo "this is not what was saved"; exit 1 ;; esac &&
case "$json" in *'"totalSize":{{known "total size at save"}},'*) ;; *) echo "this has not the size that was saved"; exit 1 ;; esac`),
		Why: "talosctl bootstrap prints the figures before it restores: they are to be those that the snapshot's taking printed"}
	restore := harness.Step{Name: "bootstrap " + node + " from the snapshot", From: from, On: on, Replaces: true, Completes: harness.Restore,
		Do: restoreAlone(talosSnapshot)}
	if p.DBCopy {
		figures.Name, figures.Do = "read the figures of the copy", harness.Script(`echo "recovering from snapshot: $(etcdutl snapshot status `+talosSnapshot+`)"`)
		figures.Why = "talosctl bootstrap prints them before it restores; of a copy there are none to hold them against"
		restore.Do = restoreAlone(talosSnapshot, "--skip-hash-check")
		restore.Why = "a copied database has no hash to be checked by"
	}
	return []harness.Step{
		figures,
		restore,
		{Name: "start etcd on " + node, From: from, On: on, Do: startWith(node, "initial-cluster="+onlyMember, "initial-cluster-state=new")},
		{Name: "wait until " + node + " is healthy", From: from, On: on, Await: true, Do: healthy(node)},
		{Name: "point clients at " + node, Do: harness.Announce{Hosts: []string{node}},
			Why: "the control plane endpoint becomes available on this node first"},
	}
}

// TalosReplace is what the document prefers to a recovery while the quorum is
// there: the node that is lost is replaced, and nothing is restored.
type TalosReplace struct{ Lost string }

// Steps needs a quorum without the lost node.
func (p TalosReplace) Steps(hosts []string) ([]harness.Step, error) {
	replace, err := MemberReplace{Lost: p.Lost, From: talos("recovery, restoring quorum")}.Steps(hosts)
	if err != nil {
		return nil, err
	}
	others := slices.DeleteFunc(slices.Clone(hosts), func(h string) bool { return h == p.Lost })
	return append(talosLook(others, true), replace...), nil
}
