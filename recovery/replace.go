package recovery

import (
	"fmt"
	"slices"

	"github.com/etcd-firedrill/firedrill/harness"
)

// MemberReplace replaces one member whose host is gone, while the others keep
// quorum: remove it, order a new host, add that, start it on an empty disk. One
// change at a time, as etcd's runtime reconfiguration guide asks; the member that is
// gone is removed first, so that a member that never starts cannot cost the quorum.
type MemberReplace struct {
	Lost string // host
	// NewName: the new host has a name of its own, the next after those of the hosts,
	// so that the lost one may come back beside it. Otherwise it takes the lost one's.
	NewName bool
	// AsVoter adds the new member as a voter at once, as etcd 3.3 and before had
	// to. Otherwise it is added as a learner and promoted when it has caught up.
	AsVoter bool
	// From is where the procedure's document asks for it; each step that is
	// etcd's own names etcd's guide.
	From harness.Source
}

const etcdReconfiguration = "etcd operations guide: runtime reconfiguration"

func reconfiguration(section string) harness.Source {
	return harness.Source{Document: etcdReconfiguration, Section: section}
}

// Steps needs a quorum without the lost member: three hosts at least.
func (p MemberReplace) Steps(hosts []string) ([]harness.Step, error) {
	if !slices.Contains(hosts, p.Lost) {
		return nil, fmt.Errorf("the lost host %s is none of the hosts %v", p.Lost, hosts)
	}
	if len(hosts) < 3 {
		return nil, fmt.Errorf("with one of %d members lost there is no quorum, and no member can be replaced", len(hosts))
	}
	others := slices.DeleteFunc(slices.Clone(hosts), func(h string) bool { return h == p.Lost })
	heir, members := p.Lost, hosts
	if p.NewName {
		heir = harness.HostName(len(hosts) + 1)
		members = append(slices.Clone(others), heir)
	}
	on := harness.Hosts(others[0])
	tool := "{{etcdctl " + quoted(others) + "}} "
	old, young := "ID of the lost "+p.Lost, "ID of the new "+heir
	steps := []harness.Step{
		{Name: "check that the other members are healthy", From: reconfiguration("replace a failed machine"), On: on, Precondition: true,
			Do:  harness.Script(tool + "endpoint health"),
			Why: "without a quorum no member can be removed or added: that takes a restore"},
		{Name: "find the member on " + p.Lost, From: reconfiguration("remove a member"), On: on,
			Do:     harness.Script(tool + "member list"),
			Learns: []harness.Fact{{Name: old, Pattern: `(?m)^([0-9a-f]+), \w+, ` + p.Lost + `, `}}},
		{Name: "remove the lost member", From: reconfiguration("remove a member"), On: on, Await: true,
			Do: harness.Script(tool + `member remove {{known "` + old + `"}}`)},
		p.order(heir),
		{Name: "add the new member", From: reconfiguration("add a new member"), On: on, Await: true,
			Do:     harness.Script(tool + "member add " + heir + p.learner() + ` --peer-urls={{peer "` + heir + `"}}`),
			Learns: []harness.Fact{{Name: young, Pattern: `Member +([0-9a-f]+) added`}},
			Why:    "repeated while etcd refuses because a member has not been connected for its 5 s health interval"},
		{Name: "start etcd on " + heir, From: reconfiguration("add a new member"), On: harness.Hosts(heir),
			Do: startWith(heir, "initial-cluster="+clusterOf(members), "initial-cluster-state=existing")},
	}
	if !p.AsVoter {
		steps = append(steps, promote(heir, young, tool, on))
	}
	return append(steps,
		harness.Step{Name: "wait until every member is healthy", From: reconfiguration("replace a failed machine"), On: on, Await: true,
			Do: healthy(members...)},
		harness.Step{Name: "point clients at all members", Do: harness.Announce{Hosts: members}, Why: p.dialled()},
	), nil
}

func (p MemberReplace) order(heir string) harness.Step {
	s := harness.Step{Name: "order a new host", From: p.From, Do: harness.NewHosts{Names: []string{heir}},
		Why: "machine and disk of " + p.Lost + " are gone; a new one takes its name"}
	if p.NewName {
		s.Why = p.Lost + " is given up, and its disk with it; a new one, under another name, takes its place"
	}
	return s
}

// dialled is why clients are pointed at the members anew.
func (p MemberReplace) dialled() string {
	if p.NewName {
		return "the new member has an address of its own, and " + p.Lost + " is to be asked by nobody, should it come back"
	}
	return "the new member serves at the address of the old one; clients dial it anew"
}

func (p MemberReplace) learner() string {
	if p.AsVoter {
		return ""
	}
	return " --learner"
}

// promote makes a learner a voter. etcd refuses until the learner has nearly
// all of the leader's log.
func promote(host, id, tool string, on harness.Selector) harness.Step {
	return harness.Step{
		Name: "promote the learner on " + host, From: reconfiguration("promote a learner member"), On: on, Await: true,
		Do:  harness.Script(tool + `member promote {{known "` + id + `"}}`),
		Why: "repeated while etcd refuses because the learner is not in sync with the leader",
	}
}
