package drill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/workload"
	"github.com/etcd-firedrill/firedrill/reports"
)

// Options are what a user can change about a drill. The zero value runs the
// scenario as it is written.
type Options struct {
	Members     int           // members at birth; 0: the scenario's own
	Seed        int64         // replays the plan (values, moments), not the interleaving
	Out         string        // parent of run directories; "": firedrill-runs
	Within      time.Duration // the procedure's deadline; 0: the scenario's own
	Strict      bool          // hazards count as promises
	EtcdArgs    []string      // more server flags for every member, "--name=value"
	PreloadKeys int           // keys that the cluster is born with
	ValueSize   int           // bytes of each value, preloaded and written; 0: the scenario's own
	PreloadFrom string        // a snapshot file of the user's to be born from; none where the procedure creates the cluster
	Store       string        // where backups are kept, a directory or s3://bucket/prefix; "": the drill's own
	S3Endpoint  string        // URL of the S3 server; "": Amazon's
	// StoreCleared: what the drill put into Store is removed when it ends.
	StoreCleared bool

	// What a snapshot policy says of the site's backup job and of its own. Only for
	// scenarios that take backups.
	BackupEvery      time.Duration     // from the beginning of one to the beginning of the next; 0: the scenario's own
	BackupKeep       harness.Retention // zero: the scenario's own, which is everything
	BackupUnverified bool              // backups are kept as they come; they are verified when they are fetched
	Promises         []harness.Check   // judged and stored beside the scenario's own

	Writers int      // 0: the scenario's own
	Rate    int      // writes per second, all writers together; 0: the scenario's own
	Flags   []string // the user's flags as typed, for the command that runs the drill again
	Rerun   string   // that command, where it is another than firedrill run with Flags; "": it is none
	Version string   // of firedrill

	GameDay *GameDay // people recover; nil: nobody does

	Progress func(harness.Event) // called for each line of the timeline, one at a time
	// Keep leaves the cluster standing when the drill is over: Hold is called
	// with the report and how to get onto each host, and when it returns the
	// rack is closed as far as it cannot outlive us.
	Keep bool
	Hold func(ctx context.Context, report reports.Report, enter []string)
}

// ErrUnsuited is wrapped by errors that say why a scenario cannot be run as
// asked. Nothing was started.
var ErrUnsuited = errors.New("the scenario cannot be run like this")

// Validate tells whether the scenario can be run with these options, before
// anything is started.
func Validate(s harness.Scenario, o Options) error {
	_, err := planned(s, o)
	return err
}

// byHandWithin is the deadline of a recovery by somebody else's hand, unless the user
// says another: a scenario's own is for steps that follow each other at once.
const byHandWithin = 10 * time.Minute

// plan is a scenario with the user's options worked in.
type plan struct {
	scenario harness.Scenario // for so many members as there are hosts

	hosts   []string
	steps   []harness.Step
	traffic harness.Traffic
	within  time.Duration
	args    []string // server flags without dashes

	promises []harness.Check
	backups  harness.BackupJob
}

func planned(s harness.Scenario, o Options) (plan, error) {
	unsuited := func(format string, args ...any) (plan, error) {
		return plan{}, fmt.Errorf("%w: %s: %s", ErrUnsuited, s.Name, fmt.Sprintf(format, args...))
	}
	members := s.Given.Members
	if o.Members != 0 && o.Members != members {
		if s.Given.OnlyBecause != "" {
			return unsuited("it has %d members and no other number, because %s", members, s.Given.OnlyBecause)
		}
		members = o.Members
	}
	if members < 1 || members > 9 {
		return unsuited("%d members: from 1 to 9 are possible", members)
	}
	s = s.WithMembers(members)
	p := plan{scenario: s, within: s.Within, traffic: s.Under, promises: s.Promises, backups: s.Backups, hosts: s.Given.Hosts()}
	if s.Recover != nil {
		steps, err := s.Recover.Steps(p.hosts)
		if err != nil {
			return unsuited("%v", err)
		}
		p.steps = steps
	}
	if why := o.GameDay.unsuited(s, p.byTeam()); why != "" {
		return unsuited("%s", why)
	}
	switch {
	case o.Within > 0:
		p.within = o.Within
	case p.byTeam():
		p.within = max(p.within, byTeamWithin)
	case p.byHand():
		p.within = max(p.within, byHandWithin)
	}
	if o.Within < 0 || (len(p.steps) > 0 && p.within <= 0) {
		return unsuited("a procedure of %d steps needs time: its deadline is %v", len(p.steps), min(o.Within, p.within))
	}
	if o.PreloadKeys < 0 || o.ValueSize < 0 || o.Writers < 0 || o.Rate < 0 {
		return unsuited("numbers of keys, bytes, writers and writes cannot be negative")
	}
	if o.PreloadFrom != "" && o.PreloadKeys > 0 {
		return unsuited("it is born either from a snapshot or with preloaded keys, not both")
	}
	if s.AtBirth && o.PreloadFrom != "" {
		return unsuited("the cluster is struck while it is first created, and its procedure installs an empty one: it cannot be born from a snapshot")
	}
	if s.AtBirth && (s.Backups.Every > 0 || s.Given.Grown) {
		return unsuited("what is struck while it is first created has neither backups nor grown from one member")
	}
	if err := p.policy(o); err != nil {
		return unsuited("%v", err)
	}
	if p.byHand() {
		p.promises = inAnyWords(p.promises)
	}
	if p.byHand() && p.backups.Every > 0 && !slices.ContainsFunc(p.promises, func(c harness.Check) bool { return c.Name() == check.BackupsKept{}.Name() }) {
		p.promises = append(slices.Clone(p.promises), check.BackupsKept{}) // whoever does can reach them
	}
	if tls := s.Given.TLS; s.Given.Auth && (tls.ClientCert == "" || tls.ClientKey == "" || s.AtBirth) {
		return unsuited("with authentication the operator's etcdctl needs a certificate of its own, and a cluster that is there before the strike")
	}
	if o.Writers > 0 {
		p.traffic.Writers = o.Writers
	}
	if o.Rate > 0 {
		p.traffic.Rate = o.Rate
	}
	if o.ValueSize > 0 {
		p.traffic.ValueSize = o.ValueSize
	}
	if t := p.traffic; t.ValueSize < workload.MinValueSize {
		return unsuited("values of %d bytes: they are unique only from %d", t.ValueSize, workload.MinValueSize)
	} else if t.Writers < 1 || t.Rate < 1 || t.Leases < 0 {
		return unsuited("traffic of %d writers, %d writes per second and %d leases: at least one writer and one write are needed", t.Writers, t.Rate, t.Leases)
	}
	args, err := harness.UserFlags(o.EtcdArgs)
	if err != nil {
		return unsuited("%v", err)
	}
	p.args = args
	return p, nil
}

// inAnyWords are promises for whoever recovers by hand, and gives reasons in words of
// his own.
func inAnyWords(promises []harness.Check) []harness.Check {
	promises = slices.Clone(promises)
	for i, c := range promises {
		if refused, is := c.(check.ProcedureRefused); is {
			refused.Because = ""
			promises[i] = refused
		}
	}
	return promises
}

// policy works in what the options say of the backup job, and of its promises.
func (p *plan) policy(o Options) error {
	asked := o.BackupEvery != 0 || o.BackupKeep != (harness.Retention{}) || o.BackupUnverified || len(o.Promises) > 0
	if asked && p.backups.Every == 0 {
		return errors.New("it takes no backups, so no interval, no retention and no promise of a snapshot policy applies to it\nhint: choose a scenario that restores a snapshot, such as etcd-snapshot-restore")
	}
	if o.BackupEvery != 0 {
		// A policy is tried at any moment of its interval, and not at the scenario's own.
		p.backups.Every, p.backups.Age = o.BackupEvery, 0
	}
	if o.BackupKeep != (harness.Retention{}) {
		p.backups.Keep = o.BackupKeep
	}
	p.backups.Unverified = p.backups.Unverified || o.BackupUnverified
	for _, c := range o.Promises {
		if c == nil {
			return errors.New("one of the promises is none")
		}
		// What evidence cannot keep, nobody could judge when the drill is over.
		stored, err := check.Store(harness.Promise, c)
		if err == nil {
			_, err = check.Load(stored)
		}
		if err != nil {
			return err
		}
	}
	p.promises = slices.Concat(p.promises, o.Promises)
	switch b := p.backups; {
	case b.Every < 0 || b.Keep.Count < 0 || b.Keep.Age < 0 || b.Dies < 0:
		return errors.New("intervals, numbers and ages of backups cannot be negative")
	case b.Every == 0 && (b.Age != 0 || b.Keep != (harness.Retention{}) || b.Unverified || b.Dies != 0):
		return errors.New("it takes no backups that could be kept in some way")
	case b.Age < 0 || b.Age > 0 && b.Age >= b.Every:
		return fmt.Errorf("the newest backup cannot be %v old when one is begun every %v", b.Age, b.Every)
	case b.Age > 0 && b.Dies > 0:
		return errors.New("a backup job that dies leaves the moment of the strike to nobody else")
	}
	return nil
}
