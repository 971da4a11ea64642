//go:build unix

package owner_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness/owner"
)

// TestMain lets this binary be another process that owns a drill.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "own" {
		o, err := owner.Claim(os.Args[2], os.Args[3])
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("owned")
		// Not a select without cases: the runtime ends a program that nothing can wake.
		_, _ = io.Copy(io.Discard, os.Stdin)
		runtime.KeepAlive(o)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestLifeOfADrill(t *testing.T) {
	base := filepath.Join(t.TempDir(), "base")
	if owner.Alive(base, "d1") {
		t.Error("a drill that never was is alive")
	}
	o, err := owner.Claim(base, "d1")
	if err != nil {
		t.Fatal(err)
	}
	if !owner.Alive(base, "d1") || owner.Alive(base, "d2") {
		t.Error("a claimed drill is dead, or another alive")
	}
	if _, err := owner.Inherit(base, "d1"); !errors.Is(err, owner.ErrAlive) {
		t.Errorf("inheriting from the living: %v", err)
	}
	if info, err := os.Stat(o.Dir()); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the drill's directory: %v, %v", info, err)
	}
	if err := o.Release(false); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(base); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the base directory is still there: %v", err)
	}
}

func TestKeptAndInherited(t *testing.T) {
	base := t.TempDir()
	o, err := owner.Claim(base, "d1")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(o.Dir(), "disk"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := o.Release(true); err != nil {
		t.Fatal(err)
	}
	if owner.Alive(base, "d1") {
		t.Error("a drill that was given up is alive")
	}
	heir, err := owner.Inherit(base, "d1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := owner.Claim(base, "d1"); !errors.Is(err, owner.ErrAlive) {
		t.Errorf("claiming what is being swept: %v", err)
	}
	if err := heir.Release(false); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(base, "d1", "disk")); err != nil {
		t.Errorf("a release removed somebody's file: %v", err)
	}
	if _, err := owner.Inherit(base, "d2"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("inheriting a drill that never was: %v", err)
	}
	if err := os.Mkdir(filepath.Join(base, "mine"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := owner.Inherit(base, "mine"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("inheriting a directory that is no drill's: %v", err)
	}
	if entries, err := os.ReadDir(filepath.Join(base, "mine")); err != nil || len(entries) != 0 {
		t.Errorf("a directory that is no drill's now holds %v, %v", entries, err)
	}
}

func TestDeathOfTheOwner(t *testing.T) {
	base := t.TempDir()
	other := exec.Command(os.Args[0], "own", base, "d1")
	in, err := other.StdinPipe() // until it is closed, the other lives
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer other.Process.Kill()
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "owned\n" {
		t.Fatalf("the other process says %q, %v", line, err)
	}
	if !owner.Alive(base, "d1") {
		t.Error("a drill with an owner in another process is dead")
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := other.Wait(); err == nil || other.ProcessState.Exited() {
		t.Errorf("the other process was not there to be killed: %v", err)
	}
	if owner.Alive(base, "d1") {
		t.Error("the drill outlived its owner")
	}
}

// TestNewbornsAreAlive has one look, again and again, at a lock while another
// claims it: a lock that is there is held.
func TestNewbornsAreAlive(t *testing.T) {
	base := t.TempDir()
	for n := range 300 {
		drill := fmt.Sprintf("d%d", n)
		dead := make(chan bool)
		go func() {
			for {
				if _, err := os.Lstat(filepath.Join(base, drill, owner.LockFile)); err == nil {
					dead <- !owner.Alive(base, drill)
					return
				}
			}
		}()
		o, err := owner.Claim(base, drill)
		if err != nil {
			t.Fatal(err)
		}
		if <-dead {
			t.Fatalf("drill %s was seen dead while it was being claimed", drill)
		}
		if entries, err := os.ReadDir(o.Dir()); err != nil || len(entries) != 1 {
			t.Fatalf("a claim left %v, %v", entries, err)
		}
		if err := o.Release(false); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheDeadAreNotClaimed(t *testing.T) {
	base := t.TempDir()
	o, err := owner.Claim(base, "d1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := owner.Claim(base, "d1"); !errors.Is(err, owner.ErrAlive) {
		t.Errorf("claiming what is alive: %v", err)
	}
	if err := o.Release(true); err != nil {
		t.Fatal(err)
	}
	if _, err := owner.Claim(base, "d1"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("claiming what was not swept: %v", err)
	}
	if entries, err := os.ReadDir(o.Dir()); err != nil || len(entries) != 1 {
		t.Errorf("refused claims left %v, %v", entries, err)
	}
}

// TestClaimsAmongSweepers has claimers and sweepers work at once in one base. Each
// claimer must own what it claimed, and find its own file there, throughout.
func TestClaimsAmongSweepers(t *testing.T) {
	base := filepath.Join(t.TempDir(), "base")
	var over atomic.Bool
	var sweepers, claimers sync.WaitGroup
	for range 2 {
		sweepers.Go(func() {
			for !over.Load() {
				entries, _ := os.ReadDir(base)
				for _, e := range entries {
					if heir, err := owner.Inherit(base, e.Name()); err == nil {
						_ = os.Remove(filepath.Join(heir.Dir(), "disk"))
						_ = heir.Release(false)
					}
				}
			}
		})
	}
	for i := range 4 {
		claimers.Go(func() {
			for n := range 200 {
				o, err := owner.Claim(base, fmt.Sprintf("d%d-%d", i, n))
				if err != nil {
					t.Error(err)
					return
				}
				disk := filepath.Join(o.Dir(), "disk")
				if err := os.WriteFile(disk, nil, 0o600); err != nil {
					t.Error("what was claimed was swept:", err)
				}
				if err := errors.Join(os.Remove(disk), o.Release(false)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	claimers.Wait()
	over.Store(true)
	sweepers.Wait()
}

func TestBadDrills(t *testing.T) {
	for _, drill := range []string{"", ".", "..", "../d", "a/b", ".hidden", "a b"} {
		if _, err := owner.Claim(t.TempDir(), drill); err == nil {
			t.Errorf("drill %q was accepted", drill)
		}
	}
}

func TestBaseOfAnother(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a directory away")
	}
	dir := t.TempDir()
	if err := os.Chown(dir, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if _, err := owner.Base(dir); err == nil {
		t.Error("another's directory was accepted")
	}
}

func TestBaseIsReal(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink("real", link); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "real"), 0o700); err != nil {
		t.Fatal(err)
	}
	want, err := filepath.EvalSymlinks(filepath.Join(dir, "real"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := owner.Base(link); err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}
