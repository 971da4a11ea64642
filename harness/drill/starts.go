package drill

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/crew"
)

// manifests is where whatever is put makes etcd run, in what people type.
var manifests = []byte(path.Dir(harness.ManifestPath))

// places is told that a hand is at the manifest on a host: etcd's next start there is by
// that hand, and none that its supervisor made of itself after an end.
func (h *hand) places(host string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.placing[host] = true
}

// writes is told that a file, or a directory, is written on a host.
func (h *hand) writes(host, to string) {
	h.lands(host, to)
	to = strings.TrimSuffix(path.Clean("/"+to), "/")
	if rest, ok := strings.CutPrefix(harness.ManifestPath, to); ok && (rest == "" || rest[0] == '/') {
		h.places(host)
	}
}

// sees is told the state of etcd on a host before and after something was run there.
// Where there is no manifest, whoever makes it run puts one there.
func (h *hand) sees(host string, s harness.EtcdState) {
	if !s.Manifest {
		h.places(host)
		h.stops(host)
	}
}

// runsAgain is told that etcd was started on a host, by whomever: clients go there as
// they do after start, if it was by this hand.
func (h *hand) runsAgain(host string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.placing[host] || h.over {
		return
	}
	delete(h.placing, host)
	h.following.Go(func() {
		err := crew.Surely(func() error { h.begins(host); return h.starts(context.Background(), host) })
		if err != nil {
			h.d.broke(breakage{host: host, err: fmt.Errorf("tell clients of %s: %w", host, err)})
		}
	})
}
