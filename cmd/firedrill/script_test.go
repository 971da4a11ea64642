package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/etcd-firedrill/firedrill/fixtures/required"
	"github.com/etcd-firedrill/firedrill/fixtures/s3gateway"
	"github.com/etcd-firedrill/firedrill/harness/bastion"
)

// The test binary is the command, the agent and etcd too, as the command is.
func TestMain(m *testing.M) {
	s3gateway.Main()
	if dispatched(os.Args) {
		return
	}
	testscript.Main(m, map[string]func(){
		"firedrill": func() { os.Exit(firedrill(os.Args[1:])) },
	})
}

// How the command line reads, verb by verb: see testdata/script.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Condition:           condition,
		Setup: func(e *testscript.Env) error {
			e.Values[drillKey] = &drillOf{}
			// Beneath $WORK the path of a desk's socket may be longer than a socket's can be.
			tmp, err := os.MkdirTemp("", "")
			e.Setenv("TMPDIR", tmp)
			e.Defer(func() { _ = os.RemoveAll(tmp) })
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"bucket":    bucket,
			"estate":    estate,
			"heard":     heard,
			"exits":     exits,
			"interrupt": interrupt,
			"lid":       lid,
			"damage":    damage,
			"nothing":   nothing,
			"snapshot":  snapshot,
			"canary":    canary,
			"silent":    silent,
		},
	})
}

// condition knows [engine]: a container engine answers, or has to.
func condition(name string) (bool, error) {
	if name != "engine" {
		return false, fmt.Errorf("unknown condition %q", name)
	}
	if required.Is(required.Container) {
		return true, nil // what needs it fails without
	}
	_, absent := engineName(context.Background())
	return absent == nil, nil
}

// bucket NAME starts an S3 server that others wrote, with this bucket, whose directory
// is $BUCKET, and lets the script have its credentials, and $S3_ENDPOINT.
func bucket(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: bucket NAME")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	gateway, err := s3gateway.Start(ctx, "../../fixtures/versitygw", args[0])
	ts.Check(err)
	ts.Defer(func() { ts.Check(gateway.Close()) })
	for name, value := range map[string]string{
		"BUCKET": filepath.Join(gateway.Dir, args[0]), "S3_ENDPOINT": gateway.Endpoint,
		"AWS_ACCESS_KEY_ID": gateway.AccessKey, "AWS_SECRET_ACCESS_KEY": gateway.SecretKey, "AWS_REGION": "us-east-1",
	} {
		ts.Setenv(name, value)
	}
}

// exits CODE program args… runs a program that must end with this exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE program [args…]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	switch {
	case err == nil && want == 0:
	case errors.As(err, &exit) && exit.ExitCode() == want:
	default:
		ts.Fatalf("%s ended with %v, want exit status %d", args[1], err, want)
	}
}

// interrupt CODE SIGNAL TEXT program args… runs a program, sends it the signal
// once it has printed TEXT, and expects this exit code, -1 after KILL. What it
// said on standard error is left in the file "interrupted".
func interrupt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: interrupt CODE SIGNAL TEXT program [args…]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	args = args[1:]
	sig := map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL, "HUP": syscall.SIGHUP}[args[0]]
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	program, err := exec.LookPath(args[2])
	ts.Check(err)
	c := exec.CommandContext(ctx, program, args[3:]...)
	c.Dir = ts.Getenv("WORK")
	c.Env = append(os.Environ(), "TMPDIR="+ts.Getenv("TMPDIR"), "HOME="+ts.Getenv("HOME"), "DOCKER_HOST="+ts.Getenv("DOCKER_HOST"),
		bastion.SocketVariable+"="+ts.Getenv(bastion.SocketVariable), bastion.ByVariable+"="+ts.Getenv(bastion.ByVariable))
	var said bytes.Buffer
	c.Stderr = &said
	printed, err := c.StdoutPipe()
	ts.Check(err)
	ts.Check(c.Start())
	var seen strings.Builder
	for lines := bufio.NewScanner(printed); lines.Scan() && sig != 0; {
		seen.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), args[1]) {
			ts.Check(c.Process.Signal(sig))
			sig = 0
		}
	}
	_, err = io.Copy(io.Discard, printed)
	ts.Check(err)
	err = c.Wait()
	ts.Check(os.WriteFile(ts.MkAbs("interrupted"), said.Bytes(), 0o600))
	switch {
	case sig != 0:
		ts.Fatalf("it ended with %v before it printed %q:\n%s%s", err, args[1], seen.String(), said.String())
	case c.ProcessState.ExitCode() != want:
		ts.Fatalf("it ended with %v, want exit code %d:\n%s", err, want, said.String())
	}
}

// damage HOW FILE cuts a file in half, or flips a bit in its middle.
func damage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: damage cut|flip FILE")
	}
	path := ts.MkAbs(args[1])
	content, err := os.ReadFile(path)
	ts.Check(err)
	if len(content) < 2 {
		ts.Fatalf("%s is too short to be damaged", path)
	}
	middle := len(content) / 2
	if args[0] == "cut" {
		content = content[:middle]
	} else {
		content[middle] ^= 1
	}
	ts.Check(os.WriteFile(path, content, 0o600))
}

// nothing: no process lives in a directory under $TMPDIR, and no drill has one.
func nothing(ts *testscript.TestScript, neg bool, _ []string) {
	base := filepath.Join(ts.Getenv("TMPDIR"), "firedrill-"+strconv.Itoa(os.Geteuid()))
	var left []string
	roots, err := filepath.Glob("/proc/[0-9]*/root")
	ts.Check(err)
	for _, link := range roots {
		if root, err := os.Readlink(link); err == nil && strings.HasPrefix(root, base) {
			left = append(left, link+" is "+root)
		}
	}
	entries, err := os.ReadDir(base)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		ts.Check(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			left = append(left, filepath.Join(base, e.Name()))
		}
	}
	if (len(left) == 0) == neg {
		ts.Fatalf("left behind: %v", left)
	}
}
