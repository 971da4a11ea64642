// Package container makes hosts out of containers: a container is a host for
// its whole life, its first process is the agent, and its writable layer is the
// disk.
//
// The image is our own executable and nothing else, put together here and
// handed to the engine, so that no registry is ever needed. An image of the
// user's choice gets our executable beside its own programs.
//
// A rack is a network with a subnet of its own, on which each host name has one
// address for good, and one port on 127.0.0.1 by which the harness reaches its
// etcd. What an engine would choose by itself changes whenever a host restarts.
// A host's agent is reached by an exec that is attached to a socket within the
// container: no port, no token.
//
// Everything made carries the drill's ID as a label, and that drill is owned by
// a lock (see harness/owner): Sweep removes what the dead left. The reaper that
// testcontainers would start is not wanted: it needs a registry, and it would
// remove what --keep is to keep.
//
// It is apart because it is the one package that speaks to an engine. Beyond
// testcontainers and the engine's client it imports harness, harness/agent,
// harness/crew, harness/owner, harness/operator (to sweep what a drill's programs
// left) and fixtures/embedded.
package container
