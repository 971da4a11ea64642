package recovery

import "github.com/etcd-firedrill/firedrill/harness"

// Team is a procedure that is in nobody's book: people recover, as they see fit, each
// in a shell that reaches the hosts by `firedrill host …` alone. What they do is
// recorded by whoever carries their calls out.
type Team struct{}

// Steps is the one step of leaving it to them, on a cluster of any hosts.
func (Team) Steps([]string) ([]harness.Step, error) {
	return []harness.Step{{
		Name: "the team recovers",
		Do:   harness.ByTeam{},
		Why:  "people take the place of the documented steps",
	}}, nil
}
