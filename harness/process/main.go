package process

import (
	"os"

	"github.com/etcd-firedrill/firedrill/harness/agent"
)

// Main is what a binary calls first (but for embedded.Main) if its hosts are to
// run their agent from it. If args, a whole command line, ask for the agent, it
// becomes one and never returns; otherwise it returns false.
func Main(args []string) (ran bool) {
	status, ran := agent.Main(args)
	if ran {
		os.Exit(status)
	}
	return false
}
