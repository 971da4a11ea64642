// Package trend lays past reports side by side and says whether restoring takes
// another time than it did: by a test, not by eye.
//
//	Source   one file: the runs in it, each with where and of what it was
//	Subject  what runs must have in common to be compared
//	Recovery how many runs of one subject recovered at all, in every file: what did not has no figures
//	Row      one phase of one subject: its figures in every file, and what the test says of the first and the last
//	Trend    all recoveries and rows, the verdict, and under what other conditions the last file's runs were made
//
// It is apart from reports/policy because it compares what came of different
// sweeps, of single drills and of rehearsals alike. It imports that package, harness,
// reports and statistics, and reads no file and no clock.
package trend
