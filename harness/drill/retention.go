package drill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/store"
)

// removeDeadline bounds the removal of one old backup.
const removeDeadline = 30 * time.Second

// retain removes what the job need not keep any more, now that another backup was
// kept. A removal that was begun is brought to its end, also when the job is told
// to stop: what is half removed nobody can restore, and nobody can tell.
func (j *backupJob) retain(ctx context.Context) {
	for _, name := range exceeding(j.Keep, j.list(), j.d.timeline.now()) {
		if ctx.Err() != nil {
			return
		}
		whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeDeadline)
		err := j.d.archive.remove(whole, name)
		cancel()
		if err != nil && !errors.Is(err, store.ErrNotFound) { // somebody else may have removed it
			j.d.broke(breakage{err: fmt.Errorf("remove old backup %s: %w", name, err)})
			return
		}
		j.mu.Lock()
		for i := range j.taken {
			if j.taken[i].Name == name {
				j.taken[i].Removed = j.d.timeline.now()
			}
		}
		j.mu.Unlock()
		j.d.timeline.say(harness.BackupEvent, "", "backup %s is removed: newer ones are kept", name)
	}
}

// exceeding names the backups that are kept and exceed either bound, the oldest
// first. The newest is not among them.
func exceeding(keep harness.Retention, taken []harness.Backup, now time.Duration) (names []string) {
	newer := 0
	for _, b := range slices.Backward(taken) {
		if !b.KeptAt(now) {
			continue
		}
		if newer > 0 && (keep.Count > 0 && newer >= keep.Count || keep.Age > 0 && now-b.Begun > keep.Age) {
			names = append(names, b.Name)
		}
		newer++
	}
	slices.Reverse(names)
	return names
}
