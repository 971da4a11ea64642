// Package outline writes a runbook from the steps of a scenario's own procedure: a
// POSIX sh script that does what the steps do, as whoever has none yet can begin
// with. Each step carries the place in the document that asks for it; commands for
// hosts go through `firedrill host …`; and what a drill knows (addresses, the
// token, what earlier steps printed) is taken from variables.
//
// It is apart from render, which shows what a drill is and was: what comes out here
// is run. A test holds the script to the steps, command by command.
//
// Like all that makes papers it runs nothing, reads no file, and of ours imports
// harness alone.
package outline
