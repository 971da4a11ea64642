package render_test

import (
	"strings"
	"testing"

	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/render"
)

// What was chosen is named by where it lies, however that was asked for.
func TestTheNameOfWhatWasRehearsed(t *testing.T) {
	for want, from := range map[string]reports.RehearsedSource{
		"s3://b/etcd/a.db":       {Location: "s3://b/etcd/", Object: "a.db"},
		"s3://b/etcd//slip.db":   {Location: "s3://b/etcd//", Object: "/slip.db"},
		"s3://b/etcd/etcd-2.db":  {Location: "s3://b/etcd/etcd-*", Object: "etcd-2.db"},
		"s3://b/etcd-2.db":       {Location: "s3://b/etcd-*", Object: "etcd-2.db"},
		"s3://b/nightly/star*":   {Location: "s3://b/nightly/star*"}, // nothing was chosen
		"backups-*/newest.db":    {Location: "backups-*", Object: "newest.db"},
		"/var/backups/etcd-2.db": {Location: "/var/backups/etcd-2.db"},
		"/var/backups/etcd/b.db": {Location: "/var/backups/etcd", Object: "b.db"},
	} {
		if got := (render.Style{}).Rehearsal(reports.Rehearsal{Source: from}); !strings.Contains(got, "  "+want+" on ") {
			t.Errorf("%+v is called %q, want %q", from, strings.SplitN(got, "\n", 2)[0], want)
		}
	}
}
