package drill

import (
	"path"
	"slices"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/bastion"
)

// A snapshot may be restored at the desk, and the directory that came of it be copied onto
// hosts. Nothing that is run on a host tells of it then, and where the token and the
// addresses are the old ones nothing in the cluster does: it has the ID that it had, and
// may be in the term that it was in. The new history begins where those data come to
// etcd's directory on a host, or with the next start of an etcd where they were put.

// tool waits until one of etcd's tools has ended that was called at the desk.
func (h *hand) tool(argv []string, s harness.Streams) (int, error) {
	code, err := bastion.AwaitTool(s)
	if err == nil && code == 0 && restores(argv) {
		h.mu.Lock()
		h.atDesk = true
		h.mu.Unlock()
	}
	return code, err
}

// restores tells whether a command restores a snapshot.
func restores(argv []string) bool {
	text := strings.Join(argv, " ")
	return strings.Contains(text, "snapshot restore") && !strings.Contains(text, "--help")
}

// lands is told that something is about to be put on a host.
func (h *hand) lands(host, to string) {
	h.mu.Lock()
	atDesk := h.atDesk
	if atDesk && slices.Contains(archives, path.Ext(to)) {
		h.carried[host] = true
	}
	h.mu.Unlock()
	if atDesk && overlap(to, h.d.places(host).dir) {
		h.replaced()
	}
}

// wrote is told how it went to put a tree on a host.
func (h *hand) wrote(host string, err error) error {
	if err != nil || h.early() {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.atDesk {
		h.carried[host] = true
		h.restored = h.d.timeline.now()
	}
	return nil
}

// overlap tells whether one of two paths lies in the other.
func overlap(a, b string) bool {
	a, b = strings.TrimSuffix(path.Clean("/"+a), "/")+"/", strings.TrimSuffix(path.Clean("/"+b), "/")+"/"
	return strings.HasPrefix(a, b) || strings.HasPrefix(b, a)
}

// hasCarried tells whether what was restored at the desk may lie on a host.
func (h *hand) hasCarried(host string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.carried[host]
}

// begins is told that etcd is started on a host by this hand.
func (h *hand) begins(host string) {
	if h.hasCarried(host) {
		h.replaced()
	}
}
