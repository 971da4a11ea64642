package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/etcd-firedrill/firedrill/fixtures/dataset"
	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/crew"
	"github.com/etcd-firedrill/firedrill/harness/store"
)

// backupJob is the site's own backup job: while traffic runs it takes a
// snapshot on one host at a set interval and pulls it to where backups are
// kept. It knows nothing of the drill and goes on into the disaster; whoever
// recovers stops it first. It backs up a cluster only where that serves: a
// snapshot of a member without quorum is that member's state, not the cluster's.
type backupJob struct {
	harness.BackupJob
	d      *drill
	cancel context.CancelFunc
	done   chan struct{}

	mu       sync.Mutex
	taken    []harness.Backup
	begun    time.Duration // the newest, an offset
	underWay bool          // it has not ended yet
	looking  bool          // it is kept, and the drill looks at what is in it
	held     chan struct{} // closed when another may be begun; nil: it may
}

func startBackups(ctx context.Context, d *drill, job harness.BackupJob) *backupJob {
	ctx, cancel := context.WithCancel(ctx)
	j := &backupJob{BackupJob: job, d: d, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(j.done)
		if err := crew.Caught(func() { j.work(ctx) }); err != nil {
			d.broke(breakage{err: fmt.Errorf("the backup job panicked: %w", err)})
		}
	}()
	return j
}

// work takes backups until ctx ends, or the job dies.
func (j *backupJob) work(ctx context.Context) {
	tick := time.NewTicker(j.Every)
	defer tick.Stop()
	for n, kept := 1, 0; j.begin(ctx); n++ {
		begun, _ := j.newest()
		b, err := j.take(ctx, n, begun)
		stopped := ctx.Err() != nil
		if stopped && !b.Kept() {
			b.Problem = "the job was told to stop while it was taken"
		}
		j.mu.Lock()
		j.taken, j.underWay = append(j.taken, b), false
		j.mu.Unlock()
		if stopped {
			return
		}
		if err != nil {
			j.d.broke(breakage{host: b.Host, err: fmt.Errorf("take backup %s: %w", b.Name, err)})
		}
		j.tell(b)
		if b.Kept() {
			kept++
			j.retain(ctx)
		}
		if j.Dies > 0 && kept == j.Dies {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (j *backupJob) tell(b harness.Backup) {
	if !b.Kept() {
		j.d.timeline.say(harness.BackupEvent, b.Host, "backup %s is none: %s", b.Name, b.Problem)
		return
	}
	how := ""
	if b.Unverified {
		how = ", not verified"
	}
	j.d.timeline.say(harness.BackupEvent, b.Host, "backup %s: revision %d, %s, %d bytes%s", b.Name, b.Revision, countOf(int(b.Keys), "key"), b.Bytes, how)
}

// begin begins a backup, as soon as one may be begun; false: ctx ended.
func (j *backupJob) begin(ctx context.Context) bool {
	for {
		j.mu.Lock()
		held := j.held
		if held == nil {
			j.begun, j.underWay = j.d.timeline.now(), true
			j.mu.Unlock()
			return ctx.Err() == nil
		}
		j.mu.Unlock()
		select {
		case <-ctx.Done():
			return false
		case <-held:
		}
	}
}

// hold lets no further backup be begun until release is called.
func (j *backupJob) hold() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.held = make(chan struct{})
}

func (j *backupJob) release() {
	j.mu.Lock()
	defer j.mu.Unlock()
	close(j.held)
	j.held = nil
}

// newest tells when the newest backup was begun, and whether it is under way.
func (j *backupJob) newest() (begun time.Duration, underWay bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.begun, j.underWay
}

// looked waits while the drill looks into a backup that is kept already: it may be
// longer about that than the backup took, and no site would lose the backup by it.
func (j *backupJob) looked(ctx context.Context) error {
	return poll(ctx, "the drill has looked into the newest backup", func(context.Context) (bool, string) {
		j.mu.Lock()
		defer j.mu.Unlock()
		return !j.looking, "it is looking"
	})
}

func (j *backupJob) looks(now bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.looking = now
}

func (j *backupJob) stop() {
	j.cancel()
	<-j.done
}

// list returns the backups so far, in the order in which they were begun.
func (j *backupJob) list() []harness.Backup {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.taken)
}

// takeDeadline bounds the taking of one backup, from whichever host.
const takeDeadline = 5 * time.Minute

// onHost is where a snapshot lies on its host until it was pulled.
const onHost = "/root/backup.db"

// backupScript asks for a quorum by a read. endpoint health would refuse where
// there is an alarm, and such a cluster is backed up like any other.
const backupScript = `rm -f ` + onHost + ` && {{etcdctl name}} --command-timeout=2s get health >&2 &&
{{etcdctl name}} snapshot save ` + onHost + ` >&2`

// statusScript tells what is in a snapshot, which the checks ask for. It takes the
// longer the larger the snapshot is, and no policy has it: see look.
const statusScript = `etcdutl snapshot status ` + onHost + ` --write-out=json`

// take takes one backup from the first host whose etcd can give one. What etcd
// refuses is the backup's Problem; the error is the harness's.
func (j *backupJob) take(ctx context.Context, n int, begun time.Duration) (b harness.Backup, err error) {
	b = harness.Backup{Name: fmt.Sprintf("backup-%03d.db", n), Begun: begun}
	defer func() {
		if !b.Kept() {
			b.Took = j.d.timeline.now() - b.Begun
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, takeDeadline+j.d.weight(takeDeadline))
	defer cancel()
	b.Problem = "no host is there to take it from"
	for _, h := range j.d.present() {
		b.Host = h.Name()
		text, err := j.d.Render(backupScript, h.Name())
		if err != nil {
			return b, err
		}
		out, err := h.Run(ctx, text)
		if errors.Is(err, harness.ErrHostOff) || errors.Is(err, harness.ErrHostGone) {
			b.Problem = err.Error()
			continue
		}
		if err != nil {
			b.Problem = err.Error()
			return b, ignoreEnd(ctx, err)
		}
		if out.ExitCode != 0 {
			b.Problem = lastLine(out.Stderr)
			continue
		}
		err = j.pull(ctx, h, &b)
		return b, ignoreEnd(ctx, err)
	}
	return b, nil
}

// ignoreEnd drops errors that only say that the job was told to stop, or that
// the host was lost while it was copied from.
func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, harness.ErrHostOff) || errors.Is(err, harness.ErrHostGone) {
		return nil
	}
	return err
}

// pull copies the snapshot from its host and keeps it, once its trailer was
// found right, or as it came where the job verifies nothing.
func (j *backupJob) pull(ctx context.Context, h harness.Host, b *harness.Backup) error {
	partial := filepath.Join(j.d.archive.scratch, b.Name)
	defer func() { _ = os.Remove(partial) }() // closing the archive removes what is left
	var err error
	if b.Bytes, err = copyOff(ctx, h, partial); err != nil {
		b.Problem = err.Error()
		return fmt.Errorf("keep backup %s: %w", b.Name, err)
	}
	pulled := j.d.timeline.now()
	b.Snapshot = pulled - b.Begun
	if !j.Unverified {
		if _, err = dataset.Verify(ctx, partial); err != nil {
			b.Problem = err.Error()
			if errors.Is(err, dataset.ErrDamaged) {
				return nil
			}
			return fmt.Errorf("verify backup %s: %w", b.Name, err)
		}
	}
	verified := j.d.timeline.now()
	if !j.Unverified {
		b.Verify = verified - pulled
	}
	if b.SHA256, err = j.d.archive.keep(ctx, b.Name, partial); err != nil {
		b.Problem = err.Error()
		return err
	}
	// From the moment on from which it counts as kept, disaster waits for the drill's look.
	j.looks(true)
	defer j.looks(false)
	kept := j.d.timeline.now()
	b.Upload, b.Took = kept-verified, kept-b.Begun
	b.Verified, b.Unverified, b.Problem = !j.Unverified, j.Unverified, ""
	return j.look(ctx, h, b)
}

// look notes down what is in a backup that is kept. That is for the drill alone, so it
// comes last, and is no part of what the backup took. One of which it cannot be told,
// because its host was lost, is taken out of the store again: nothing could be proven
// of a cluster that was restored from it.
func (j *backupJob) look(ctx context.Context, h harness.Host, b *harness.Backup) error {
	j.d.justKept(ctx, b.Name)
	begun := j.d.timeline.now()
	known, err := status(ctx, h, b)
	b.Status = j.d.timeline.now() - begun
	if known {
		return nil
	}
	b.Verified, b.Unverified = false, false
	whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeDeadline)
	defer cancel()
	if gone := j.d.archive.remove(whole, b.Name); gone != nil && !errors.Is(gone, store.ErrNotFound) {
		err = errors.Join(err, fmt.Errorf("remove backup %s: %w", b.Name, gone))
	}
	return err
}

// status notes down what is in the snapshot on its host; false: it is not known, and
// the backup's problem.
func status(ctx context.Context, h harness.Host, b *harness.Backup) (bool, error) {
	out, err := h.Run(ctx, statusScript)
	switch {
	case err != nil:
		b.Problem = err.Error()
		return false, fmt.Errorf("ask what is in backup %s: %w", b.Name, err)
	case out.ExitCode != 0:
		b.Problem = lastLine(out.Stderr)
		return false, nil
	}
	var told struct {
		Hash     uint32 `json:"hash"`
		Revision int64  `json:"revision"`
		TotalKey int64  `json:"totalKey"`
		Size     int64  `json:"totalSize"`
	}
	if err := json.Unmarshal([]byte(out.Stdout), &told); err != nil {
		b.Problem = "etcdutl snapshot status printed what cannot be read: " + err.Error()
		return false, nil
	}
	b.Hash, b.Revision, b.Keys, b.Size = told.Hash, told.Revision, told.TotalKey, told.Size
	return true, nil
}

// copyOff copies the snapshot off its host and returns its size.
func copyOff(ctx context.Context, h harness.Host, path string) (size int64, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	err = h.Download(ctx, onHost, f)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		size, err = f.Seek(0, io.SeekEnd)
	}
	return size, errors.Join(err, f.Close())
}
