package policy

import (
	"cmp"
	"slices"

	"github.com/etcd-firedrill/firedrill/reports"
)

// Backup is one backup that a drill's job took, or tried to take. What did not occur
// is absent.
type Backup struct {
	Name     string `json:"name"`
	Snapshot int64  `json:"snapshot_ms,omitempty"` // saved on its host, and pulled off it
	Verify   int64  `json:"verify_ms,omitempty"`
	Upload   int64  `json:"upload_ms,omitempty"`
	Bytes    int64  `json:"bytes,omitempty"`
	Keys     int64  `json:"keys,omitempty"`
	// Completed: it was kept before the strike, whether or not it was removed or passed
	// over since.
	Completed bool `json:"completed"`
	// UnderWay is how long it had been under way when disaster struck. Absent: it was not.
	UnderWay int64  `json:"under_way_ms,omitempty"`
	Restored bool   `json:"restored,omitempty"` // the one that was fetched last
	Problem  string `json:"problem,omitempty"`  // why it was not kept, or was passed over when it was fetched
}

// HostTimes is what one host needed of the backup that was restored. What did not
// occur there is absent.
type HostTimes struct {
	Host    string `json:"host"`
	Fetch   int64  `json:"fetch_ms,omitempty"`  // out of the store and onto it
	Verify  int64  `json:"verify_ms,omitempty"` // between the two
	Restore int64  `json:"restore_ms,omitempty"`
}

// LongestBackup is how long the longest of the run's backups took, until it could be
// restored: what a policy loses beyond its interval, whichever of them was restored. 0:
// it was not seen how long any took. One that disaster met under way counts for as long
// as it had taken, up to twice the longest, as check.LossWithinPolicy has it; what it took
// from then on is no longer the policy's alone.
func (r Run) LongestBackup() int64 {
	var longest, underWay int64
	for _, b := range r.Backups {
		if b.Completed || b.Restored {
			longest = max(longest, b.Snapshot+b.Verify+b.Upload)
		} else {
			underWay = max(underWay, b.UnderWay)
		}
	}
	return max(longest, min(underWay, 2*longest))
}

// restoredOf is the name of the backup that was restored; "": none was fetched.
func restoredOf(r reports.Report) string {
	if len(r.Fetches) == 0 {
		return ""
	}
	return r.Fetches[len(r.Fetches)-1].Backup
}

func backupsOf(r reports.Report) []Backup {
	restored := restoredOf(r)
	var list []Backup
	for _, b := range r.Backups {
		is := Backup{
			Name: b.Name, Snapshot: b.Snapshot, Verify: b.Verify, Upload: b.Upload, Bytes: b.Bytes, Keys: b.Keys, Problem: b.Problem,
			Completed: b.Kept, Restored: b.Name != "" && b.Name == restored,
		}
		switch before := len(r.Strikes) == 0 || b.At+b.Took <= r.Strikes[0].At; {
		case before && b.Removed > 0: // by the retention, which had kept it until then
			is.Completed = true
		case !before && !b.Kept:
			is.UnderWay = max(r.Strikes[0].At-b.At, 0)
		}
		list = append(list, is)
	}
	return list
}

// hostsOf are the hosts onto which the backup was brought or on which something was
// restored, m2 before m10.
func hostsOf(r reports.Report) []HostTimes {
	var hosts []HostTimes
	of := func(name string) *HostTimes {
		i := slices.IndexFunc(hosts, func(h HostTimes) bool { return h.Host == name })
		if i < 0 {
			i, hosts = len(hosts), append(hosts, HostTimes{Host: name})
		}
		return &hosts[i]
	}
	restored := restoredOf(r)
	for _, f := range r.Fetches {
		if f.Backup == restored {
			h := of(f.Host)
			h.Fetch, h.Verify = max(h.Fetch, f.Fetch), max(h.Verify, f.Verify)
		}
	}
	for _, s := range r.Steps {
		if s.Phase == "restore" {
			of(s.Host).Restore += s.Took
		}
	}
	slices.SortFunc(hosts, func(a, b HostTimes) int {
		return cmp.Or(cmp.Compare(len(a.Host), len(b.Host)), cmp.Compare(a.Host, b.Host))
	})
	return hosts
}

// newestAge is how old the newest backup was that could be restored, at the strike;
// 0: there was none.
func newestAge(r reports.Report) int64 {
	var age int64
	for _, b := range r.Backups {
		if len(r.Strikes) > 0 && b.Kept && b.Problem == "" {
			age = max(r.Strikes[0].At-b.At, 0) // they are in order
		}
	}
	return age
}

// slowest is how long the slowest of the backups took, until it could be restored.
func slowest(backups []reports.Backup) int64 {
	var ms int64
	for _, b := range backups {
		if b.Problem == "" {
			ms = max(ms, b.Snapshot+b.Verify+b.Upload)
		}
	}
	return ms
}

func (b Backup) negative() bool {
	return min(b.Snapshot, b.Verify, b.Upload, b.UnderWay, b.Bytes, b.Keys) < 0
}

func (h HostTimes) negative() bool { return min(h.Fetch, h.Verify, h.Restore) < 0 }
