package rehearse

import (
	"context"
	"strings"
	"testing"

	"github.com/etcd-firedrill/firedrill/harness"
)

// counting is a host whose etcdutl counts so many.
type counting struct {
	harness.Host
	says string
}

func (h counting) Run(context.Context, string) (harness.Output, error) {
	return harness.Output{Stdout: h.says}, nil
}

// What etcdutl counts are keys since 3.6 alone: before, it counts every record of the
// file, and a backup that lost its keys may have many.
func TestWhatEtcdutlCounts(t *testing.T) {
	for etcd, counts := range map[string]bool{"3.5.35": false, "3.6.0": true, "3.7.3": true, "4.0.0": true, "of unknown version": false} {
		r := &rehearsal{etcd: etcd}
		if err := r.status(t.Context(), &member{host: counting{says: `{"totalKey":41}`}}); err != nil {
			t.Fatal(err)
		}
		if keys := r.report.Keys; (keys != nil) != counts || counts && *keys != 41 {
			t.Errorf("etcd %s: %v keys", etcd, keys)
		}
		if why := r.seen.uncounted; (why == "") != counts || !counts && !strings.Contains(why, "etcdutl "+etcd) {
			t.Errorf("etcd %s: uncounted: %q", etcd, why)
		}
	}
}
