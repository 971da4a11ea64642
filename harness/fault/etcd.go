package fault

import (
	"context"
	"fmt"
	"syscall"

	"github.com/etcd-firedrill/firedrill/harness"
)

// KillEtcd ends the etcd process with SIGKILL. It has taken effect when the
// process is gone; the host's supervisor then restarts it in place.
type KillEtcd struct{ Who harness.Selector }

func (f KillEtcd) String() string { return fmt.Sprintf("kill etcd on %s", f.Who) }

// Inject kills etcd and waits for its exit.
func (f KillEtcd) Inject(ctx context.Context, s harness.Strike) ([]string, error) {
	return each(ctx, s, f, f.Who, kill)
}

func kill(ctx context.Context, h harness.Host) error {
	before, err := h.Etcd(ctx)
	if err != nil {
		return err
	}
	if err := h.Signal(ctx, syscall.SIGKILL); err != nil {
		return err
	}
	_, err = h.AwaitEtcd(ctx, "the killed etcd is gone", func(now harness.EtcdState) bool { return now.Exits > before.Exits })
	return err
}

// PauseEtcd stops the etcd process with SIGSTOP: it keeps its sockets and its
// memory, and answers nobody.
type PauseEtcd struct{ Who harness.Selector }

func (f PauseEtcd) String() string { return fmt.Sprintf("pause etcd on %s", f.Who) }

// Inject pauses etcd and waits until it is seen stopped.
func (f PauseEtcd) Inject(ctx context.Context, s harness.Strike) ([]string, error) {
	return each(ctx, s, f, f.Who, func(ctx context.Context, h harness.Host) error {
		if err := h.Signal(ctx, syscall.SIGSTOP); err != nil {
			return err
		}
		_, err := h.AwaitEtcd(ctx, "etcd is paused", func(now harness.EtcdState) bool { return now.Paused })
		return err
	})
}

// StopEtcd stops etcd as an operator does, by moving its manifest away. The
// data directory is left as etcd left it.
type StopEtcd struct{ Who harness.Selector }

func (f StopEtcd) String() string { return fmt.Sprintf("stop etcd on %s", f.Who) }

// Inject moves the manifest to /root/etcd.yaml and waits until etcd has ended.
func (f StopEtcd) Inject(ctx context.Context, s harness.Strike) ([]string, error) {
	return each(ctx, s, f, f.Who, func(ctx context.Context, h harness.Host) error {
		if err := script(ctx, h, "mkdir -p /root && mv "+harness.ManifestPath+" /root/etcd.yaml"); err != nil {
			return err
		}
		_, err := h.AwaitEtcd(ctx, "etcd has stopped", func(now harness.EtcdState) bool { return !now.Manifest && now.PID == 0 })
		return err
	})
}

func script(ctx context.Context, h harness.Host, text string) error {
	out, err := h.Run(ctx, text)
	if err != nil {
		return err
	}
	if out.ExitCode != 0 {
		return fmt.Errorf("%q exited with status %d: %s", text, out.ExitCode, out.Stderr)
	}
	return nil
}

// StrandMember adds a voter that crashes before it ever connects: the host asks
// its etcd for a member at an address where nobody is. It has taken effect when
// the change is committed; a cluster of one then has no quorum.
type StrandMember struct {
	Through harness.Selector // the host that is asked
	Name    string           // of the member
}

func (f StrandMember) String() string {
	return fmt.Sprintf("add member %s through %s, and let it crash before it connects", f.Name, f.Through)
}

// strandedPort is where the member that crashed would have listened.
const strandedPort = 12380

// Inject adds the member.
func (f StrandMember) Inject(ctx context.Context, s harness.Strike) ([]string, error) {
	return each(ctx, s, f, f.Through, func(ctx context.Context, h harness.Host) error {
		return script(ctx, h, fmt.Sprintf("etcdctl --endpoints=http://%s:%d member add %s --peer-urls=http://%s:%d",
			h.PeerAddress(), harness.ClientPort, f.Name, h.PeerAddress(), strandedPort))
	})
}
