package check

import (
	"fmt"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
)

// BackupsKept holds when every backup that was whole as the recovery began, where
// backups are kept, was so whenever somebody asked for it since, and is in the end. It is
// judged of whoever recovers by hand, and can reach them.
type BackupsKept struct{ none }

// Name is backups-kept.
func (BackupsKept) Name() string { return "backups-kept" }

// Claim says what Held affirms.
func (BackupsKept) Claim() string {
	return "every backup that was whole when the recovery began still is, where backups are kept"
}

// Judge compares the looks at each backup.
func (BackupsKept) Judge(ev *harness.Evidence) harness.Result {
	began, ok := ev.At(harness.ProcedureBegan)
	if !ok {
		return notSeen("the procedure never began")
	}
	var wrong, missing []string
	whole := 0
	for _, b := range ev.Backups {
		if !b.KeptAt(began) {
			continue
		}
		was, looked := ev.KeptAsBegan(b.Name)
		switch harm := ev.Harmed(b); {
		case harm != "":
			wrong = append(wrong, harm)
		case !looked:
			missing = append(missing, b.Name+" was not looked at when the procedure began")
		case was.Error != "":
			missing = append(missing, fmt.Sprintf("%s could not be looked at when the procedure began: %s", b.Name, was.Error))
		case !was.Whole(b):
			// Whoever found it so is not to blame for it.
		case lastLook(ev, b.Name) == nil:
			missing = append(missing, b.Name+" was not looked at in the end")
		case lastLook(ev, b.Name).Error != "":
			missing = append(missing, fmt.Sprintf("%s could not be looked at in the end: %s", b.Name, lastLook(ev, b.Name).Error))
		default:
			whole++
		}
	}
	switch {
	case len(wrong) > 0:
		return violated(wrong, "%s", wrong[0])
	case len(missing) > 0:
		return notSeen("not every backup was looked at: %s", strings.Join(missing, "; "))
	case whole == 0:
		return notSeen("no backup was whole when the procedure began")
	}
	return held("%d backups lie where they are kept as they did", whole)
}

// lastLook is the last look at a backup; nil: there was none since the procedure began.
func lastLook(ev *harness.Evidence, backup string) (last *harness.KeptBackup) {
	for i, k := range ev.KeptAfter {
		if k.Backup == backup {
			last = &ev.KeptAfter[i]
		}
	}
	return last
}
