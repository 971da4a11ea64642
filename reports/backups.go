package reports

import (
	"cmp"
	"math"
	"slices"

	"github.com/etcd-firedrill/firedrill/harness"
)

// backupsOf are the backups that the site's job took, or tried to take.
func backupsOf(ev *harness.Evidence) []Backup {
	struck, ok := ev.At(harness.Struck)
	if !ok {
		struck = math.MaxInt64
	}
	var list []Backup
	for _, b := range ev.Backups {
		is := Backup{
			Name: b.Name, Host: b.Host, At: b.Begun.Milliseconds(), Took: wholeMS(b.Took),
			Snapshot: wholeMS(b.Snapshot), Status: wholeMS(b.Status), Verify: wholeMS(b.Verify), Upload: wholeMS(b.Upload), Removed: b.Removed.Milliseconds(),
			Bytes: b.Bytes, Keys: b.Keys, Revision: b.Revision, Kept: b.KeptAt(struck), Problem: b.Problem,
		}
		if why, _ := ev.PassedOver(b.Name); is.Problem == "" && why != "" {
			is.Problem = "passed over when it was fetched: " + why
		}
		list = append(list, is)
	}
	return list
}

// fetchesOf are the backups that were brought onto hosts. Those that were only
// looked at are told of by Backup.Problem, if anything is wrong with them.
func fetchesOf(ev *harness.Evidence) []Fetch {
	var list []Fetch
	records := slices.Clone(ev.Fetches)
	slices.SortStableFunc(records, func(a, b harness.FetchRecord) int { return cmp.Compare(a.At, b.At) })
	for _, f := range records {
		if f.Brought {
			list = append(list, Fetch{
				Backup: f.Backup, Host: f.Host, At: f.At.Milliseconds(), Bytes: f.Bytes,
				Fetch: wholeMS(f.Read + f.Carry), Verify: wholeMS(f.Verify),
			})
		}
	}
	return list
}

func strikesOf(ev *harness.Evidence) []Strike {
	var list []Strike
	for _, f := range ev.Faults {
		list = append(list, Strike{Fault: f.Fault, By: f.By, Hosts: append([]string{}, f.Hosts...), At: f.At.Milliseconds(), Took: wholeMS(f.Took)})
	}
	return list
}

func momentsOf(ev *harness.Evidence) map[string]int64 {
	if len(ev.Marks) == 0 {
		return nil
	}
	moments := make(map[string]int64, len(ev.Marks))
	for mark, at := range ev.Marks {
		moments[string(mark)] = at.Milliseconds()
	}
	return moments
}
