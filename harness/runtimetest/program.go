package runtimetest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
)

// programName is what this test binary is called when it is a program on a host.
const programName = "firedrill-test-program"

// program is that program: `parent ADDRESS` starts `listen ADDRESS` and waits
// for it, and `dial ADDRESS` succeeds if that answers.
func program(args []string) (ran bool) {
	if len(args) != 3 || filepath.Base(args[0]) != programName {
		return false
	}
	if err := programmed(args[0], args[1], args[2]); err != nil {
		fmt.Fprintln(os.Stderr, args, err)
		os.Exit(1)
	}
	return true
}

func programmed(self, verb, address string) error {
	switch verb {
	case "parent":
		child := exec.Command(self, "listen", address)
		child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, os.Stderr // a host needs no /dev/null
		return child.Run()
	case "listen":
		l, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		for {
			conn, err := l.Accept()
			if err != nil {
				return err
			}
			_ = conn.Close()
		}
	case "dial":
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	}
	return fmt.Errorf("what is %s?", verb)
}
