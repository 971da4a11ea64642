package drill

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
)

// exec runs one command on a host. What it does to the manifest there is seen: whatever
// moves it into place starts etcd, as start does.
func (e estate) exec(ctx context.Context, h harness.Host, argv []string, s harness.Streams) (int, error) {
	before, err := h.Etcd(ctx)
	if err != nil {
		return 0, err // nothing can be run there, so nothing begins
	}
	e.hand.sees(h.Name(), before)
	e.hand.runs(h.Name(), argv)
	s.In = scan(s.In, e.hand.replaced).also(manifests, func() { e.hand.places(h.Name()) })
	code, err := h.Exec(ctx, argv, s)
	if err == nil && code == 0 {
		e.hand.ran(argv)
	}
	if now, err := h.Etcd(ctx); err == nil {
		e.hand.sees(h.Name(), now)
	}
	return code, err
}

// start writes a host's manifest and waits until the agent has started etcd by it.
func (e estate) start(ctx context.Context, h harness.Host, dashed []string) error {
	flags := make([]string, len(dashed))
	for i, flag := range dashed {
		flags[i] = strings.TrimPrefix(flag, "--")
	}
	e.d.mu.Lock()
	born, ok := e.d.desk.Flags[h.Name()]
	e.d.mu.Unlock()
	if !ok {
		return fmt.Errorf("%w: start etcd on %s: it was never given any flags", errMistake, h.Name())
	}
	manifest := harness.Manifest(h.Name(), harness.ChangeFlags(born, flags...))
	was, err := h.Etcd(ctx)
	if err != nil {
		return err
	}
	e.hand.runs(h.Name(), flags)
	e.hand.begins(h.Name())
	var old strings.Builder
	err = h.Download(ctx, harness.ManifestPath, &old)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	same := err == nil && old.String() == manifest && was.PID != 0
	if err := h.Upload(ctx, harness.ManifestPath, 0o600, strings.NewReader(manifest)); err != nil {
		return err
	}
	if !same {
		if _, err := h.AwaitEtcd(ctx, "the start of etcd", func(s harness.EtcdState) bool { return s.Starts > was.Starts }); err != nil {
			return err
		}
	}
	return e.hand.starts(ctx, h.Name())
}

// stop removes a host's manifest and waits until etcd has ended.
func (e estate) stop(ctx context.Context, h harness.Host) error {
	out, err := h.Run(ctx, "rm -f "+harness.ManifestPath)
	if err == nil && out.ExitCode != 0 {
		err = fmt.Errorf("%w: remove the manifest of %s: %s", errMistake, h.Name(), strings.TrimSpace(out.Stderr))
	}
	if err != nil {
		return err
	}
	e.hand.stops(h.Name())
	_, err = h.AwaitEtcd(ctx, "the end of etcd", func(s harness.EtcdState) bool { return s.PID == 0 && !s.Manifest })
	return err
}
