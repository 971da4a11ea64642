// Command firedrill breaks a real etcd cluster in a documented way, recovers it
// by the documented procedure, and proves what came back.
//
// This package is flags, wiring and exit codes: 0 Held, 1 Violated,
// 2 Inconclusive, 3 the harness broke or was misused. What a drill does is the
// business of harness/drill, how it reads that of reports/render.
//
// Within a drill, in a runbook or a shell of a game day, host, announce,
// restart-components and backups are what an operator does to its hosts: each asks
// the drill by harness/bastion and ends as what it asked for.
//
// The same binary is the agent on every host, and etcd, etcdctl and etcdutl
// when invoked under those names; main tells which before it looks at flags.
package main
