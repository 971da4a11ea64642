package check_test

import (
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
)

var lieStill = check.BackupsKept{}

// inTheEnd alters how the honest drill's backup lay where it is kept, in the end.
func inTheEnd(alter func(*harness.KeptBackup)) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) { alter(&ev.KeptAfter[len(ev.KeptAfter)-1]) }
}

// asItBegan alters how it lay as the procedure began.
func asItBegan(alter func(*harness.KeptBackup)) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) { alter(&ev.KeptBegan[0]) }
}

func vanished(k *harness.KeptBackup) {
	*k = harness.KeptBackup{Backup: k.Backup, At: k.At, Desk: k.Desk, Missing: true}
}

func untold(k *harness.KeptBackup) {
	*k = harness.KeptBackup{Backup: k.Backup, At: k.At, Error: "503 SlowDown"}
}

// inBetween is a look at the backup when somebody asked for it.
func inBetween(alter func(*harness.KeptBackup)) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) {
		then := ev.KeptAfter[0]
		then.At = 3 * time.Second
		alter(&then)
		ev.KeptAfter = append([]harness.KeptBackup{then}, ev.KeptAfter...)
	}
}

var backupCases = []judged{
	{lieStill, "honest", nothing, harness.Held, "1 backups lie"},
	{lieStill, "it is gone", inTheEnd(vanished), harness.Violated, "b1 is gone, at 9.50 s"},
	{lieStill, "it was gone when it was asked for, and is back", inBetween(vanished), harness.Violated, "b1 is gone, at 3.00 s"},
	{lieStill, "it was truncated", inTheEnd(func(k *harness.KeptBackup) { k.Bytes /= 2 }), harness.Violated, "b1 has 50 bytes, and had 100"},
	{lieStill, "another was put in its place", inTheEnd(func(k *harness.KeptBackup) { k.SHA256 = "5b" }), harness.Violated, `with the SHA-256 "5b" in the place of "5a"`},
	{lieStill, "it was put without a checksum", inTheEnd(func(k *harness.KeptBackup) { k.SHA256 = "" }), harness.Violated, `with the SHA-256 "" in the place of "5a"`},
	{lieStill, "it was written again", inTheEnd(func(k *harness.KeptBackup) { k.Damage = "its SHA-256 is 77, and was 5a" }), harness.Violated, "b1 was written again: its SHA-256 is 77"},
	{lieStill, "it was written again as it was", inTheEnd(func(k *harness.KeptBackup) { k.Written = k.Written.Add(time.Second) }), harness.Held, ""},
	{lieStill, "it lies on a desk", both(asItBegan(func(k *harness.KeptBackup) { k.Desk, k.SHA256 = true, "" }), inTheEnd(func(k *harness.KeptBackup) { k.Desk, k.SHA256 = true, "" })), harness.Held, ""},
	{lieStill, "it could not be asked for in the end", inTheEnd(untold), harness.Inconclusive, "b1 could not be looked at in the end: 503 SlowDown"},
	{lieStill, "nobody looked in the end", func(ev *harness.Evidence, _ *book) { ev.KeptAfter = nil }, harness.Inconclusive, "b1 was not looked at in the end"},
	{lieStill, "it could not be asked for when the procedure began", asItBegan(untold), harness.Inconclusive, "b1 could not be looked at when the procedure began: 503 SlowDown"},
	{lieStill, "nobody looked when the procedure began", func(ev *harness.Evidence, _ *book) { ev.KeptBegan = nil }, harness.Inconclusive, "b1 was not looked at when the procedure began"},
	{lieStill, "it was gone already", both(asItBegan(vanished), inTheEnd(vanished)), harness.Inconclusive, "no backup was whole"},
	{lieStill, "it was another already", both(asItBegan(func(k *harness.KeptBackup) { k.SHA256 = "5b" }), inTheEnd(vanished)), harness.Inconclusive, "no backup was whole"},
	{lieStill, "it was short already", both(asItBegan(func(k *harness.KeptBackup) { k.Bytes = 50 }), inTheEnd(vanished)), harness.Inconclusive, "no backup was whole"},
	{lieStill, "it was removed by the job before", func(ev *harness.Evidence, _ *book) {
		ev.Backups = append(ev.Backups, harness.Backup{Name: "b0", Begun: time.Second, Took: time.Millisecond, Verified: true, Removed: 2 * time.Second})
	}, harness.Held, "1 backups lie"},
	{lieStill, "the procedure never began", without(harness.ProcedureBegan), harness.Inconclusive, "never began"},

	{atSnapshot, "the newest was removed, and passed over", both(beside(1500*time.Millisecond, func(b *harness.Backup) { b.Revision-- }), both(fetched(damaged), harmed("b2"))), harness.Violated, "; b2 is gone, at 9.50 s, and was whole when the procedure began"},
	{atSnapshot, "the newest was removed when it had been restored", inTheEnd(vanished), harness.Held, "; b1 is gone, at 9.50 s"},
}

// harmed is a backup that was whole as the procedure began, and is gone in the end.
func harmed(name string) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) {
		for _, b := range ev.Backups {
			if b.Name == name {
				ev.KeptBegan = append(ev.KeptBegan, harness.KeptBackup{Backup: name, At: beganAt, Bytes: b.Bytes, SHA256: b.SHA256})
				ev.KeptAfter = append(ev.KeptAfter, harness.KeptBackup{Backup: name, At: 9500 * time.Millisecond, Missing: true})
			}
		}
	}
}
