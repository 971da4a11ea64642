//go:build linux

package container

import (
	"context"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/etcd-firedrill/firedrill/fixtures/embedded"
	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/agent"
	"github.com/etcd-firedrill/firedrill/harness/runtimetest"
)

// TestMain lets this binary, of which the image of hosts is made, be whatever a
// host or a test runs it as.
func TestMain(m *testing.M) {
	if embedded.Main(os.Args) {
		return
	}
	if status, ran := agent.Main(os.Args); ran {
		os.Exit(status)
	}
	if runtimetest.Child(childRuntime) {
		return
	}
	goleak.VerifyTestMain(m,
		// Ginkgo listens for interrupts to the end of the process.
		goleak.IgnoreAnyFunction("github.com/onsi/ginkgo/v2/internal/interrupt_handler.(*InterruptHandler).registerForInterrupts.func2"),
	)
}

func childRuntime() (harness.Runtime, error) { return New(context.Background(), Options{}) }
