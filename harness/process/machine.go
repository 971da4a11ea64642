//go:build linux

package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/agent"
	"github.com/etcd-firedrill/firedrill/harness/crew"
	"github.com/etcd-firedrill/firedrill/harness/eviction"
	"github.com/etcd-firedrill/firedrill/harness/owner"
)

// rootDir is a disk's directory in its host's.
const rootDir = "root"

// machine is one host's power and place (see agent.Power).
type machine struct {
	name     string
	address  string // loopback IP address, kept for the name's life
	dir      string // holds root and agent.log
	programs string // the rack's, to link from
	fence    fence
	parent   *agent.Parent

	mu   sync.Mutex
	on   *running // nil: powered off
	gone bool
}

// running is one life of a machine, from power on to power off.
type running struct {
	agent *os.Process
	// over is closed once the agent was reaped and nothing of the host runs.
	over chan struct{}
	err  error // why that could not be seen to; set before over is closed
}

// evictionLimit bounds how long the remains of a host may take to end after its agent
// did. SIGKILL takes effect at once but for processes stuck in the kernel.
const evictionLimit = 30 * time.Second

func (m *machine) PeerAddress() string { return m.address }

func (m *machine) ClientAddress() string {
	return net.JoinHostPort(m.address, strconv.Itoa(harness.ClientPort))
}

func (m *machine) root() string { return filepath.Join(m.dir, rootDir) }
func (m *machine) log() string  { return filepath.Join(m.dir, "agent.log") }

// PowerOn starts the agent in the host's root. The stream is its standard
// input and output; the former is also its lifeline.
func (m *machine) PowerOn(context.Context) (io.ReadWriteCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gone {
		return nil, harness.ErrHostGone
	}
	if m.on != nil && !m.on.isOver() {
		return nil, errors.New("it is powered on already")
	}
	if err := flash(m.root(), m.programs); err != nil {
		return nil, fmt.Errorf("put the agent in place: %w", err)
	}
	log, err := os.OpenFile(m.log(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	session, theirs, err := newPipes()
	if err != nil {
		return nil, err
	}
	agent, err := startFrom(m.parent, agentPath, []string{"firedrill", "agent", "stdio", m.name}, &os.ProcAttr{
		Dir:   "/",
		Env:   []string{"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME=/root"},
		Files: []*os.File{theirs.in, theirs.out, log},
		Sys:   m.fence.attr(m.root()),
	})
	// Ours must not hold the agent's ends open: its death has to end the session.
	err = errors.Join(err, theirs.Close())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the agent in %s: %w", m.root(), err), session.Close())
	}
	m.on = &running{agent: agent, over: make(chan struct{})}
	go m.watch(m.on)
	return session, nil
}

// watch reaps the agent and, where no PID namespace does it, ends what the
// agent leaves behind: a host without its agent has no power.
func (m *machine) watch(r *running) {
	defer close(r.over)
	r.err = crew.Surely(func() error { return m.reap(r.agent) })
}

func (m *machine) reap(inmate *os.Process) error {
	if _, err := inmate.Wait(); err != nil {
		return fmt.Errorf("await the end of the agent: %w", err)
	}
	if m.fence.pids {
		return nil // the kernel ended all others before it let the agent be reaped
	}
	ctx, cancel := context.WithTimeout(context.Background(), evictionLimit)
	defer cancel()
	_, err := eviction.End(ctx, inmates(m.root()))
	return err
}

// startFrom is os.StartProcess on a thread that lives as long as the rack.
func startFrom(parent *agent.Parent, path string, argv []string, attr *os.ProcAttr) (p *os.Process, err error) {
	err = parent.Start(func() (err error) { p, err = os.StartProcess(path, argv, attr); return err })
	return p, err
}

func (r *running) isOver() bool {
	select {
	case <-r.over:
		return true
	default:
		return false
	}
}

// PowerOff kills all that runs on the host at once and returns when it is gone.
// A host that is off stays off.
func (m *machine) PowerOff(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gone {
		return harness.ErrHostGone
	}
	return m.powerOff(ctx)
}

func (m *machine) powerOff(ctx context.Context) error {
	if m.on == nil {
		return nil
	}
	if !m.on.isOver() {
		if err := m.kill(ctx); err != nil {
			return err
		}
	}
	select {
	case <-m.on.over:
	case <-ctx.Done():
		return fmt.Errorf("await the end of the agent (process %d), killed but still there: %w", m.on.agent.Pid, context.Cause(ctx))
	}
	err := m.on.err
	m.on = nil
	return err
}

func (m *machine) kill(ctx context.Context) error {
	if !m.fence.pids {
		// All handles are taken before the first kill, so that every end is
		// awaited, also of those that follow their parent by themselves.
		if _, err := eviction.End(ctx, inmates(m.root())); err != nil {
			return err
		}
	}
	if err := m.on.agent.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill the agent (process %d): %w", m.on.agent.Pid, err)
	}
	return nil
}

// Destroy powers the machine off and removes its disk.
func (m *machine) Destroy(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gone {
		return nil
	}
	if err := m.powerOff(ctx); err != nil {
		return err
	}
	m.gone = true
	return owner.RemoveTree(m.dir)
}

// lastWords returns the end of what the agent itself complained of, for errors.
func (m *machine) lastWords() string {
	const lines, most = 5, 4 << 10
	file, err := os.Open(m.log())
	if err != nil {
		return ""
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Size() > most {
		if _, err := file.Seek(-most, io.SeekEnd); err != nil {
			return ""
		}
	}
	text, err := io.ReadAll(io.LimitReader(file, most))
	if err != nil {
		return ""
	}
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
