//go:build linux

package container

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"
)

// How long an engine may take to say what it is.
const (
	answerLimit = 2 * time.Second  // where something else will do
	patience    = 30 * time.Second // where it has to be: a busy one takes seconds
)

// engine is a container engine that answered.
type engine struct {
	host    string // as in DOCKER_HOST
	api     *client.Client
	version client.ServerVersionResult
}

func (e *engine) String() string {
	return fmt.Sprintf("Docker Engine %s (API %s)", e.version.Version, e.version.APIVersion)
}

func (e *engine) close() error { return e.api.Close() }

// makingLimit bounds the making of one thing.
const makingLimit = time.Minute

// unbroken is a context for making something, which goes on when ctx ends: an
// engine that is not listened to any more makes it all the same, a moment after
// we looked whether there was anything to remove.
func unbroken(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), makingLimit)
}

// Available tells, within two seconds, which engine there is to run containers
// on, or why there is none.
func Available(ctx context.Context) (string, error) {
	e, err := connect(ctx, answerLimit)
	if err != nil {
		return "", err
	}
	return e.String(), e.close()
}

// connect returns the first engine that answers within the limit.
func connect(ctx context.Context, limit time.Duration) (*engine, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	hosts, err := engineHosts()
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, host := range hosts {
		e, err := ask(ctx, host)
		if err == nil {
			return e, nil
		}
		errs = append(errs, err)
	}
	return nil, fmt.Errorf("find a container engine: %w\nhint: %s", errors.Join(errs...), hintFor(errs))
}

// engineHosts lists where an engine may be. Who sets DOCKER_HOST means that one.
func engineHosts() ([]string, error) {
	if host := os.Getenv(client.EnvOverrideHost); host != "" {
		if err := publishesToUs(host); err != nil {
			return nil, err
		}
		return []string{host}, nil
	}
	sockets := []string{"/var/run/docker.sock"}
	// Those of an engine that runs as an ordinary user.
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		sockets = append(sockets, filepath.Join(dir, "docker.sock"))
	}
	if home, err := os.UserHomeDir(); err == nil {
		sockets = append(sockets, filepath.Join(home, ".docker/run/docker.sock"), filepath.Join(home, ".docker/desktop/docker.sock"))
	}
	sockets = append(sockets, "/run/user/"+strconv.Itoa(os.Getuid())+"/docker.sock")
	hosts := []string{"unix://" + sockets[0]}
	for _, socket := range sockets[1:] {
		if _, err := os.Stat(socket); err == nil {
			hosts = append(hosts, "unix://"+socket)
		}
	}
	return hosts, nil
}

// publishesToUs refuses engines whose 127.0.0.1 is another machine's.
func publishesToUs(host string) error {
	where, err := url.Parse(host)
	if err != nil {
		return fmt.Errorf("understand DOCKER_HOST=%s: %w", host, err)
	}
	if where.Scheme == "unix" {
		return nil
	}
	name := where.Hostname()
	if ip := net.ParseIP(name); where.Scheme != "ssh" && (name == "localhost" || ip != nil && ip.IsLoopback()) {
		return nil
	}
	return fmt.Errorf("use the engine at %s: it is on another machine, where we cannot reach the ports of hosts\nhint: unset DOCKER_HOST to use the engine of this machine, run firedrill on that one, or use --runtime process", host)
}

func ask(ctx context.Context, host string) (*engine, error) {
	api, err := client.New(client.FromEnv, client.WithHost(host))
	if err != nil {
		return nil, fmt.Errorf("use the engine at %s: %w", host, err)
	}
	version, err := api.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("ask the engine at %s for its version: %w", host, err), api.Close())
	}
	return &engine{host: host, api: api, version: version}, nil
}

func hintFor(errs []error) string {
	switch err := errors.Join(errs...); {
	case errors.Is(err, fs.ErrPermission):
		return "join the group docker (sudo usermod -aG docker $USER, then log in anew), use sudo, or use --runtime process"
	case os.Getenv(client.EnvOverrideHost) != "":
		return "is DOCKER_HOST right, and does that engine run? Or use --runtime process"
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return "start Docker, set DOCKER_HOST if it is elsewhere, or use --runtime process"
	default:
		return "does docker version answer? Set DOCKER_HOST if the engine is elsewhere, or use --runtime process"
	}
}

// fits tells why our binary could not run on the engine, or not be reached there.
func (e *engine) fits(ctx context.Context) error {
	if e.version.Os != runtime.GOOS || e.version.Arch != runtime.GOARCH {
		return fmt.Errorf("use the engine at %s: it runs %s/%s, and our binary, which hosts run, is for %s/%s\nhint: use a firedrill built for %[2]s/%[3]s, or --runtime process",
			e.host, e.version.Os, e.version.Arch, runtime.GOOS, runtime.GOARCH)
	}
	if e.isHere(ctx) {
		return nil
	}
	const hint = "\nhint: run firedrill where the engine runs (docker run --network host), or use --runtime process"
	if where, err := url.Parse(e.host); err == nil && where.Scheme != "unix" {
		return fmt.Errorf("use the engine at %s: its networks are not this machine's, so we cannot reach the ports of hosts%s", e.host, hint)
	}
	for _, mark := range []string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := os.Stat(mark); err == nil {
			return fmt.Errorf("use the engine at %s: we run in a container of its own, where we cannot reach the ports of hosts%s", e.host, hint)
		}
	}
	return nil // an engine in a virtual machine or of an ordinary user, which forwards ports to us
}

// isHere tells whether the engine's bridge is an interface of ours: then its
// 127.0.0.1 is ours too. A container on that bridge has an address of the same
// subnet, but not the bridge.
func (e *engine) isHere(ctx context.Context) bool {
	const nameOption = "com.docker.network.bridge.name"
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	bridge, err := e.api.NetworkInspect(ctx, testcontainers.Bridge, client.NetworkInspectOptions{})
	if err != nil {
		return false
	}
	ours, err := net.InterfaceByName(bridge.Network.Options[nameOption])
	if err != nil {
		return false
	}
	addresses, err := ours.Addrs()
	if err != nil {
		return false
	}
	for _, address := range addresses {
		for _, config := range bridge.Network.IPAM.Config {
			if prefix, err := netip.ParsePrefix(address.String()); err == nil && config.Subnet.Contains(prefix.Addr()) {
				return true
			}
		}
	}
	return false
}

// settleTestcontainers must come before anything of testcontainers reads its
// settings, which happens once, in odd places too: where it looks for a
// registry's password, for one. Its reaper is off (see doc.go), and its session is our
// own: it derives one from our parent process otherwise, and a reaper that some
// other program of the same shell started would then remove our hosts.
var settleTestcontainers = sync.OnceValue(func() error {
	tclog.SetDefault(tclog.NewNoopLogger())
	return errors.Join(
		os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true"),
		os.Setenv("TESTCONTAINERS_SESSION_ID", "firedrill-"+rand.Text()),
	)
})

// provider returns testcontainers' maker of containers and networks, on this
// engine whatever testcontainers' own settings say.
func (e *engine) provider() (*testcontainers.DockerProvider, error) {
	options := testcontainers.Generic2DockerOptions(testcontainers.WithLogger(tclog.NewNoopLogger()))
	provider, err := testcontainers.NewDockerProvider(append(options, testcontainers.WithDefaultBridgeNetwork(testcontainers.Bridge))...)
	if err != nil {
		return nil, fmt.Errorf("set up testcontainers: %w", err)
	}
	if !provider.Config().Config.RyukDisabled {
		return nil, errors.New("set up testcontainers: it has read its settings before we could turn its reaper off\nhint: set TESTCONTAINERS_RYUK_DISABLED=true")
	}
	err = provider.Close() // the client that it found; the one it gets is closed with the engine
	provider.SetClient(neverPulls{e.api})
	return provider, err
}

// neverPulls is an engine without registries. Testcontainers pulls an image
// that it does not find; ours are in no registry, so whatever it got there by
// their names would be somebody else's.
type neverPulls struct{ client.APIClient }

// ImagePull refuses.
func (neverPulls) ImagePull(_ context.Context, ref string, _ client.ImagePullOptions) (client.ImagePullResponse, error) {
	return nil, errdefs.ErrNotFound.WithMessage("the image " + ref + " was removed from the engine meanwhile")
}
