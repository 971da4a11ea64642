package fault

import (
	"context"
	"fmt"
	"syscall"

	"github.com/etcd-firedrill/firedrill/harness"
)

// WipeData empties the data directory and kills etcd, which its supervisor
// then restarts with no data under its old name.
type WipeData struct{ Who harness.Selector }

func (f WipeData) String() string { return fmt.Sprintf("wipe the data directory on %s", f.Who) }

// Inject wipes first and kills second: etcd cannot write new files into a
// directory that is gone, but would fill an empty one if it were restarted first.
func (f WipeData) Inject(ctx context.Context, s harness.Strike) ([]string, error) {
	return each(ctx, s, f, f.Who, func(ctx context.Context, h harness.Host) error {
		if err := script(ctx, h, "rm -rf "+harness.DataDir); err != nil {
			return err
		}
		return kill(ctx, h)
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
		if err := script(ctx, h, ruin); err != nil {
			return err
		}
		if err := endOnce(ctx, h, before); err != nil {
			return err
		}
		_, err = h.AwaitEtcd(ctx, "etcd tried to start from the ruined data and ended", func(now harness.EtcdState) bool {
			return now.Exits >= before.Exits+2
		})
		return err
	})
}

// endOnce kills an etcd that was not seen to end since before. The truncated
// database is mapped into its memory: it may die of that by itself, at any
// moment, also between being looked at and being killed.
func endOnce(ctx context.Context, h harness.Host, before harness.EtcdState) error {
	killErr := h.Signal(ctx, syscall.SIGKILL)
	if killErr == nil {
		return nil
	}
	now, err := h.Etcd(ctx)
	if err != nil {
		return err
	}
	if now.Exits == before.Exits {
		return killErr
	}
	return nil
}
