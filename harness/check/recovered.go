package check

import (
	"fmt"
	"slices"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
)

// Recovered is what promises ask of a cluster that was recovered, a sentence for each,
// as people are told who are to recover it: who is a member, whether the cluster ID may
// be another one, what may be lost. It tells neither what broke nor what is to be done:
// where nothing may be touched the sentences are of the cluster as it was, its members'
// IDs included, and the last one, that it may be left, is there in any case. born are
// the hosts that the cluster was born on.
func Recovered(promises []harness.Check, born []string) []string {
	asked := func(c harness.Check) bool {
		return slices.ContainsFunc(promises, func(p harness.Check) bool { return p.Name() == c.Name() })
	}
	members, id, loss := "", "The cluster ID may be another one than it was.", ""
	if asked(NothingChanged{}) {
		members = fmt.Sprintf("%s are the members, each with the ID that it had.", listed(born))
		id, loss = ClusterID{Kept: true}.words(), NothingLost{}.words()
	}
	replaced := ""
	for _, p := range promises {
		switch c := p.(type) {
		case MembersAre:
			members = membersWords(c.hosts(born))
		case MemberReplaced:
			replaced = c.words()
		case ClusterID:
			id = c.words()
		case NothingLost:
			loss = c.words()
		case CutAtSnapshot:
			loss = "What comes back is the newest backup that verifies, no other and nothing else. What was acknowledged after it may be lost."
		case CutAtSurvivor:
			loss = fmt.Sprintf("Writes that were acknowledged and that %s never had may be lost, and no others.", c.Host)
		}
	}
	var all []string
	add := func(text string) {
		if text != "" {
			all = append(all, text)
		}
	}
	add(members)
	add(replaced)
	add(id)
	add(loss)
	var works []string
	for _, w := range []struct {
		is   harness.Check
		text string
	}{
		{EveryMemberServes{}, "every member serves"},
		{ReplicasAgree{}, "all hold the same"},
		{NoAlarms{}, "none reports an alarm"},
		{SurvivesOneMemberLoss{}, "writes go on when any one of them is lost"},
	} {
		if asked(w.is) {
			works = append(works, w.text)
		}
	}
	if len(works) > 0 {
		add(sentence(listed(works)))
	}
	for _, w := range []struct {
		is   harness.Check
		text string
	}{
		{UsersBind{}, "Users, roles and passwords are as they were."},
		{RevisionsUnique{}, "No revision is handed out twice."},
		{WatcherInformed{}, "Whoever watched saw every change, or was told that some are missing."},
		{BackupsKept{}, "No backup is removed or changed."},
		{CachesFresh{}, "No client goes on with what it knew of a history that is gone."},
	} {
		if asked(w.is) {
			add(w.text)
		}
	}
	return append(all, "Where there is nothing to recover, or nothing that may be touched, the team leaves the cluster as it is, and says so.")
}

// hosts are those that should be members, as far as that is known before.
func (c MembersAre) hosts(born []string) []string {
	known := slices.Clone(born)
	for _, name := range strings.Split(c.Who.String(), ",") {
		if harness.ValidHostName(name) && !slices.Contains(known, name) {
			known = append(known, name) // it comes later
		}
	}
	names, err := c.Who.Select(known, "")
	if err != nil {
		return []string{c.Who.String()}
	}
	return names
}

func membersWords(names []string) string {
	switch len(names) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("%s is the only member.", names[0])
	}
	return fmt.Sprintf("%s are the members, all of them voters, and nobody else is.", listed(names))
}

func (c MemberReplaced) words() string {
	if c.Elsewhere {
		return "A member that is lost for good is removed."
	}
	return "A member that is lost for good is removed, and a new one takes its name."
}

func (c ClusterID) words() string {
	if c.Kept {
		return "The cluster ID is the one that it was."
	}
	return "The cluster ID is a new one."
}

func (NothingLost) words() string { return "No write that was acknowledged is lost." }

// listed are words as one says them: "m1, m4 and m5".
func listed(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] + "." }
