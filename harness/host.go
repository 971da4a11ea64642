package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
	"time"
)

// Paths that mean the same on every host of either runtime.
const (
	// ManifestPath is the static-pod manifest that the agent runs etcd from:
	// present means running, removed means stopped, changed means restarted.
	ManifestPath = "/etc/kubernetes/manifests/etcd.yaml"
	// DataDir is etcd's data directory unless a manifest says otherwise.
	DataDir = "/var/lib/etcd"
	// ClientPort and PeerPort are etcd's registered ports, on every host.
	ClientPort = 2379
	PeerPort   = 2380
)

// ErrHostOff is returned by the methods of a Host that is powered off.
var ErrHostOff = errors.New("the host is powered off")

// ErrHostGone is returned by the methods of a Host that was destroyed.
var ErrHostGone = errors.New("the host is gone, machine and disk")

// ErrAgentLost is returned when the session to a host's agent ended although
// nobody powered the host off: the harness broke, not etcd.
var ErrAgentLost = errors.New("the session to the host's agent ended")

// Machine is power and place, all that a runtime adds to a host.
type Machine interface {
	// PeerAddress is an IP address by which other hosts of the rack reach this one.
	PeerAddress() string
	// ClientAddress is host:port by which the harness reaches this host's etcd.
	ClientAddress() string
	// PowerOff is as pulling the plug: nothing is flushed or told.
	PowerOff(context.Context) error
	// PowerOn brings the host back with the same disk and the same addresses.
	PowerOn(context.Context) error
	// Destroy removes the machine and its disk.
	Destroy(context.Context) error
}

// Host is a machine for its whole life, with at most one etcd on it. Paths are
// the host's own. Every error names the host.
type Host interface {
	Machine
	Name() string

	// Run runs a POSIX sh script on the host, in its root directory, with the
	// etcdctl and etcdutl found there. A script that exits non-zero is not an
	// error: see Output.ExitCode. When ctx ends, the script and its children
	// are ended and ctx's error is returned with the output so far.
	Run(ctx context.Context, script string) (Output, error)

	// Exec runs one command on the host, in its root directory, found as a
	// script's commands are: argv is its words, and nothing in them is expanded or
	// quoted. The streams are the caller's: output arrives as it is printed, and
	// nothing is dropped. code is its exit status: 128+n if signal n ended it, 127
	// if there is none of that name, 126 if it cannot be run. When ctx ends, or a
	// stream fails, the command and its children are ended and that error is
	// returned. See Streams for what may be asked of them.
	Exec(ctx context.Context, argv []string, s Streams) (code int, err error)

	// Upload writes a file, creating its parent directories, atomically (by rename).
	Upload(ctx context.Context, path string, mode fs.FileMode, content io.Reader) error
	// Download copies a file's content to w.
	Download(ctx context.Context, path string, w io.Writer) error
	// UploadTree unpacks a tar stream under dir; entries that would land
	// outside dir (absolute, "..", through links) are refused.
	UploadTree(ctx context.Context, dir string, tar io.Reader) error
	// DownloadTree writes dir as a tar stream, names relative to dir.
	DownloadTree(ctx context.Context, dir string, w io.Writer) error

	// Signal sends a signal to the etcd process. It is an error if none runs.
	Signal(ctx context.Context, sig syscall.Signal) error
	// Etcd tells the state of etcd as the agent's supervisor sees it.
	Etcd(ctx context.Context) (EtcdState, error)
	// AwaitEtcd waits until etcd's state satisfies cond. what names the
	// condition; when ctx ends first, the error holds what and the last state.
	AwaitEtcd(ctx context.Context, what string, cond func(EtcdState) bool) (EtcdState, error)
}

// Streams are the standard streams of a command while it runs. What takes Streams
// writes to Out and Err from one goroutine, in the order of what is printed, and
// not after it has returned. A reader that is slow to take output in slows the
// command down. A read of In may still be going on when the command has ended, as
// one of a terminal is; what it brings is lost.
type Streams struct {
	In       io.Reader // nil: at its end from the start
	Out, Err io.Writer // nil: dropped
}

// Output is what a script printed and how it ended. Each stream keeps at most
// the first and last 512 KiB; Dropped counts the bytes between.
type Output struct {
	Stdout   string        `json:"stdout,omitempty"`
	Stderr   string        `json:"stderr,omitempty"`
	Dropped  int64         `json:"dropped_bytes,omitempty"`
	ExitCode int           `json:"exit_code"`
	Duration time.Duration `json:"duration_ns"`
}

// EtcdState is etcd on one host as its supervisor sees it. Whether it *serves*
// is another question, which only a client can answer.
type EtcdState struct {
	Manifest bool      // the manifest is present, so etcd is meant to run
	PID      int       // of the running process, on the host; 0: not running
	Paused   bool      // stopped by SIGSTOP
	Starts   int       // how often it was started since the agent came up
	Exits    int       // how often it exited since then
	LastExit *EtcdExit // nil: it never exited
}

func (s EtcdState) String() string {
	text := "no manifest, not running"
	switch {
	case s.PID != 0 && s.Paused:
		text = fmt.Sprintf("paused (pid %d)", s.PID)
	case s.PID != 0:
		text = fmt.Sprintf("running (pid %d)", s.PID)
	case s.Manifest:
		text = "not running, waiting to be restarted"
	}
	if s.LastExit != nil {
		text += ", last " + s.LastExit.String()
	}
	return text
}

// EtcdExit is one end of an etcd process.
type EtcdExit struct {
	Code   int    `json:"code"`             // exit status; -1 if a signal ended it
	Signal string `json:"signal,omitempty"` // "killed", "terminated", …
	Asked  bool   `json:"asked,omitempty"`  // the supervisor itself stopped it: manifest removed or changed
}

func (e EtcdExit) String() string {
	if e.Signal != "" {
		return "ended by signal: " + e.Signal
	}
	return fmt.Sprintf("exited with status %d", e.Code)
}

// HostEvent is something that happened on a host without being asked for, or
// as the outcome of something asked for: etcd started, etcd exited, power.
type HostEvent struct {
	Host string
	Kind HostEventKind
	Exit *EtcdExit // EtcdExited only
	Text string    // for people
}

// HostEventKind names what happened on a host.
type HostEventKind string

// The events of a host.
const (
	EtcdStarted   HostEventKind = "etcd-started"
	EtcdExited    HostEventKind = "etcd-exited"
	EtcdBackOff   HostEventKind = "etcd-back-off" // exited again; the agent waits before the next start
	ManifestBad   HostEventKind = "manifest-bad"  // present but not a Pod that runs etcd; Text says why
	HostPowered   HostEventKind = "host-on"
	HostUnpowered HostEventKind = "host-off"
	HostDestroyed HostEventKind = "host-destroyed"
	AgentLost     HostEventKind = "agent-lost" // the harness broke
)
