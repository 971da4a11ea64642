// Package nearest finds what was likely meant by a name that is none: of a
// command, a scenario, a flag, a host.
//
// It is apart because the command line and the bastion both answer people who
// mistype. It imports the standard library alone.
package nearest
