//go:build linux

package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// fence is how a host is kept apart from the operator's machine, as far as the
// kernel lets us. It is found out once, by trying.
type fence struct {
	user bool // a user namespace, in which an ordinary user may chroot
	pids bool // a PID namespace, so that the host dies as one
}

func (f fence) String() string {
	text := "chroot"
	if f.user {
		text += ", user namespace"
	}
	if f.pids {
		text += ", PID namespace"
	}
	return text
}

// attr is what a process needs to be born as the first one of a host whose
// disk is root.
func (f fence) attr(root string) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{
		Chroot:    root,
		Setsid:    true, // a terminal's Ctrl-C is for the harness: it takes the hosts down in order
		Pdeathsig: syscall.SIGKILL,
	}
	if f.pids {
		attr.Cloneflags |= syscall.CLONE_NEWPID
	}
	if f.user {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return attr
}

// bestFence tries the fences, best first, with dir as the host's disk; it must
// exist and hold no program called nothing.
func bestFence(dir string) (fence, error) {
	candidates := []fence{{user: true, pids: true}, {user: true}}
	if os.Geteuid() == 0 {
		// Plain first: a root that needs no user namespace can also chown, and
		// is not stopped where these are switched off.
		candidates = []fence{{pids: true}, {}, {user: true, pids: true}}
	}
	var tried []error
	for _, f := range candidates {
		err := f.try(dir)
		if err == nil {
			return f, nil
		}
		tried = append(tried, fmt.Errorf("%s: %w", f, err))
	}
	return fence{}, fmt.Errorf("chroot into %s: this system forbids it to us\n%w\nhint: %s", dir, errors.Join(tried...), fenceHint())
}

// try starts a program that does not exist. That it was not found is told from
// inside the fence, so every part of the fence stood by then.
func (f fence) try(dir string) error {
	p, err := os.StartProcess("/nothing", []string{"nothing"}, &os.ProcAttr{Dir: "/", Sys: f.attr(dir)})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		return errors.Join(fmt.Errorf("there is a program called /nothing"), p.Kill(), p.Release())
	}
	return err
}

// fenceHint names the switch that is off, where one can be seen.
func fenceHint() string {
	switches := []struct{ file, off, set string }{
		{"/proc/sys/kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"},
		{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "kernel.apparmor_restrict_unprivileged_userns=0"},
		{"/proc/sys/user/max_user_namespaces", "0", "user.max_user_namespaces=10000"},
	}
	for _, s := range switches {
		text, err := os.ReadFile(s.file)
		if err == nil && string(text) == s.off+"\n" {
			return "run it with sudo, or allow user namespaces (sudo sysctl " + s.set + "), or use --runtime container"
		}
	}
	return "run it with sudo, or where user namespaces are allowed, or use --runtime container"
}
