package trial

import (
	"context"
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// For returns the trial that a check asks for, one of several that a recovered
// cluster is put through.
func For(spec harness.TrialSpec, among []harness.TrialSpec) (harness.Trial, error) {
	switch spec.Name {
	case KillOneMember{}.Spec().Name:
		var spare []string
		for _, other := range among {
			if other.Host != "" {
				spare = append(spare, other.Host)
			}
		}
		return KillOneMember{Spare: spare}, nil
	case RestartMember{}.Spec().Name:
		return RestartMember{Host: spec.Host}, nil
	case PowerOnTheDead{}.Spec().Name:
		return PowerOnTheDead{}, nil
	}
	return nil, fmt.Errorf("there is no trial %q (there are kill-one-member, restart-member and power-on-the-dead)", spec.Name)
}

const (
	// writes is how many writes must be acknowledged after a trial.
	writes = 20
	// patience bounds how long they may take: several elections at default
	// timings (1 s each), far from any health interval.
	patience = 15 * time.Second
	// restartPatience bounds how long a restarted etcd may take to come back: its
	// graceful stop waits up to 8 s for clients that hold streams.
	restartPatience = 30 * time.Second
)

// KillOneMember takes the leader's host away and writes through the others. The
// leader, because it is the hardest loss: where one of the others does not
// really take part, the rest is no quorum. A host's return is a restart of its
// etcd, so where the leader's is one to spare, another is made leader first.
type KillOneMember struct {
	Spare []string // hosts whose etcd other trials restart
}

func (KillOneMember) String() string { return "power off the leader's host, write through the others" }

// Spec is kill-one-member.
func (KillOneMember) Spec() harness.TrialSpec { return harness.TrialSpec{Name: "kill-one-member"} }

// Try powers the leader off, writes, and powers it on again.
func (t KillOneMember) Try(ctx context.Context, r harness.Recovered) (harness.TrialRecord, error) {
	record := harness.TrialRecord{Spec: t.Spec()}
	all, err := r.Select(ctx, harness.Everyone)
	if err != nil {
		return record, err
	}
	if len(all) < 2 {
		record.Reason = "there is one host, and nobody would be left"
		return record, nil
	}
	victims, err := r.Select(ctx, harness.Leader)
	if err != nil {
		record.Reason = "no leader could be chosen: " + err.Error()
		return record, nil
	}
	victim := victims[0]
	if slices.Contains(t.Spare, victim.Name()) {
		if victim, err = t.successor(ctx, r, all, victim, &record); err != nil {
			return record, err
		}
	}
	if err := victim.PowerOff(ctx); err != nil {
		return record, of(victim, err)
	}
	record.Struck = []string{victim.Name()}
	writeThrough(ctx, r, &record, namesBut(all, victim.Name()))
	record.Ran = true // whether or not the victim comes back
	return record, of(victim, victim.PowerOn(ctx))
}

// successor hands leadership to a host that need not be spared and returns it.
// Where that cannot be done the leader stays the victim.
func (t KillOneMember) successor(ctx context.Context, r harness.Recovered, all []harness.Host, leader harness.Host, record *harness.TrialRecord) (harness.Host, error) {
	for _, h := range all {
		if slices.Contains(t.Spare, h.Name()) {
			continue
		}
		if err := r.Lead(ctx, h.Name()); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			record.Notes = append(record.Notes, fmt.Sprintf("leadership did not go from %s to %s: %v", leader.Name(), h.Name(), err))
			continue
		}
		return h, nil
	}
	return leader, nil
}

// RestartMember restarts etcd on one host with the manifest as it stands, as
// any reboot would, and asks everybody who is a member afterwards.
type RestartMember struct{ Host string }

func (t RestartMember) String() string { return fmt.Sprintf("restart etcd on %s as it stands", t.Host) }

// Spec is restart-member(HOST).
func (t RestartMember) Spec() harness.TrialSpec {
	return harness.TrialSpec{Name: "restart-member", Host: t.Host}
}

// Try ends etcd with SIGTERM, waits until its supervisor has started it again
// and until the members agree, somebody was expelled, or patience ends.
func (t RestartMember) Try(ctx context.Context, r harness.Recovered) (harness.TrialRecord, error) {
	record := harness.TrialRecord{Spec: t.Spec()}
	all, err := r.Select(ctx, harness.Everyone)
	if err != nil {
		return record, err
	}
	exits := map[string]int{}
	var restarted harness.Host
	running := false
	for _, h := range all {
		state, err := h.Etcd(ctx)
		if err != nil {
			return record, of(h, err)
		}
		exits[h.Name()] = state.Exits
		if h.Name() == t.Host {
			restarted, running = h, state.PID != 0
		}
	}
	if restarted == nil {
		record.Reason = "there is no host " + t.Host + " any more"
		return record, nil
	}
	if !running {
		record.Reason = "etcd does not run on " + t.Host
		return record, nil
	}
	if err := restarted.Signal(ctx, syscall.SIGTERM); err != nil {
		return record, of(restarted, err)
	}
	record.Struck = []string{t.Host}
	again, cancel := context.WithTimeout(ctx, restartPatience)
	defer cancel()
	if _, err := restarted.AwaitEtcd(again, "etcd was restarted", func(now harness.EtcdState) bool {
		return now.Exits > exits[t.Host] && now.PID != 0
	}); err != nil {
		if again.Err() == nil || ctx.Err() != nil {
			return record, of(restarted, err)
		}
		// That etcd does not come back is etcd's doing.
		record.Notes = append(record.Notes, err.Error())
	}
	expelled, err := awaitAgreement(ctx, r, all, t.Host, exits)
	if err != nil {
		return record, err
	}
	record.Exits = expelled
	writeThrough(ctx, r, &record, namesBut(all))
	record.Ran = true
	return record, nil
}

// awaitAgreement polls until all members tell one list that has all of them,
// or another member's etcd ended (it was expelled), or patience ends.
func awaitAgreement(ctx context.Context, r harness.Recovered, all []harness.Host, restarted string, exits map[string]int) ([]harness.HostExit, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		var expelled []harness.HostExit
		for _, h := range all {
			if h.Name() == restarted {
				continue
			}
			now, err := h.Etcd(ctx)
			if ctx.Err() != nil {
				return expelled, nil
			}
			if err != nil {
				return expelled, of(h, err)
			}
			if now.Exits > exits[h.Name()] && now.LastExit != nil {
				expelled = append(expelled, harness.HostExit{Host: h.Name(), EtcdExit: *now.LastExit})
			}
		}
		if len(expelled) > 0 || agree(r.Members(ctx), len(all)) {
			return expelled, nil
		}
		select {
		case <-ctx.Done():
			return nil, nil
		case <-tick.C:
		}
	}
}

func agree(views []harness.MemberView, members int) bool {
	for _, v := range views {
		if v.Error != "" || !v.Serves || len(v.Members) != members {
			return false
		}
	}
	return len(views) == members
}

func writeThrough(ctx context.Context, r harness.Recovered, record *harness.TrialRecord, hosts []string) {
	write, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	below := record.Spec.String()
	acked, err := r.Write(write, below, writes, hosts)
	record.Sent, record.Acked = writes, acked
	if err == nil {
		record.Found, err = r.Read(write, below, hosts)
		record.Read = err == nil
	}
	if err != nil {
		record.Notes = append(record.Notes, err.Error())
	}
	record.Told = r.Members(ctx)
}

func namesBut(hosts []harness.Host, but ...string) []string {
	var names []string
	for _, h := range hosts {
		if len(but) == 0 || h.Name() != but[0] {
			names = append(names, h.Name())
		}
	}
	return names
}
