//go:build linux

package process

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/etcd-firedrill/firedrill/harness"
)

func wantError(t *testing.T, err error, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %q, want it to say %q", err, want)
		}
	}
}

func TestFileSystems(t *testing.T) {
	good := unix.Statfs_t{Bsize: 4096, Bavail: enoughBytes / 4096}
	if err := judgeFileSystem("/b", good); err != nil {
		t.Error(err)
	}
	full := good
	full.Bavail--
	wantError(t, judgeFileSystem("/b", full), "/b", "1023 MiB", "needs 1024", "\nhint: ", "TMPDIR")
	noexec := good
	noexec.Flags |= unix.ST_NOEXEC
	wantError(t, judgeFileSystem("/b", noexec), "/b", "noexec", "\nhint: ", "TMPDIR")
}

func TestAnothersBase(t *testing.T) {
	needRoot(t)
	base := t.TempDir()
	if err := os.Chown(base, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	_, err := New(Options{Dir: base})
	wantError(t, err, base, "belongs to user 65534", "\nhint: ")
}

func TestEtcdBin(t *testing.T) {
	dynamic, err := exec.LookPath("true")
	if err != nil || checkStatic(dynamic) == nil {
		t.Skip("no dynamically linked program is at hand")
	}
	for name, c := range map[string]struct {
		spoil func(etcdutl string) error
		wants []string
	}{
		"fine":         {spoil: func(string) error { return nil }},
		"missing":      {os.Remove, []string{"there is no", "--etcd-bin"}},
		"no program":   {func(p string) error { return os.WriteFile(p, []byte("#!/bin/sh\n"), 0o755) }, []string{"is no Linux program"}},
		"not to run":   {func(p string) error { return os.Chmod(p, 0o644) }, []string{"is no executable file", "chmod +x"}},
		"dynamic":      {func(p string) error { return replaceByCopy(dynamic, p) }, []string{"dynamically linked", "CGO_ENABLED=0"}},
		"a directory":  {replaceByDir, []string{"is no executable file"}},
		"a loose link": {func(p string) error { return replaceByLink("/nothing", p) }, []string{"there is no"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, tool := range etcdTools {
				if err := copyProgram("/proc/self/exe", filepath.Join(dir, tool)); err != nil {
					t.Fatal(err)
				}
			}
			etcdutl := filepath.Join(dir, "etcdutl")
			if err := c.spoil(etcdutl); err != nil {
				t.Fatal(err)
			}
			_, err := New(Options{Dir: t.TempDir(), EtcdBin: dir})
			if len(c.wants) == 0 && err != nil {
				t.Error(err)
			}
			if len(c.wants) > 0 {
				wantError(t, err, append(c.wants, etcdutl)...)
			}
		})
	}
}

func replaceByCopy(from, to string) error {
	if err := os.Remove(to); err != nil {
		return err
	}
	return copyProgram(from, to)
}

func replaceByDir(path string) error {
	if err := os.Remove(path); err != nil {
		return err
	}
	return os.Mkdir(path, 0o755)
}

func replaceByLink(to, path string) error {
	if err := os.Remove(path); err != nil {
		return err
	}
	return os.Symlink(to, path)
}

// TestBlocks claims a block, and shows that nobody can claim it again, that an
// address where something listens is seen, and what is said when all are taken.
func TestBlocks(t *testing.T) {
	first, err := claimBlock(anyPrefix)
	if err != nil {
		t.Fatal(err)
	}
	again := func() string { return first.prefix }
	_, err = claimBlock(again)
	wantError(t, err, "claim a block", "address already in use", "\nhint: something listens on every address", "2379")

	tried := 0
	second, err := claimBlock(func() string {
		tried++
		if tried == 1 {
			return first.prefix
		}
		return anyPrefix()
	})
	if err != nil || second.prefix == first.prefix {
		t.Fatalf("the second block is %v, %v; the first is %s", second, err, first.prefix)
	}
	if err := second.release(); err != nil {
		t.Fatal(err)
	}

	address := first.address(1)
	if err := first.vacant(address); err != nil {
		t.Error(err)
	}
	for _, port := range []int{harness.ClientPort, harness.PeerPort} {
		l, err := net.Listen("tcp4", net.JoinHostPort(address, strconv.Itoa(port)))
		if err != nil {
			t.Fatal(err)
		}
		if first.vacant(address) == nil {
			t.Errorf("%v is taken, and was found vacant", l.Addr())
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.release(); err != nil {
		t.Fatal(err)
	}
	third, err := claimBlock(again)
	if err != nil {
		t.Fatal("a released block cannot be claimed again:", err)
	}
	if err := third.release(); err != nil {
		t.Fatal(err)
	}
}
