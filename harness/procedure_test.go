package harness_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness"
)

// fetching is a site whose backups are got with this error.
type fetching struct {
	harness.Site
	err error
}

func (f fetching) Fetch(context.Context, harness.Host, string, int) (string, error) {
	return "backup-007.db", f.err
}

// That there is no backup is the procedure's failure. That one could not be
// brought to the host is not: the step was not tried.
func TestFetchBackup(t *testing.T) {
	do := func(err error) (harness.Output, error) {
		return harness.FetchBackup{To: "/x"}.Do(t.Context(), fetching{err: err}, nil, "")
	}
	if out, err := do(nil); err != nil || out.ExitCode != 0 || out.Stdout != "backup-007.db\n" {
		t.Errorf("%+v, %v", out, err)
	}
	none := fmt.Errorf("%w: nobody took any", harness.ErrNoBackup)
	if out, err := do(none); err != nil || out.ExitCode != 1 || !strings.Contains(out.Stderr, "nobody took any") {
		t.Errorf("none: %+v, %v", out, err)
	}
	for _, trouble := range []error{syscall.EMFILE, syscall.EIO, harness.ErrAgentLost, harness.ErrHostOff, context.Canceled} {
		if out, err := do(trouble); !errors.Is(err, trouble) || out.ExitCode != 0 {
			t.Errorf("%v: %+v, %v", trouble, out, err)
		}
	}
}

// restarting is a site whose components come up with this error.
type restarting struct {
	harness.Site
	restarts *int
	err      error
}

func (r restarting) RestartClients(context.Context) error {
	*r.restarts++
	return r.err
}

func TestRestartComponents(t *testing.T) {
	restarts := 0
	restart := harness.RestartComponents{}
	if text := restart.String(); text != "firedrill restart-components" {
		t.Errorf("it prints %q", text)
	}
	for n, want := range []error{nil, context.DeadlineExceeded} {
		out, err := restart.Do(t.Context(), restarting{restarts: &restarts, err: want}, nil, restart.String())
		if !errors.Is(err, want) || out.ExitCode != 0 || restarts != n+1 {
			t.Errorf("%+v, %v after %d restarts", out, err, restarts)
		}
	}
}
