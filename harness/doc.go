// Package harness holds the nouns of firedrill and nothing else: the words that
// scenarios, procedures, faults, trials and checks are written in.
//
// A drill reads: given a cluster, under traffic, break it, recover it, promises
// that must hold, hazards to measure. Every one of these words is a type here.
//
//	Host       a machine with a disk of its own and at most one etcd on it
//	Runtime    where hosts come from; Rack, the hosts of one cluster and their network
//	Selector   which hosts a fault or a step means, resolved when it strikes
//	Fault      damages a cluster and leaves it damaged
//	Procedure  the runbook under test: named Steps, each a command an operator could type
//	Site       what an on-call engineer has while recovering: hosts, backups, a shell
//	Trial      something done to the recovered cluster to learn more
//	Evidence   all that a drill observed; the Ledger in it is what clients were told
//	Check      a pure function from evidence to findings
//	Verdict    Held, Violated or Inconclusive
//
// Everything imports harness; harness imports the standard library. So a
// procedure, which is written against Site, cannot see the answer sheet, and a
// check, which is written against Evidence, can be repeated years later.
package harness
