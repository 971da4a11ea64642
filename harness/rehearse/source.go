package rehearse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/store"
)

// source is a snapshot where it lies.
type source struct {
	object string // what was chosen below the location; "": the location is the snapshot itself
	taken  time.Time
	bytes  int64 // negative: it is not known before it was fetched
	// send writes all of it to w. The time is when it was last modified.
	send  func(ctx context.Context, w io.Writer) (taken time.Time, err error)
	close func() error
}

// locate finds the snapshot. A directory or a prefix stands for the newest
// snapshot in it; where there is none, the error is of type none. The caller closes
// what is returned.
func locate(ctx context.Context, o Options) (*source, error) {
	if harness.InS3(o.Snapshot) {
		return locateObject(ctx, o.Snapshot, store.Options{Endpoint: o.S3Endpoint, Credentials: o.Credentials})
	}
	info, err := os.Stat(o.Snapshot)
	if err != nil {
		return nil, fmt.Errorf("find the snapshot: %w\nhint: name a file that `etcdctl snapshot save` wrote, or a directory of them", err)
	}
	if !info.IsDir() {
		return openFile(o.Snapshot, "")
	}
	name, err := newestFile(o.Snapshot)
	if err != nil {
		return nil, err
	}
	return openFile(filepath.Join(o.Snapshot, name), name)
}

// newestFile is the name of the regular file in a directory that was last
// modified; of several, the last by name.
func newestFile(dir string) (name string, err error) {
	entries, err := os.ReadDir(dir) // by name
	if err != nil {
		return "", fmt.Errorf("look for the newest snapshot in %s: %w", dir, err)
	}
	var newest time.Time
	passed := 0
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		if aside(e.Name()) {
			passed++
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // it went just now
		}
		if err != nil {
			return "", fmt.Errorf("look for the newest snapshot in %s: %w", dir, err)
		}
		if name == "" || !info.ModTime().Before(newest) {
			name, newest = e.Name(), info.ModTime()
		}
	}
	if name == "" {
		return "", emptied("no file in "+dir, "it can be read, and holds no backup", passed, "; directories within are not looked into")
	}
	return name, nil
}

// aside tells of a name, a path below what was asked for, that no snapshot of a
// cluster has once it is complete: hidden, a checksum, what `etcdctl snapshot save`
// calls it until then, or what a drill keeps there.
func aside(below string) bool {
	name := below[strings.LastIndex(below, "/")+1:]
	if strings.HasPrefix(below, store.DrillPrefix) || strings.Contains(below, "/"+store.DrillPrefix) {
		return true
	}
	return strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".sha256") || strings.HasSuffix(name, ".part")
}

func openFile(path, object string) (*source, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path) // opening one may wait for ever
	}
	if err != nil {
		return nil, fmt.Errorf("find the snapshot: %w\nhint: name a file that `etcdctl snapshot save` wrote, or a directory of them", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the snapshot to read: %w\nhint: it needs to be readable for this user, and nothing else", err)
	}
	if info, err = f.Stat(); err != nil {
		return nil, errors.Join(fmt.Errorf("open the snapshot to read: %w", err), f.Close())
	}
	return &source{
		object: object, taken: info.ModTime(), bytes: info.Size(), close: f.Close,
		send: func(ctx context.Context, w io.Writer) (time.Time, error) { return sendFile(ctx, f, info, w) },
	}, nil
}

// errChanged is wrapped by errors of a file that somebody wrote to meanwhile.
var errChanged = errors.New("the file changed while it was read: somebody writes to it")

func sendFile(ctx context.Context, f *os.File, was fs.FileInfo, w io.Writer) (time.Time, error) {
	buffer := make([]byte, chunk)
	for {
		if err := ctx.Err(); err != nil {
			return time.Time{}, context.Cause(ctx)
		}
		n, end := f.Read(buffer)
		if _, err := w.Write(buffer[:n]); err != nil {
			return time.Time{}, err
		}
		if errors.Is(end, io.EOF) {
			break
		}
		if end != nil {
			return time.Time{}, fmt.Errorf("read the snapshot: %w\nhint: nothing is known about what is in it: see to its disk or file server", end)
		}
	}
	is, err := f.Stat()
	if err != nil {
		return time.Time{}, fmt.Errorf("read the snapshot: %w", err)
	}
	if !is.ModTime().Equal(was.ModTime()) || is.Size() != was.Size() {
		return time.Time{}, fmt.Errorf("read the snapshot: %w\nhint: rehearse a backup that is complete", errChanged)
	}
	return is.ModTime(), nil
}

// locateObject finds the object that a location means.
func locateObject(ctx context.Context, location string, o store.Options) (*source, error) {
	b, key, err := store.OpenBucket(ctx, location, o)
	if err != nil {
		return nil, fmt.Errorf("find the snapshot: %w", err)
	}
	found, below, err := choose(ctx, b, key)
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return &source{
		object: below, taken: found.Modified, bytes: found.Bytes, close: b.Close,
		send: func(ctx context.Context, w io.Writer) (time.Time, error) {
			got, err := b.Get(ctx, found.Name, w)
			return got.Modified, err
		},
	}, nil
}

// choose finds the newest object below a key, as below a folder; if there is none, the
// one of that very key. A key that ends in a star stands for the newest of all that
// begin so. In this order no more need be listed than is asked for, which may be all
// that the credentials allow. below is what was chosen, as seen from its folder; "":
// the very one that was asked for.
func choose(ctx context.Context, b *store.Bucket, key string) (o store.Object, below string, err error) {
	prefix, begins := strings.CutSuffix(key, "*")
	if !begins {
		if prefix = strings.TrimRight(key, "/"); prefix != "" {
			prefix += "/"
		}
	}
	all, err := b.Below(ctx, prefix)
	if err != nil {
		return o, "", fmt.Errorf("find the snapshot: %w", err)
	}
	folder := prefix[:strings.LastIndex(prefix, "/")+1]
	newest, passed := newestOf(all, folder)
	if newest != nil {
		return *newest, strings.TrimPrefix(newest.Name, folder), nil
	}
	others := 0 // that begin so
	if !begins && key != "" && !strings.HasSuffix(key, "/") {
		if all, err = b.Below(ctx, key); err != nil {
			return o, "", fmt.Errorf("find the snapshot: %w", err)
		}
		for _, o := range all {
			if o.Name == key {
				return o, "", nil
			}
			if !strings.HasPrefix(o.Name, prefix) {
				others++
			}
		}
	}
	what := "no object under " + b.At(prefix)
	if begins {
		what = "no object whose key begins with " + b.At(prefix)
	}
	return o, "", emptied(what, "the store answers, and holds no backup there", passed, hintOthers(b.At(key), others))
}

// newestOf is the object below a folder that was last modified; of several, the last
// by key; nil if there is none. passed is how many were passed over.
func newestOf(all []store.Object, folder string) (newest *store.Object, passed int) {
	for i, o := range all {
		below := strings.TrimPrefix(o.Name, folder)
		switch {
		case o.Bytes == 0 && strings.HasSuffix(o.Name, "/"): // stands for a folder
		case aside(below):
			passed++
		case newest == nil || !o.Modified.Before(newest.Modified):
			newest = &all[i]
		}
	}
	return newest, passed
}

// hintOthers says how to ask for keys that begin as what was asked for, and do not lie
// below it. They may be another cluster's, so they are not taken unasked.
func hintOthers(asked string, n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("; keys that begin with %s, and do not lie below it: %d, of which %[1]s* stands for the newest", asked, n)
}

// none is a place that was looked into and holds no snapshot: a backup job that died
// leaves that.
type none string

func (n none) Error() string { return string(n) }

func emptied(what, looked string, passed int, hint string) none {
	text := what + ": " + looked
	if passed > 0 {
		text += fmt.Sprintf("; passed over, for being hidden, a checksum, incomplete or a drill's: %d", passed)
	}
	return none(text + "\nhint: see whether the backup job runs, and where it writes" + hint)
}
