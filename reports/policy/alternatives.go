package policy

import (
	"fmt"
	"time"
)

const day = Duration(24 * time.Hour)

// alternatives computes this policy, one of half as many snapshots and one of
// twice as many, by what the longest backup took at the largest size that was
// measured. None without such figures.
func (r Result) alternatives() []Alternative {
	var largest Size
	for _, run := range r.Runs {
		if run.measured() {
			largest = max(largest, run.Size)
		}
	}
	var bytes, backup, late int64
	for _, run := range r.Runs {
		switch {
		case run.Size != largest:
		case run.measured():
			bytes, backup = max(bytes, run.DatabaseBytes), max(backup, run.LongestBackup())
		case run.leftOut():
			late = max(late, run.LongestBackup())
		}
	}
	if largest == 0 {
		return []Alternative{}
	}
	return []Alternative{
		r.alternative(AsItIs, r.Policy.Interval, bytes, backup, late),
		r.alternative(Cheaper, 2*r.Policy.Interval, bytes, backup, late),
		r.alternative(Safer, r.Policy.Interval/2, bytes, backup, late),
	}
}

// measured tells whether a run says how large a backup is and how long it takes.
func (r Run) measured() bool { return r.Counts() && r.DatabaseBytes > 0 && r.LongestBackup() > 0 }

// The names of alternatives.
const (
	AsItIs  = "as it is"
	Cheaper = "cheaper"
	Safer   = "safer"
)

func (r Result) alternative(name string, interval Duration, bytes, backup, late int64) Alternative {
	// Where a backup takes longer than the interval, the next begins as soon as it can.
	possible, every := backup < milliseconds(interval), max(milliseconds(interval), backup)
	a := Alternative{
		Name: name, Interval: interval, Count: r.Policy.Retention.keeps(interval),
		LossMS: every + backup, SnapshotsPerDay: float64(milliseconds(day)) / float64(every),
	}
	a.Bytes = int64(a.Count) * bytes
	if rpo := r.Policy.Targets.RPO; rpo > 0 {
		meets := possible && a.LossMS <= milliseconds(rpo)
		a.MeetsRPO = &meets
	}
	switch {
	case !possible:
		a.Detail = fmt.Sprintf("not possible: a snapshot and its upload alone took %s", plain(backup))
	case a.Count == 0:
		a.Detail = "everything is kept, so that what is stored grows for ever"
	case a.Count == 1:
		a.Detail = "none but the newest snapshot is kept"
	default: // the newest may be of just now
		a.Detail = fmt.Sprintf("the newest snapshots reach back at least %s", (Duration(a.Count-1) * interval).Words())
	}
	if a.MeetsRPO != nil && *a.MeetsRPO && max(milliseconds(interval), late)+late > milliseconds(r.Policy.Targets.RPO) {
		a.Detail += fmt.Sprintf("; a backup of a run that is left out took %s, with which the RPO would not be met", plain(late))
	}
	return a
}

// keeps is how many snapshots a retention keeps at this interval; 0: all of them.
// One of exactly that age is kept.
func (t Retention) keeps(interval Duration) int {
	keeps := t.Count
	if t.Age > 0 {
		if young := int(t.Age/interval) + 1; keeps == 0 || young < keeps {
			keeps = young
		}
	}
	return keeps
}
