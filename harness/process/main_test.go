//go:build linux

package process

import (
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/etcd-firedrill/firedrill/fixtures/embedded"
	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/runtimetest"
)

// TestMain lets this binary be whatever a host or a test re-executes it as.
func TestMain(m *testing.M) {
	if embedded.Main(os.Args) || Main(os.Args) || inmateMain(os.Args) || forbiddenMain() || runtimetest.Child(childRuntime) {
		return
	}
	goleak.VerifyTestMain(m,
		// Ginkgo listens for interrupts to the end of the process,
		goleak.IgnoreAnyFunction("github.com/onsi/ginkgo/v2/internal/interrupt_handler.(*InterruptHandler).registerForInterrupts.func1"), // with -p
		goleak.IgnoreAnyFunction("github.com/onsi/ginkgo/v2/internal/interrupt_handler.(*InterruptHandler).registerForInterrupts.func2"),
		// and with -p keeps connections to its other processes. Nothing of ours speaks HTTP here.
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"),
	)
}

// weakFence, in the environment, has child harnesses fence their hosts as root
// does where the kernel grants it no PID namespace.
const weakFence = "FIREDRILL_TEST_WEAK_FENCE"

func childRuntime() (harness.Runtime, error) { return newRuntime("", os.Getenv(weakFence) != "") }

func newRuntime(base string, weak bool) (harness.Runtime, error) {
	r, err := New(Options{Dir: base})
	if err == nil && weak {
		r.fence = fence{}
	}
	return r, err
}

func ignore(sig syscall.Signal) { signal.Ignore(sig) }

// openDir is a directory that any user may use.
func openDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "firedrill-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	return dir
}

// publicCopy copies this test binary to where any user may run it.
func publicCopy(t testing.TB, dir string) string {
	t.Helper()
	program := filepath.Join(dir, "process.test")
	if err := copyProgram("/proc/self/exe", program); err != nil {
		t.Fatal(err)
	}
	return program
}
