//go:build linux

package agent

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// processesIn lists the living processes whose root directory is dir.
func processesIn(t *testing.T, dir string) []string {
	t.Helper()
	found, err := rootedIn(dir)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func rootedIn(dir string) (found []string, err error) {
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, err
	}
	roots, err := filepath.Glob("/proc/[0-9]*/root")
	if err != nil {
		return nil, err
	}
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
	return found, nil
}

func itoa(n int) string { return strconv.Itoa(n) }
