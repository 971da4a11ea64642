package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Notes are what a reader of the figures must know besides, in sentences: what was not
// tried, what was not counted, and with what the members were started.
func (r Result) Notes() []string {
	var notes []string
	for _, u := range r.Untried {
		notes = append(notes, u.String())
	}
	notes = append(notes, r.quotas()...)
	if note := r.unexercised(); note != "" {
		notes = append(notes, note)
	}
	for _, s := range r.Summaries {
		if s.LeftOut == 0 {
			continue
		}
		out := leftOut(ofPoint(r.Runs, s.Point))
		note := fmt.Sprintf("%s: %s left out of the figures, %s", s.Title(), counted(s.LeftOut, "run"), causes(out))
		switch shown := recoveriesOf(out); {
		case shown.open:
			note += fmt.Sprintf("; one had no service for %s, and it was not back when watching ended", plain(shown.longest))
		case shown.longest > 0 && shown.unseen > 0:
			note += fmt.Sprintf("; their worst recovery was %s, and %d not seen", plain(shown.longest), shown.unseen)
		case shown.longest > 0:
			note += "; their worst recovery was " + plain(shown.longest)
		}
		notes = append(notes, note)
	}
	return notes
}

// quotas tells of the flags that members had because of the size of their database.
func (r Result) quotas() (notes []string) {
	for _, run := range r.Runs {
		for _, flag := range run.EtcdArgs {
			if !strings.HasPrefix(flag, "quota-backend-bytes=") || slices.ContainsFunc(r.EtcdArgs, func(own string) bool { return strings.TrimLeft(own, "-") == flag }) {
				continue
			}
			note := fmt.Sprintf("members with a database of %s were started with --%s: it nearly fills etcd's default quota of 2 GiB, or is larger, and yours need that flag too", run.Size, flag)
			if !slices.Contains(notes, note) {
				notes = append(notes, note)
			}
		}
	}
	return notes
}

// unexercised tells that a retention is part of the policy and of no drill.
func (r Result) unexercised() string {
	if r.Policy.Retention == (Retention{}) || len(r.Runs) == 0 || slices.ContainsFunc(r.Runs, func(run Run) bool { return run.Removed > 0 }) {
		return ""
	}
	return "the retention was not exercised by these drills: in none was a backup seen to be removed"
}
