//go:build linux

package container

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/fixtures/required"
	"github.com/etcd-firedrill/firedrill/harness"
)

// BenchmarkRack tells what the runtime itself costs, in milliseconds: the
// image when it is there, a rack, three hosts at once, power, a script, the end.
func BenchmarkRack(b *testing.B) {
	if _, err := Available(b.Context()); err != nil && !required.Is(required.Container) {
		b.Skip("no container engine: ", err)
	}
	spent := map[string]time.Duration{}
	var mu sync.Mutex
	clock := func(what string, do func() error) {
		b.Helper()
		begun := time.Now()
		if err := do(); err != nil {
			b.Fatal(what, ": ", err)
		}
		mu.Lock()
		defer mu.Unlock()
		spent[what] += time.Since(begun)
	}
	for range b.N {
		benchRack(b.Context(), clock)
	}
	for what, d := range spent {
		b.ReportMetric(float64(d.Milliseconds())/float64(b.N), what+"-ms/op")
	}
	b.ReportMetric(0, "ns/op") // the sum says nothing
}

func benchRack(ctx context.Context, clock func(string, func() error)) {
	var r *Runtime
	var k harness.Rack
	hosts := make([]harness.Host, 3)
	clock("new", func() (err error) { r, err = New(ctx, Options{}); return err })
	defer r.engine.close()
	clock("build", func() (err error) { k, err = r.Build(ctx, newDrill()); return err })
	defer k.Close(ctx, false)
	clock("three-hosts", func() error {
		errs := make(chan error)
		for i := range hosts {
			go func() {
				var err error
				hosts[i], err = k.Provision(ctx, harness.HostSpec{Name: fmt.Sprintf("m%d", i+1)})
				errs <- err
			}()
		}
		return firstOf(errs, len(hosts))
	})
	clock("script", func() error { _, err := hosts[0].Run(ctx, "true"); return err })
	clock("off", func() error { return hosts[0].PowerOff(ctx) })
	clock("on", func() error { return hosts[0].PowerOn(ctx) })
	clock("destroy", func() error { return hosts[1].Destroy(ctx) })
	clock("close", func() error { return k.Close(ctx, false) })
}

func firstOf(errs <-chan error, n int) (first error) {
	for range n {
		if err := <-errs; first == nil {
			first = err
		}
	}
	return first
}
