package sweep

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/etcd-firedrill/firedrill/reports/policy"
)

// ThisMachine is what the drills run on, as far as the kernel tells it; disk is a
// directory on the file system that hosts lie on.
func ThisMachine(disk string) policy.Machine {
	return machineOf("/proc", disk)
}

func machineOf(proc, disk string) policy.Machine {
	m := policy.Machine{CPUs: runtime.NumCPU(), OS: runtime.GOOS + "/" + runtime.GOARCH}
	m.Model = valueIn(filepath.Join(proc, "cpuinfo"), "model name", "CPU part")
	memory, _, _ := strings.Cut(valueIn(filepath.Join(proc, "meminfo"), "MemTotal"), " ")
	if kib, err := strconv.ParseInt(memory, 10, 64); err == nil {
		m.Memory = kib << 10
	}
	if release, err := os.ReadFile(filepath.Join(proc, "sys/kernel/osrelease")); err == nil {
		m.Kernel = strings.TrimSpace(string(release))
	}
	if path, err := filepath.Abs(disk); err == nil {
		m.Disk = fileSystem(filepath.Join(proc, "self/mountinfo"), path)
	}
	return m
}

// valueIn is the first value of any of the names in a file of lines "name : value".
func valueIn(path string, names ...string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(line, ":")
		for _, n := range names {
			if ok && strings.TrimSpace(name) == n {
				return strings.TrimSpace(value)
			}
		}
	}
	return ""
}

// fileSystem is the type of what is mounted where a path lies: the last one at the
// longest mount point above it (see proc(5) on mountinfo).
func fileSystem(mountinfo, path string) string {
	text, err := os.ReadFile(mountinfo)
	if err != nil {
		return ""
	}
	found, at := "", ""
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		for i, f := range fields {
			if f != "-" || i < 6 || i+1 >= len(fields) {
				continue
			}
			point := fields[4]
			if above := point == "/" || path == point || strings.HasPrefix(path, point+"/"); above && len(point) >= len(at) {
				found, at = fields[i+1], point
			}
			break
		}
	}
	return found
}
