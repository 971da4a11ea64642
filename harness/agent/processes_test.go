//go:build linux

package agent

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// processesIn lists the living processes whose root directory is dir.
func processesIn(t *testing.T, dir string) []string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	roots, err := filepath.Glob("/proc/[0-9]*/root")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, link := range roots {
		root, err := os.Readlink(link)
		if err != nil || root != dir {
			continue
		}
		text, err := os.ReadFile(filepath.Join(filepath.Dir(link), "cmdline"))
		if err == nil && len(text) > 0 { // a zombie has none
			found = append(found, strings.ReplaceAll(string(text), "\x00", " "))
		}
	}
	return found
}

// awaitNobody waits until no process has its root directory there.
func awaitNobody(t *testing.T, dir string) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		found := processesIn(t, dir)
		if len(found) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("still running: %v", found)
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func itoa(n int) string { return strconv.Itoa(n) }
