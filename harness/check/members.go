package check

import (
	"fmt"
	"slices"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
)

// heard returns what these hosts said at the end. missing names those that said
// nothing, and why.
func heard(ev *harness.Evidence, hosts []string) (views []harness.MemberView, missing []string) {
	for _, host := range hosts {
		switch v, ok := viewOf(ev.After, host); {
		case !ok:
			missing = append(missing, host+" was not asked")
		case v.Error != "":
			missing = append(missing, fmt.Sprintf("%s did not answer: %s", host, v.Error))
		default:
			views = append(views, v)
		}
	}
	return views, missing
}

// viewOf is what one host said; ok is false if it was not asked.
func viewOf(views []harness.MemberView, host string) (v harness.MemberView, ok bool) {
	at := slices.IndexFunc(views, func(v harness.MemberView) bool { return v.Host == host })
	if at < 0 {
		return harness.MemberView{}, false
	}
	return views[at], true
}

// MembersAre compares the member list, as each member tells it, with the hosts
// that should be members: all voters, all started.
type MembersAre struct {
	none
	// Who is chosen among the hosts that the site was born with and those that
	// came later: one that was lost and not replaced is missed.
	Who harness.Selector
}

// Name is members-are.
func (MembersAre) Name() string { return "members-are" }

// Claim says what Held affirms.
func (c MembersAre) Claim() string {
	return fmt.Sprintf("each member lists %s as started voters, and nobody else", c.Who)
}

// Judge compares the lists.
func (c MembersAre) Judge(ev *harness.Evidence) harness.Result {
	want, err := c.Who.Select(site(ev), "")
	if err != nil || len(want) == 0 {
		return notSeen("it cannot be told who should be a member: %v", err)
	}
	want = slices.Sorted(slices.Values(want))
	views, missing := heard(ev, want)
	var wrong []string
	for _, v := range views {
		if text := misled(v, want); text != "" {
			wrong = append(wrong, v.Host+" "+text)
		}
	}
	switch {
	case len(wrong) > 0:
		return violated(wrong, "%s", wrong[0])
	case len(missing) > 0 || len(views) == 0:
		return notSeen("not every member was heard: %s", strings.Join(missing, "; "))
	}
	return held("%s, as each of them tells it", strings.Join(want, ", "))
}

// site is every host that there ever was, in the order of their coming.
func site(ev *harness.Evidence) []string {
	all := slices.Clone(ev.BornHosts)
	for _, host := range ev.Hosts {
		if !slices.Contains(all, host) {
			all = append(all, host)
		}
	}
	return all
}

// misled says what a view's list has wrong.
func misled(v harness.MemberView, want []string) string {
	var names []string
	for _, m := range v.Members {
		switch {
		case m.Name == "":
			return fmt.Sprintf("lists member %x at %s, which was never started", m.ID, strings.Join(m.PeerURLs, ","))
		case m.Learner:
			return fmt.Sprintf("lists %s as a learner", m.Name)
		}
		names = append(names, m.Name)
	}
	slices.Sort(names)
	if !slices.Equal(names, want) {
		return fmt.Sprintf("lists %s, not %s", strings.Join(names, ", "), strings.Join(want, ", "))
	}
	return ""
}

// ClusterID holds when the cluster ID is what the procedure promises of it.
type ClusterID struct {
	none
	Kept bool // else it must be a new one, so that nothing of the old cluster takes part
}

// Name is cluster-id.
func (ClusterID) Name() string { return "cluster-id" }

// Claim says what Held affirms.
func (c ClusterID) Claim() string {
	if c.Kept {
		return "the cluster ID is the one it was born with"
	}
	return "the cluster ID is a new one"
}

// Judge compares the ID before with what each member says after.
func (c ClusterID) Judge(ev *harness.Evidence) harness.Result {
	before := bornAs(ev)
	if before == 0 {
		return notSeen("the one cluster ID before the strike was not seen")
	}
	views, missing := heard(ev, ev.Hosts)
	var wrong []string
	for _, v := range views {
		switch {
		case v.ClusterID == 0:
			missing = append(missing, v.Host+" told no cluster ID")
		case (v.ClusterID == before) != c.Kept:
			wrong = append(wrong, fmt.Sprintf("%s has cluster ID %x; before the strike it was %x", v.Host, v.ClusterID, before))
		case v.ClusterID != views[0].ClusterID:
			wrong = append(wrong, fmt.Sprintf("%s has cluster ID %x and %s %x", v.Host, v.ClusterID, views[0].Host, views[0].ClusterID))
		}
	}
	switch {
	case len(wrong) > 0:
		return violated(wrong, "%s", wrong[0])
	case len(missing) > 0 || len(views) == 0:
		return notSeen("not every member was heard: %s", strings.Join(missing, "; "))
	}
	return held("%x before, %x after", before, views[0].ClusterID)
}

// NoAlarms holds when no member reports an alarm.
type NoAlarms struct{ none }

// Name is no-alarms.
func (NoAlarms) Name() string { return "no-alarms" }

// Claim says what Held affirms.
func (NoAlarms) Claim() string { return "no member reports an alarm" }

// Judge reads every member's alarms.
func (NoAlarms) Judge(ev *harness.Evidence) harness.Result {
	views, missing := heard(ev, ev.Hosts)
	var wrong []string
	for _, v := range views {
		for _, a := range v.Alarms {
			wrong = append(wrong, v.Host+" reports "+a+whence(ev, a))
		}
	}
	switch {
	case len(wrong) > 0:
		return violated(wrong, "%s", wrong[0])
	case len(missing) > 0 || len(views) == 0:
		return notSeen("not every member was heard: %s", strings.Join(missing, "; "))
	}
	return held("none on %d of %d members", len(views), len(views))
}

// whence says where an alarm comes from, as far as the evidence shows it: a
// backup holds the alarms of its day, under the IDs that members had then.
func whence(ev *harness.Evidence, alarm string) string {
	if slices.ContainsFunc(ev.Before, func(v harness.MemberView) bool { return slices.Contains(v.Alarms, alarm) }) {
		return ", which was there before the strike"
	}
	_, id, _ := strings.Cut(alarm, " of ")
	of := func(v harness.MemberView) bool { return fmt.Sprintf("%x", v.MemberID) == id }
	was := slices.IndexFunc(ev.Before, of)
	if was < 0 || slices.ContainsFunc(ev.After, of) {
		return ""
	}
	return fmt.Sprintf(", the member that %s had before: it was carried over, and only disarming all alarms at once clears it", ev.Before[was].Host)
}

// EveryMemberServes holds when every host's member answers a linearizable read.
type EveryMemberServes struct{ none }

// Name is every-member-serves.
func (EveryMemberServes) Name() string { return "every-member-serves" }

// Claim says what Held affirms.
func (EveryMemberServes) Claim() string { return "every member answers a linearizable read" }

// Judge reads what each was asked. Where this machine stood still meanwhile, an answer
// that did not come in time proves nothing; one that came does.
func (EveryMemberServes) Judge(ev *harness.Evidence) harness.Result {
	if len(ev.Hosts) == 0 || len(ev.After) == 0 {
		return notSeen("no member was asked")
	}
	over, _ := ev.At(harness.TrafficEnded)
	collected, _ := ev.At(harness.Collected)
	still := stoodStill(ev, over, collected)
	var wrong, missing []string
	for _, host := range ev.Hosts {
		switch v, ok := viewOf(ev.After, host); {
		case !ok:
			missing = append(missing, host+" was not asked")
		case v.TimedOut && still:
			missing = append(missing, fmt.Sprintf("%s did not answer in time, which may be this machine's doing: %s", host, ev.Machine.Unfit))
		case v.Error != "":
			wrong = append(wrong, fmt.Sprintf("%s does not answer: %s", host, v.Error))
		case !v.Serves:
			wrong = append(wrong, fmt.Sprintf("%s does not serve: %s", host, v.ServeError))
		}
	}
	switch {
	case len(wrong) > 0:
		return violated(wrong, "%s", wrong[0])
	case len(missing) > 0:
		return notSeen("not every member was asked: %s", missing[0])
	}
	return held("%d of %d do", len(ev.Hosts), len(ev.Hosts))
}

// MemberReplaced holds when a host's member is another one than it was: the old
// ID is in nobody's list, and the host's name belongs to a new one.
type MemberReplaced struct {
	none
	Host string
	// Elsewhere: the new member has another name, or there is none. That the old ID is
	// in nobody's list is asked all the same. Absent in evidence of older versions.
	Elsewhere bool `json:",omitempty"`
}

// Name is member-replaced.
func (MemberReplaced) Name() string { return "member-replaced" }

// Claim says what Held affirms.
func (c MemberReplaced) Claim() string {
	if c.Elsewhere {
		return "the lost member of " + c.Host + " is removed"
	}
	return "the lost member of " + c.Host + " is removed, and a new one has its name"
}

// Judge compares the IDs before with every list after.
func (c MemberReplaced) Judge(ev *harness.Evidence) harness.Result {
	was, asked := viewOf(ev.Before, c.Host)
	if !asked || was.Error != "" || was.MemberID == 0 {
		return notSeen("which member was on %s before is not known", c.Host)
	}
	views, missing := heard(ev, ev.Hosts)
	for _, v := range views {
		named := false
		for _, m := range v.Members {
			if m.ID == was.MemberID {
				return violated(nil, "%s still lists the lost member %x", v.Host, m.ID)
			}
			named = named || m.Name == c.Host
		}
		if !named && !c.Elsewhere {
			return violated(nil, "%s lists no member %s", v.Host, c.Host)
		}
	}
	if len(missing) > 0 || len(views) == 0 {
		return notSeen("not every member was heard: %s", strings.Join(missing, "; "))
	}
	if c.Elsewhere {
		return held("%x is in nobody's list any more", was.MemberID)
	}
	is, _ := viewOf(ev.After, c.Host)
	return held("%x before, %x after", was.MemberID, is.MemberID)
}
