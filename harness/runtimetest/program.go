package runtimetest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
)

// programName is what this test binary is called when it is a program on a host.
const programName = "firedrill-test-program"

// program is that program: `parent ADDRESS` starts `listen ADDRESS` and waits
// for it, `dial ADDRESS` succeeds if that answers, and `die SIGNAL` dies of it.
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

func programmed(self, verb, argument string) error {
	switch verb {
	case "parent":
		child := exec.Command(self, "listen", argument)
		child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, os.Stderr // a host needs no /dev/null
		return child.Run()
	case "listen":
		l, err := net.Listen("tcp", argument)
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
		conn, err := net.Dial("tcp", argument)
		if err != nil {
			return err
		}
		return conn.Close()
	case "die":
		n, err := strconv.Atoi(argument)
		if err != nil {
			return err
		}
		return errors.Join(syscall.Kill(os.Getpid(), syscall.Signal(n)), errors.New("it lives on"))
	}
	return fmt.Errorf("there is no verb %s", verb)
}
