package trend

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/policy"
)

// conditions are under what a file's runs were made, as far as it tells: each value
// that there was.
type conditions map[condition][]string

// condition is one of them: what it is called, and of which scenario it is, if it is not
// of all. A file may hold drills of scenarios that are never alike in it.
type condition struct{ what, of string }

func (c condition) String() string {
	if c.of == "" {
		return c.what
	}
	return c.what + " of " + c.of
}

// The conditions, in the order in which they are told. What a report does not tell is
// no condition of it, and is not held against another that does.
const (
	processor = "the processor"
	memory    = "memory"
	system    = "the system"
	disk      = "the disk"
	etcd      = "etcd"
	etcdFrom  = "where etcd comes from"
	etcdFlags = "the list of etcd flags"
	keptIn    = "where backups are kept"
	verified  = "how backups are verified"
	writers   = "the number of writers"
	rate      = "the rate of writes"
	valueSize = "the size of values"
	store     = "the store of backups"
)

var told = []string{processor, memory, system, disk, etcd, etcdFrom, etcdFlags, keptIn, store, verified, writers, rate, valueSize}

func (c conditions) note(what condition, value string) {
	if value != "" && !slices.Contains(c[what], value) {
		c[what] = append(c[what], value)
	}
}

func (c conditions) machine(m reports.Machine) {
	if m.Model == "" {
		c.cores(m.CPUs)
	} else {
		c.note(condition{what: processor}, fmt.Sprintf("%d × %s", m.CPUs, m.Model))
	}
	if m.Memory > 0 {
		c.note(condition{what: memory}, policy.Size(m.Memory).String())
	}
	c.note(condition{what: system}, strings.TrimSpace(m.OS+" "+m.Kernel))
	c.note(condition{what: disk}, m.Disk)
}

func (c conditions) cores(n int) {
	if n > 0 {
		c.note(condition{what: processor}, fmt.Sprintf("%d cores", n))
	}
}

func (c conditions) sweep(r policy.Result) {
	c.machine(r.Machine)
	c.note(condition{what: etcd}, r.Etcd)
	from := "firedrill's own"
	switch {
	case r.Image != "":
		from = "image " + r.Image
	case r.EtcdBin != "":
		from = r.EtcdBin
	}
	c.note(condition{what: etcdFrom}, from)
	c.note(condition{what: etcdFlags}, flags(r.EtcdArgs))
	c.note(condition{what: keptIn}, kept[harness.KeepingOf(r.Policy.Store)])
	by := "by their checksum"
	if r.Policy.Verify == policy.VerifyNone {
		by = "not at all"
	}
	c.note(condition{what: verified}, by)
	c.note(condition{what: writers}, ownOr(r.Sweep.Writers, ""))
	c.note(condition{what: rate}, ownOr(r.Sweep.Rate, " a second"))
}

func (c conditions) drill(r reports.Report) {
	c.cores(r.CPUs)
	c.note(condition{what: etcd}, r.EtcdVersion)
	note := func(what, value string) { c.note(condition{what: what, of: r.Scenario}, value) }
	note(etcdFlags, flags(r.EtcdArgs))
	note(store, kept[r.Keeping])
	if r.Traffic != nil {
		note(writers, fmt.Sprint(r.Traffic.Writers))
		note(rate, fmt.Sprintf("%d a second", r.Traffic.Rate))
		note(valueSize, fmt.Sprintf("%d bytes", r.Traffic.ValueSize))
	}
}

// kept are the kinds of stores in words.
var kept = map[harness.Keeping]string{
	harness.KeptInOwn:       "each drill's own directory",
	harness.KeptInDirectory: "a directory for all drills",
	harness.KeptInS3:        "S3",
}

// flags are a list of etcd's flags as they are typed; a drill's report has no dashes.
func flags(args []string) string {
	if len(args) == 0 {
		return "none"
	}
	typed := make([]string, len(args))
	for i, arg := range args {
		typed[i] = "--" + strings.TrimLeft(arg, "-")
	}
	return strings.Join(typed, " ")
}

func ownOr(n int, unit string) string {
	if n == 0 {
		return "the scenario's own"
	}
	return fmt.Sprint(n) + unit
}

// differences tells in what two files' runs were made under other conditions: what
// has changed may be that, and not restoring.
func differences(first, last Source) []string {
	both := slices.SortedFunc(maps.Keys(first.under), func(a, b condition) int {
		return cmp.Or(cmp.Compare(slices.Index(told, a.what), slices.Index(told, b.what)), cmp.Compare(a.of, b.of))
	})
	var lines []string
	for _, what := range both {
		was, is := first.under[what], last.under[what]
		if len(is) == 0 {
			continue
		}
		slices.Sort(was)
		slices.Sort(is)
		if !slices.Equal(was, is) {
			lines = append(lines, fmt.Sprintf("%s is %s, and was %s", what, strings.Join(is, " and "), strings.Join(was, " and ")))
		} else if len(is) > 1 {
			lines = append(lines, fmt.Sprintf("%s is not the same in all runs: %s", what, strings.Join(is, " and ")))
		}
	}
	return lines
}
