package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports/policy"
)

const (
	// walBytes is what the log of a member may come to.
	walBytes = 128 << 20
	// backupsAtOnce is how many backups lie beside each other: two are awaited before
	// disaster strikes, one more is taken, and another is on its way.
	backupsAtOnce = 4
)

// room is what drills need of a place.
type room struct {
	place string
	bytes int64
	what  string
}

// rooms are what the largest drill needs beside the datasets: hosts have the snapshot
// and the database that is made of it, and the old one where it is moved aside.
func (r *rounds) rooms(hosts string) []room {
	var largest policy.Size
	var onHosts int64
	births := map[birth]bool{}
	for _, p := range r.points() {
		largest = max(largest, p.Size)
		onHosts = max(onHosts, int64(p.Members)*(2*int64(p.Size)+walBytes)+int64(p.Size))
		births[birth{p.Size, p.ValueSize}] = true
	}
	var datasets int64
	for of := range births {
		datasets += int64(of.size)
	}
	kept := backupsAtOnce * int64(largest)
	if count := int64(r.plan.Policy.Retention.Count); count > 0 {
		kept = min(kept, (count+1)*int64(largest))
	}
	needs := []room{{r.dir, datasets, "the datasets"}}
	switch store := r.plan.Policy.Store; {
	case store == "":
		needs = append(needs, room{r.dir, kept, "the backups of a drill"})
	case harness.InS3(store):
		needs = append(needs, room{r.dir, 2 * int64(largest), "backups on their way"})
	default:
		needs = append(needs, room{r.dir, 2 * int64(largest), "backups on their way"}, room{strings.TrimPrefix(store, "file://"), kept, "the backups of a drill"})
	}
	if r.runtime.Name() == "process" { // where else hosts lie is not for us to know
		needs = append(needs, room{hosts, onHosts, "the hosts of a drill"})
	}
	return needs
}

// hasRoom refuses early what would not fit: etcd does not take a full disk well.
func (r *rounds) hasRoom(hosts string) error {
	type disk struct {
		places []string
		need   int64
		free   int64
		uses   []string
	}
	disks := map[string]*disk{}
	var order []*disk
	for _, need := range r.rooms(hosts) {
		place, id, free, err := freeAt(need.place)
		if err != nil {
			return fmt.Errorf("look for room for %s: %w", need.what, err)
		}
		d := disks[id]
		if d == nil {
			d = &disk{free: free}
			disks[id], order = d, append(order, d)
		}
		d.places, d.need = append(d.places, place), d.need+need.bytes
		d.uses = append(d.uses, fmt.Sprintf("%s for %s", policy.Size(need.bytes), need.what))
	}
	var errs []error
	for _, d := range order {
		if d.free < d.need {
			errs = append(errs, fmt.Errorf("the disk of %s has %s left, and about %s are needed: %s", d.places[0], policy.Size(d.free), policy.Size(d.need), strings.Join(d.uses, ", ")))
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return hint(errors.Join(errs...), "smaller --sizes, fewer --members or a smaller --retention-count; or other disks, by --out and TMPDIR")
}

// freeAt is how many bytes are free for a place, or for the nearest directory above it
// that is there, and on which disk.
func freeAt(place string) (at, disk string, free int64, err error) {
	if at, err = filepath.Abs(place); err != nil {
		return at, "", 0, err
	}
	for {
		var stat unix.Stat_t
		err := unix.Stat(at, &stat)
		if errors.Is(err, fs.ErrNotExist) && at != filepath.Dir(at) {
			at = filepath.Dir(at)
			continue
		}
		var of unix.Statfs_t
		if err == nil {
			err = unix.Statfs(at, &of)
		}
		if err != nil {
			return at, "", 0, &os.PathError{Op: "stat", Path: at, Err: err}
		}
		return at, fmt.Sprint(stat.Dev), int64(of.Bavail * uint64(of.Bsize)), nil
	}
}
