// Package outage finds the gaps in which clients were not served, in a drill's
// evidence.
//
// It is apart because two read it: the report, which shows what the gaps come to,
// and the check that holds each of them against an election. There must be one
// answer to what a gap is. It imports the nouns alone.
package outage
