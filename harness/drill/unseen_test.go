package drill

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// What leads a runbook to the evidence is not in its environment, whether the directory is
// given in full or from where we work, as the default is.
func TestElsewhere(t *testing.T) {
	project := t.TempDir()
	t.Chdir(project)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(project, link); err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{"", "firedrill-runs", "./firedrill-runs", filepath.Join(project, "firedrill-runs"), filepath.Join(link, "firedrill-runs")} {
		_, evidence, err := newRunDirectory(out, "crash", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		d := &drill{dir: evidence}
		keep := []string{"HOME=" + project, "TMPDIR=" + project, "ROOT=/", "PATH=/bin:" + project, "NAME=firedrill-runs", "EMPTY=", "OTHER=" + project + "-2", "FILE=" + filepath.Join(project, "restore.sh")}
		run := filepath.Join(project, "firedrill-runs", filepath.Base(evidence))
		drop := []string{"CI_PROJECT_DIR=" + project, "GITHUB_WORKSPACE=" + project + "/", "LINKED=" + link, "RUNS=" + filepath.Dir(run), "RUN=" + run}
		if got := d.elsewhere(append(drop, keep...)); !slices.Equal(got, keep) {
			t.Errorf("evidence in %s: %q", evidence, got)
		}
	}
}

// What leads there all the same is known.
func TestWays(t *testing.T) {
	project := t.TempDir()
	scripts := filepath.Join(project, "scripts")
	runs := filepath.Join(project, "firedrill-runs")
	for _, dir := range []string{scripts, runs} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	elsewhere := t.TempDir()
	link := filepath.Join(t.TempDir(), "restore.sh")
	if err := os.Symlink(filepath.Join(project, "restore.sh"), link); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(project, "restore.sh"), nil, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		work, out, runbook, env string
		want                    []string
	}{
		"beside it":        {elsewhere, runs, project + "/restore.sh", "HOME=/root", []string{"the directory that it lies in"}},
		"by a link":        {elsewhere, runs, link, "HOME=/root", []string{"the directory that it lies in"}},
		"in the checkout":  {project, "firedrill-runs", scripts + "/restore.sh", "HOME=/root", []string{"the directory that firedrill is run in, in which it lies as well"}},
		"in HOME":          {elsewhere, runs, "/bin/restore.sh", "HOME=" + project, []string{"HOME"}},
		"in a list":        {elsewhere, runs, "/bin/restore.sh", "PATH=/bin:" + project, []string{"PATH"}},
		"elsewhere":        {project, elsewhere, project + "/restore.sh", "HOME=" + project, nil},
		"in the root":      {"/", runs, "/restore.sh", "HOME=/", nil},
		"what is left out": {elsewhere, runs, "/bin/restore.sh", "CI_PROJECT_DIR=" + project, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(c.work)
			d := &drill{dir: c.out, plan: plan{steps: []harness.Step{{Do: harness.Executable{Path: c.runbook}}}}}
			if got := d.ways([]string{c.env}); !slices.Equal(got, c.want) {
				t.Errorf("%s", strings.Join(got, ", "))
			}
		})
	}
}

// Where the evidence cannot be hidden, as a directory cannot that is not there, what leads to it
// is told, and how to keep it elsewhere; where nothing does, nothing is.
func TestWhatCannotBeHidden(t *testing.T) {
	project := t.TempDir()
	t.Setenv("TMPDIR", t.TempDir()) // the usual one may lead to the project
	for runbook, want := range map[string]string{project + "/restore.sh": "this leads there: the directory that it lies in; --out DIR keeps it elsewhere", "/bin/restore.sh": ""} {
		var told []string
		lines, err := newTimeline(t.TempDir(), func(e harness.Event) {
			if e.Kind == harness.WarningEvent {
				told = append(told, e.Text)
			}
		}, func(err error) { t.Error(err) })
		if err != nil {
			t.Fatal(err)
		}
		d := &drill{dir: filepath.Join(project, "gone"), timeline: lines, plan: plan{steps: []harness.Step{{Do: harness.Executable{Path: runbook}}}}}
		d.hideEvidence(t.Context())
		if err := lines.close(); err != nil || d.unseen != "" {
			t.Errorf("%v, hidden: %q", err, d.unseen)
		}
		if text := strings.Join(told, "\n"); !strings.HasSuffix(text, want) || want == "" && text != "" {
			t.Errorf("%s: it says %q", runbook, text)
		}
	}
}
