package scenarios

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
)

// Doctor alters evidence, as a faulty etcd or a faulty harness would have it.
// It returns an error if there is nothing in the evidence to alter.
type Doctor func(*harness.Evidence) error

func doctored() []Control {
	survivor, snapshot, crash := kubeadmForceNewCluster(), etcdSnapshotRestore(), dcosTaskCrash()
	replacement, install, disconnected := dcosPodReplace(), dcosInstallFailure(), rkeRestoreNewNodes()
	// Soon after the newest backup there are keys that nobody has touched since.
	snapshot.Backups.Age = snapshot.Backups.Every / 10
	snapshot = withinPolicy(snapshot)
	snapshot.Promises = append(snapshot.Promises, check.BackupsKept{}) // as where somebody recovers by hand
	return []Control{
		{Name: "write-dropped", Summary: "an acknowledged write is gone though later ones survived",
			Scenario: survivor, Catches: "cut-at-survivor", Doctor: dropWrite},
		{Name: "write-dropped-in-place", Summary: "an acknowledged write is gone after a restart in place",
			Scenario: crash, Catches: "nothing-lost", Doctor: dropWrite},
		{Name: "write-dropped-from-snapshot", Summary: "a write that the snapshot held is gone",
			Scenario: snapshot, Catches: "cut-at-snapshot", Doctor: dropWrite},
		{Name: "value-nobody-wrote", Summary: "a key holds a value that no client wrote",
			Scenario: survivor, Catches: "cut-at-survivor", Doctor: alterValue},
		{Name: "delete-undone", Summary: "a deleted key is there again",
			Scenario: survivor, Catches: "cut-at-survivor", Doctor: undoDelete},
		{Name: "half-a-transaction", Summary: "one of two keys written by one transaction is as it was before",
			Scenario: crash, Catches: "nothing-lost", Doctor: halveTransaction},
		{Name: "new-write-lost", Summary: "the recovered cluster acknowledged a write and lost it",
			Scenario: snapshot, Catches: "cut-at-snapshot", Doctor: dropNewWrite},
		{Name: "dataset-altered", Summary: "the preloaded keys are not what they were",
			Scenario: crash, Catches: "dataset-intact", Doctor: alterDataset},
		{Name: "alarm-raised", Summary: "a member carries a NOSPACE alarm",
			Scenario: survivor, Catches: "no-alarms", Doctor: raiseAlarm},
		{Name: "member-does-not-serve", Summary: "m3 answers no linearizable read",
			Scenario: survivor, Catches: "every-member-serves", Doctor: silenceMember},
		{Name: "lease-lost", Summary: "a lease is gone and its keys stay for ever",
			Scenario: survivor, Catches: "leases-agree", Doctor: loseLease},
		{Name: "lease-vanished-with-its-keys", Summary: "a lease that has time left is gone, and its keys with it",
			Scenario: crash, Catches: "leases-agree", Doctor: vanishLease},
		{Name: "lease-without-its-keys", Summary: "a lease lives and the keys that were put with it are gone",
			Scenario: survivor, Catches: "leases-agree", Doctor: stripLease},
		{Name: "quorum-never-lost", Summary: "quorum was not seen to be lost",
			Scenario: survivor, Catches: "quorum-was-lost", Premise: true, Doctor: forgetMark(harness.QuorumLost)},
		{Name: "nobody-wrote", Summary: "no writer was acknowledged before the strike",
			Scenario: survivor, Catches: "writes-were-acknowledged", Premise: true, Doctor: silenceWriters},
		{Name: "nothing-crashed", Summary: "no etcd was seen to end",
			Scenario: crash, Catches: "etcd-died", Premise: true, Doctor: forgetExits},
		{Name: "every-member-started", Summary: "no etcd was seen to fail when the cluster was first created",
			Scenario: install, Catches: "failed-to-start", Premise: true, Doctor: forgetExits},
		{Name: "write-dropped-after-install", Summary: "the cluster that was installed acknowledged a write and lost it",
			Scenario: install, Catches: "new-writes-kept", Doctor: dropNewWrite},
		{Name: "host-never-lost", Summary: "no host was seen to be gone",
			Scenario: replacement, Catches: "hosts-were-lost", Premise: true, Doctor: forgetGone},
		{Name: "host-never-off", Summary: "no host was seen to go off",
			Scenario: disconnected, Catches: "hosts-were-off", Premise: true, Doctor: forgetPower},
		{Name: "lost-member-still-listed", Summary: "a member still lists the one that was lost",
			Scenario: replacement, Catches: "member-replaced", Doctor: listLost},
		{Name: "backups-older-than-told", Summary: "every backup was begun ten intervals before the job's clock says",
			Scenario: snapshot, Catches: "loss-within-policy", Doctor: ageBackups(10 * snapshot.Backups.Every)},
		{Name: "backup-removed", Summary: "the newest backup is not where backups are kept any more when the cluster is recovered",
			Scenario: snapshot, Catches: "backups-kept", Doctor: removeBackup},
		{Name: "cache-keeps-what-is-gone", Summary: "a component was never told, and its cache keeps a key that is gone",
			Scenario: snapshot, Catches: "caches-fresh", Doctor: keepInCache},
	}
}

// altered is a ledger whose keys or operations are changed on the way out.
type altered struct {
	harness.Ledger
	key func(*harness.KeyHistory)
	op  func(*harness.Operation) (keep bool)
}

func (a altered) Keys() iter.Seq2[harness.KeyHistory, error] {
	return func(yield func(harness.KeyHistory, error) bool) {
		for h, err := range a.Ledger.Keys() {
			if err == nil && a.key != nil {
				a.key(&h)
			}
			if !yield(h, err) {
				return
			}
		}
	}
}

func (a altered) Operations() iter.Seq2[harness.Operation, error] {
	return func(yield func(harness.Operation, error) bool) {
		for o, err := range a.Ledger.Operations() {
			if err == nil && a.op != nil && !a.op(&o) {
				continue
			}
			if !yield(o, err) {
				return
			}
		}
	}
}

// alterKey changes the first key that suits.
func alterKey(ev *harness.Evidence, what string, suits func(harness.KeyHistory) bool, alter func(*harness.KeyHistory)) error {
	for h, err := range ev.Ledger.Keys() {
		if err != nil {
			return err
		}
		if suits(h) {
			chosen := h.Key
			ev.Ledger = altered{Ledger: ev.Ledger, key: func(h *harness.KeyHistory) {
				if h.Key == chosen {
					alter(h)
				}
			}}
			return nil
		}
	}
	return fmt.Errorf("the evidence holds no key %s", what)
}

// before tells whether an operation was acknowledged and in effect well before
// the strike, so that it is in every cut that a procedure may promise.
func before(ev *harness.Evidence, o harness.Operation) bool {
	limit := ev.Marks[harness.Struck]
	if b := newestBackup(ev); b != nil {
		limit = min(limit, b.Begun)
	}
	return o.Outcome == harness.Acked && o.Effective && o.Kind == harness.WriteOp && o.Return < limit
}

func newestBackup(ev *harness.Evidence) *harness.Backup {
	var newest *harness.Backup
	for i, b := range ev.Backups {
		if b.KeptAt(ev.Marks[harness.ProcedureBegan]) {
			newest = &ev.Backups[i]
		}
	}
	return newest
}

// settledPut tells whether the key's whole history is one of acknowledged puts
// before the strike, its final value that of the last.
func settledPut(ev *harness.Evidence, h harness.KeyHistory, puts int) bool {
	if h.Final == nil || len(h.Ops) < puts {
		return false
	}
	for _, o := range h.Ops {
		if e, _ := o.EffectOn(h.Key); e.Delete || !before(ev, o) {
			return false
		}
	}
	return true
}

func dropWrite(ev *harness.Evidence) error {
	return alterKey(ev, "that was only put, before the strike",
		func(h harness.KeyHistory) bool { return settledPut(ev, h, 1) },
		func(h *harness.KeyHistory) { h.Final = nil })
}

func alterValue(ev *harness.Evidence) error {
	return alterKey(ev, "that was only put, before the strike",
		func(h harness.KeyHistory) bool { return settledPut(ev, h, 1) },
		func(h *harness.KeyHistory) { h.Final = ptr(*h.Final); h.Final.Value++ })
}

func undoDelete(ev *harness.Evidence) error {
	return alterKey(ev, "whose last operation was a delete, before the strike",
		func(h harness.KeyHistory) bool {
			if h.Final != nil || len(h.Ops) < 2 {
				return false
			}
			last, put := h.Ops[len(h.Ops)-1], h.Ops[len(h.Ops)-2]
			e, _ := last.EffectOn(h.Key)
			p, _ := put.EffectOn(h.Key)
			return e.Delete && !p.Delete && before(ev, last) && before(ev, put)
		},
		func(h *harness.KeyHistory) {
			put := h.Ops[len(h.Ops)-2]
			e, _ := put.EffectOn(h.Key)
			h.Final = &harness.KeyState{Key: h.Key, Value: e.Value, CreateRevision: put.Revision, ModRevision: put.Revision, Version: 1}
		})
}

// halveTransaction takes back one half of a key pair's last write.
func halveTransaction(ev *harness.Evidence) error {
	return alterKey(ev, "that a transaction of two keys wrote last, before the strike",
		func(h harness.KeyHistory) bool {
			return settledPut(ev, h, 2) && len(h.Ops[len(h.Ops)-1].Effects) == 2
		},
		func(h *harness.KeyHistory) {
			old := h.Ops[len(h.Ops)-2]
			e, _ := old.EffectOn(h.Key)
			h.Final = ptr(*h.Final)
			h.Final.Value, h.Final.ModRevision = e.Value, old.Revision
		})
}

func dropNewWrite(ev *harness.Evidence) error {
	ended := ev.Marks[harness.ProcedureEnded]
	return alterKey(ev, "that was first put after the procedure",
		func(h harness.KeyHistory) bool {
			if h.Final == nil || len(h.Ops) == 0 {
				return false
			}
			for _, o := range h.Ops {
				if e, _ := o.EffectOn(h.Key); e.Delete || o.Outcome != harness.Acked || !o.Effective || o.Kind != harness.WriteOp || o.Call < ended {
					return false
				}
			}
			return true
		},
		func(h *harness.KeyHistory) { h.Final = nil })
}

func alterDataset(ev *harness.Evidence) error {
	if ev.DatasetAfter == nil || ev.DatasetBefore == nil {
		return fmt.Errorf("the evidence holds no dataset")
	}
	ev.DatasetAfter = ptr(*ev.DatasetAfter)
	ev.DatasetAfter.Digest = "altered"
	return nil
}

func raiseAlarm(ev *harness.Evidence) error {
	ev.After[len(ev.After)-1].Alarms = []string{"NOSPACE of the last member"}
	return nil
}

func silenceMember(ev *harness.Evidence) error {
	last := &ev.After[len(ev.After)-1]
	last.Serves, last.ServeError = false, "context deadline exceeded"
	return nil
}

func loseLease(ev *harness.Evidence) error {
	if len(ev.LeasesAfter) == 0 {
		return fmt.Errorf("the evidence holds no lease")
	}
	ev.LeasesAfter[0].Remaining, ev.LeasesAfter[0].Keys = -1, nil
	return nil
}

// vanishLease takes away the first lease that is alive with keys, and these.
func vanishLease(ev *harness.Evidence) error {
	at := keyedLease(ev.LeasesAfter)
	if err := stripLease(ev); err != nil {
		return err
	}
	ev.LeasesAfter[at].Remaining, ev.LeasesAfter[at].Granted = -time.Second, 0
	return nil
}

// stripLease takes away the keys of the first lease that is alive with keys.
func stripLease(ev *harness.Evidence) error {
	at := keyedLease(ev.LeasesAfter)
	if at < 0 {
		return fmt.Errorf("the evidence holds no lease that is alive with keys")
	}
	gone := ev.LeasesAfter[at].Found
	ev.LeasesAfter = slices.Clone(ev.LeasesAfter)
	ev.LeasesAfter[at].Keys, ev.LeasesAfter[at].Found = []string{}, []string{}
	ev.Ledger = altered{Ledger: ev.Ledger, key: func(h *harness.KeyHistory) {
		if slices.Contains(gone, h.Key) {
			h.Final = nil
		}
	}}
	return nil
}

func keyedLease(views []harness.LeaseView) int {
	return slices.IndexFunc(views, func(l harness.LeaseView) bool { return l.Remaining >= 0 && len(l.Found) > 0 })
}

// ageBackups has every backup begun, and kept, that much earlier.
func ageBackups(by time.Duration) Doctor {
	return func(ev *harness.Evidence) error {
		if len(ev.Backups) == 0 {
			return fmt.Errorf("the evidence tells of no backup")
		}
		ev.Backups = slices.Clone(ev.Backups)
		for i := range ev.Backups {
			ev.Backups[i].Begun -= by
		}
		return nil
	}
}

// removeBackup has the newest backup be gone in the end.
func removeBackup(ev *harness.Evidence) error {
	newest := newestBackup(ev)
	if newest == nil {
		return fmt.Errorf("the evidence tells of no backup that was kept")
	}
	for i, k := range ev.KeptAfter {
		if k.Backup == newest.Name {
			ev.KeptAfter[i] = harness.KeptBackup{Backup: k.Backup, At: k.At, Missing: true}
			return nil
		}
	}
	return fmt.Errorf("nobody looked at %s in the end", newest.Name)
}

func forgetMark(m harness.Mark) Doctor {
	return func(ev *harness.Evidence) error {
		if _, ok := ev.Marks[m]; !ok {
			return fmt.Errorf("the evidence has no mark %s", m)
		}
		delete(ev.Marks, m)
		return nil
	}
}

func silenceWriters(ev *harness.Evidence) error {
	ev.Ledger = altered{Ledger: ev.Ledger, op: func(o *harness.Operation) bool { return o.Kind != harness.WriteOp }}
	return nil
}

func forgetExits(ev *harness.Evidence) error {
	ev.Exits = nil
	return nil
}

func forgetGone(ev *harness.Evidence) error {
	if len(ev.Gone) == 0 {
		return fmt.Errorf("the evidence tells of no host that is gone")
	}
	ev.Gone = nil
	return nil
}

func forgetPower(ev *harness.Evidence) error {
	if len(ev.Power) == 0 {
		return fmt.Errorf("the evidence tells of no host's power")
	}
	ev.Power = nil
	return nil
}

// listLost puts a member that is no longer there back into the last host's list.
func listLost(ev *harness.Evidence) error {
	after := &ev.After[len(ev.After)-1]
	for _, was := range ev.Before {
		for _, m := range was.Members {
			if !slices.ContainsFunc(after.Members, func(is harness.Member) bool { return is.ID == m.ID }) {
				after.Members = append(slices.Clone(after.Members), m)
				return nil
			}
		}
	}
	return fmt.Errorf("no member of before is gone")
}

// keepInCache makes the last cache hold a key that the cluster does not.
func keepInCache(ev *harness.Evidence) error {
	if len(ev.Caches) == 0 || ev.Caches[len(ev.Caches)-1].Compared == nil {
		return fmt.Errorf("the evidence tells of no cache that was compared")
	}
	ev.Caches = slices.Clone(ev.Caches)
	last := &ev.Caches[len(ev.Caches)-1]
	last.Lists = last.Lists[:1]
	last.Compared = ptr(*last.Compared)
	last.Compared.Surplus++
	last.Compared.Differing = append(slices.Clone(last.Compared.Differing), ev.TrafficPrefix+"g0/w0/gone")
	return nil
}

func ptr[T any](v T) *T { return &v }
