package trend

import (
	"fmt"
	"slices"
	"strings"

	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/policy"
)

// conditions are under what a file's runs were made, as far as it tells: by what
// they are called, each value that there was.
type conditions map[string][]string

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
)

var told = []string{processor, memory, system, disk, etcd, etcdFrom, etcdFlags}

func (c conditions) note(what, value string) {
	if value != "" && !slices.Contains(c[what], value) {
		c[what] = append(c[what], value)
	}
}

func (c conditions) machine(m reports.Machine) {
	if m.Model == "" {
		c.cores(m.CPUs)
	} else {
		c.note(processor, fmt.Sprintf("%d × %s", m.CPUs, m.Model))
	}
	if m.Memory > 0 {
		c.note(memory, policy.Size(m.Memory).String())
	}
	c.note(system, strings.TrimSpace(m.OS+" "+m.Kernel))
	c.note(disk, m.Disk)
}

func (c conditions) cores(n int) {
	if n > 0 {
		c.note(processor, fmt.Sprintf("%d cores", n))
	}
}

func (c conditions) sweep(r policy.Result) {
	c.machine(r.Machine)
	c.note(etcd, r.Etcd)
	from := "firedrill's own"
	switch {
	case r.Image != "":
		from = "image " + r.Image
	case r.EtcdBin != "":
		from = r.EtcdBin
	}
	c.note(etcdFrom, from)
	flags := "none"
	if len(r.EtcdArgs) > 0 {
		flags = strings.Join(r.EtcdArgs, " ")
	}
	c.note(etcdFlags, flags)
}

// differences tells in what two files' runs were made under other conditions: what
// has changed may be that, and not restoring.
func differences(first, last Source) []string {
	var lines []string
	for _, what := range told {
		was, is := first.under[what], last.under[what]
		if len(was) == 0 || len(is) == 0 {
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
