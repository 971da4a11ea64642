package harness_test

import (
	"testing"

	"github.com/etcd-firedrill/firedrill/harness"
)

func TestKeepingOf(t *testing.T) {
	for location, want := range map[string]harness.Keeping{
		"":                   harness.KeptInOwn,
		"/var/backups":       harness.KeptInDirectory,
		"file:///backups":    harness.KeptInDirectory,
		"s3":                 harness.KeptInDirectory,
		"./s3://bucket":      harness.KeptInDirectory,
		"s3://bucket":        harness.KeptInS3,
		"s3://bucket/prefix": harness.KeptInS3,
	} {
		if got := harness.KeepingOf(location); got != want || harness.InS3(location) != (want == harness.KeptInS3) {
			t.Errorf("%q is %s", location, got)
		}
	}
}
