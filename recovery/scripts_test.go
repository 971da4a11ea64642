package recovery_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/recovery"
)

// placeholder is how a step is shown what is known only as it runs.
var placeholder = regexp.MustCompile(`<[a-z][^<>]*>`)

// shell runs a step's script as a host's shell would, with an etcdctl that prints
// this and exits so. known takes the places of what steps before have learnt.
func shell(t *testing.T, p harness.Procedure, step, etcdctl string, known map[string]string) (string, error) {
	t.Helper()
	steps, err := p.Steps(hosts(3))
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(steps, func(s harness.Step) bool { return s.Name == step })
	if at < 0 {
		t.Fatalf("there is no step %q", step)
	}
	text, err := (&harness.Desk{Explain: true}).Render(steps[at].Do.String(), "m2")
	if err != nil {
		t.Fatal(err)
	}
	for fact, is := range known {
		text = strings.ReplaceAll(text, "<"+fact+">", is)
	}
	text = placeholder.ReplaceAllString(text, "x") // an address, which nobody dials
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "etcdctl"), []byte("#!/bin/sh\n"+etcdctl+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", text)
	cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH")}
	said, err := cmd.CombinedOutput()
	return string(said), err
}

// A quorum is there or it is not; whatever else an etcd answers is no ground to
// recover on, and none to be silent about.
func TestQuorumIsAskedFor(t *testing.T) {
	for name, c := range map[string]struct {
		procedure  harness.Procedure
		step       string
		there, not string // what is said
	}{
		"rancher": {recovery.RancherDisaster{Survivor: "m1"}, "check that the cluster is unhealthy", "there is no disaster", "m1 is the sole survivor"},
		"talos":   {recovery.TalosRecover{Survivors: []string{"m1"}}, "check that the quorum cannot be restored", "there is a quorum", "there is no quorum"},
	} {
		for _, a := range []struct {
			etcdctl, says string
			goesOn        bool
		}{
			{"exit 0", c.there, false},
			{"echo 'Error: context deadline exceeded' >&2; exit 1", c.not, true},
			{"echo 'Error: etcdserver: request timed out' >&2; exit 1", c.not, true},
			{"echo 'Error: etcdserver: no leader' >&2; exit 1", c.not, true},
			{"echo 'Error: etcdserver: corrupt cluster' >&2; exit 1", "corrupt cluster", false},
			{"exit 127", "find out what it means first", false},
		} {
			said, err := shell(t, c.procedure, c.step, a.etcdctl, nil)
			if (err == nil) != a.goesOn || !strings.Contains(said, a.says) {
				t.Errorf("%s, etcdctl %q: %v, %q", name, a.etcdctl, err, said)
			}
		}
	}
}

// Two nodes of which each lists other members are two stories, and recovering by one
// of them throws the other away.
func TestMemberListsAreCompared(t *testing.T) {
	p, list := recovery.TalosReplace{Lost: "m3"}, "8e9e05c52164694d, started, m1, http://m1:2380, http://m1:2379, false"
	known := map[string]string{"member list": list}
	const step = "compare the members on the other nodes"
	if said, err := shell(t, p, step, "echo '"+list+"'", known); err != nil {
		t.Errorf("the same list: %v, %q", err, said)
	}
	said, err := shell(t, p, step, "echo '"+list+"'; echo '1, unstarted, , http://m4:2380, , false'", known)
	if err == nil || !strings.Contains(said, "this node lists other members than m1") {
		t.Errorf("another list: %v, %q", err, said)
	}
}
