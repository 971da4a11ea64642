package drill

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/operator"
)

// hideEvidence has a runbook of the user's find nothing where the evidence lies, whatever
// leads there. Where the system does not let us, what leads there is told before anything
// is broken.
func (d *drill) hideEvidence(ctx context.Context) {
	if !d.plan.byHand() || d.plan.byTeam() {
		return
	}
	evidence := d.evidence()
	why := operator.Hides(ctx, evidence)
	if why == nil {
		d.unseen = evidence
		return
	}
	if ways := d.ways(os.Environ()); len(ways) > 0 {
		d.timeline.say(harness.WarningEvent, "", "nothing hides the evidence from the runbook here (%v), and this leads there: %s; --out DIR keeps it elsewhere",
			why, strings.Join(ways, ", "))
	}
}

// evidence is where it really lies: the directory may be one of where we work.
func (d *drill) evidence() string {
	dir := d.dir
	if whole, err := filepath.Abs(dir); err == nil {
		dir = whole
	}
	if resolved, err := filepath.EvalSymlinks(dir); err == nil {
		dir = resolved
	}
	return dir
}

// elsewhere leaves out the variables that name a directory in which the evidence lies, as
// CI_PROJECT_DIR and GITHUB_WORKSPACE do where the default is kept. HOME and TMPDIR lead
// everywhere, and programs need them.
func (d *drill) elsewhere(env []string) []string {
	evidence := d.evidence()
	return slices.DeleteFunc(slices.Clone(env), func(entry string) bool {
		name, value, _ := strings.Cut(entry, "=")
		return name != "HOME" && name != "TMPDIR" && holds(value, evidence)
	})
}

// ways are what is left that leads a runbook to the evidence: places that hold both, and
// what is in its environment.
func (d *drill) ways(env []string) (ways []string) {
	evidence := d.evidence()
	for _, step := range d.plan.steps {
		own, ok := step.Do.(harness.Executable)
		if !ok {
			continue
		}
		work, err := os.Getwd()
		switch place := filepath.Dir(own.Path); {
		case holds(place, evidence) || holds(filepath.Dir(resolved(own.Path)), evidence):
			ways = append(ways, "the directory that it lies in")
		case err == nil && holds(work, evidence) && holds(work, resolved(own.Path)):
			ways = append(ways, "the directory that firedrill is run in, in which it lies as well")
		}
	}
	for _, entry := range d.elsewhere(env) {
		name, value, _ := strings.Cut(entry, "=")
		if slices.ContainsFunc(filepath.SplitList(value), func(dir string) bool { return holds(dir, evidence) }) {
			ways = append(ways, name)
		}
	}
	return ways
}

// holds tells whether a file lies in a directory, at any depth. All do in the root
// directory, which leads nobody anywhere.
func holds(dir, file string) bool {
	if !filepath.IsAbs(dir) {
		return false
	}
	below, err := filepath.Rel(resolved(dir), file)
	return err == nil && filepath.IsLocal(below) && resolved(dir) != "/"
}

// resolved is a path without links in it, as far as that can be told.
func resolved(path string) string {
	if to, err := filepath.EvalSymlinks(path); err == nil {
		return to
	}
	return filepath.Clean(path)
}
