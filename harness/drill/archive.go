package drill

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/etcd-firedrill/firedrill/fixtures/dataset"
	"github.com/etcd-firedrill/firedrill/fixtures/s3server"
	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/crew"
	"github.com/etcd-firedrill/firedrill/harness/store"
)

// archive is where the site keeps its backups: the store that the user named, or
// one of the drill's own, which is a directory beside the evidence or, where the
// document has one, a bucket of an S3 server that lives as long as the drill.
// Hosts reach it through us: credentials and connections to it are nobody else's.
type archive struct {
	store   store.Store
	under   string // what names begin with, in a store that is not ours alone
	place   string // of the objects themselves, if they are plain files; else ""
	scratch string // directory for what is on its way
	fetches atomic.Uint64

	mu   sync.Mutex
	puts map[string]bool // objects of ours that may be there

	server   *s3server.Server // nil: none of our own
	endpoint string           // its URL
	bucket   string           // in it
	served   chan error       // how its serving ended
}

// openArchive opens it, so that a store that cannot be reached is known before
// anything is started.
func (d *drill) openArchive(ctx context.Context) (err error) {
	own := filepath.Join(d.dir, backupsDir)
	d.archive = &archive{scratch: filepath.Join(d.dir, "on-its-way")}
	if err := os.Mkdir(d.archive.scratch, 0o700); err != nil {
		return fmt.Errorf("open the store of backups: %w", err)
	}
	switch bucket := d.scenario.Backups.Bucket; {
	case d.opts.Store != "":
		d.archive.under = store.DrillPrefix + d.id + "/"
		d.archive.store, err = store.Open(ctx, d.opts.Store, store.Options{Endpoint: d.opts.S3Endpoint})
	case bucket != "":
		err = d.archive.serve(ctx, own, bucket)
	default:
		d.archive.place = own
		d.archive.store, err = store.Open(ctx, own, store.Options{})
	}
	return err
}

// serve starts an S3 server for the drill and opens its bucket.
func (a *archive) serve(ctx context.Context, dir, bucket string) (err error) {
	a.bucket = bucket
	if a.server, err = s3server.New(dir, bucket); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the drill's own S3 server: %w", err)
	}
	a.served = make(chan error, 1)
	go func() { a.served <- crew.Surely(func() error { return a.server.Serve(l) }) }()
	credentials := a.server.Credentials()
	a.endpoint = "http://" + l.Addr().String()
	a.store, err = store.Open(ctx, "s3://"+bucket, store.Options{
		Endpoint:    a.endpoint,
		Credentials: store.Credentials{AccessKey: credentials.AccessKey, SecretKey: credentials.SecretKey},
	})
	return err
}

// keep puts a file of ours into the store and returns its SHA-256.
func (a *archive) keep(ctx context.Context, name, path string) (sum string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("keep %s: %w", name, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("keep %s: %w", name, err)
	}
	a.mu.Lock()
	if a.puts == nil {
		a.puts = map[string]bool{}
	}
	a.puts[name] = true
	a.mu.Unlock()
	kept, err := a.store.Put(ctx, a.under+name, info.Size(), f)
	return kept.SHA256, err
}

// errUnfit is wrapped by errors of objects that cannot be used, by nobody's
// fault but the store's and whoever wrote to it.
var errUnfit = errors.New("not to be used")

// fetch makes an object a file of ours, for one host. done removes it again. An
// object that is missing, damaged or another one than was kept is errUnfit.
func (a *archive) fetch(ctx context.Context, name, sum, host string) (path string, done func(), err error) {
	// Several may be on their way to the same place.
	path = filepath.Join(a.scratch, fmt.Sprintf("%s.%s.%d", filepath.Base(name), host, a.fetches.Add(1)))
	got, err := store.Fetch(ctx, a.store, a.under+name, path)
	done = func() { _ = os.Remove(path) } // it lies in the drill's directory at worst
	switch {
	case errors.Is(err, store.ErrDamaged), errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrUnchecked):
		return "", func() {}, fmt.Errorf("%w: %w", errUnfit, err)
	case errors.Is(err, store.ErrUnavailable) && ctx.Err() != nil:
		return "", func() {}, a.mute(ctx, name, err)
	case err != nil:
		return "", func() {}, err
	case sum != "" && got.SHA256 != sum:
		done()
		return "", func() {}, fmt.Errorf("%w: %s in %s is another object than was kept under this name: its SHA-256 is %s, and was %s", errUnfit, name, a.store, got.SHA256, sum)
	}
	return path, done, nil
}

// errMute is wrapped where time ran out at a store that does not answer at all.
var errMute = errors.New("the store does not answer")

// mutePatience is how long a store is given to tell that it is there.
const mutePatience = 5 * time.Second

// mute says of a fetch that time ran out for whether the store is to blame: one that
// serves, and slowly, is what a recovery has to do with, and one that does not answer
// even now is nothing that a procedure could have done better with.
func (a *archive) mute(ctx context.Context, name string, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), mutePatience)
	defer cancel()
	if _, again := a.store.Look(ctx, a.under+name); !errors.Is(again, store.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", errMute, err)
}

// remove takes an object of ours out of the store.
func (a *archive) remove(ctx context.Context, name string) error {
	err := a.store.Remove(ctx, a.under+name)
	if err == nil || errors.Is(err, store.ErrNotFound) {
		a.mu.Lock()
		delete(a.puts, name)
		a.mu.Unlock()
	}
	return err
}

// clear takes out of a store that is not ours alone all that we put there.
func (a *archive) clear(ctx context.Context) error {
	a.mu.Lock()
	names := slices.Sorted(maps.Keys(a.puts))
	a.mu.Unlock()
	var errs []error
	for _, name := range names {
		if err := a.remove(ctx, name); err != nil && !errors.Is(err, store.ErrNotFound) { // never put, or gone already
			errs = append(errs, fmt.Errorf("remove the drill's own %s: %w", name, err))
		}
	}
	if len(errs) > 0 {
		errs = append(errs, errors.New("hint: who may write there must be able to remove, or have the backups kept (--keep-backups)"))
	}
	return errors.Join(errs...)
}

// backup makes a backup a file, verified once more, for one host. What that took
// is noted down in the record, and why it is not to be used.
func (a *archive) backup(ctx context.Context, b harness.Backup, record *harness.FetchRecord) (path string, done func(), err error) {
	defer func() {
		if errors.Is(err, errUnfit) {
			record.Problem = err.Error()
		}
	}()
	if a.place != "" { // it is a file already, and its own hash tells what a copy's would
		path, done = filepath.Join(a.place, b.Name), func() {}
	} else {
		begun := time.Now()
		path, done, err = a.fetch(ctx, b.Name, b.SHA256, record.Host)
		if record.Read = time.Since(begun); err != nil {
			return "", func() {}, err
		}
	}
	begun := time.Now()
	record.Bytes, err = dataset.Verify(ctx, path)
	if record.Verify = time.Since(begun); err != nil {
		done()
		if errors.Is(err, dataset.ErrDamaged) {
			err = fmt.Errorf("%w: %w", errUnfit, err)
		}
		return "", func() {}, fmt.Errorf("verify backup %s: %w", b.Name, err)
	}
	return path, done, nil
}

// close ends the server of our own, and leaves what is kept, but for the bundle
// in a server of ours: it holds the authority's key, and the evidence is passed on.
// Cleared, it leaves nothing in a store that is not ours alone.
func (a *archive) close(ctx context.Context, bundle string, cleared bool) error {
	var errs []error
	if cleared && a.under != "" && a.store != nil {
		errs = append(errs, a.clear(ctx))
	}
	if a.server != nil && bundle != "" {
		path, err := a.server.File(a.bucket, bundle)
		if err == nil {
			err = os.Remove(path)
		}
		errs = append(errs, err)
	}
	if a.store != nil {
		errs = append(errs, a.store.Close())
	}
	if a.server != nil {
		errs = append(errs, a.server.Close())
	}
	if a.served != nil {
		errs = append(errs, <-a.served)
	}
	return errors.Join(append(errs, os.RemoveAll(a.scratch))...)
}
