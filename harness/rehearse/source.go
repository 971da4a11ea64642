package rehearse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

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
// snapshot in it. The caller closes what is returned.
func locate(ctx context.Context, o Options) (*source, error) {
	if rest, ok := strings.CutPrefix(o.Snapshot, "s3://"); ok {
		return locateObject(ctx, rest, store.Options{Endpoint: o.S3Endpoint, Credentials: o.Credentials, TakeUnchecked: true})
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
	for _, e := range entries {
		if !e.Type().IsRegular() || aside(e.Name()) {
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
		return "", fmt.Errorf("look for the newest snapshot in %s: there is no file in it\nhint: see whether the backup job runs, and where it writes; directories within are not looked into", dir)
	}
	return name, nil
}

// aside tells of a name, a path below what was asked for, that no snapshot of a
// cluster has once it is complete: hidden, a checksum, what `etcdctl snapshot save`
// calls it until then, or what a drill keeps there.
func aside(below string) bool {
	name := path.Base(below)
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

// locateObject finds the newest object below a prefix; if there is none, the one of
// that very key. In this order no more need be listed than is asked for, which
// may be all that the credentials allow.
func locateObject(ctx context.Context, where string, o store.Options) (*source, error) {
	s, found, err := choose(ctx, "s3://"+where, o, newestOf)
	if err != nil || found.Name != "" {
		return object(s, found, found.Name), err
	}
	bucket, key, _ := strings.Cut(where, "/")
	if parent, name := path.Split(key); name != "" {
		s, found, err := choose(ctx, "s3://"+bucket+"/"+parent, o, func(all []store.Object) (exact store.Object) {
			for _, o := range all {
				if o.Name == name {
					exact = o
				}
			}
			return exact
		})
		if err != nil || found.Name != "" {
			return object(s, found, ""), err
		}
	}
	return nil, fmt.Errorf("find the newest snapshot: there is no object in s3://%s, and none of that key\nhint: see whether the backup job runs, and where it writes", where)
}

// choose opens a store and takes one of its objects, which has no name if it takes
// none: then, and after an error, the store is closed again.
func choose(ctx context.Context, location string, o store.Options, which func([]store.Object) store.Object) (s store.Store, found store.Object, err error) {
	s, err = store.Open(ctx, location, o)
	if err != nil {
		return nil, found, fmt.Errorf("find the snapshot: %w", err)
	}
	all, err := s.List(ctx) // by name
	if err == nil {
		found = which(all)
	}
	if err != nil || found.Name == "" {
		err = errors.Join(err, s.Close())
	}
	if err != nil {
		err = fmt.Errorf("find the snapshot: %w", err)
	}
	return s, found, err
}

// newestOf is the object that was last modified; of several, the last by name.
func newestOf(all []store.Object) (newest store.Object) {
	for _, o := range all {
		if !aside(o.Name) && (newest.Name == "" || !o.Modified.Before(newest.Modified)) {
			newest = o
		}
	}
	return newest
}

func object(s store.Store, o store.Object, chosen string) *source {
	if s == nil {
		return nil
	}
	return &source{
		object: chosen, taken: o.Modified, bytes: o.Bytes, close: s.Close,
		send: func(ctx context.Context, w io.Writer) (time.Time, error) {
			got, err := s.Get(ctx, o.Name, w)
			return got.Modified, err
		},
	}
}
