package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
)

// QuorumWasLost is the premise of every recovery from a lost majority.
type QuorumWasLost struct{ none }

// Name is quorum-was-lost.
func (QuorumWasLost) Name() string { return "quorum-was-lost" }

// Claim says what Held affirms.
func (QuorumWasLost) Claim() string {
	return "after the strike no member knew a leader and a fresh client was not served"
}

// Judge looks for the moment at which it was seen.
func (QuorumWasLost) Judge(ev *harness.Evidence) harness.Result {
	lost, ok := ev.At(harness.QuorumLost)
	struck, begun := ev.At(harness.Struck)
	if !ok || !begun || lost < struck {
		return notSeen("quorum was not seen to be lost before the procedure began")
	}
	if began, ok := ev.At(harness.ProcedureBegan); ok && began < lost {
		return notSeen("quorum was seen to be lost at %.2f s only, and the procedure began at %.2f s", lost.Seconds(), began.Seconds())
	}
	return held("seen %.2f s after the strike", (lost - struck).Seconds())
}

// minimum is how many acknowledgements each writer needs for a history that is
// worth judging.
const minimum = 10

// WritesWereAcknowledged is the premise of every promise about data.
type WritesWereAcknowledged struct{ none }

// Name is writes-were-acknowledged.
func (WritesWereAcknowledged) Name() string { return "writes-were-acknowledged" }

// Claim says what Held affirms.
func (WritesWereAcknowledged) Claim() string {
	return fmt.Sprintf("before the strike every writer, and the probe, had at least %d writes acknowledged", minimum)
}

// Judge counts them.
func (WritesWereAcknowledged) Judge(ev *harness.Evidence) harness.Result {
	struck, ok := ev.At(harness.Struck)
	if !ok {
		return notSeen("nothing was struck")
	}
	writers, probes, total := map[string]int{}, 0, 0
	for o, err := range ev.Ledger.Operations() {
		if err != nil {
			return notSeen("the ledger cannot be read: %v", err)
		}
		if o.Outcome != harness.Acked || !o.Effective || o.Return >= struck {
			continue
		}
		switch o.Kind {
		case harness.WriteOp:
			writers[o.Client]++
			total++
		case harness.ProbeOp:
			probes++
		}
	}
	if len(writers) < ev.Writers {
		return notSeen("%d of %d writers had a write acknowledged before the strike", len(writers), ev.Writers)
	}
	if name, n := least(writers); n < minimum && len(writers) > 0 {
		return notSeen("%s had %d writes acknowledged before the strike, and %d are needed", name, n, minimum)
	}
	if len(writers) == 0 || probes < minimum {
		return notSeen("%d writers and %d probes were acknowledged before the strike", len(writers), probes)
	}
	return held("%d writes by %d writers and %d probes before the strike", total, len(writers), probes)
}

// least is the client with the fewest, the first by name of several.
func least(clients map[string]int) (name string, n int) {
	for i, client := range slices.Sorted(maps.Keys(clients)) {
		if i == 0 || clients[client] < n {
			name, n = client, clients[client]
		}
	}
	return name, n
}

// EtcdDied is the premise of a crash: on each of the hosts etcd ended without
// having been asked to.
type EtcdDied struct {
	none
	Who harness.Selector // among the hosts that the cluster was born on
}

// Name is etcd-died.
func (EtcdDied) Name() string { return "etcd-died" }

// Claim says what Held affirms.
func (c EtcdDied) Claim() string { return "etcd ended unasked on " + c.Who.String() }

// Judge looks for the exits.
func (c EtcdDied) Judge(ev *harness.Evidence) harness.Result {
	struck, ok := ev.At(harness.Struck)
	names, err := c.Who.Select(ev.BornHosts, "")
	if !ok || err != nil || len(names) == 0 {
		return notSeen("it cannot be told whose etcd should have ended: struck %v, %v", ok, err)
	}
	for _, name := range names {
		seen := false
		for _, e := range ev.Exits {
			seen = seen || e.Host == name && e.At >= struck && !e.Asked
		}
		if !seen {
			return notSeen("etcd on %s was not seen to end after the strike", name)
		}
	}
	return held("seen on %s", strings.Join(names, ", "))
}

// FailedStarts is how often etcd must have ended by itself to count as one that
// does not start. Once may be a port that was still taken.
const FailedStarts = 2

// FailedToStart is the premise of an installation that went wrong: on each of the
// hosts etcd ended again and again, from the strike until the procedure began.
type FailedToStart struct {
	none
	Who harness.Selector // among the hosts that the cluster is created on
}

// Name is failed-to-start.
func (FailedToStart) Name() string { return "failed-to-start" }

// Claim says what Held affirms.
func (c FailedToStart) Claim() string {
	return "etcd ended unasked, again and again, on " + c.Who.String() + " before the procedure began"
}

// Judge counts the exits in that time.
func (c FailedToStart) Judge(ev *harness.Evidence) harness.Result {
	struck, ok := ev.At(harness.Struck)
	began, tried := ev.At(harness.ProcedureBegan)
	names, err := c.Who.Select(ev.BornHosts, "")
	if !ok || !tried || err != nil || len(names) == 0 {
		return notSeen("it cannot be told whose etcd should have failed to start: struck %v, procedure begun %v, %v", ok, tried, err)
	}
	if first, ok := ev.At(harness.Booted); ok && first < began {
		return notSeen("every member served at %.2f s, before the procedure began", first.Seconds())
	}
	for _, name := range names {
		ended := 0
		for _, e := range ev.Exits {
			if e.Host == name && e.At >= struck && e.At <= began && !e.Asked {
				ended++
			}
		}
		if ended < FailedStarts {
			return notSeen("etcd on %s was seen to end %d times between the strike and the procedure, and %d are needed", name, ended, FailedStarts)
		}
	}
	return held("seen on %s", strings.Join(names, ", "))
}

// HostsWereOff is the premise of a recovery without hosts whose disks are still
// there: each went off after the strike and was off when the procedure began.
type HostsWereOff struct {
	none
	Who harness.Selector // among the hosts that the cluster was born on
}

// Name is hosts-were-off.
func (HostsWereOff) Name() string { return "hosts-were-off" }

// Claim says what Held affirms.
func (c HostsWereOff) Claim() string {
	return c.Who.String() + " off, with their disks, when the procedure began"
}

// Judge reads the last that was seen of each host's power by then.
func (c HostsWereOff) Judge(ev *harness.Evidence) harness.Result {
	struck, ok := ev.At(harness.Struck)
	began, tried := ev.At(harness.ProcedureBegan)
	names, err := c.Who.Select(ev.BornHosts, "")
	if !ok || !tried || err != nil || len(names) == 0 {
		return notSeen("it cannot be told which hosts should have been off: struck %v, procedure begun %v, %v", ok, tried, err)
	}
	for _, name := range names {
		if at, gone := ev.Gone[name]; gone && at <= began {
			return notSeen("%s was gone, machine and disk", name)
		}
		var last harness.PowerRecord
		for _, p := range ev.Power {
			if p.Host == name && p.At <= began {
				last = p
			}
		}
		if last.Host == "" || last.On || last.At < struck {
			return notSeen("%s was not seen to go off after the strike, and to be off when the procedure began", name)
		}
	}
	return held("seen of %s", strings.Join(names, ", "))
}

// HostsWereLost is the premise of a recovery on new machines: each of the hosts
// was gone, machine and disk, before the procedure began.
type HostsWereLost struct {
	none
	Who harness.Selector // among the hosts that the cluster was born on
}

// Name is hosts-were-lost.
func (HostsWereLost) Name() string { return "hosts-were-lost" }

// Claim says what Held affirms.
func (c HostsWereLost) Claim() string { return c.Who.String() + " lost, machine and disk" }

// Judge looks for the moments at which the hosts were gone.
func (c HostsWereLost) Judge(ev *harness.Evidence) harness.Result {
	struck, ok := ev.At(harness.Struck)
	names, err := c.Who.Select(ev.BornHosts, "")
	if !ok || err != nil || len(names) == 0 {
		return notSeen("it cannot be told which hosts should have been lost: struck %v, %v", ok, err)
	}
	began, procedure := ev.At(harness.ProcedureBegan)
	for _, name := range names {
		at, gone := ev.Gone[name]
		if !gone || at < struck || (procedure && at > began) {
			return notSeen("%s was not seen to be gone after the strike and before the procedure began", name)
		}
	}
	return held("seen of %s", strings.Join(names, ", "))
}

// SurvivorWasBehind is the premise of a recovery from a member that missed what
// the others had acknowledged.
type SurvivorWasBehind struct {
	none
	Host string
}

// Name is survivor-was-behind.
func (SurvivorWasBehind) Name() string { return "survivor-was-behind" }

// Claim says what Held affirms.
func (c SurvivorWasBehind) Claim() string {
	return fmt.Sprintf("when quorum was lost, %s lacked at least %d acknowledged writes", c.Host, Behind)
}

// Behind is how many acknowledged writes a survivor must lack to count as behind.
// A member of a healthy cluster lacks a few at any moment: it learns with the next
// message what is committed, and is later where the machine is busy.
const Behind = 25

// Judge counts what was acknowledged beyond what the survivor was read to hold,
// before it was read: nothing that it could still have received.
func (c SurvivorWasBehind) Judge(ev *harness.Evidence) harness.Result {
	had, read := heldBy(ev, c.Host)
	if had == 0 {
		return notSeen("what %s held was not read between the loss of quorum and its stop", c.Host)
	}
	lacks := 0
	for o, err := range ev.Ledger.Operations() {
		if err != nil {
			return notSeen("the ledger cannot be read: %v", err)
		}
		if o.Outcome == harness.Acked && o.Effective && o.Kind != harness.LeaseOp && o.Return <= read && o.Revision > had {
			lacks++
		}
	}
	if lacks < Behind {
		return notSeen("%s was read to hold revision %d and lacked %d acknowledged writes, and %d are needed", c.Host, had, lacks, Behind)
	}
	return held("%s was read to hold revision %d, and lacked %d writes that had been acknowledged", c.Host, had, lacks)
}
