package drill

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/crew"
	"github.com/etcd-firedrill/firedrill/harness/store"
)

// looksAtOnce is how many backups are looked at at a time: a store may be far away, and
// clients wait meanwhile.
const looksAtOnce = 8

// keptBackups looks at every backup where backups are kept, where a check of the
// scenario compares it. What could not be looked at is told.
func (d *drill) keptBackups(ctx context.Context) []harness.KeptBackup {
	if d.backups == nil || !d.judges(check.BackupsKept{}) {
		return nil
	}
	kept, err := d.backups.newestFirst()
	if err != nil {
		return nil // this site takes none
	}
	all := make([]harness.KeptBackup, len(kept))
	for first := 0; first < len(kept); first += looksAtOnce {
		var wg crew.Crew
		for i := first; i < min(first+looksAtOnce, len(kept)); i++ {
			wg.Go(func() { all[i] = d.keptNow(ctx, kept[i].Name) })
		}
		wg.Wait()
	}
	return all
}

// judges tells whether the scenario has this check.
func (d *drill) judges(c harness.Check) bool {
	return slices.ContainsFunc(slices.Concat(d.scenario.Premises, d.scenario.Promises, d.scenario.Hazards), func(one harness.Check) bool {
		return one.Name() == c.Name()
	})
}

// keptNow looks at one backup where backups are kept. It is read only if it was written
// again since the procedure began.
func (d *drill) keptNow(ctx context.Context, name string) harness.KeptBackup {
	look, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	is := harness.KeptBackup{Backup: name, Desk: d.onDesk()}
	found, err := d.keptAs(look, name)
	is.Bytes, is.SHA256, is.Written = found.Bytes, found.SHA256, found.Modified
	if was, ok := d.keptAsBegan(name); ok && err == nil && is.HarmedSince(was) == "" && !is.Written.Equal(was.Written) {
		is.Damage, err = d.damageOf(ctx, name)
	}
	is.At = d.timeline.now()
	switch {
	case isGone(err):
		is = harness.KeptBackup{Backup: name, At: is.At, Desk: is.Desk, Missing: true}
	case err != nil:
		is = harness.KeptBackup{Backup: name, At: is.At, Desk: is.Desk, Error: firstLine(err)}
	}
	return is
}

// isGone tells whether an error says that a backup is not there.
func isGone(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, fs.ErrNotExist)
}

func (d *drill) keptAsBegan(name string) (harness.KeptBackup, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ev.KeptAsBegan(name)
}

// onDesk tells whether backups are files, which whoever recovers by hand has copies of.
func (d *drill) onDesk() bool { return d.workplace != nil && d.shelf.onDesk.Load() }

// keptAs is what is kept under a name, without reading it.
func (d *drill) keptAs(ctx context.Context, name string) (store.Object, error) {
	if !d.onDesk() {
		return d.archive.store.Look(ctx, d.archive.under+name)
	}
	info, err := os.Stat(filepath.Join(d.workplace.Backups(), name))
	switch {
	case err != nil:
		return store.Object{}, err
	case !info.Mode().IsRegular():
		return store.Object{}, fmt.Errorf("%s is no file: %w", name, store.ErrNotFound)
	}
	return store.Object{Name: name, Bytes: info.Size(), Modified: info.ModTime()}, nil
}

// damageOf reads a backup where backups are kept, and says what is wrong with it, "" if
// nothing is.
func (d *drill) damageOf(ctx context.Context, name string) (string, error) {
	kept, err := d.backups.newestFirst()
	if err != nil {
		return "", err
	}
	at := slices.IndexFunc(kept, func(b harness.Backup) bool { return b.Name == name })
	if at < 0 {
		return "", fmt.Errorf("%s: %w", name, store.ErrNotFound)
	}
	sum, err := d.sumNow(ctx, name)
	switch {
	case errors.Is(err, store.ErrDamaged), errors.Is(err, store.ErrUnchecked):
		return firstLine(err), nil
	case err == nil && sum != kept[at].SHA256:
		return fmt.Sprintf("its SHA-256 is %s, and was %s", sum, kept[at].SHA256), nil
	}
	return "", err
}

// sumNow is the SHA-256 of what is kept under a name, computed.
func (d *drill) sumNow(ctx context.Context, name string) (string, error) {
	if !d.onDesk() {
		object, err := d.archive.store.Get(ctx, d.archive.under+name, io.Discard)
		return object.SHA256, err
	}
	f, err := os.Open(filepath.Join(d.workplace.Backups(), name))
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// harmed looks at a backup that whoever recovers asks for, and says what became of it
// since the procedure began, "" if nothing is seen. What became of it is evidence.
func (d *drill) harmed(ctx context.Context, name string) string {
	was, ok := d.keptAsBegan(name)
	if !ok {
		return ""
	}
	is := d.keptNow(ctx, name)
	harm := is.HarmedSince(was)
	if harm != "" {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.ev.KeptAfter = append(d.ev.KeptAfter, is)
	}
	return harm
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
