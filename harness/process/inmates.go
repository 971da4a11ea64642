//go:build linux

package process

import (
	"os"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness/eviction"
)

// inmates are the processes whose root directory is dir or lies in it. The root
// is what makes a process part of a host: it is inherited by all descendants,
// whatever session or process group they move to, nobody else on the machine
// has it, and no record that could be stale is needed to find them.
func inmates(dir string) eviction.Rule {
	return func(proc string) bool {
		root, err := os.Readlink(proc + "/root")
		return err == nil && within(dir, root) // an error: another user's, or a zombie
	}
}

// within tells whether path, as /proc shows it, is dir or lies in it.
func within(dir, path string) bool {
	path = strings.TrimSuffix(path, " (deleted)")
	return path == dir || strings.HasPrefix(path, dir+"/")
}
