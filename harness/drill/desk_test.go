package drill_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/bastion"
	"github.com/etcd-firedrill/firedrill/harness/drill"
	"github.com/etcd-firedrill/firedrill/harness/fault"
	"github.com/etcd-firedrill/firedrill/harness/operator"
)

// knows is what the variables of a shell say.
func knows(t *testing.T, line string) map[string]string {
	t.Helper()
	var kit operator.Kit
	if err := json.Unmarshal([]byte(line), &kit); err != nil {
		t.Errorf("%v in %q", err, line)
	}
	return kit.Set
}

// TestAShellThatWasOpenBefore: what a shell knows is of the moment when it was opened. It is told
// anew who is lost, which hosts stand ready, and where they are; and so again when it has
// ordered some.
func TestAShellThatWasOpenBefore(t *testing.T) {
	t.Parallel()
	s := stoppedByHand()
	s.Name, s.Given.Members = "most-are-lost", 3
	s.Break = []harness.Fault{fault.LoseHost{Who: harness.AllBut("m1")}}
	kit := ""
	var left <-chan error
	p := playsFrom(t, s, drill.Options{}, func(ctx context.Context, m mate) {
		kit, left = m.joins(ctx)
	}, func(ctx context.Context, m mate) {
		is := func(what string, known map[string]string, want map[string]string) {
			for name, value := range want {
				if known[name] != value {
					t.Errorf("%s: %s is %q, want %q", what, name, known[name], value)
				}
			}
		}
		then := knows(t, kit)
		is("opened", then, map[string]string{"FIREDRILL_HOSTS_UP": "m1 m2 m3", "FIREDRILL_HOSTS_LOST": "", "FIREDRILL_SPARES": "", "FIREDRILL_PEER_URL_m4": ""})
		m.awaitAlarm(ctx)
		now := knows(t, m.does(ctx, bastion.Env))
		is("struck", now, map[string]string{
			"FIREDRILL_HOSTS": "m1 m2 m3", "FIREDRILL_HOSTS_UP": "m1", "FIREDRILL_HOSTS_LOST": "m2 m3", "FIREDRILL_SPARES": "m4 m5",
			"FIREDRILL_BY": "ann", "FIREDRILL_BASTION": m.socket, "ETCDCTL_ENDPOINTS": then["ETCDCTL_ENDPOINTS"],
		})
		if !strings.HasPrefix(now["FIREDRILL_PEER_URL_m4"], "http://127.") || strings.Count(now["ETCDCTL_ENDPOINTS"], "http://127.") != 3 {
			t.Errorf("%v", now)
		}
		m.does(ctx, bastion.New, "m3", "m4")
		is("ordered", knows(t, m.does(ctx, bastion.Env)), map[string]string{
			"FIREDRILL_HOSTS": "m1 m2 m3 m4", "FIREDRILL_HOSTS_UP": "m1 m3 m4", "FIREDRILL_HOSTS_LOST": "m2", "FIREDRILL_SPARES": "m5",
		})
		m.does(ctx, bastion.CallOff, "enough was seen")
		if err := <-left; err != nil {
			t.Error(err)
		}
	})
	for _, step := range p.evidence.Steps {
		if step.Command == "firedrill env" && step.Output.Stdout != "" {
			t.Errorf("what is in the environment is written down: %+v", step)
		}
	}
}
