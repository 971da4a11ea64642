package recovery

import (
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
)

// join is how an empty host becomes a member of a cluster that serves.
type join struct {
	host    string
	through string   // host whose etcd is asked
	members []string // hosts of the cluster's members, this one among them
	// learner: it joins as a learner and is promoted when it has caught up.
	learner bool
	from    harness.Source
}

// steps add the member, start it, and wait until it is listed as started.
func (j join) steps() []harness.Step {
	on := harness.Hosts(j.through)
	tool := `{{etcdctl "` + j.through + `"}} `
	id, learner := "ID of "+j.host, ""
	if j.learner {
		learner = " --learner"
	}
	steps := []harness.Step{
		{Name: "add " + j.host + " to the members", From: j.from, On: on, Await: true,
			Do:     harness.Script(tool + `member add ` + j.host + learner + ` --peer-urls={{peer "` + j.host + `"}}`),
			Learns: []harness.Fact{{Name: id, Pattern: `Member +([0-9a-f]+) added`}},
			Why:    "repeated while etcd refuses because a member has not been connected for its 5 s health interval"},
		{Name: "start etcd on " + j.host, From: j.from, On: harness.Hosts(j.host),
			Do: startWith(j.host, "initial-cluster="+clusterOf(j.members), "initial-cluster-state=existing")},
		{Name: "verify that " + j.host + " has joined", From: j.from, On: on, Await: true, Do: listed(j.through, j.host)},
	}
	if j.learner {
		steps = append(steps, promote(j.host, id, tool, on))
	}
	return steps
}

// listed succeeds when the etcd of one host lists each of the others as started.
func listed(through string, hosts ...string) harness.Script {
	text := `list=$({{etcdctl "` + through + `"}} member list) && echo "$list"`
	for _, h := range hosts {
		text += ` &&
case "$list" in *", started, ` + h + `, "*) ;; *) echo "` + h + ` has not joined yet"; exit 1 ;; esac`
	}
	return harness.Script(text)
}

// healthy succeeds when every host's etcd is healthy.
func healthy(hosts ...string) harness.Script {
	return harness.Script(`{{etcdctl ` + quoted(hosts) + `}} endpoint health`)
}

// onlyMember is the --initial-cluster of a cluster of one, for the host the step
// runs on.
const onlyMember = "{{name}}={{peer name}}"

// restoreAlone restores a snapshot into a cluster of the one host it runs on.
func restoreAlone(snapshot string, more ...string) harness.Script {
	return harness.Script(`etcdutl snapshot restore ` + snapshot + ` --data-dir ` + harness.DataDir + ` \
  --name {{name}} --initial-advertise-peer-urls {{peer name}} \
  ` + strings.Join(append([]string{"--initial-cluster " + onlyMember + " --initial-cluster-token {{token}}"}, more...), " "))
}

// clearAway stops etcd on hosts and removes its data.
func clearAway(who harness.Selector, from harness.Source, as string) []harness.Step {
	return []harness.Step{
		{Name: "stop etcd on what is left", From: from, On: who, AtOnce: true, Do: parkEtcd,
			Why: "stands in for " + as + ", which ends what runs"},
		{Name: "wait until etcd has stopped", On: who, Await: true, Do: etcdIsStopped,
			Why: "its data directory is wiped next"},
		{Name: "wipe what is left of the old cluster", From: from, On: who, AtOnce: true, Do: wipeData,
			Why: "stands in for " + as + ", which gives the disk back"},
	}
}
