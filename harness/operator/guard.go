//go:build linux

package operator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/etcd-firedrill/firedrill/harness/eviction"
)

const (
	// guardCommand makes a guard of our binary. What follows is the mark, the
	// program's working directory, its path and its arguments; its environment
	// and its streams are the guard's own.
	guardCommand = "guard"
	// lifelineFD and reportFD are the guard's ends of two pipes: one that is
	// closed when the program is to end, one for the report.
	lifelineFD, reportFD = 3, 4
	// endOfPath ends the path of the directory that the program is not to see, which is
	// all that is ever written to the lifeline.
	endOfPath = "\x00"
)

const (
	// grace is how long a program has to end by itself once it was told to (by
	// SIGTERM, to its process group), so that a script can remove what it made.
	grace = 2 * time.Second
	// endLimit bounds how long its descendants may take to end of SIGKILL, which
	// takes effect at once but for processes stuck in the kernel.
	endLimit = 10 * time.Second
)

// report is what a guard has to say in the end. Without one, it was killed.
type report struct {
	Problem string        // why nothing was started
	Refused syscall.Errno // by the kernel; 0: it started
	Code    int           // the program's exit status (128+n: ended by signal n); -1: it could not be ended
	Told    bool          // it ended only after it was told to
	Left    string        // what could not be ended, and why
}

// Main is what a binary calls first if programs are to be run from it. If args,
// a whole command line, ask for a guard, it becomes one and never returns;
// otherwise it returns false.
func Main(args []string) (ran bool) {
	if len(args) < 2 || args[1] != guardCommand {
		return false
	}
	os.Exit(guardMain(args[2:]))
	return true
}

const (
	// exitMisused is the exit code of a command that was misused.
	exitMisused = 3
	// exitSignal is added to the number of the signal that ended a program.
	exitSignal = 128
)

func guardMain(args []string) int {
	// The kernel kills the program when the thread that started it ends, and this
	// one never does: should somebody kill us, that is the quickest end of it.
	runtime.LockOSThread()
	lifeline, told, err := inherited()
	var n uint64
	var unseen string
	if err == nil && len(args) >= 3 {
		n, err = strconv.ParseUint(args[0], 10, 64)
	}
	if err == nil {
		unseen, err = readPath(lifeline)
	}
	if err != nil || len(args) < 3 {
		fmt.Fprintln(os.Stderr, "firedrill: a guard is started by firedrill alone, which hands it what it needs\nhint: firedrill run --help tells how to have a program of yours run")
		return exitMisused
	}
	g := guard{children: make(chan os.Signal, 1), ended: make(chan struct{})}
	go func() {
		defer close(g.ended)
		_, _ = io.Copy(io.Discard, lifeline) // nothing more is ever written to it
	}()
	r := g.hidden(unseen, mark(n), args[1], args[2:])
	if err := json.NewEncoder(told).Encode(r); err != nil {
		return 1 // nobody listens any more
	}
	return 0
}

// inherited takes the pipes, and closes what else there is but the standard
// streams: a drill has what its own caller left open, and hands it on.
func inherited() (lifeline, told *os.File, err error) {
	for _, fd := range []int{lifelineFD, reportFD} {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return nil, nil, err
		}
		if st.Mode&unix.S_IFMT != unix.S_IFIFO {
			return nil, nil, fmt.Errorf("descriptor %d is no pipe", fd)
		}
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd <= 2 {
			continue
		}
		// What was opened since we began, the Go runtime's own, has the flag.
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC != 0 {
			continue
		}
		if fd == lifelineFD || fd == reportFD {
			unix.CloseOnExec(fd)
		} else {
			_ = unix.Close(fd)
		}
	}
	return os.NewFile(lifelineFD, "lifeline"), os.NewFile(reportFD, "report"), nil
}

// readPath reads a path of the lifeline, byte by byte: what follows is its end.
func readPath(lifeline io.Reader) (string, error) {
	var path []byte
	for b := make([]byte, 1); ; path = append(path, b...) {
		if _, err := io.ReadFull(lifeline, b); err != nil {
			return "", err
		}
		if string(b) == endOfPath {
			return string(path), nil
		}
	}
}

// guard waits for a program and its descendants, and sees to their end.
type guard struct {
	children chan os.Signal // one of them ended
	ended    chan struct{}  // closed when the lifeline was

	program int // its process ID; 0: it ended, and the number may be another's
	status  unix.WaitStatus
	alone   bool // no child is left, and so no descendant
}

// hidden hides what the program is not to see, and watches it. Without a program that is all.
func (g *guard) hidden(unseen string, m mark, dir string, argv []string) report {
	if unseen != "" {
		if err := hide(unseen); err != nil {
			return report{Problem: fmt.Sprintf("keep the program from seeing %s: %v", unseen, err)}
		}
	}
	if argv[0] == "" {
		return report{}
	}
	return g.watch(m, dir, argv)
}

// hide has this process, and all that it will start, find a directory empty. It is in a mount
// namespace of its own, which ends with the last of them, and leaves nothing behind. If its PID
// namespace is its own too, /proc is that one's.
func hide(dir string) error {
	// What somebody mounts elsewhere still arrives here, and nothing goes the other way.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("set its mounts apart: %w", err)
	}
	if apart() {
		if err := numberAnew(); err != nil {
			return err
		}
	}
	const flags = unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if err := unix.Mount("nothing", dir, "tmpfs", flags, "size=4k,mode=555"); err != nil {
		return fmt.Errorf("mount an empty directory over it: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		err = fmt.Errorf("%s is seen in it all the same", entries[0].Name())
	}
	return err
}

// watch runs the program to its end and that of all its descendants.
func (g *guard) watch(m mark, dir string, argv []string) report {
	// Caught and dropped, not ignored: what is ignored, a program inherits.
	for _, s := range []os.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGPIPE, unix.SIGALRM, unix.SIGUSR1, unix.SIGUSR2} {
		// One that is ignored, as nohup has it, is to be so in the program too.
		if !signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
	signal.Notify(g.children, unix.SIGCHLD)
	if err := m.put(); err != nil {
		return report{Problem: err.Error()}
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return report{Problem: fmt.Sprintf("adopt what the program leaves behind: %v", err)}
	}
	// Not os.StartProcess: every child is reaped here, by its number.
	pid, err := syscall.ForkExec(argv[0], argv, &syscall.ProcAttr{
		Dir: dir, Env: os.Environ(), Files: []uintptr{0, 1, 2},
		Sys: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
	})
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return report{Refused: errno}
	}
	if err != nil {
		return report{Problem: err.Error()}
	}
	g.program = pid
	// Where the program no longer reads, whoever writes to it is to be told. Our
	// own standard error stays: a panic is worth reading.
	if none, err := os.OpenFile(os.DevNull, os.O_RDWR, 0); err == nil {
		_ = unix.Dup3(int(none.Fd()), 0, 0)
		_ = unix.Dup3(int(none.Fd()), 1, 0)
		_ = none.Close()
	}
	told := g.await()
	left := g.end()
	r := report{Code: g.code(), Told: told}
	if left != nil {
		r.Left = left.Error()
	}
	return r
}

// await returns when the program has ended, or when it was told to end and has
// not made use of its grace.
func (g *guard) await() (told bool) {
	ended := g.ended
	var over <-chan time.Time
	for {
		g.reap()
		if g.program == 0 {
			return told
		}
		select {
		case <-g.children:
		case <-ended:
			ended = nil
			if g.reap(); g.program == 0 {
				return false
			}
			told, over = true, time.After(grace)
			// The group's number is not another's before its leader is reaped.
			_ = unix.Kill(-g.program, unix.SIGTERM)
			_ = unix.Kill(-g.program, unix.SIGCONT) // one that is stopped hears nothing
		case <-over:
			return told
		}
	}
}

// end ends all that is left, and says what it could not.
func (g *guard) end() error {
	ctx, cancel := context.WithTimeout(context.Background(), endLimit)
	defer cancel()
	// One may be missed while it changes parents: a look is not taken at one
	// moment. That no child is left is known when the kernel says so.
	const again = 5 * time.Millisecond
	for {
		if g.reap(); g.alone {
			return nil
		}
		if _, err := eviction.End(ctx, childOf(os.Getpid())); err != nil {
			g.reap()
			return err
		}
		if g.reap(); g.alone {
			return nil
		}
		select {
		case <-g.children:
		case <-time.After(again):
		case <-ctx.Done():
			return errors.New("some of what the program started is still there, and cannot be seen in /proc")
		}
	}
}

// code is the program's exit status as Run returns it.
func (g *guard) code() int {
	switch {
	case g.program != 0:
		return -1
	case g.status.Signaled():
		return exitSignal + int(g.status.Signal())
	}
	return g.status.ExitStatus()
}

// reap collects all children that have ended.
func (g *guard) reap() {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WNOHANG|unix.WALL, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil: // ECHILD
			g.alone = true
			return
		case pid == 0:
			return
		case pid == g.program:
			g.program, g.status = 0, status
		}
	}
}

// childOf are the children of a process.
func childOf(parent int) eviction.Rule {
	want := []byte(strconv.Itoa(parent))
	return func(proc string) bool {
		text, err := os.ReadFile(filepath.Join(proc, "stat"))
		if err != nil {
			return false
		}
		// The name, in parentheses, may hold anything; the state and the parent follow.
		fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
		return len(fields) > 1 && bytes.Equal(fields[1], want)
	}
}
