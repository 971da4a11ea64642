// Package process is the runtime that needs nothing but our own binary: a host
// is a chroot into a directory of its own, with loopback addresses of its own
// and an agent that is the only way in.
//
// It is apart from harness/container because it answers the same two questions,
// power and place, by other means; everything above them is the agent's.
//
//   - Place. Each rack has a loopback block 127.x.y.0/24 and its hosts are .1,
//     .2, … with etcd's registered ports. The block is claimed by a listening
//     socket, which the kernel gives up with the process that holds it, whoever
//     owns that process and whatever directory it works in.
//   - Disk. A host's root is base/<drill>/<rack>/hosts/<name>/root. It is 0700,
//     carries the drill's ID in its path, and is removed with the rack.
//   - Power. The agent is born into a PID namespace as its first process where
//     the kernel grants one (root with CAP_SYS_ADMIN, or anybody through a user
//     namespace): when it dies, by whatever hand, the kernel ends all others
//     before anybody is told of the death. Where it does not (root in a plain
//     container), whatever is chrooted into the host's directory is found in
//     /proc and ended.
//   - Death of the harness. The agent has a lifeline, its standard input, and a
//     parent-death signal; see agent.Parent.
//
// A chroot is no jail for a hostile program run by root. It need not be: what
// runs on a host is etcd, its tools and the agent's own commands, and the fence
// is there so that paths, links and `rm -rf` mean the host's disk.
//
// The package refuses to know containers, clients or scenarios; it imports
// harness, harness/agent, harness/crew, harness/eviction, harness/owner,
// harness/operator (to sweep what a drill's programs left) and fixtures/embedded.
package process
