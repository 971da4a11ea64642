package check

import (
	"fmt"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
)

// SurvivesOneMemberLoss holds when, with the leader's host off, the others go on
// acknowledging writes.
type SurvivesOneMemberLoss struct{}

var killOneMember = harness.TrialSpec{Name: "kill-one-member"}

// Name is survives-one-member-loss.
func (SurvivesOneMemberLoss) Name() string { return "survives-one-member-loss" }

// Claim says what Held affirms.
func (SurvivesOneMemberLoss) Claim() string { return "one member can be lost and writes go on" }

// Needs is the trial kill-one-member.
func (SurvivesOneMemberLoss) Needs() []harness.TrialSpec { return []harness.TrialSpec{killOneMember} }

// Judge reads the trial.
func (SurvivesOneMemberLoss) Judge(ev *harness.Evidence) harness.Result {
	t, ok := ev.Trial(killOneMember)
	switch {
	case !ok:
		return notSeen("it was not tried: %s", t.Reason)
	case t.Sent < minimum:
		return notSeen("only %d writes were sent afterwards", t.Sent)
	case t.Acked < t.Sent:
		return violated(t.Notes, "with %s off %d of %d writes were acknowledged", strings.Join(t.Struck, ", "), t.Acked, t.Sent)
	}
	return held("with %s off all %d writes were acknowledged", strings.Join(t.Struck, ", "), t.Sent)
}

// RestartKeepsMembers holds when a restart of etcd on a host, with its manifest
// as the procedure left it, changes nobody's membership. (--force-new-cluster
// left in a manifest expels every other member at the next restart.)
type RestartKeepsMembers struct{ Host string }

// Name is restart-keeps-members.
func (RestartKeepsMembers) Name() string { return "restart-keeps-members" }

// Claim says what Held affirms.
func (c RestartKeepsMembers) Claim() string {
	return "a later restart of etcd on " + c.Host + " leaves the members as they are"
}

// Needs is the trial restart-member(HOST).
func (c RestartKeepsMembers) Needs() []harness.TrialSpec {
	return []harness.TrialSpec{{Name: "restart-member", Host: c.Host}}
}

// Judge reads the trial.
func (c RestartKeepsMembers) Judge(ev *harness.Evidence) harness.Result {
	t, ok := ev.Trial(c.Needs()[0])
	if !ok {
		return notSeen("it was not tried: %s", t.Reason)
	}
	if len(t.Exits) > 0 {
		e := t.Exits[0]
		return violated(nil, "after a restart of %s etcd on %s %s", c.Host, e.Host, e.EtcdExit)
	}
	for _, v := range t.Told {
		switch {
		case v.Error != "":
			return violated(nil, "after a restart of %s its etcd, or another's, does not answer: %s", c.Host, v.Error)
		case len(v.Members) != len(ev.Hosts):
			return violated(nil, "after a restart of %s %s lists %d members of %d", c.Host, v.Host, len(v.Members), len(ev.Hosts))
		}
	}
	switch {
	case len(t.Told) < len(ev.Hosts) || t.Sent < minimum:
		return notSeen("%d of %d members were heard and %d writes sent after the restart", len(t.Told), len(ev.Hosts), t.Sent)
	case t.Acked < t.Sent:
		return violated(t.Notes, "after a restart of %s %d of %d writes were acknowledged", c.Host, t.Acked, t.Sent)
	}
	return held("%s", fmt.Sprintf("%d members before and after it", len(ev.Hosts)))
}
