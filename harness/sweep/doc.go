// Package sweep runs the drills of a snapshot policy's sweep, point by point, and
// loses nothing that it measured.
//
//	<dir>/sweep.json   the plan and what it runs on, and at the end the whole result
//	<dir>/runs.jsonl   every run that has ended, a line each, on the disk before the next begins
//
// A sweep that was interrupted, or killed, goes on where it stopped: what is
// missing from runs.jsonl is run. It refuses to go on with another plan, or on
// another machine, for the figures of both would be counted as one. A machine is
// another where its processor, its system, its memory (by more than what a boot
// changes) or the file system that hosts lie on is; a newer kernel does not make one.
//
// It is apart from harness/drill because it knows no scenario, no runtime and no
// drill: it is given a function that runs one and returns its report. What runs
// come to is the business of reports/policy. Besides that package it imports
// harness, files, crew and reports.
package sweep
