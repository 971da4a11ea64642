package hardware

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/etcd-firedrill/firedrill/reports"
)

// This is the machine that we run on; disk is a directory on the file system that
// hosts lie on, "" where they lie somewhere else.
func This(disk string) reports.Machine {
	return machineOf("/proc", disk)
}

func machineOf(proc, disk string) reports.Machine {
	m := reports.Machine{CPUs: runtime.NumCPU(), OS: runtime.GOOS + "/" + runtime.GOARCH}
	m.Model = valueIn(filepath.Join(proc, "cpuinfo"), "model name", "CPU part")
	m.Memory = bytesIn(filepath.Join(proc, "meminfo"), "MemTotal")
	if release, err := os.ReadFile(filepath.Join(proc, "sys/kernel/osrelease")); err == nil {
		m.Kernel = strings.TrimSpace(string(release))
	}
	if path, err := filepath.Abs(disk); err == nil && disk != "" {
		m.Disk = fileSystem(filepath.Join(proc, "self/mountinfo"), path)
	}
	return m
}

// PeakMemory is the most memory that this process ever had resident, in bytes; 0
// where the kernel does not tell.
func PeakMemory() int64 { return bytesIn("/proc/self/status", "VmHWM") }

// bytesIn is a value that the kernel gives in kB, in bytes; 0 where it gives none.
func bytesIn(path, name string) int64 {
	number, _, _ := strings.Cut(valueIn(path, name), " ")
	kib, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return 0
	}
	return kib << 10
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
