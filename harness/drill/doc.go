// Package drill runs a scenario: the order of a drill, its one clock and all of
// its deadlines.
//
//	provision → preload → traffic → steady state seen → strike → procedure →
//	settle → collect evidence → trials → check → tear down
//
// Run's error means that the harness broke; what etcd or the procedure did is
// never an error, always a finding. It is the one package that knows both the
// procedure and the ledger, and it hands each only its own: procedures get
// harness.Site, checks get harness.Evidence.
//
// Where a program of the user's own recovers (harness.Executable), its calls come
// through the bastion to an estate, which is made of that same site; a hand tells
// from what was typed what a procedure's steps would have said of themselves.
//
// Where people recover (harness.ByTeam), that is a game day. A game is what it has
// beside any drill: the exercise, its rules and its clock; the bastion, open from the
// steady state on; the watch of the hosts, for the wall; the facilitator's orders; and
// the moves, which look on the hosts for what destroyed data that are still needed.
//
// It imports no runtime: where hosts come from is its caller's choice.
package drill
