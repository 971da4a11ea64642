package drill

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// What leads a runbook to the evidence is not in its environment.
func TestElsewhere(t *testing.T) {
	project := t.TempDir()
	evidence := filepath.Join(project, "firedrill-runs", "20261126-crash-1")
	if err := os.MkdirAll(evidence, 0o700); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(project, link); err != nil {
		t.Fatal(err)
	}
	d := &drill{dir: evidence}
	keep := []string{"HOME=" + project, "TMPDIR=" + project, "ROOT=/", "PATH=/bin:" + project, "NAME=firedrill-runs", "EMPTY=", "OTHER=" + project + "-2", "FILE=" + filepath.Join(project, "restore.sh")}
	drop := []string{"CI_PROJECT_DIR=" + project, "GITHUB_WORKSPACE=" + project + "/", "LINKED=" + link, "RUNS=" + filepath.Dir(evidence), "RUN=" + evidence}
	if got := d.elsewhere(append(drop, keep...)); !slices.Equal(got, keep) {
		t.Errorf("%q", got)
	}
}
