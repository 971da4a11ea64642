// Package fault holds the ways in which firedrill damages a cluster. Each is a
// plain value that prints as what it does; Inject returns when the damage has
// taken effect, and nothing here heals what it broke. (A killed etcd is
// restarted by its host's supervisor, as a kubelet would: that is the host, not
// the fault.)
//
// It imports harness, and crew for its goroutines: a fault reaches a host only
// as an operator's colleague with a screwdriver would, and its etcd as any client
// by HTTP, never through a runtime.
package fault
