package check_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/check"
)

// judged is one case: the honest drill, altered in one way, as one check sees it.
type judged struct {
	check harness.Check
	name  string
	alter func(*harness.Evidence, *book)
	want  harness.Verdict
	says  string // is in the detail
}

func tables() []judged {
	return slices.Concat(premiseCases, procedureCases, memberCases, replicaCases, trialCases, refusalCases, leaseCases, revisionCases, watcherCases, momentCases, keptCases, cacheCases, deadCases, termCases, loginCases, policyCases, outageCases, backupCases)
}

func TestChecks(t *testing.T) {
	for _, c := range tables() {
		t.Run(c.check.Name()+"/"+c.name, func(t *testing.T) {
			ev, b := honest()
			c.alter(ev, b)
			r := c.check.Judge(ev)
			if r.Verdict != c.want || !strings.Contains(r.Detail, c.says) {
				t.Errorf("%s: %s\nwant %s: …%s…", r.Verdict, r.Detail, c.want, c.says)
			}
			if len(r.Offending) > 0 && r.Verdict != harness.Violated {
				t.Errorf("%s, and yet it blames %q", r.Verdict, r.Offending)
			}
			if again := c.check.Judge(ev); again.Detail != r.Detail {
				t.Errorf("judged again, it says %q instead of %q", again.Detail, r.Detail)
			}
		})
	}
}

func TestEveryCheckHoldsOnAnHonestDrill(t *testing.T) {
	for _, c := range honestChecks() {
		ev, b := honest()
		if c.Name() == stopped.Name() || c.Name() == untouched.Name() {
			refusal(ev, b)
		}
		if c.Name() == unstarted.Name() {
			endsAgain(ev, b)
		}
		if c.Name() == laggard.Name() {
			lags(30)(ev, b)
		}
		if c.Name() == off.Name() {
			wentOff(ev, b)
		}
		if c.Name() == fenced.Name() {
			deadReturn(ev, b)
		}
		if c.Name() == bounded.Name() {
			backedUp(ev, b)
		}
		if c.Name() == unique.Name() {
			withoutBackup(ev, b)
		}
		if r := c.Judge(ev); r.Verdict != harness.Held || r.Detail == "" {
			t.Errorf("%s: %s: %s", c.Name(), r.Verdict, r.Detail)
		}
	}
}

// A check that was never seen to fail is decoration.
func TestEveryCheckIsSeenWithEachVerdict(t *testing.T) {
	premises := []string{"quorum-was-lost", "writes-were-acknowledged", "etcd-died", "failed-to-start", "hosts-were-lost", "hosts-were-off", "survivor-was-behind"}
	seen := map[string]map[harness.Verdict]bool{}
	for _, c := range tables() {
		if seen[c.check.Name()] == nil {
			seen[c.check.Name()] = map[harness.Verdict]bool{}
		}
		seen[c.check.Name()][c.want] = true
	}
	for _, c := range check.All() {
		for _, v := range []harness.Verdict{harness.Inconclusive, harness.Violated} {
			want := v != harness.Violated || !slices.Contains(premises, c.Name())
			if seen[c.Name()][v] != want {
				t.Errorf("%s is judged %s in some case: %v, want %v", c.Name(), v, !want, want)
			}
		}
	}
}

func TestNothingIsConcludedFromNothing(t *testing.T) {
	for _, c := range honestChecks() {
		if r := c.Judge(&harness.Evidence{Ledger: &book{}}); r.Verdict != harness.Inconclusive || r.Detail == "" {
			t.Errorf("%s says of an empty drill %s: %q", c.Name(), r.Verdict, r.Detail)
		}
	}
}

func TestADamagedLedgerProvesNothing(t *testing.T) {
	damage := errors.New("ledger.bin, block 3: the file is damaged")
	for _, c := range []harness.Check{
		check.WritesWereAcknowledged{}, check.SurvivorWasBehind{Host: "m1"}, check.ServiceRestored{}, check.RevisionsUnique{}, check.WatcherInformed{}, elected,
		check.NothingLost{}, check.NewWritesKept{}, check.CutAtSurvivor{Host: "m1"}, check.CutAtSnapshot{}, bounded, check.LeasesAgree{},
	} {
		ev, b := honest()
		b.opsErr = damage
		if r := c.Judge(ev); r.Verdict != harness.Inconclusive || !strings.Contains(r.Detail, damage.Error()) {
			t.Errorf("%s: %s: %s", c.Name(), r.Verdict, r.Detail)
		}
	}
	for _, c := range []harness.Check{check.WatcherInformed{}, check.LeasesAgree{}, check.NothingLost{}, check.NewWritesKept{}, check.CutAtSurvivor{Host: "m1"}, check.CutAtSnapshot{}, bounded} {
		ev, b := honest()
		b.keysErr = damage
		if r := c.Judge(ev); r.Verdict != harness.Inconclusive || !strings.Contains(r.Detail, damage.Error()) {
			t.Errorf("%s: %s: %s", c.Name(), r.Verdict, r.Detail)
		}
	}
}

// Alterations that several tables share.

func nothing(*harness.Evidence, *book) {}

func without(m harness.Mark) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) { delete(ev.Marks, m) }
}

func mark(m harness.Mark, at time.Duration) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) { ev.Marks[m] = at }
}

// oneHistory is the drill of a procedure that never replaced history.
func inPlace(ev *harness.Evidence, _ *book) { delete(ev.Marks, harness.HistoryReplaced) }

func both(one, two func(*harness.Evidence, *book)) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, b *book) { one(ev, b); two(ev, b) }
}

// silent makes a host that was asked and did not answer.
func silent(host string) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) {
		at := slices.IndexFunc(ev.After, func(v harness.MemberView) bool { return v.Host == host })
		ev.After[at] = harness.MemberView{Host: host, Error: "connection refused"}
	}
}

// unasked makes a host that nobody asked.
func unasked(host string) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) {
		ev.After = slices.DeleteFunc(ev.After, func(v harness.MemberView) bool { return v.Host == host })
	}
}

// told alters what m3 says at the end.
func told(alter func(*harness.MemberView)) func(*harness.Evidence, *book) {
	return func(ev *harness.Evidence, _ *book) { alter(&ev.After[2]) }
}
