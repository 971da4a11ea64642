// Package scenarios is the catalogue: the documented disasters, one file per
// source document, each reading like the runbook it was taken from, and the
// controls, which must be caught.
//
// A scenario names no runtime: it runs wherever hosts can be had. All and
// Controls are explicit lists, in the order in which they are shown.
package scenarios
