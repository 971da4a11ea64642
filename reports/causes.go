package reports

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// causeSlack is how long after the last acknowledgement the cause of a gap may
// begin: three probe periods, since what stops the next probe need not have
// begun when the last one returned.
const causeSlack = 60 * time.Millisecond

// act is something done to the cluster, or by it, that may stop service.
type act struct {
	name  string
	hosts []string
	from  time.Duration
	to    time.Duration
}

func (a act) String() string {
	if len(a.hosts) == 0 {
		return a.name
	}
	return a.name + " (" + strings.Join(a.hosts, ", ") + ")"
}

// causes are what the gaps of a drill are put down to: whatever was under way
// when a gap began. That it was under way is observed; that it is the cause is
// left to the reader.
type causes struct {
	faults, steps, exits []act
}

func causesOf(ev *harness.Evidence) causes {
	var c causes
	for _, f := range ev.Faults {
		c.faults = append(c.faults, act{name: f.Fault, from: f.At, to: f.At + f.Took})
	}
	// A runbook of the user's own lasts from its first call to its last: these tell more.
	typed := slices.ContainsFunc(ev.Steps, func(s harness.StepRecord) bool { return s.By != "" })
	for _, s := range ev.Steps {
		if typed && s.By == "" {
			continue
		}
		a := act{name: s.Name, from: s.At, to: s.At + s.Took}
		if s.Host != "" {
			a.hosts = []string{s.Host}
		}
		c.steps = append(c.steps, a)
	}
	for _, e := range ev.Exits {
		if !e.Asked {
			c.exits = append(c.exits, act{name: fmt.Sprintf("etcd on %s %s", e.Host, e.EtcdExit), from: e.At, to: e.At})
		}
	}
	return c
}

// of names the cause of a gap that began at this offset: the fault under way,
// else the steps under way, else an etcd that ended by itself just then, else
// what came last before.
func (c causes) of(began time.Duration) string {
	for _, kind := range [][]act{c.faults, c.steps, c.exits} {
		if running := underWay(kind, began); len(running) > 0 {
			return join(running)
		}
	}
	var latest *act
	for _, kind := range [][]act{c.faults, c.steps} {
		for i, a := range kind {
			if a.from <= began && (latest == nil || a.from >= latest.from) {
				latest = &kind[i]
			}
		}
	}
	if latest == nil {
		return "before the strike"
	}
	return "after " + latest.String()
}

// underWay are the acts during which the gap began, and the first that began
// right after, on all its hosts. Those that followed within milliseconds are
// not: a runbook that is typed by a machine has several steps in the time of
// one probe.
func underWay(acts []act, began time.Duration) []act {
	var running []act
	var next *act
	for i, a := range acts {
		if a.from <= began && a.to >= began {
			running = append(running, a)
		}
		if after(a, began) && (next == nil || a.from < next.from) {
			next = &acts[i]
		}
	}
	for _, a := range acts {
		if next != nil && a.name == next.name && after(a, began) {
			running = append(running, a)
		}
	}
	return running
}

func after(a act, began time.Duration) bool { return a.from > began && a.from <= began+causeSlack }

// join names each act once, with all the hosts it ran on.
func join(acts []act) string {
	var merged []act
	for _, a := range acts {
		i := slices.IndexFunc(merged, func(m act) bool { return m.name == a.name })
		if i < 0 {
			merged = append(merged, act{name: a.name, hosts: slices.Clone(a.hosts)})
			continue
		}
		merged[i].hosts = append(merged[i].hosts, a.hosts...)
	}
	names := make([]string, len(merged))
	for i, m := range merged {
		names[i] = m.String()
	}
	return strings.Join(names, ", ")
}
