//go:build !linux

package agent

// Main would run the agent, which needs Linux: hosts are chroots or containers.
// What remains elsewhere is the client to agents on Linux.
func Main([]string) (status int, ran bool) { return 0, false }
