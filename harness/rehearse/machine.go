package rehearse

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/etcd-firedrill/firedrill/reports"
)

// machine is what we run on, and what we took of its memory.
func machine() reports.RehearsalMachine {
	return reports.RehearsalMachine{
		CPUs: runtime.NumCPU(), OS: runtime.GOOS + "/" + runtime.GOARCH,
		Memory: kernelTells("/proc/meminfo", "MemTotal:"), PeakRSS: kernelTells("/proc/self/status", "VmHWM:"),
	}
}

// kernelTells reads a number of kB from a file of the kernel's, as bytes; 0 where
// it does not tell.
func kernelTells(path, name string) int64 {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, name+" %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	return 0
}
