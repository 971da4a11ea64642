// Package policy holds the nouns of a snapshot policy and of what drills say of
// it: how long until a cluster serves again, how much is lost, and whether that
// is what the policy promised.
//
//	Plan     what a policy file holds: a Policy and a Sweep
//	Policy   what its owner decided: how often, how many are kept, where, verified how, and the targets
//	Sweep    over what it is tried: database sizes, value sizes, members, procedures, so many runs each
//	Point    one combination of them; Run, one drill of it, reduced to figures
//	Result   all runs, and what follows from them: its JSON form is what `firedrill policy` keeps
//
// What was measured and what was computed from it are kept apart: a Run is a
// drill, a Summary counts runs, a Fit is a line through them, and an Alternative
// is arithmetic on both, said to be so wherever it is shown.
//
// As all of reports it runs nothing, asks nobody and reads no clock: harness/sweep
// runs the drills, cmd/firedrill wires both, reports/render shows it. A drill is
// reduced to a Run by Plan.NewRun, from its report alone, so that stored reports can be
// counted again.
package policy
