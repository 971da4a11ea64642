package scenarios

import (
	"slices"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
)

// Restores tells whether a scenario recovers by restoring a backup of the site's job,
// so that a snapshot policy can be tried by it: its steps bring one onto a host and
// replace by it what was there. A procedure that must refuse restores nothing.
func Restores(s harness.Scenario) bool {
	if s.Backups.Every == 0 || s.Recover == nil || promises(s, check.ProcedureRefused{}) {
		return false
	}
	steps, err := s.Recover.Steps(s.Given.Hosts())
	fetches := func(step harness.Step) bool { _, is := step.Do.(harness.FetchBackup); return is }
	replaces := func(step harness.Step) bool { return step.Replaces }
	return err == nil && slices.ContainsFunc(steps, fetches) && slices.ContainsFunc(steps, replaces)
}

func promises(s harness.Scenario, one harness.Check) bool {
	return slices.ContainsFunc(s.Promises, func(c harness.Check) bool { return c.Name() == one.Name() })
}
