package reports_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
)

// spans are stretches of time, -1 for one that had not ended.
func spans(fromTo ...int64) []reports.Span {
	list := []reports.Span{}
	for i := 0; i < len(fromTo); i += 2 {
		s := reports.Span{From: fromTo[i]}
		if to := fromTo[i+1]; to >= 0 {
			s.To = &to
		}
		list = append(list, s)
	}
	return list
}

func start(host string, at int64) harness.HostStart { return harness.HostStart{Host: host, At: ms(at)} }
func exit(host string, at int64) harness.HostExit   { return harness.HostExit{Host: host, At: ms(at)} }
func power(host string, at int64, on bool) harness.PowerRecord {
	return harness.PowerRecord{Host: host, At: ms(at), On: on}
}

func TestTracks(t *testing.T) {
	ev := emptyEvidence()
	ev.BornHosts, ev.Hosts = []string{"m1", "m2", "m3"}, []string{"m1", "m2", "m10"}
	ev.Power = []harness.PowerRecord{
		power("m1", 10, true), power("m2", 11, true), power("m3", 12, true),
		power("m3", 500, false), power("m2", 700, true), power("m10", 710, true), power("m3", 900, true), power("m3", 950, false),
	}
	ev.Gone = map[string]time.Duration{"m2": ms(500)}
	ev.Starts = []harness.HostStart{start("m1", 20), start("m2", 21), start("m3", 22), start("m1", 300), start("m2", 800), start("m10", 810), start("m10", 820)}
	ev.Exits = []harness.HostExit{exit("m1", 250), exit("m1", 600), exit("m1", 601), exit("m10", 815)}
	want := []reports.Track{
		{Host: "m1", Power: spans(10, -1), Etcd: spans(20, 250, 300, 600)},
		{Host: "m2", Power: spans(11, 500, 700, -1), Etcd: spans(21, 500, 800, -1)},
		{Host: "m3", Power: spans(12, 500, 900, 950), Etcd: spans(22, 500)},
		{Host: "m10", Power: spans(710, -1), Etcd: spans(810, 815, 820, -1)},
	}
	if diff := cmp.Diff(want, reports.New(ev, nil, nil, reports.Timings{}).Tracks); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A start whose end nobody told ended at the next one at the latest.
func TestTracksDoNotOverlap(t *testing.T) {
	ev := emptyEvidence()
	ev.BornHosts = []string{"m1"}
	ev.Power = []harness.PowerRecord{power("m1", 0, true), power("m1", 40, true)}
	ev.Starts = []harness.HostStart{start("m1", 10), start("m1", 50)}
	want := []reports.Track{{Host: "m1", Power: spans(0, 40, 40, -1), Etcd: spans(10, 50, 50, -1)}}
	if diff := cmp.Diff(want, reports.New(ev, nil, nil, reports.Timings{}).Tracks); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Evidence that does not tell of starts gives no half of a track.
func TestOlderEvidenceHasNoTracks(t *testing.T) {
	ev := drilled()
	ev.Power = []harness.PowerRecord{power("m1", 0, true)}
	ev.Exits = []harness.HostExit{exit("m1", 990)}
	if tracks := reports.New(ev, nil, nil, reports.Timings{}).Tracks; tracks != nil {
		t.Errorf("%+v", tracks)
	}
	ev.Starts = []harness.HostStart{}
	if tracks := reports.New(ev, nil, nil, reports.Timings{}).Tracks; len(tracks) != 1 {
		t.Errorf("%+v", tracks)
	}
}

func TestBackupsAndFetches(t *testing.T) {
	ev := emptyEvidence()
	ev.Marks = map[harness.Mark]time.Duration{harness.Struck: ms(1000)}
	ev.Backups = []harness.Backup{
		{Name: "b1", Host: "m1", Begun: ms(100), Took: ms(60), Verified: true, Bytes: 2080, Keys: 7, Revision: 9,
			Snapshot: ms(40), Verify: ms(5), Upload: ms(14) + 1, Removed: ms(500)},
		{Name: "b2", Host: "m1", Begun: ms(400), Took: ms(50), Unverified: true, Bytes: 2080, Keys: 8, Revision: 11, Snapshot: ms(40), Upload: ms(10)},
		{Name: "b3", Host: "m2", Begun: ms(600), Took: ms(10), Problem: "no leader"},
		{Name: "b4", Host: "m1", Begun: ms(980), Took: ms(50), Verified: true, Revision: 12, Removed: ms(1200)},
	}
	ev.Fetches = []harness.FetchRecord{
		{Backup: "b2", Host: "m2", At: ms(2010), Read: ms(3), Verify: ms(2), Problem: "damaged"},
		{Backup: "b1", Host: "m2", At: ms(2016), Read: ms(3), Verify: ms(2), Carry: ms(4), Bytes: 2080, Brought: true},
		{Backup: "b4", Host: "m1", At: ms(2001), Verify: ms(1)},
		{Backup: "b1", Host: "m1", At: ms(2003), Verify: ms(2), Carry: ms(1), Bytes: 2080, Brought: true},
	}
	r := reports.New(ev, nil, nil, reports.Timings{})
	if diff := cmp.Diff([]reports.Backup{
		{Name: "b1", Host: "m1", At: 100, Took: 60, Snapshot: 40, Verify: 5, Upload: 15, Removed: 500, Bytes: 2080, Keys: 7, Revision: 9},
		{Name: "b2", Host: "m1", At: 400, Took: 50, Snapshot: 40, Upload: 10, Bytes: 2080, Keys: 8, Revision: 11, Kept: true, Problem: "passed over when it was fetched: damaged"},
		{Name: "b3", Host: "m2", At: 600, Took: 10, Problem: "no leader"},
		{Name: "b4", Host: "m1", At: 980, Took: 50, Removed: 1200, Revision: 12},
	}, r.Backups); diff != "" {
		t.Errorf("backups (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]reports.Fetch{
		{Backup: "b1", Host: "m1", At: 2003, Fetch: 1, Verify: 2, Bytes: 2080},
		{Backup: "b1", Host: "m2", At: 2016, Fetch: 7, Verify: 2, Bytes: 2080},
	}, r.Fetches); diff != "" {
		t.Errorf("fetches (-want +got):\n%s", diff)
	}
	delete(ev.Marks, harness.Struck) // then all count that were there at last
	for _, b := range reports.New(ev, nil, nil, reports.Timings{}).Backups {
		if b.Kept != (b.Name == "b2") {
			t.Errorf("%s kept: %v", b.Name, b.Kept)
		}
	}
}
