package drill

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/crew"
)

// shelf is how the backups lie now where they are kept, as far as somebody has looked: the
// job's own record tells nothing of what others did to them since. Whoever lists backups
// lists what is on it. Nothing of it is evidence: who puts a backup aside, and back, has
// done no harm that anybody met with.
type shelf struct {
	onDesk atomic.Bool // copies of them lie on the desk, and count

	looking sync.Mutex // held by who looks, so that no content is read twice

	mu      sync.Mutex
	content map[shelfPlace]writtenAs
	seen    map[string]standing // by name
}

// shelfPlace is a backup in one of the places where it may lie.
type shelfPlace struct {
	desk bool
	name string
}

// writtenAs is what is known of the content of a file that was written at a moment.
type writtenAs struct {
	at    time.Time
	other bool // it is not what was kept
}

// standing is how a backup lay when somebody last looked. The zero value: as it was kept,
// or nobody has looked.
type standing struct {
	gone    bool
	changed string // what became of it since it was kept
	unseen  string // why it could not be looked at
}

// shelved is a backup that is there now, by all that is known.
type shelved struct {
	harness.Backup
	standing
}

// shelved lists them, the newest first, as they lay when somebody last looked.
func (d *drill) shelved() ([]shelved, error) {
	kept, err := d.backups.newestFirst()
	if err != nil {
		return nil, err
	}
	d.shelf.mu.Lock()
	defer d.shelf.mu.Unlock()
	var all []shelved
	for _, b := range kept {
		if is := d.shelf.seen[b.Name]; !is.gone {
			all = append(all, shelved{b, is})
		}
	}
	return all, nil
}

// backupsLeft are those that nobody removed or changed, the newest first, as they lay when
// somebody last looked.
func (d *drill) backupsLeft() []shelved {
	kept, err := d.shelved()
	if err != nil {
		return nil // this site takes none
	}
	return slices.DeleteFunc(kept, func(b shelved) bool { return b.changed != "" })
}

// lookAtShelf looks at all of them.
func (d *drill) lookAtShelf(ctx context.Context) {
	kept, err := d.backups.newestFirst()
	if err != nil {
		return // this site takes none
	}
	d.shelf.looking.Lock()
	defer d.shelf.looking.Unlock()
	look, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	seen := make([]standing, len(kept))
	for first := 0; first < len(kept); first += looksAtOnce {
		var wg crew.Crew
		for i := first; i < min(first+looksAtOnce, len(kept)); i++ {
			wg.Go(func() { seen[i] = d.standingOf(look, kept[i]) })
		}
		wg.Wait()
	}
	if ctx.Err() != nil {
		return // what was seen is that nobody waits any more
	}
	d.shelf.mu.Lock()
	defer d.shelf.mu.Unlock()
	d.shelf.seen = make(map[string]standing, len(kept))
	for i, b := range kept {
		d.shelf.seen[b.Name] = seen[i]
	}
}

// standingOf looks at one backup.
func (d *drill) standingOf(ctx context.Context, b harness.Backup) standing {
	is, err := d.keptAs(ctx, b.Name)
	switch {
	case isGone(err):
		return standing{gone: true}
	case err != nil:
		return standing{unseen: firstLine(err)}
	case is.Bytes != b.Bytes:
		return standing{changed: fmt.Sprintf("it has %d bytes, and had %d", is.Bytes, b.Bytes)}
	case !d.onDesk() && is.SHA256 == "":
		return standing{changed: "it has no SHA-256 beside it any more"}
	case !d.onDesk() && is.SHA256 != b.SHA256:
		return standing{changed: "it was put there again, with another SHA-256"}
	}
	other, err := d.isOther(ctx, b.Name, is.Modified)
	switch {
	case isGone(err):
		return standing{gone: true}
	case err != nil:
		return standing{unseen: firstLine(err)}
	case other:
		return standing{changed: "it was written again, with another content"}
	}
	return standing{}
}

// isOther tells whether the content of a backup, which was written at this moment, is not
// what was kept. It is read only if it was written again since it was known.
func (d *drill) isOther(ctx context.Context, name string, written time.Time) (bool, error) {
	desk := d.onDesk()
	place := shelfPlace{desk, name}
	d.shelf.mu.Lock()
	known, ok := d.shelf.content[place]
	d.shelf.mu.Unlock()
	if !ok {
		if was, began := d.keptAsBegan(name); began && was.Desk == desk && !was.Written.IsZero() {
			known, ok = writtenAs{at: was.Written}, true
		}
	}
	switch {
	case !ok:
		known.at = written
	case !known.at.Equal(written):
		damage, err := d.damageOf(ctx, name)
		if err != nil {
			return false, err
		}
		known = writtenAs{at: written, other: damage != ""}
	}
	d.shelf.mu.Lock()
	defer d.shelf.mu.Unlock()
	d.shelf.know(place, known)
	return known.other, nil
}

// justKept notes down when a backup was written that has just been kept, as the store
// tells: what is written later is another. That it cannot be asked is no harm.
func (d *drill) justKept(ctx context.Context, name string) {
	is, err := d.archive.store.Look(ctx, d.archive.under+name)
	if err != nil {
		return
	}
	d.shelf.mu.Lock()
	defer d.shelf.mu.Unlock()
	d.shelf.know(shelfPlace{name: name}, writtenAs{at: is.Modified})
}

// know is told of a content; s.mu is held.
func (s *shelf) know(place shelfPlace, is writtenAs) {
	if s.content == nil {
		s.content = map[shelfPlace]writtenAs{}
	}
	s.content[place] = is
}
