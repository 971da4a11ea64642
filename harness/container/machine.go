//go:build linux

package container

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	"github.com/etcd-firedrill/firedrill/harness"
)

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// diskPath is where a host's volume is mounted.
const diskPath = "/var"

// place is what a host name has for good.
type place struct {
	address netip.Addr
	port    *port
}

// machine is one host's power and place (see agent.Power).
type machine struct {
	engine *engine
	name   string // the container's
	id     string
	place  place

	mu     sync.Mutex
	booted bool // at least once: the disk has had its own life since
	gone   bool
}

// create makes a host's container and does not start it.
func (k *rack) create(ctx context.Context, host string, at place) (*machine, error) {
	name := k.containerName(host)
	etcd := network.MustParsePort(strconv.Itoa(harness.ClientPort) + "/tcp")
	making, cancel := unbroken(ctx)
	defer cancel()
	made, err := k.runtime.provider.CreateContainer(making, testcontainers.ContainerRequest{
		// A name with a registry's is taken as it is; no registry is asked.
		Image:        "docker.io/library/" + k.runtime.image,
		Name:         name,
		Labels:       k.labels(),
		Entrypoint:   []string{agentPath, "agent", "socket", socketPath, host},
		ExposedPorts: []string{etcd.String()},
		Networks:     []string{k.network},
		ConfigModifier: func(c *container.Config) {
			c.Hostname, c.User, c.WorkingDir = host, "0:0", "/"
			// An image's own check would run in our hosts, at times of its choosing.
			c.Healthcheck = &container.HealthConfig{Test: []string{"NONE"}}
		},
		HostConfigModifier: func(h *container.HostConfig) {
			reap := true
			h.Init = &reap // orphans of scripts stay zombies otherwise
			// What is under /var, etcd's data and its log above all, is not in the
			// container's layer: there every write would pass through the engine's
			// storage driver, and with FUSE through a process. It lives and goes with
			// the container.
			h.Mounts = append(h.Mounts, mount.Mount{Type: mount.TypeVolume, Target: diskPath, VolumeOptions: &mount.VolumeOptions{Labels: k.labels()}})
			h.PortBindings = network.PortMap{etcd: {{HostIP: loopback, HostPort: strconv.Itoa(at.port.number)}}}
		},
		EndpointSettingsModifier: func(networks map[string]*network.EndpointSettings) {
			if settings := networks[k.network]; settings != nil {
				settings.IPAMConfig = &network.EndpointIPAMConfig{IPv4Address: at.address}
			}
		},
	})
	if err != nil {
		// There may be a container although there is an error.
		return nil, errors.Join(fmt.Errorf("make the container %s: %w", name, err), k.runtime.engine.removeContainer(making, name))
	}
	return &machine{engine: k.runtime.engine, name: name, id: made.GetContainerID(), place: at}, nil
}

func (m *machine) PeerAddress() string { return m.place.address.String() }

func (m *machine) ClientAddress() string {
	return net.JoinHostPort(loopback.String(), strconv.Itoa(m.place.port.number))
}

// PowerOn starts the container and attaches to its agent. Whatever a runbook
// did to the disk, the machine boots: an agent that is gone is put back.
func (m *machine) PowerOn(ctx context.Context) (io.ReadWriteCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gone {
		return nil, harness.ErrHostGone
	}
	// An engine attaches to what it cannot run, too, so this is looked for first.
	if m.booted && m.lacksAgent(ctx) {
		if err := m.engine.putAgent(ctx, m.id); err != nil {
			return nil, err
		}
	}
	m.booted = true
	s, err := m.boot(ctx)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (m *machine) boot(ctx context.Context) (*session, error) {
	err := m.start(ctx)
	if isPortTaken(err) {
		// An engine that does not let a held address be reused: then without holding it.
		err = errors.Join(m.place.port.release(), m.start(ctx))
	}
	if isPortTaken(err) {
		return nil, fmt.Errorf("%w\nhint: something took port %d of 127.0.0.1 (ss -ltnp), which is this host's: stop it", err, m.place.port.number)
	}
	if err != nil {
		return nil, err
	}
	s, err := attach(ctx, m.engine.api, m.id)
	if err != nil {
		if words := m.lastWords(ctx); words != "" {
			err = fmt.Errorf("%w\nthe agent's last words:\n%s", err, words)
		}
		off, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupLimit)
		defer cancel()
		return nil, errors.Join(err, m.powerOff(off))
	}
	return s, nil
}

// cleanupLimit bounds the powering off of a machine that did not come up.
const cleanupLimit = 10 * time.Second

func (m *machine) start(ctx context.Context) error {
	if _, err := m.engine.api.ContainerStart(ctx, m.id, client.ContainerStartOptions{}); err != nil {
		return fmt.Errorf("start the container %s: %w", m.name, err)
	}
	return nil
}

func isPortTaken(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "address already in use") || strings.Contains(err.Error(), "port is already allocated"))
}

// lacksAgent tells whether the agent on the disk is not the one that we put there.
func (m *machine) lacksAgent(ctx context.Context) bool {
	ours, err := os.Stat(ownExecutable)
	if err != nil {
		return false
	}
	theirs, err := m.engine.api.ContainerStatPath(ctx, m.id, client.ContainerStatPathOptions{Path: agentPath})
	if errdefs.IsNotFound(err) {
		return true
	}
	// An engine does not say of every odd path that there is nothing.
	return err != nil && ctx.Err() == nil || err == nil && (!theirs.Stat.Mode.IsRegular() || theirs.Stat.Size != ours.Size())
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
	_, err := m.engine.api.ContainerKill(ctx, m.id, client.ContainerKillOptions{Signal: "SIGKILL"})
	if err != nil && !errdefs.IsConflict(err) { // a conflict: it does not run
		return fmt.Errorf("kill the container %s: %w", m.name, err)
	}
	wait := m.engine.api.ContainerWait(ctx, m.id, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	select {
	case <-wait.Result:
		return nil
	case err := <-wait.Error:
		return fmt.Errorf("await the end of the container %s, which was killed: %w", m.name, err)
	}
}

// Destroy removes the container, its disk and its volumes.
func (m *machine) Destroy(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gone {
		return nil
	}
	if err := m.engine.removeContainer(ctx, m.id); err != nil {
		return fmt.Errorf("remove the container %s: %w", m.name, err)
	}
	m.gone = true
	return nil
}

// lastWords returns the end of what the agent itself complained of, for errors.
func (m *machine) lastWords(ctx context.Context) string {
	logs, err := m.engine.api.ContainerLogs(ctx, m.id, client.ContainerLogsOptions{ShowStderr: true, Tail: "5"})
	if err != nil {
		return ""
	}
	defer logs.Close()
	var words bounded
	_, _ = stdcopy.StdCopy(&words, &words, logs)
	return string(bytes.TrimSpace(words.Bytes()))
}
