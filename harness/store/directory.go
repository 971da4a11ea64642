package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// directory keeps objects as files of mode 0600, each with its checksum beside
// it in NAME.sha256, as sha256sum writes and checks it. What is being put is in
// hidden files; those that a killed process left are never shown.
type directory struct {
	root *os.Root // symbolic links do not lead out of it
	path string
	mu   sync.Mutex // two files are renamed as one
}

func openDirectory(where string) (Store, error) {
	if err := os.Mkdir(where, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, notThere(fmt.Errorf("open store %s: %w", where, err), "give a directory whose parent exists")
	}
	root, err := os.OpenRoot(where)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w\nhint: give a directory that can be read and written", where, err)
	}
	return &directory{root: root, path: where}, nil
}

const gone = "list the store to see which backups it has"

// notThere makes a missing file ErrNotFound.
func notThere(err error, hint string) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w (%w)\nhint: %s", err, ErrNotFound, hint)
	}
	return err
}

func (d *directory) String() string { return d.path }
func (d *directory) Close() error   { return d.root.Close() }

func (d *directory) on(doing, name string) attempt {
	return attempt{doing, filepath.Join(d.path, name)}
}

func (d *directory) Put(ctx context.Context, name string, size int64, content io.ReaderAt) (Object, error) {
	a := d.on("put", name)
	if err := checkName(name); err != nil {
		return Object{}, attempt{"put to", d.path}.failed(err)
	}
	if size <= 0 {
		return Object{}, a.damaged("it is empty: there is nothing to keep\nhint: have the backup taken again")
	}
	parent := path.Dir(name)
	if err := d.root.MkdirAll(parent, 0o700); err != nil {
		return Object{}, a.failed(err)
	}
	draft := path.Join(parent, "."+path.Base(name)+"."+rand.Text())
	sum, err := d.write(ctx, a, draft, size, content)
	if err == nil {
		err = d.writeText(a, draft+sumSuffix, sum+"  "+path.Base(name)+"\n")
	}
	var put Object
	if err == nil {
		put, err = d.stat(draft) // once it is shown it is anybody's, who may remove it at once
	}
	if err == nil {
		err = d.publish(a, draft, name)
	}
	if err != nil {
		return Object{}, errors.Join(err, d.discard(draft), d.discard(draft+sumSuffix), d.discard(draft+beforeSuffix))
	}
	return Object{Name: name, Bytes: size, SHA256: sum, Modified: put.Modified, Checked: true}, nil
}

// publish lets the draft be seen. The checksum goes first: whoever looks between
// the two sees no object, or that the old one is not what the checksum is of.
func (d *directory) publish(a attempt, draft, name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.setAside(a, draft, name); err != nil {
		return err
	}
	if err := d.root.Rename(draft+sumSuffix, name+sumSuffix); err != nil {
		return a.failed(err)
	}
	if err := d.root.Rename(draft, name); err != nil {
		return errors.Join(a.failed(err), d.putBack(draft, name))
	}
	_ = d.discard(draft + beforeSuffix) // nobody is shown what is left
	// A directory that was made for this name is an entry of its parent.
	for at := path.Dir(name); ; at = path.Dir(at) {
		f, err := d.root.Open(at)
		if err == nil {
			err = errors.Join(f.Sync(), f.Close())
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // it may go with what it holds
			return a.failed(err)
		}
		if at == "." {
			return nil
		}
	}
}

// beforeSuffix is what the checksum is kept under of an object that is about to be
// replaced: that it can be put back must not depend on a disk that has just failed.
const beforeSuffix = ".before"

func (d *directory) setAside(a attempt, draft, name string) error {
	text, err := d.root.ReadFile(name + sumSuffix)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return a.failed(err)
	}
	return d.writeText(a, draft+beforeSuffix, string(text))
}

// putBack gives what could not be replaced its own checksum again, or none.
func (d *directory) putBack(draft, name string) error {
	err := d.root.Rename(draft+beforeSuffix, name+sumSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return d.discard(name + sumSuffix)
	}
	return err
}

// Remove removes the object before its checksum: whoever looks between the two
// sees no object, and a checksum that is left alone is not shown.
func (d *directory) Remove(ctx context.Context, name string) error {
	a := d.on("remove", name)
	if err := checkName(name); err != nil {
		return attempt{"remove from", d.path}.failed(err)
	}
	if err := ctx.Err(); err != nil {
		return a.failed(err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.stat(name); err != nil {
		return notThere(a.failed(err), gone)
	}
	if _, err := d.root.Lstat(name + sumSuffix); errors.Is(err, fs.ErrNotExist) {
		return a.foreign()
	}
	if err := d.root.Remove(name); err != nil {
		return notThere(a.failed(err), gone) // somebody else may remove it as well
	}
	err := d.discard(name + sumSuffix)
	if at := path.Dir(name); strings.HasPrefix(path.Base(at), DrillPrefix) && d.root.Remove(at) == nil {
		name = at // the directory of a drill went with the last that was in it
	}
	parent, openErr := d.root.Open(path.Dir(name))
	if err = errors.Join(err, openErr); openErr == nil {
		err = errors.Join(err, parent.Sync(), parent.Close())
	}
	if err != nil {
		return a.failed(err)
	}
	return nil
}

func (d *directory) discard(file string) error {
	if err := d.root.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (d *directory) write(ctx context.Context, a attempt, file string, size int64, content io.ReaderAt) (sum string, err error) {
	f, err := d.root.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", a.failed(err)
	}
	if sum, err = a.copy(ctx, f, size, content); err == nil {
		err = f.Sync()
	}
	return sum, errors.Join(err, f.Close())
}

func (d *directory) writeText(a attempt, file, text string) error {
	_, err := d.write(context.Background(), a, file, int64(len(text)), strings.NewReader(text))
	return err
}

func (d *directory) stat(name string) (Object, error) {
	info, err := d.root.Stat(name)
	if err != nil {
		return Object{}, err
	}
	if !info.Mode().IsRegular() {
		return Object{}, fmt.Errorf("%s is not a file", name)
	}
	return Object{Name: name, Bytes: info.Size(), Modified: info.ModTime()}, nil
}

func (d *directory) Get(ctx context.Context, name string, w io.Writer) (Object, error) {
	a := d.on("get", name)
	if err := checkName(name); err != nil {
		return Object{}, attempt{"get from", d.path}.failed(err)
	}
	o, err := d.stat(name)
	if err != nil {
		return Object{}, notThere(a.failed(err), gone)
	}
	recorded, err := d.recorded(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := d.stillThere(a, name); err != nil {
			return Object{}, err
		}
		return Object{}, a.unchecked()
	case err != nil:
		return Object{}, a.failed(err)
	case recorded == "":
		return Object{}, a.damaged("%s%s does not hold a SHA-256%s", name, sumSuffix, hintDamaged)
	}
	f, err := d.root.Open(name)
	if err != nil {
		return Object{}, notThere(a.failed(err), gone)
	}
	defer f.Close()
	sum := sha256.New()
	if o.Bytes, err = pump(ctx, io.MultiWriter(w, sum), f); err != nil {
		return Object{}, a.failed(err)
	}
	o.SHA256, o.Checked = hex.EncodeToString(sum.Sum(nil)), true
	if err := a.whole(o, -1, recorded); err != nil {
		return Object{}, err
	}
	return o, nil
}

func (d *directory) Look(ctx context.Context, name string) (Object, error) {
	a := d.on("look at", name)
	if err := checkName(name); err != nil {
		return Object{}, attempt{"look into", d.path}.failed(err)
	}
	if err := ctx.Err(); err != nil {
		return Object{}, a.failed(err)
	}
	o, err := d.stat(name)
	if err != nil {
		return Object{}, notThere(a.failed(err), gone)
	}
	o.SHA256, err = d.recorded(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := d.stillThere(a, name); err != nil {
			return Object{}, err
		}
	case err != nil:
		return Object{}, a.failed(err)
	}
	o.Checked = o.SHA256 != ""
	return o, nil
}

// stillThere tells an object that has no checksum from one that went with its own while it was
// looked at: an object goes first.
func (d *directory) stillThere(a attempt, name string) error {
	if _, err := d.stat(name); err != nil {
		return notThere(a.failed(err), gone)
	}
	return nil
}

// recorded is the SHA-256 beside an object, empty if there is something else.
func (d *directory) recorded(name string) (string, error) {
	text, err := d.root.ReadFile(name + sumSuffix)
	if err != nil {
		return "", err
	}
	sum, _, _ := strings.Cut(string(text), " ")
	if !isSum(sum) {
		return "", nil
	}
	return sum, nil
}

func isSum(text string) bool {
	sum, err := hex.DecodeString(text)
	return err == nil && len(sum) == sha256.Size && text == strings.ToLower(text)
}

func (d *directory) List(ctx context.Context) ([]Object, error) {
	var all []Object
	err := fs.WalkDir(d.root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && name != ".":
			return nil // a directory went with what it held
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case name == ".":
			return nil
		case entry.IsDir() && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		case !entry.Type().IsRegular() || checkName(name) != nil:
			return nil
		}
		o, err := d.stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it went just now
		}
		if err == nil {
			all = append(all, o)
		}
		return err
	})
	if err != nil {
		return nil, attempt{"list", d.path}.failed(err)
	}
	slices.SortFunc(all, byName)
	return all, nil
}
