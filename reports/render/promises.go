package render

import (
	"slices"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
)

// promises tells what each scenario promises by how it differs from what most
// of them do, and then what each check says: the whole list with each scenario
// would hide what is special about it.
func (c catalogue) promises(b *strings.Builder) {
	b.WriteString("### What they promise\n\n")
	v := c.vocabulary()
	usual := c.usual(v)
	if len(usual) > 0 {
		paragraph(b, "The usual promises, which most scenarios make: "+strings.Join(usual, ", ")+".")
	}
	rows := [][]string{{"scenario", "promises"}}
	for _, sc := range c.all {
		rows = append(rows, []string{code(sc.Name), against(usual, v.promises(sc))})
	}
	b.WriteString(markdown(rows, 1) + "\n")
	paragraph(b, "What each check affirms, where the table says nothing else:")
	for _, name := range v.names {
		hang(b, "- ", 2, code(name)+": "+plain(v.usual[name]))
	}
}

// vocabulary is the checks of a catalogue: their names in order, and the
// sentence that each affirms most often. Parameters make some affirm others.
type vocabulary struct {
	names []string
	usual map[string]string
}

func (c catalogue) vocabulary() vocabulary {
	v := vocabulary{usual: map[string]string{}}
	uses := map[string]map[string]int{}
	for _, hazards := range []bool{false, true} {
		for _, sc := range c.all {
			checks := sc.Promises
			if hazards {
				checks = sc.Hazards
			}
			for _, check := range checks {
				name, claim := check.Name(), check.Claim()
				if uses[name] == nil {
					uses[name] = map[string]int{}
					v.names = append(v.names, name)
				}
				uses[name][claim]++
				// Of two that are as frequent, the first to become so stays.
				if uses[name][claim] > uses[name][v.usual[name]] {
					v.usual[name] = claim
				}
			}
		}
	}
	return v
}

// say is a check by name, with its sentence where it is not the usual one.
func (v vocabulary) say(check harness.Check) string {
	if claim := check.Claim(); claim != v.usual[check.Name()] {
		return code(check.Name()) + " (" + plain(claim) + ")"
	}
	return code(check.Name())
}

func (v vocabulary) promises(sc harness.Scenario) []string {
	out := make([]string, len(sc.Promises))
	for i, check := range sc.Promises {
		out[i] = v.say(check)
	}
	return out
}

// usual are the promises that more than half of the scenarios make.
func (c catalogue) usual(v vocabulary) []string {
	makes := map[string]int{}
	for _, sc := range c.all {
		for _, p := range v.promises(sc) {
			makes[p]++
		}
	}
	var out []string
	for _, name := range v.names {
		if 2*makes[code(name)] > len(c.all) {
			out = append(out, code(name))
		}
	}
	return out
}

// against tells a list by how it differs from the usual one, or in full where
// that is shorter.
func against(usual, own []string) string {
	more := without(own, usual)
	less := slices.DeleteFunc(without(usual, own), func(p string) bool {
		return slices.ContainsFunc(own, func(o string) bool { return strings.HasPrefix(o, p+" (") })
	})
	if len(own) == 0 {
		return "nothing"
	}
	if len(usual) == 0 || len(more)+len(less) >= len(own) {
		return "only " + strings.Join(own, ", ")
	}
	text := "the usual"
	if len(more) > 0 {
		text += ", and " + strings.Join(more, ", ")
	}
	if len(less) > 0 {
		text += "; but not " + strings.Join(less, ", ")
	}
	return text
}

func without(list, some []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(item string) bool { return slices.Contains(some, item) })
}
