package observe

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/etcd-firedrill/firedrill/fixtures/localetcd"
)

func TestMain(m *testing.M) {
	localetcd.Main()
	goleak.VerifyTestMain(m)
}
