package check

import (
	"fmt"
	"slices"
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

// Judge reads the trial. On a machine that was too busy for figures, writes that
// came too slowly prove nothing.
func (SurvivesOneMemberLoss) Judge(ev *harness.Evidence) harness.Result {
	t, ok := ev.Trial(killOneMember)
	switch {
	case len(ev.Hosts) == 1:
		return notSeen("%s is the only host: with it off nobody would be left to write to, so it was not tried", ev.Hosts[0])
	case !ok:
		return notSeen("it was not tried: %s", t.Reason)
	case len(t.Struck) == 0:
		return notSeen("which host was off is not recorded")
	case t.Sent < minimum:
		return notSeen("only %d writes were sent afterwards", t.Sent)
	}
	for _, host := range t.Struck {
		if v, asked := viewOf(t.Told, host); !asked || v.Error == "" {
			return notSeen("%s was not seen to be off while the writes were sent", host)
		}
	}
	if busy := ev.Machine.Unfit; t.Acked > 0 && t.Acked < t.Sent && busy != "" {
		return notSeen("with %s off %d of %d writes were acknowledged in time, and the rest may be late by this machine's doing: %s", strings.Join(t.Struck, ", "), t.Acked, t.Sent, busy)
	}
	if t.Acked < t.Sent {
		return violated(t.Notes, "with %s off %d of %d writes were acknowledged", strings.Join(t.Struck, ", "), t.Acked, t.Sent)
	}
	if wrong := readBack(t); wrong != nil {
		return *wrong
	}
	return held("with %s off all %d writes were acknowledged, and read back", strings.Join(t.Struck, ", "), t.Sent)
}

// readBack is what is wrong with the acknowledged writes of a trial that were
// looked for again, nil if nothing is.
func readBack(t harness.TrialRecord) *harness.Result {
	var wrong harness.Result
	switch {
	case !t.Read:
		wrong = notSeen("the %d acknowledged writes could not be read back: %s", t.Acked, strings.Join(t.Notes, "; "))
	case t.Found < t.Acked:
		wrong = violated(t.Notes, "of %d acknowledged writes %d were found again", t.Acked, t.Found)
	default:
		return nil
	}
	return &wrong
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

// Judge compares what each member tells after the restart with what it told
// before. A host whose etcd did not answer before either proves nothing; and neither,
// on a machine that was too busy for figures, do writes that came too slowly.
func (c RestartKeepsMembers) Judge(ev *harness.Evidence) harness.Result {
	t, ok := ev.Trial(c.Needs()[0])
	if !ok {
		return notSeen("it was not tried: %s", t.Reason)
	}
	if !slices.Contains(t.Struck, c.Host) {
		return notSeen("etcd on %s was not seen to be restarted", c.Host)
	}
	before, missing := heard(ev, ev.Hosts)
	for _, e := range t.Exits {
		if _, heard := viewOf(before, e.Host); heard && e.Host != c.Host {
			return violated(nil, "after a restart of %s etcd on %s %s", c.Host, e.Host, e.EtcdExit)
		}
	}
	var wrong []string
	for _, was := range before {
		switch is, asked := viewOf(t.Told, was.Host); {
		case !asked:
			missing = append(missing, was.Host+" was not asked after the restart")
		case is.Error != "":
			wrong = append(wrong, fmt.Sprintf("%s no longer answers: %s", was.Host, is.Error))
		case is.Membership() != was.Membership():
			wrong = append(wrong, fmt.Sprintf("%s lists %s, and before it %s", was.Host, is.Membership(), was.Membership()))
		}
	}
	switch busy := ev.Machine.Unfit; {
	case len(wrong) > 0:
		return violated(wrong, "after a restart of %s %s", c.Host, wrong[0])
	case len(missing) > 0 || len(before) == 0:
		return notSeen("not every member was heard before and after the restart: %s", strings.Join(missing, "; "))
	case t.Sent < minimum:
		return notSeen("only %d writes were sent after the restart", t.Sent)
	case t.Acked > 0 && t.Acked < t.Sent && busy != "":
		return notSeen("after a restart of %s %d of %d writes were acknowledged in time, and the rest may be late by this machine's doing: %s", c.Host, t.Acked, t.Sent, busy)
	case t.Acked < t.Sent:
		return violated(t.Notes, "after a restart of %s %d of %d writes were acknowledged", c.Host, t.Acked, t.Sent)
	}
	if wrong := readBack(t); wrong != nil {
		return *wrong
	}
	return held("%s, before and after it", before[0].Membership())
}
