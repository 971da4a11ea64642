package fault

import (
	"context"
	"fmt"
	"path"
	"syscall"

	"github.com/etcd-firedrill/firedrill/harness"
)

// WipeData empties the data directory and kills etcd, which its supervisor
// then restarts with no data under its old name.
type WipeData struct{ Who harness.Selector }

func (f WipeData) String() string { return fmt.Sprintf("wipe the data directory on %s", f.Who) }

// Inject wipes first and kills second: an etcd that was restarted in between
// would fill the directory again.
func (f WipeData) Inject(ctx context.Context, s harness.Strike) ([]string, error) {
	return each(ctx, s, f, f.Who, func(ctx context.Context, h harness.Host) error {
		return behindItsBack(ctx, h, "rm -rf "+harness.DataDir)
	})
}

// RuinData makes the data directory one that etcd cannot start from: database
// and write-ahead log hold a line of text. The host answers, the disk is there.
type RuinData struct{ Who harness.Selector }

func (f RuinData) String() string { return fmt.Sprintf("ruin the data directory on %s", f.Who) }

const ruin = `for f in ` + harness.DataDir + `/member/snap/db ` + harness.DataDir + `/member/wal/*.wal; do echo ruined > "$f"; done`

// Inject ruins the files, kills etcd and waits until it was seen to fail on them.
func (f RuinData) Inject(ctx context.Context, s harness.Strike) ([]string, error) {
	return each(ctx, s, f, f.Who, func(ctx context.Context, h harness.Host) error {
		before, err := h.Etcd(ctx)
		if err != nil {
			return err
		}
		if err := behindItsBack(ctx, h, ruin); err != nil {
			return err
		}
		_, err = h.AwaitEtcd(ctx, "etcd tried to start from the ruined data and ended", func(now harness.EtcdState) bool {
			return now.Exits >= before.Exits+2
		})
		return err
	})
}

// SpoilDisk puts a file in the place of the directory that etcd's data directory
// is made in, as where a volume was not mounted: no etcd can start there, and
// removing the data directory changes nothing. It is for hosts on which no etcd
// runs yet.
type SpoilDisk struct{ Who harness.Selector }

func (f SpoilDisk) String() string {
	return fmt.Sprintf("spoil the disk of %s: %s is no directory", f.Who, path.Dir(harness.DataDir))
}

// Inject moves what is there aside and puts the file in its place.
func (f SpoilDisk) Inject(ctx context.Context, s harness.Strike) ([]string, error) {
	dir := path.Dir(harness.DataDir)
	return each(ctx, s, f, f.Who, func(ctx context.Context, h harness.Host) error {
		return script(ctx, h, "mv "+dir+" "+dir+".spoiled && echo spoiled > "+dir)
	})
}

// behindItsBack runs a script while etcd is paused, and kills it. A running etcd
// has its database mapped into memory and may die of what the script does, at
// any moment: then it could not be told whether it was killed or had ended.
func behindItsBack(ctx context.Context, h harness.Host, text string) error {
	if err := h.Signal(ctx, syscall.SIGSTOP); err != nil {
		return err
	}
	if err := script(ctx, h, text); err != nil {
		return err
	}
	return kill(ctx, h)
}
