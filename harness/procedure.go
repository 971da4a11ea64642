package harness

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Source names the place in a document that a rule or a step was read from.
type Source struct {
	Document string `json:"document,omitempty"` // file name, e.g. "kubeadm-force-new-cluster.md"
	Section  string `json:"section,omitempty"`  // heading or step, e.g. "step 7.1"
}

func (s Source) String() string {
	if s.Section == "" {
		return s.Document
	}
	return s.Document + ", " + s.Section
}

// Procedure is the runbook under test. It is a plain value: it lists its steps
// and never runs them, so it sees nothing but what a step prints.
type Procedure interface {
	// Steps lists the runbook's steps for a cluster of these hosts (in order of
	// their names). An error says why the document's procedure does not
	// generalise to them.
	Steps(hosts []string) ([]Step, error)
}

// Step is one numbered line of a runbook.
type Step struct {
	Name string // in the imperative, unique within the procedure: "stop etcd on all masters"
	From Source // where the document asks for it; zero: etcd or good practice demands it, and Why says so
	Why  string // for steps that are not in the document, and for stand-ins; shown by explain
	On   Selector
	// AtOnce runs it on all its hosts in parallel; otherwise one after another.
	AtOnce bool
	Do     Action
	// Await repeats the action until it succeeds, as an operator presses
	// arrow-up; the procedure's deadline bounds it.
	Await bool
	// Precondition marks a step that decides whether the procedure applies: if
	// it exits non-zero the procedure refuses, its output being the reason.
	Precondition bool
	// Learns takes facts out of what the step printed, for later steps.
	Learns []Fact
	// Replaces marks the step that begins a new history: the data that members
	// start from after it is not what clients were last told (a restore, a
	// forced start). The moment counts from the step's beginning.
	Replaces bool
	// Completes is the phase that ends with this step, "" if none does.
	Completes Phase
}

// Phase is a part of a recovery whose end is timed.
type Phase string

// Phases that a step can complete.
const (
	Fetch   Phase = "fetch"   // backup and keys are on the hosts
	Restore Phase = "restore" // data directories are ready
)

// Fact is something a step prints that later steps need, such as the ID of a
// new member. Scripts use it as {{known "ID of m2"}}.
type Fact struct {
	Name    string // "ID of m2"
	Pattern string // regular expression (RE2) over standard output; its first group is the fact
}

// Refuses tells whether an exit status says that the procedure does not apply.
func (s Step) Refuses(exit int) bool {
	own := false
	switch s.Do.(type) {
	case Executable, ByTeam:
		own = true
	}
	return exit != 0 && s.Precondition || own && exit == DoesNotApply
}

// Action is what a step does on one host, or at the operator's desk.
type Action interface {
	// String is the command as an operator would type it, a template (see Desk).
	fmt.Stringer
	// Do carries it out. text is String rendered; on is nil at the desk. An
	// error means it could not be tried; that it failed is in the exit code.
	Do(ctx context.Context, site Site, on Host, text string) (Output, error)
}

// Site is what an on-call engineer has while recovering: hosts, backups, a
// shell. Never the ledger.
type Site interface {
	// Provision orders a new, clean host under this name.
	Provision(ctx context.Context, name string) error
	// Fetch puts a backup on a host: the newest that verifies, or one that is
	// back places older. It prints what it chose. The error wraps ErrNoBackup if
	// there is none; any other is the harness's, or says that the host is off.
	Fetch(ctx context.Context, on Host, path string, back int) (string, error)
	// FetchBundle puts the bundle of certificates on a host. Its errors are as
	// Fetch's; a bundle that is no plain one is refused with ErrNoBackup.
	FetchBundle(ctx context.Context, on Host, path string) (string, error)
	// Certify makes a host's certificates anew, with the authority in the bundle
	// that lies at path on the host.
	Certify(ctx context.Context, on Host, path string) (string, error)
	// Announce tells clients to use these hosts from now on, and no others.
	Announce(ctx context.Context, hosts []string) error
	// RestartClients restarts every long-lived client, as the components of
	// Kubernetes are restarted: each drops what it knows of the cluster and lists
	// afresh. It returns once they have.
	RestartClients(ctx context.Context) error
	// Execute runs a program of the operator's own at the desk, which reaches the
	// hosts by `firedrill host …` alone. Whatever it started ends with it. The error
	// wraps ErrNotExecutable if it cannot be run at all; that it failed is in the
	// exit code.
	Execute(ctx context.Context, path string) (Output, error)
	// AwaitTeam waits until the people who recover say that they are done. Where they
	// leave the cluster as it is, the exit code is DoesNotApply, as of a runbook that
	// refuses; where somebody stopped them before, it is another than 0. What is
	// printed says who, and why.
	AwaitTeam(ctx context.Context) (Output, error)
}

// ErrNotExecutable is returned by Site.Execute for what is no program, or none
// that may be run here.
var ErrNotExecutable = errors.New("it cannot be executed")

// ErrNoBackup is returned by Site.Fetch if there is no such backup as was asked
// for: none was taken, or those there are are damaged.
var ErrNoBackup = errors.New("no backup that verifies")

// Script is an Action: POSIX sh on a host, a template (see Desk).
type Script string

func (s Script) String() string { return strings.TrimSpace(string(s)) }

// Do runs the rendered script on the host.
func (s Script) Do(ctx context.Context, _ Site, on Host, text string) (Output, error) {
	if on == nil {
		return Output{}, fmt.Errorf("run %q: a script needs a host to run on", text)
	}
	return on.Run(ctx, text)
}

// NewHosts is an Action at the desk: order new, clean machines. The name of a
// host that is gone may be used again.
type NewHosts struct{ Names []string }

func (a NewHosts) String() string { return "firedrill host new " + strings.Join(a.Names, " ") }

// Do provisions the hosts one after another.
func (a NewHosts) Do(ctx context.Context, site Site, _ Host, _ string) (Output, error) {
	begun := time.Now()
	for _, name := range a.Names {
		if err := site.Provision(ctx, name); err != nil {
			return Output{}, err
		}
	}
	return Output{Stdout: "up: " + strings.Join(a.Names, " ") + "\n", Duration: time.Since(begun)}, nil
}

// PowerOn is an Action on a host that is off: it comes back with its old disk
// and its old addresses.
type PowerOn struct{}

func (PowerOn) String() string { return "firedrill host on {{name}}" }

// Do powers the host on.
func (PowerOn) Do(ctx context.Context, _ Site, on Host, _ string) (Output, error) {
	begun := time.Now()
	err := on.PowerOn(ctx)
	return Output{Duration: time.Since(begun)}, err
}

// Reboot is an Action on a host: off and on again, with its disk.
type Reboot struct{}

func (Reboot) String() string { return "firedrill host reboot {{name}}" }

// Do powers the host off and on.
func (Reboot) Do(ctx context.Context, _ Site, on Host, _ string) (Output, error) {
	begun := time.Now()
	if err := on.PowerOff(ctx); err != nil {
		return Output{}, err
	}
	err := on.PowerOn(ctx)
	return Output{Duration: time.Since(begun)}, err
}

// FetchBackup is an Action on a host: pull the newest backup that verifies
// from where backups are kept.
type FetchBackup struct {
	To   string // path on the host
	Back int    // 0: the newest; n: the one n places older
}

func (a FetchBackup) String() string {
	if a.Back > 0 {
		return fmt.Sprintf("firedrill host cp \"$FIREDRILL_BACKUPS\"/<newest that verifies, less %d> {{name}}:%s", a.Back, a.To)
	}
	return "firedrill host cp \"$FIREDRILL_BACKUPS\"/<newest that verifies> {{name}}:" + a.To
}

// Do fetches the backup. That there is none is the procedure's failure, that one
// cannot be read or brought to the host is not.
func (a FetchBackup) Do(ctx context.Context, site Site, on Host, _ string) (Output, error) {
	return asked("fetch a backup", func() (string, error) { return site.Fetch(ctx, on, a.To, a.Back) })
}

// asked is the output of something that the site does.
func asked(what string, do func() (string, error)) (Output, error) {
	begun := time.Now()
	text, err := do()
	if errors.Is(err, ErrNoBackup) {
		return Output{Stderr: err.Error() + "\n", ExitCode: 1, Duration: time.Since(begun)}, nil
	}
	if err != nil {
		return Output{Duration: time.Since(begun)}, fmt.Errorf("%s: %w", what, err)
	}
	return Output{Stdout: text + "\n", Duration: time.Since(begun)}, nil
}

// FetchBundle is an Action on a host: pull the bundle of certificates from where
// backups are kept.
type FetchBundle struct{ To string } // path on the host

func (a FetchBundle) String() string {
	return "firedrill host cp \"$FIREDRILL_BACKUPS\"/pki.bundle.tar.gz {{name}}:" + a.To
}

// Do fetches the bundle.
func (a FetchBundle) Do(ctx context.Context, site Site, on Host, _ string) (Output, error) {
	return asked("fetch the bundle of certificates", func() (string, error) { return site.FetchBundle(ctx, on, a.To) })
}

// Certify is an Action on a host: make its certificates anew with the authority
// in a bundle that lies there.
type Certify struct{ Bundle string } // path on the host

func (a Certify) String() string { return "firedrill host certify {{name}} " + a.Bundle }

// Do makes the certificates.
func (a Certify) Do(ctx context.Context, site Site, on Host, _ string) (Output, error) {
	return asked("make certificates", func() (string, error) { return site.Certify(ctx, on, a.Bundle) })
}

// Announce is an Action at the desk: point clients at these hosts.
type Announce struct{ Hosts []string }

func (a Announce) String() string { return "firedrill announce " + strings.Join(a.Hosts, " ") }

// Do announces the hosts.
func (a Announce) Do(ctx context.Context, site Site, _ Host, _ string) (Output, error) {
	return Output{}, site.Announce(ctx, a.Hosts)
}

// RestartComponents is an Action at the desk: restart the long-lived clients,
// such as kube-apiserver, so that none goes on with what it knew of a history
// that is gone.
type RestartComponents struct{}

func (RestartComponents) String() string { return "firedrill restart-components" }

// Do restarts them. That they do not come up while etcd does not serve is the
// procedure's failure once its deadline passes.
func (RestartComponents) Do(ctx context.Context, site Site, _ Host, _ string) (Output, error) {
	begun := time.Now()
	err := site.RestartClients(ctx)
	return Output{Duration: time.Since(begun)}, err
}

// DoesNotApply is the exit status by which a program of the operator's own, or a team,
// refuses: what it is there for is not the case, and it touched nothing. Shells and their
// commands leave it alone.
const DoesNotApply = 77

// Executable is an Action at the desk: run a program of the operator's own, in any
// language, which takes the place of a procedure's steps. Of its exit statuses 0
// says that it is done, DoesNotApply that it refuses, and any other that it failed.
type Executable struct{ Path string } // absolute

func (a Executable) String() string { return a.Path }

// Do runs the program. That it cannot be run is the runbook's failure: 126, as a
// shell has it.
func (a Executable) Do(ctx context.Context, site Site, _ Host, _ string) (Output, error) {
	begun := time.Now()
	out, err := site.Execute(ctx, a.Path)
	if errors.Is(err, ErrNotExecutable) {
		return Output{Stderr: err.Error() + "\n", ExitCode: 126, Duration: time.Since(begun)}, nil
	}
	return out, err
}
