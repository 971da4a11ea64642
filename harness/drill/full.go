package drill

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/trial"
)

// byHandNow tells whether whoever recovers by hand has begun. From then on a disk may be
// full because of what he did, and that is how it went; before that it is this machine's
// own, and no finding about etcd: no fault fills a disk.
func (d *drill) byHandNow() bool { return d.plan.byHand() && d.marked(harness.ProcedureBegan) }

// noSpace is told that etcd found no space on a host.
func (d *drill) noSpace(host string) {
	if !d.byHandNow() {
		d.broke(breakage{host: host, err: fmt.Errorf("the disk of host %s: %s", host, diskFull)})
		return
	}
	is := harness.FullDisk{Host: host, At: d.timeline.now()}
	d.mu.Lock()
	_, over := d.ev.Marks[harness.Collected]
	known := slices.ContainsFunc(d.ev.FullDisks, func(f harness.FullDisk) bool { return f.Host == host })
	if !over && !known {
		d.ev.FullDisks = append(d.ev.FullDisks, is)
	}
	if d.fullTrial != nil {
		d.fullTrial[host] = true
	}
	d.mu.Unlock()
	if !over && !known {
		d.timeline.say(harness.WarningEvent, host, "the disk is full: etcd found %s", diskFull)
	}
}

// hearFull begins to note, for a trial, on which hosts etcd finds no space. heard ends it.
// Before the evidence was collected such hosts are in it; what a trial meets is its own.
func (d *drill) hearFull() (heard func() []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fullTrial = map[string]bool{}
	return func() []string {
		d.mu.Lock()
		defer d.mu.Unlock()
		found := slices.Sorted(maps.Keys(d.fullTrial))
		d.fullTrial = nil
		return found
	}
}

// fullInTrial says which hosts did not do what a trial asked because their disk is full,
// as it may be once somebody recovered by hand; "" where anything else is the matter, too.
func (d *drill) fullInTrial(err error) string {
	var failed trial.HostErrors
	if !d.byHandNow() || !errors.As(err, &failed) {
		return ""
	}
	var all []string
	for _, host := range slices.Sorted(maps.Keys(failed)) {
		if why := failed[host]; errors.Is(why, harness.ErrAgentLost) || !strings.Contains(why.Error(), diskFull) {
			return ""
		}
		all = append(all, fmt.Sprintf("the disk of host %s was full: %v", host, failed[host]))
	}
	return strings.Join(all, "; ")
}

// fullByHand tells of an error in what somebody asked for by hand: the hosts' disk is
// full, for all that is known because of him, and he hears of it himself.
func (d *drill) fullByHand(err error) bool {
	var asked broken // which nobody has who holds d.mu
	return errors.As(err, &asked) && strings.Contains(err.Error(), diskFull) && d.byHandNow()
}

// withRoomFor adds to what somebody is told who asked for what there was no room for, on
// this host or, "", where new ones have their disks, what he can do about it.
func withRoomFor(host string, err error) error {
	switch {
	case !strings.Contains(err.Error(), diskFull):
		return err
	case host == "":
		return hinted(err, "the disk is full: free some space on it, by firedrill host exec NAME -- rm FILE on a host that shares it, and try again")
	}
	return hinted(err, fmt.Sprintf("the disk of host %s is full: free some space on it, by firedrill host exec %s -- rm FILE, and try again", host, host))
}

// leastRoom is how many bytes there have to be where something is still to be written.
const leastRoom = 1 << 20

// roomAt tells whether a little more can be written to a directory.
func roomAt(dir string) bool {
	f, err := os.CreateTemp(dir, ".room-")
	if err != nil {
		return !errors.Is(err, syscall.ENOSPC)
	}
	_, err = f.Write(make([]byte, leastRoom))
	err = errors.Join(err, f.Close(), os.Remove(f.Name()))
	return !errors.Is(err, syscall.ENOSPC)
}

// makeRoom clears the desk of whoever recovered by hand where what he left there fills the
// disk that evidence is written to, or sorted on. Nobody is at it any more.
func (d *drill) makeRoom() error {
	if d.workplace == nil || roomAt(d.dir) && roomAt(os.TempDir()) {
		return nil
	}
	desk := d.workplace
	d.workplace = nil
	d.timeline.say(harness.WarningEvent, "", "the disk is full, so what the recovery left at the desk is removed")
	return desk.Close(false)
}

// scratch is the directory under which evidence is sorted to be judged, "" for the usual
// one: hosts that are processes have their disks there, and may have filled it.
func (d *drill) scratch() string {
	if d.plan.byHand() && (len(d.ev.FullDisks) > 0 || !roomAt(os.TempDir())) {
		return d.dir
	}
	return ""
}
