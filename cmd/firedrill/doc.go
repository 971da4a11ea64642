// Command firedrill breaks a real etcd cluster in a documented way, recovers it
// by the documented procedure, and proves what came back.
//
// This package is flags, wiring and exit codes: 0 Held, 1 Violated,
// 2 Inconclusive, 3 the harness broke or was misused. What a drill does is the
// business of harness/drill, how it reads that of reports/render.
//
// The same binary is the agent on every host, and etcd, etcdctl and etcdutl
// when invoked under those names; main tells which before it looks at flags.
package main
