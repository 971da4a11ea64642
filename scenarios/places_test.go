package scenarios_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/etcd-firedrill/firedrill/fixtures/embedded"
	"github.com/etcd-firedrill/firedrill/fixtures/required"
	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/container"
	"github.com/etcd-firedrill/firedrill/harness/process"
)

// The hosts run this very binary: as their agent, as etcd, as its tools.
func TestMain(m *testing.M) {
	if embedded.Main(os.Args) || process.Main(os.Args) {
		return
	}
	os.Exit(m.Run())
}

// place is a runtime to run on.
type place struct {
	name string
	open func(context.Context) (harness.Runtime, error)
}

// errNoEngine: containers cannot be had here.
var errNoEngine = errors.New("no Docker engine answers")

func runtimes() []place {
	return []place{
		{"process", func(context.Context) (harness.Runtime, error) { return process.New(process.Options{}) }},
		{"container", func(ctx context.Context) (harness.Runtime, error) {
			if !required.Is(required.Container) {
				if _, err := container.Available(ctx); err != nil {
					return nil, fmt.Errorf("%w: %w", errNoEngine, err)
				}
			}
			return container.New(ctx, container.Options{})
		}},
	}
}

// must opens the runtime for a spec. Where no Docker engine answers, container
// specs are skipped by name and reason, unless FIREDRILL_REQUIRE=container says
// that this is a failure.
func (p place) must(ctx context.Context) harness.Runtime {
	GinkgoHelper()
	rt, err := p.open(ctx)
	if errors.Is(err, errNoEngine) {
		Skip(err.Error())
	}
	Expect(err).NotTo(HaveOccurred())
	return rt
}

// mustFor opens the runtime for a benchmark, and skips it likewise.
func (p place) mustFor(b *testing.B) harness.Runtime {
	b.Helper()
	rt, err := p.open(b.Context())
	if errors.Is(err, errNoEngine) {
		b.Skip(err.Error())
	}
	if err != nil {
		b.Fatal(err)
	}
	return rt
}
