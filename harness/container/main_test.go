//go:build linux

package container

import (
	"context"
	"errors"
	"fmt"
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
	if drill := os.Getenv(pullThenBuild); drill != "" {
		if err := buildAfterPull(drill); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m,
		// Ginkgo listens for interrupts to the end of the process.
		goleak.IgnoreAnyFunction("github.com/onsi/ginkgo/v2/internal/interrupt_handler.(*InterruptHandler).registerForInterrupts.func2"),
	)
}

func childRuntime() (harness.Runtime, error) { return New(context.Background(), Options{}) }

// pullThenBuild, in the environment, has this binary build a rack for that
// drill, first thing after an image could not be pulled.
const pullThenBuild = "FIREDRILL_TEST_PULL_THEN_BUILD"

func buildAfterPull(drill string) error {
	ctx := context.Background()
	if _, err := New(ctx, Options{Image: "127.0.0.1:1/absent/etcd:v0"}); err == nil {
		return errors.New("an image that is nowhere was found")
	}
	r, err := New(ctx, Options{})
	if err != nil {
		return err
	}
	k, err := r.Build(ctx, drill)
	if err != nil {
		return err
	}
	return k.Close(ctx, false)
}
