package drill

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/crew"
)

// Figures are unfit where the machine itself was late by more than these: the
// outage is measured from probes every 20 ms and gaps of 250 ms.
const (
	stallLimit = 200 * time.Millisecond
	fsyncLimit = 500 * time.Millisecond
)

// machineWatch measures how busy the machine is while a drill runs.
type machineWatch struct {
	stop, done chan struct{}
	now        func() time.Duration

	mu     sync.Mutex
	record harness.MachineRecord
}

// watchMachine measures how late a 10 ms timer fires, and at both ends of
// the drill how long an fsync beside the evidence takes. broke is told if it
// cannot go on.
func watchMachine(dir string, now func() time.Duration, broke func(error)) *machineWatch {
	w := &machineWatch{stop: make(chan struct{}), done: make(chan struct{}), now: now, record: harness.MachineRecord{CPUs: runtime.NumCPU(), Stalls: []harness.Stall{}}}
	go func() {
		defer close(w.done)
		if err := crew.Caught(w.stalls); err != nil {
			broke(fmt.Errorf("the watch of the machine panicked: %w", err))
		}
	}()
	w.record.FsyncWorst = fsync(dir)
	return w
}

const stallTick = 10 * time.Millisecond

func (w *machineWatch) stalls() {
	timer := time.NewTimer(stallTick)
	defer timer.Stop()
	for {
		due := time.Now().Add(stallTick)
		timer.Reset(stallTick)
		select {
		case <-w.stop:
			return
		case <-timer.C:
		}
		if late := time.Since(due); late > stallTick {
			w.note(harness.Stall{At: w.now(), Late: late})
		}
	}
}

// note keeps the worst stall of a second: a drill on a busy machine has thousands.
func (w *machineWatch) note(s harness.Stall) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.record.StallTotal += s.Late
	w.record.StallWorst = max(w.record.StallWorst, s.Late)
	last := len(w.record.Stalls) - 1
	if last < 0 || w.record.Stalls[last].At/time.Second != s.At/time.Second {
		w.record.Stalls = append(w.record.Stalls, s)
	} else if w.record.Stalls[last].Late < s.Late {
		w.record.Stalls[last] = s
	}
}

// lateSince is by how much a timer was late at worst since a moment (an offset).
func (w *machineWatch) lateSince(at time.Duration) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.record.WorstStall(at, w.now())
}

// figuresFit tells whether a machine that was too busy at some time was so neither
// between the strike and the settling, nor by its disk.
func figuresFit(ev *harness.Evidence) bool {
	struck, began := ev.At(harness.Struck)
	settled, ended := ev.At(harness.Settled)
	m := ev.Machine
	return m.Unfit != "" && began && ended && m.FsyncWorst <= fsyncLimit && m.WorstStall(struck, settled) <= stallLimit
}

// fsync times one small synced write; 0 if it could not be tried.
func fsync(dir string) time.Duration {
	path := filepath.Join(dir, ".fsync")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return 0
	}
	defer os.Remove(path)
	defer f.Close()
	begun := time.Now()
	if _, err := f.Write(make([]byte, 4096)); err != nil || f.Sync() != nil {
		return 0
	}
	return time.Since(begun)
}

// finish ends the measuring and judges whether figures are fit.
func (w *machineWatch) finish(dir string) harness.MachineRecord {
	close(w.stop)
	<-w.done
	w.record.FsyncWorst = max(w.record.FsyncWorst, fsync(dir))
	switch {
	case w.record.StallWorst > stallLimit:
		w.record.Unfit = fmt.Sprintf("the machine was too busy: a 10 ms timer was late by %v", w.record.StallWorst.Round(time.Millisecond))
	case w.record.FsyncWorst > fsyncLimit:
		w.record.Unfit = fmt.Sprintf("the disk was too busy: a 4 KiB fsync took %v", w.record.FsyncWorst.Round(time.Millisecond))
	}
	return w.record
}
