package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// lid CODE TEXT program args… -- program args… runs a program in a terminal of its own,
// closes that terminal once TEXT was printed there, runs the other program, which must go
// well, and expects the first one to end with this exit code.
func lid(ts *testscript.TestScript, neg bool, args []string) {
	at := slices.Index(args, "--")
	if neg || at < 3 || at == len(args)-1 {
		ts.Fatalf("usage: lid CODE TEXT program [args…] -- program [args…]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	program, err := exec.LookPath(args[2])
	ts.Check(err)
	c := exec.CommandContext(ctx, program, args[3:at]...)
	c.Dir = ts.Getenv("WORK")
	c.Env = append(os.Environ(), "TMPDIR="+ts.Getenv("TMPDIR"), "HOME="+ts.Getenv("HOME"), "DOCKER_HOST="+ts.Getenv("DOCKER_HOST"))
	master, slave, err := terminal()
	if err != nil {
		ts.Fatalf("there are no terminals here: %v", err)
	}
	c.Stdin, c.Stdout, c.Stderr = slave, slave, slave
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
	err = c.Start()
	ts.Check(slave.Close())
	ts.Check(err)
	var seen bytes.Buffer
	for part := make([]byte, 4096); !bytes.Contains(seen.Bytes(), []byte(args[1])); {
		n, err := master.Read(part)
		if seen.Write(part[:n]); err != nil {
			ts.Fatalf("it ended before it printed %q: %v\n%s", args[1], c.Wait(), seen.String())
		}
	}
	ts.Check(master.Close())
	ts.Check(ts.Exec(args[at+1], args[at+2:]...))
	if err := c.Wait(); c.ProcessState.ExitCode() != want {
		ts.Fatalf("it ended with %v, want exit code %d:\n%s", err, want, seen.String())
	}
}

// terminal opens a terminal from both of its ends.
func terminal() (master, slave *os.File, err error) {
	if master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		return nil, nil, err
	}
	number := 0
	if err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err == nil {
		number, err = unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	}
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	}
	if err != nil {
		_ = master.Close()
	}
	return master, slave, err
}
