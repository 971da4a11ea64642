//go:build linux

package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/eviction"
)

// TestMain makes this binary a guard, and whatever a test's script wants to run.
func TestMain(m *testing.M) {
	if Main(os.Args) {
		return
	}
	if len(os.Args) > 2 && os.Args[1] == "play" {
		if err := roles[os.Args[2]](os.Args[3:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(99)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

var roles = map[string]func(args []string) error{"daemon": daemon, "stay": stay, "look": look, "drill": drill, "lowered": lowered, "shell": shell, "hides": hides, "refused": refusedNamespaces}

// daemon leaves a process behind that is in a session of its own, has nothing in
// its environment, ignores every signal it can and, asked to, has lost its mark.
// It ends once that one is up, whose number is in the file then: whoever sees the
// file sees the number.
func daemon(args []string) error {
	child := exec.Command("/proc/self/exe", append([]string{"play", "stay"}, args[1:]...)...)
	child.Env, child.Dir = []string{}, "/"
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	up, err := child.StdoutPipe()
	if err != nil {
		return err
	}
	if err := child.Start(); err != nil {
		return err
	}
	if _, err := up.Read(make([]byte, 1)); err != nil {
		return fmt.Errorf("await the daemon: %w", err)
	}
	begun := args[0] + ".begun"
	if err := os.WriteFile(begun, []byte(strconv.Itoa(child.Process.Pid)+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(begun, args[0])
}

func stay(args []string) error {
	signal.Ignore(syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT, syscall.SIGPIPE)
	if len(args) > 0 && args[0] == "unmarked" {
		if err := unix.Prlimit(0, unix.RLIMIT_LOCKS, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}, nil); err != nil {
			return err
		}
	}
	fmt.Println("up")
	<-time.After(2 * time.Minute) // a test that fails to end it must not leave it for ever
	return errors.New("nobody ended it")
}

// view is what a program sees of where it came from.
type view struct {
	Args, Env    []string
	Dir          string
	Files        map[string]string // by descriptor
	Leader       bool              // of its session
	Ignored      string            // signals, as /proc/self/status has them
	Blocked      string
	Parent       []string // the command line
	ParentDir    string
	ParentFiles  map[string]string
	ParentHolds  string // why it did not let go of the streams; empty if it did
	ParentOthers string // its environment
}

func look(args []string) error {
	v := view{Args: args, Env: os.Environ()}
	parent := fmt.Sprintf("/proc/%d", os.Getppid())
	var errs []error
	read := func(path string) string {
		text, err := os.ReadFile(path)
		errs = append(errs, err)
		return string(text)
	}
	link := func(path string) string {
		to, err := os.Readlink(path)
		errs = append(errs, err)
		return to
	}
	v.Parent = strings.Split(read(parent+"/cmdline"), "\x00")
	if len(v.Parent) > 1 && v.Parent[1] == guardCommand { // a shell of the program's own keeps its streams
		if err := awaitSettled(parent + "/fd"); err != nil {
			v.ParentHolds = err.Error()
		}
	}
	v.Dir, v.ParentDir = link("/proc/self/cwd"), link(parent+"/cwd")
	v.Files, v.ParentFiles = files("/proc/self/fd"), files(parent+"/fd")
	v.ParentOthers = read(parent + "/environ")
	session, err := unix.Getsid(0)
	v.Leader = session == os.Getpid()
	for line := range strings.Lines(read("/proc/self/status")) {
		switch name, value, _ := strings.Cut(line, ":"); name {
		case "SigIgn":
			v.Ignored = strings.TrimSpace(value)
		case "SigBlk":
			v.Blocked = strings.TrimSpace(value)
		}
	}
	return errors.Join(append(errs, err, json.NewEncoder(os.Stdout).Encode(v))...)
}

// awaitSettled waits until a guard has let go of the program's streams, which it does once
// it has started the program: it reads and writes nothing, and of what it opened for that
// nothing is left.
func awaitSettled(dir string) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(30 * time.Second); ; {
		found := files(dir)
		nowhere := found["0"] == os.DevNull && found["1"] == os.DevNull
		for fd, to := range found {
			nowhere = nowhere && (to != os.DevNull || fd == "0" || fd == "1" || fd == "2")
		}
		if nowhere {
			return nil
		}
		select {
		case <-tick.C:
		case <-limit:
			return fmt.Errorf("wait until the guard holds the streams no more: not within 30 s; last seen: %v", found)
		}
	}
}

// files lists where descriptors lead, without those that Go's runtime opens for
// itself. One that is gone by the time it is looked at was the looking itself.
func files(dir string) map[string]string {
	found := map[string]string{}
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if to, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil && !strings.HasPrefix(to, "anon_inode:") && !strings.HasPrefix(to, "/sys/fs/cgroup/") {
			found[e.Name()] = to
		}
	}
	return found
}

// drill is another drill's process, which runs a program at its desk.
func drill(args []string) error {
	d, err := OpenDesk(args[0], "d1")
	if err != nil {
		return err
	}
	code, err := d.Run(context.Background(), Program{Path: args[1], Args: args[2:], Env: os.Environ(), Streams: harness.Streams{Out: os.Stdout, Err: os.Stderr}})
	return errors.Join(fmt.Errorf("ended with %d", code), err)
}

// lowered is a drill whose caller has lowered the limit that marks are made of.
func lowered(args []string) error {
	if err := unix.Prlimit(0, unix.RLIMIT_LOCKS, &unix.Rlimit{Cur: 1000, Max: 1000}, nil); err != nil {
		return err
	}
	return drill(args)
}

// hides is another user, who may not mount anything.
func hides(args []string) error { return Hides(context.Background(), args[0]) }

// newDesk is a desk in a place whose path is short, as sockets need it. Nothing
// of it and of its programs may be left when the test ends.
func newDesk(t *testing.T) *Desk {
	t.Helper()
	base := newBase(t)
	d, err := OpenDesk(base, "d1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if left := bearers(t, d.dir); len(left) > 0 {
			t.Errorf("processes %v are left", left)
		}
		if err := d.Close(false); err != nil {
			t.Error(err)
		}
		if entries, err := os.ReadDir(base); !os.IsNotExist(err) {
			t.Errorf("in %s there is %v, %v", base, entries, err)
		}
	})
	return d
}

func newBase(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fd-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	dir, err = filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "base")
}

// bearers are the processes with a mark of the desk in dir.
func bearers(t *testing.T, dir string) []int {
	t.Helper()
	found, err := eviction.Find(deskMark(dir).ofDesk())
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, p := range found {
		pids = append(pids, p.PID)
		p.Close()
	}
	return pids
}

// script writes an executable file.
func script(t *testing.T, text string) string {
	t.Helper()
	return program(t, "#!/bin/sh\n"+text+"\n")
}

func program(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "restore.sh")
	// A child that is forked now holds what we write open, and the kernel runs
	// no program that anybody has open for writing.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// env is what the tests' scripts need: this binary as $SELF, and a directory.
func env(t *testing.T) (env []string, dir string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	return []string{"SELF=" + self, "DIR=" + dir, "PATH=" + os.Getenv("PATH")}, dir
}

// run runs a script and returns what it printed, too.
func run(t *testing.T, d *Desk, text string, args ...string) (code int, stdout string, err error) {
	t.Helper()
	environ, _ := env(t)
	var out strings.Builder
	code, err = d.Run(within(t), Program{
		Path: script(t, text), Args: args, Env: environ,
		Streams: harness.Streams{Out: &out},
	})
	return code, out.String(), err
}

// within is a context that ends before the test binary's patience does.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// pid reads the number of a process from a file.
func pid(t *testing.T, path string) int {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// alive tells whether a process is there and more than a zombie.
func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(text), ") ")
	return !strings.HasPrefix(after, "Z") && !strings.HasPrefix(after, "X")
}

// await polls until a condition holds.
func await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(time.Minute)
	for !cond() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

func asNobody() *syscall.SysProcAttr {
	const nobody = 65534
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
}

// publicCopy copies this test binary to where any user may run it.
func publicCopy(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "operator.test")
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, text, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}
