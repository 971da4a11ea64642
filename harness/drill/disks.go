package drill

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/crew"
)

// disks looks at what of etcd's lies on every host, all at once, where a check of the
// scenario compares it: a look takes some ten milliseconds, which an outage would be
// longer by. What could not be looked at is told.
func (d *drill) disks(ctx context.Context) []harness.HostDisk {
	if !d.judges(check.NothingChanged{}) {
		return nil
	}
	hosts := d.present()
	all := make([]harness.HostDisk, len(hosts))
	there := make([]bool, len(hosts))
	var wg crew.Crew
	for i, h := range hosts {
		wg.Go(func() { all[i], there[i] = d.disk(ctx, h) })
	}
	wg.Wait()
	found := []harness.HostDisk{}
	for i, is := range all {
		if there[i] {
			found = append(found, is)
		}
	}
	return found
}

// disk looks at one host; there is false if it is gone.
func (d *drill) disk(ctx context.Context, h harness.Host) (is harness.HostDisk, there bool) {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	is, err := d.lies(ctx, h)
	d.noteLost(h, err)
	switch {
	case errors.Is(err, harness.ErrHostGone):
		return is, false
	case errors.Is(err, harness.ErrHostOff):
		is = harness.HostDisk{Off: true}
	case err != nil:
		is = harness.HostDisk{Error: err.Error()}
	}
	is.Host, is.At = h.Name(), d.timeline.now()
	return is, true
}

func (d *drill) lies(ctx context.Context, h harness.Host) (is harness.HostDisk, err error) {
	at := d.places(h.Name())
	out, err := h.Run(ctx, at.script())
	if err != nil {
		return is, err
	}
	if out.ExitCode != 0 || out.Dropped > 0 {
		return is, fmt.Errorf("look at the disk of %s: exit status %d: %s", h.Name(), out.ExitCode, strings.TrimSpace(out.Stderr))
	}
	if is.Manifest, is.Files, err = at.listed(out.Stdout); err != nil {
		return is, fmt.Errorf("look at the disk of %s: %w", h.Name(), err)
	}
	begins, err := d.heads(ctx, h, at.db, is.OldestLog())
	is.Database = begins.database
	if begins.full {
		is.LogHead = hex.EncodeToString(begins.head[:])
	}
	return is, err
}

// script prints the hash of the manifest, and the inode of everything where etcd's data
// should be. It fails where there is something that it cannot look at.
func (at places) script() string {
	return fmt.Sprintf(`set -e
if test -e %[1]s; then sha256sum %[1]s; fi
for d in '%[2]s' '%[3]s'; do
if test -e "$d"; then find "$d" -exec ls -di {} ';'; fi
done`, harness.ManifestPath, at.dir, at.wal)
}

// listed reads what script printed. What a running etcd makes and renames is left out.
func (at places) listed(text string) (manifest string, files []harness.DiskFile, err error) {
	files = []harness.DiskFile{}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		first, name, _ := strings.Cut(line, " ")
		if strings.TrimSpace(name) == harness.ManifestPath {
			manifest = first
			continue
		}
		inode, err := strconv.ParseUint(first, 10, 64)
		if err != nil {
			return "", nil, fmt.Errorf("this is no file and its inode: %q", line)
		}
		if ext := path.Ext(name); at.directory(name) || name == at.db || ext == harness.LogExt || ext == harness.SnapshotExt {
			files = append(files, harness.DiskFile{Path: name, Inode: inode})
		}
	}
	slices.SortFunc(files, func(a, b harness.DiskFile) int { return strings.Compare(a.Path, b.Path) })
	return manifest, slices.Compact(files), nil // the log's were listed twice
}

// directory tells whether this is one of the directories that etcd has its data in.
func (at places) directory(name string) bool {
	return slices.Contains([]string{at.dir, path.Join(at.dir, "member"), path.Dir(at.db), at.wal}, name)
}
