package crew_test

import (
	"errors"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/etcd-firedrill/firedrill/harness/crew"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func outOfOrder() { panic("out of order") }

func TestCaught(t *testing.T) {
	if err := crew.Caught(func() {}); err != nil {
		t.Error(err)
	}
	err := crew.Caught(outOfOrder)
	var crash *crew.Crash
	if !errors.As(err, &crash) || crash.Value != "out of order" || !strings.Contains(err.Error(), "outOfOrder") {
		t.Errorf("%v", err)
	}
}

// Whoever waits learns of the panic when all others have ended, with the stack
// of where it happened, also through two crews.
func TestCrew(t *testing.T) {
	var calm crew.Crew
	calm.Go(func() {})
	calm.Wait()

	var outer crew.Crew
	late, told := make(chan struct{}), false
	outer.Go(func() {
		var inner crew.Crew
		inner.Go(outOfOrder)
		defer close(late)
		inner.Wait()
	})
	outer.Go(func() { <-late; told = true })
	err := crew.Caught(outer.Wait)
	if err == nil || !told {
		t.Fatalf("%v; the other had ended: %v", err, told)
	}
	if stack := err.Error(); !strings.HasPrefix(stack, "out of order\n") || !strings.Contains(stack, "outOfOrder") {
		t.Error(stack)
	}
}

func TestSurely(t *testing.T) {
	if err := crew.Surely(func() error { return nil }); err != nil {
		t.Error(err)
	}
	plain := errors.New("no")
	if err := crew.Surely(func() error { return plain }); !errors.Is(err, plain) {
		t.Errorf("%v", err)
	}
	var crash *crew.Crash
	if err := crew.Surely(func() error { outOfOrder(); return nil }); !errors.As(err, &crash) {
		t.Errorf("%v", err)
	}
}
