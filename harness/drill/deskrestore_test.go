package drill_test

import (
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/drill"
)

// TestRestoredAtTheDesk: a runbook restores the newest backup at the desk, and copies what came of
// it onto the host. The cluster has the ID and the term that it had, so that nothing but what was
// done tells of the new history.
func TestRestoredAtTheDesk(t *testing.T) {
	t.Parallel()
	s := byHand(t, `
set -eu
newest=$(ls "$FIREDRILL_BACKUPS" | grep '\.db$' | tail -n 1)
etcdutl snapshot restore "$FIREDRILL_BACKUPS/$newest" --data-dir restored --name m1 --initial-cluster "m1=$FIREDRILL_PEER_URL_m1" \
	--initial-advertise-peer-urls "$FIREDRILL_PEER_URL_m1" --initial-cluster-token "$FIREDRILL_CLUSTER_TOKEN"
firedrill host exec m1 -- rm -rf /var/lib/etcd
tar -C restored -cf - . | firedrill host put-tree m1 /var/lib/etcd
firedrill host start m1
until etcdctl --command-timeout=1s endpoint health; do sleep 0.1; done
`)
	s.Name, s.Break = "restored-at-the-desk", []harness.Fault{blow(stop)}
	s.Backups.Every = 300 * time.Millisecond
	s.Promises = []harness.Check{check.ProcedureCompleted{}, check.CutAtSnapshot{}, check.ServiceRestored{}, check.ClusterID{Kept: true}}
	r := newRig(t)
	r.held(t, s, drill.Options{})
	ev := r.evidence(t)
	if before, after := ev.Before[0], ev.After[0]; after.ClusterID != before.ClusterID || after.Term != before.Term {
		t.Errorf("the cluster tells by itself: %+v, and was %+v", after, before)
	}
	began, _ := ev.At(harness.ProcedureBegan)
	restored, _ := ev.At(harness.Restored)
	replaced, ok := ev.At(harness.HistoryReplaced)
	if last := ev.Starts[len(ev.Starts)-1]; !ok || replaced < began || replaced > restored || restored > last.At {
		t.Errorf("begun at %v, another history at %v (%v), restored at %v, started at %v", began, replaced, ok, restored, last.At)
	}
}
