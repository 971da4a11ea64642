package check

import (
	"fmt"
	"slices"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
)

// Expectation is what should come out where a runbook of somebody else's goes
// another way than the scenario's own procedure. What is not set stays as the
// scenario promises it.
type Expectation struct {
	Members   []string // hosts that should be members, and nobody else; nil: the scenario's
	ClusterID string   // "kept" or "new"; "": the scenario's
	// Loss is what may be lost: "none"; "snapshot", all since the newest backup; or
	// "survivor=HOST", all that HOST did not have. "": the scenario's.
	Loss string
}

// losses are the promises of what may be lost: a scenario has one of them.
var losses = []string{NothingLost{}.Name(), CutAtSnapshot{}.Name(), CutAtSurvivor{}.Name()}

// Of is the promises of a scenario with what is expected in the place of what
// they say of it. The error says which expectation means nothing.
func (e Expectation) Of(promises []harness.Check) ([]harness.Check, error) {
	out := slices.Clone(promises)
	if len(e.Members) > 0 {
		for _, name := range e.Members {
			if !harness.ValidHostName(name) {
				return nil, fmt.Errorf("expect member %q: a host's name is lower-case letters, digits and -", name)
			}
		}
		out = elsewhere(instead(out, MembersAre{Who: harness.Hosts(e.Members...)}, MembersAre{}.Name()), e.Members)
	}
	switch e.ClusterID {
	case "":
	case "kept", "new":
		out = instead(out, ClusterID{Kept: e.ClusterID == "kept"}, ClusterID{}.Name())
	default:
		return nil, fmt.Errorf("expect cluster ID %q: it is kept, or new", e.ClusterID)
	}
	host, survivor := strings.CutPrefix(e.Loss, "survivor=")
	switch {
	case e.Loss == "":
	case e.Loss == "none":
		out = instead(out, NothingLost{}, losses...)
	case e.Loss == "snapshot":
		out = instead(out, CutAtSnapshot{}, losses...)
	case survivor && harness.ValidHostName(host):
		out = instead(out, CutAtSurvivor{Host: host}, losses...)
	default:
		return nil, fmt.Errorf("expect loss %q: it is none, snapshot, or survivor=HOST", e.Loss)
	}
	return out, nil
}

// elsewhere has what was lost be gone, and the new one have its name only where it is
// among the members that are expected. The checks are the caller's own.
func elsewhere(checks []harness.Check, members []string) []harness.Check {
	for i, c := range checks {
		if replaced, ok := c.(MemberReplaced); ok {
			replaced.Elsewhere = !slices.Contains(members, replaced.Host)
			checks[i] = replaced
		}
	}
	return checks
}

// instead puts a check in the place of the first one of these names, or at the
// end; the others of these names are left out.
func instead(checks []harness.Check, by harness.Check, names ...string) []harness.Check {
	out := make([]harness.Check, 0, len(checks)+1)
	placed := false
	for _, c := range checks {
		switch {
		case !slices.Contains(names, c.Name()):
			out = append(out, c)
		case !placed:
			out, placed = append(out, by), true
		}
	}
	if !placed {
		out = append(out, by)
	}
	return out
}
