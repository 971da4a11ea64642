//go:build linux

package process

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// binDir is where a host has its etcd tools.
	binDir = "usr/local/bin"
	// firmwareDir and agentPath are where a host has its agent: apart from
	// its disk's ordinary places, and put back whenever the host is powered on, so that a
	// runbook that empties a disk leaves a machine which still boots.
	firmwareDir = ".firedrill"
	agentFile   = "firedrill"
	agentPath   = "/" + firmwareDir + "/" + agentFile
)

var etcdTools = []string{"etcd", "etcdctl", "etcdutl"}

// stock fills a rack's directory of programs, from which its hosts get hard
// links: the agent, which is a copy of this very executable, and the etcd tools,
// which are that same file unless etcdBin names a directory to take them from.
func stock(dir, etcdBin string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	agent := filepath.Join(dir, agentFile)
	// Not os.Executable: its path may lead to another file by now.
	if err := copyProgram("/proc/self/exe", agent); err != nil {
		return fmt.Errorf("copy our own program: %w", err)
	}
	for _, tool := range etcdTools {
		var err error
		if etcdBin == "" {
			err = os.Link(agent, filepath.Join(dir, tool))
		} else {
			err = copyProgram(filepath.Join(etcdBin, tool), filepath.Join(dir, tool))
		}
		if err != nil {
			return fmt.Errorf("put %s on the rack: %w", tool, err)
		}
	}
	return nil
}

// copyProgram copies a program that is going to be run. While it is open for
// writing nothing of ours may fork: a child holds the descriptor until it
// executes, and the kernel runs no program that anybody has open for writing
// ("text file busy", seen with drills side by side).
func copyProgram(from, to string) (err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}

// format makes a new host's root directory.
func format(root, programs string) error {
	dirs := []struct {
		path string
		mode fs.FileMode
	}{
		{"", 0o755}, {"etc/kubernetes/manifests", 0o755}, {"root", 0o700}, {"run", 0o755},
		{"tmp", 0o777 | fs.ModeSticky}, {"var/lib", 0o755}, {"var/log", 0o755}, {binDir, 0o755},
	}
	for _, d := range dirs {
		path := filepath.Join(root, d.path)
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
		// The umask had its say in MkdirAll.
		if err := os.Chmod(path, d.mode); err != nil {
			return err
		}
	}
	for _, tool := range etcdTools {
		if err := os.Link(filepath.Join(programs, tool), filepath.Join(root, binDir, tool)); err != nil {
			return err
		}
	}
	return nil
}

// flash puts the agent into a host's root. The disk has had its own life, so
// nothing on it is trusted: a link in the place of the directory is removed,
// not followed.
func flash(root, programs string) error {
	disk, err := os.OpenRoot(root)
	if err != nil {
		return err
	}
	defer disk.Close()
	if err := disk.RemoveAll(firmwareDir); err != nil {
		return err
	}
	if err := disk.Mkdir(firmwareDir, 0o755); err != nil {
		return err
	}
	dir, err := disk.Open(firmwareDir)
	if err != nil {
		return err
	}
	defer dir.Close()
	agent := filepath.Join(programs, agentFile)
	if err := unix.Linkat(unix.AT_FDCWD, agent, int(dir.Fd()), agentFile, 0); err != nil {
		return &os.LinkError{Op: "link", Old: agent, New: filepath.Join(root, agentPath), Err: err}
	}
	return nil
}
