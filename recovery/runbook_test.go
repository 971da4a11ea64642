package recovery_test

import (
	"strings"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/recovery"
)

// A runbook of the user's is one step at the desk, whatever the cluster is, and
// its path is shown and run as it is.
func TestRunbookIsOneStepAtTheDesk(t *testing.T) {
	const path = "/home/ops/run books/restore (new).sh"
	for members := range 6 {
		steps, err := recovery.Runbook{Path: path}.Steps(hosts(members))
		if err != nil || len(steps) != 1 {
			t.Fatalf("for %d hosts: %d steps, %v", members, len(steps), err)
		}
		step := steps[0]
		if step.Do != (harness.Executable{Path: path}) || !step.On.IsZero() {
			t.Errorf("it does %#v on %s", step.Do, step.On)
		}
		if step.Await || step.Precondition || step.Replaces || step.Completes != "" {
			t.Errorf("what the program does is not known before it runs: %+v", step)
		}
		if step.Why == "" || !strings.Contains(step.Name, "restore (new).sh") {
			t.Errorf("step %q, because %q", step.Name, step.Why)
		}
		for _, desk := range []*harness.Desk{{}, {Explain: true}} {
			if text, err := desk.Render(step.Do.String(), ""); err != nil || text != path {
				t.Errorf("it is rendered %q, %v", text, err)
			}
		}
	}
}

func TestRunbookMustBeFound(t *testing.T) {
	for path, says := range map[string]string{
		"":                  "no runbook is named",
		"restore.sh":        "whole path",
		"./restore.sh":      "whole path",
		"/srv/{{name}}.sh":  "another name",
		"/srv/{{/restore":   "another name",
		"../etc/restore.sh": "whole path",
	} {
		if steps, err := (recovery.Runbook{Path: path}).Steps(hosts(3)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, %v", path, steps, err)
		}
	}
}
