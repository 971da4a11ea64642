//go:build linux

package agent

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// The real etcd, run from the harness's own manifest and used with the real
// tools of the host, survives a power cut with its data.
func TestRealEtcd(t *testing.T) {
	w := boot(t, newMachine(t))
	address := ownAddress()
	client, peer := address+":2379", address+":2380"
	text := harness.Manifest("m1", []string{
		"name=m1", "data-dir=" + harness.DataDir, "initial-cluster=m1=http://" + peer,
		"listen-client-urls=http://" + client, "advertise-client-urls=http://" + client,
		"listen-peer-urls=http://" + peer, "initial-advertise-peer-urls=http://" + peer,
	})
	ctx := within(t, 60*time.Second)
	if err := w.Upload(ctx, harness.ManifestPath, 0o600, strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	healthy := "export ETCDCTL_ENDPOINTS=http://" + client + "; until etcdctl endpoint health > /dev/null 2>&1; do sleep 0.05; done; "
	if got := w.sh(t, healthy+"etcdctl put k v && etcdctl get k"); got != "OK\nk\nv\n" {
		t.Errorf("the tools print %q", got)
	}
	w.awaitLog(t, "ready to serve client requests")
	if err := w.PowerOff(ctx); err != nil {
		t.Fatal(err)
	}
	if err := w.PowerOn(ctx); err != nil {
		t.Fatal(err)
	}
	if got := w.sh(t, healthy+"etcdctl get k"); got != "k\nv\n" {
		t.Errorf("after the power cut there is %q", got)
	}
	got := w.sh(t, healthy+"etcdctl snapshot save /root/snap.db > /dev/null 2>&1; etcdutl snapshot status /root/snap.db -w fields; mv /etc/kubernetes/manifests/etcd.yaml /root/")
	if !strings.Contains(got, "\"Revision\" : 2") {
		t.Errorf("the snapshot is %q", got)
	}
	state := w.awaitEtcd(t, "etcd to stop", stopped)
	if !state.LastExit.Asked {
		t.Errorf("it ended as %+v", state.LastExit)
	}
}

// ownAddress is a loopback address that belongs to this process alone: it is made
// of its ID. A port of 127.0.0.1 that is found to be free may be somebody's a moment
// later.
func ownAddress() string {
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d", 192+pid>>16&63, pid>>8&255, pid&255)
}
