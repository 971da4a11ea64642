package recovery_test

import (
	"testing"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/recovery"
)

// What people will do is not known before they do it: of whatever cluster, it is one
// step at the desk that says nothing of histories and phases.
func TestTeamIsOneStepAtTheDesk(t *testing.T) {
	for members := range 6 {
		steps, err := recovery.Team{}.Steps(hosts(members))
		if err != nil || len(steps) != 1 {
			t.Fatalf("for %d hosts: %d steps, %v", members, len(steps), err)
		}
		step := steps[0]
		if step.Do != (harness.ByTeam{}) || !step.On.IsZero() || step.Name == "" || step.Why == "" {
			t.Errorf("%q does %#v on %s, because %q", step.Name, step.Do, step.On, step.Why)
		}
		if step.Await || step.Precondition || step.Replaces || step.Completes != "" {
			t.Errorf("it says what nobody can know: %+v", step)
		}
		if !step.Refuses(harness.DoesNotApply) || step.Refuses(1) || step.Refuses(0) {
			t.Error("a team that leaves the cluster as it is, and no other, refuses")
		}
	}
}
