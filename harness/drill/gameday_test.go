package drill_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/bastion"
	"github.com/etcd-firedrill/firedrill/harness/check"
	"github.com/etcd-firedrill/firedrill/harness/drill"
	"github.com/etcd-firedrill/firedrill/harness/fault"
	"github.com/etcd-firedrill/firedrill/harness/gameday"
	"github.com/etcd-firedrill/firedrill/harness/operator"
	"github.com/etcd-firedrill/firedrill/reports"
)

// byTeam has people recover a scenario.
func byTeam(s harness.Scenario) harness.Scenario {
	s.Recover = runbook{{Name: "the team recovers", Do: harness.ByTeam{}}}
	s.Promises = append([]harness.Check{check.ProcedureCompleted{}, check.ServiceRestored{}}, s.Promises...)
	return s
}

// stoppedByHand is a lone etcd that is stopped, and that a team starts again.
func stoppedByHand() harness.Scenario {
	s := crash()
	s.Name, s.Break = "stopped-by-hand", []harness.Fault{blow(stop)}
	return byTeam(s)
}

// mate is one of the team, as a test plays him.
type mate struct {
	t      *testing.T
	name   string
	socket string
	gameday.Exercise
}

// call makes a call of the bastion's and returns what was printed. err says why it was
// not carried out.
func (m mate) call(ctx context.Context, verb string, args ...string) (out string, code int, err error) {
	var printed bytes.Buffer
	code, err = bastion.Do(ctx, m.socket, bastion.Call{By: m.name, Verb: verb, Args: args}, harness.Streams{Out: &printed, Err: &printed})
	m.t.Logf("%s: %s %q: %d, %v: %.300s", m.name, verb, args, code, err, printed.String())
	return printed.String(), code, err
}

// does makes a call that has to go well.
func (m mate) does(ctx context.Context, verb string, args ...string) string {
	out, code, err := m.call(ctx, verb, args...)
	if code != 0 || err != nil {
		m.t.Errorf("%s: %s %q ended with %d, %v", m.name, verb, args, code, err)
	}
	return out
}

// joins opens a shell, which lasts until the game day is over. kit is what it is given
// first, and left gets what it ends with.
func (m mate) joins(ctx context.Context) (kit string, left <-chan error) {
	given, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		_, err := bastion.Do(ctx, m.socket, bastion.Call{By: m.name, Verb: bastion.Join, Args: []string{m.name}}, harness.Streams{Out: first(given)})
		ended <- err
	}()
	select {
	case kit = <-given:
	case <-ctx.Done():
		m.t.Errorf("%s: the shell was given nothing", m.name)
	}
	return kit, ended
}

// await waits until the wall shows what is waited for.
func (m mate) await(ctx context.Context, what string, shown func(gameday.Wall) bool) {
	for {
		changed := m.Changed()
		w := m.Wall()
		if shown(w) {
			return
		}
		if w.Phase == gameday.Over {
			m.t.Errorf("%s: it was over before the wall showed that %s; last %+v", m.name, what, w)
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			m.t.Errorf("%s: the wall never showed that %s; last %+v", m.name, what, m.Wall())
			return
		}
	}
}

// awaitStrike waits until it was struck, and the wall shows what is waited for.
func (m mate) awaitStrike(ctx context.Context, what string, shown func(gameday.Wall) bool) {
	m.await(ctx, what, func(w gameday.Wall) bool { return len(m.Stage().Struck) > 0 && shown(w) })
}

func (m mate) awaitAlarm(ctx context.Context) {
	m.await(ctx, "the alarm rings", func(w gameday.Wall) bool { return w.Phase == gameday.Alarm })
}

func serves(w gameday.Wall) bool { return w.Serving != nil && *w.Serving }

// played is a game day that was held.
type played struct {
	report   reports.Report
	evidence *harness.Evidence
	exercise gameday.Exercise
	dir      string
}

// plays holds a game day with a scripted team, on a rig of its own.
func plays(t *testing.T, s harness.Scenario, o drill.Options, team func(context.Context, mate)) played {
	t.Helper()
	return playsFrom(t, s, o, func(context.Context, mate) {}, team)
}

// playsFrom holds one whose team does something first, while nothing can strike.
func playsFrom(t *testing.T, s harness.Scenario, o drill.Options, before, team func(context.Context, mate)) played {
	t.Helper()
	r := newRig(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	var p played
	over := make(chan struct{})
	close(over)
	if o.GameDay == nil {
		o.GameDay = &drill.GameDay{QuietLeast: time.Millisecond, QuietMost: 100 * time.Millisecond}
	}
	paper := ""
	o.GameDay.Paper = func(r reports.Report) string {
		paper = r.Directory + "/after-action.html"
		return paper
	}
	o.GameDay.Open = func(_ context.Context, e gameday.Exercise, socket string) error {
		over = make(chan struct{})
		p.exercise = e
		ann := mate{t: t, name: "ann", socket: socket, Exercise: e}
		before(ctx, ann)
		go func() {
			defer close(over)
			team(ctx, ann)
		}()
		return nil
	}
	var err error
	p.report, err = r.run(ctx, t, s, o)
	<-over
	if err != nil {
		t.Fatal(err)
	}
	p.dir = r.latest(t)
	p.evidence = &harness.Evidence{}
	if err := json.Unmarshal([]byte(read(t, p.dir, "evidence.json")), p.evidence); err != nil {
		t.Fatal(err)
	}
	if p.evidence.GameDay == nil {
		t.Fatal("the evidence has no game day")
	}
	if w := p.exercise.Wall(); w.Phase != gameday.Over || w.Verdict != p.report.Verdict.String() || paper == "" || w.Report != paper || w.Serving != nil {
		t.Errorf("in the end the wall shows %+v", w)
	}
	return p
}

// TestTeamRecovers: a team is struck at a moment that it is not told, notices, starts etcd
// again by moving its manifest into place, and says that it is done.
func TestTeamRecovers(t *testing.T) {
	t.Parallel()
	var left <-chan error
	p := playsFrom(t, stoppedByHand(), drill.Options{}, func(ctx context.Context, m mate) {
		var kit string
		kit, left = m.joins(ctx)
		environment(t, kit)
		if _, _, err := m.call(ctx, bastion.Join, m.name); err == nil || !strings.Contains(err.Error(), "already") {
			t.Errorf("somebody else comes by the same name: %v", err)
		}
		m.does(ctx, bastion.List)
		m.await(ctx, "the cluster serves", func(w gameday.Wall) bool {
			return serves(w) && len(w.Hosts) == 1 && w.Hosts[0].Leader == "m1" && len(w.Hosts[0].Members) == 1 && w.Hosts[0].Revision > 0
		})
	}, func(ctx context.Context, m mate) {
		m.awaitAlarm(ctx)
		m.does(ctx, bastion.Notice)
		m.await(ctx, "etcd does not run", func(w gameday.Wall) bool { return !serves(w) && len(w.Hosts) == 1 && !w.Hosts[0].EtcdAnswers })
		m.does(ctx, bastion.Exec, "m1", "mv", "/root/etcd.yaml", harness.ManifestPath)
		m.await(ctx, "the cluster serves again", serves)
		traffic := m.Wall().Traffic
		if last := traffic[len(traffic)-1]; last.Acked+last.Failed == 0 && len(traffic) < 3 {
			t.Errorf("%+v", traffic)
		}
		m.does(ctx, bastion.Done)
		if err := <-left; err != nil {
			t.Errorf("the shell ended with %v", err)
		}
	})
	if p.report.Verdict != harness.Held {
		t.Errorf("%s: %+v", p.report.Verdict, p.report.Findings)
	}
	g := p.evidence.GameDay
	struck, _ := p.evidence.At(harness.Struck)
	if g.Noticed.By != "ann" || g.Noticed.At < struck || g.Decided.By != "ann" || g.Decided.At < g.Noticed.At || g.Ended.By != "ann" || g.Ended.At < g.Decided.At || g.Alarm < struck {
		t.Errorf("struck at %v: %+v", struck, g)
	}
	if len(g.Shells) != 1 || g.Shells[0].Name != "ann" || len(g.WrongMoves) != 0 || len(g.Pauses) != 0 || g.Stopped != "" {
		t.Errorf("%+v", g)
	}
	if fmt.Sprint(p.evidence.Procedure.Announced) != "[m1]" {
		t.Errorf("clients were pointed at %v", p.evidence.Procedure.Announced)
	}
	if before := p.evidence.Steps[0]; before.By != "ann" || before.At > struck {
		t.Errorf("what was typed before the strike is not first: %+v", before)
	}
}

// first sends the first thing that is written to it.
func first(to chan<- string) writer {
	return func(p []byte) (int, error) {
		to <- string(p)
		return len(p), nil
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// environment makes sure of what a shell is given.
func environment(t *testing.T, line string) {
	t.Helper()
	var kit operator.Kit
	if err := json.Unmarshal([]byte(line), &kit); err != nil || !strings.HasSuffix(line, "}\n") {
		t.Errorf("%v in %q", err, line)
		return
	}
	says(t, strings.Join(kit.Environment([]string{"HOME=/home/ann", "FIREDRILL_BY=another", "PATH=/opt"}), "\n"),
		"HOME=/home/ann", "PATH="+kit.Bin+":/opt", "FIREDRILL_BY=ann", "FIREDRILL_HOSTS=m1", "FIREDRILL_BASTION=/", "ETCDCTL_ENDPOINTS=http://127.")
}

// TestWrongMove: whoever wipes the last copy is seen to, at that moment, whatever he
// typed; and what is lost is lost.
func TestWrongMove(t *testing.T) {
	t.Parallel()
	p := plays(t, stoppedByHand(), drill.Options{}, func(ctx context.Context, m mate) {
		m.awaitAlarm(ctx)
		m.does(ctx, bastion.Exec, "m1", "sh", "-c", "d=/var/lib/etcd; mv $d /root/before")
		if moves := m.Stage().WrongMoves; len(moves) != 0 {
			t.Errorf("what was put aside is taken for lost: %+v", moves)
		}
		m.does(ctx, bastion.Exec, "m1", "sh", "-c", "cd /root; rm -rf bef*")
		m.does(ctx, bastion.Exec, "m1", "mv", "/root/etcd.yaml", harness.ManifestPath)
		m.await(ctx, "something serves", serves)
		m.does(ctx, bastion.Done)
	})
	if p.report.Verdict != harness.Violated {
		t.Errorf("%s: %+v", p.report.Verdict, p.report.Findings)
	}
	if f := findingOf(t, p.report, "procedure-completed"); f.Verdict != harness.Held {
		t.Errorf("%+v", f)
	}
	moves := p.evidence.GameDay.WrongMoves
	if len(moves) != 1 || moves[0].Host != "m1" || moves[0].By != "ann" || !strings.Contains(moves[0].Text, "there is no backup") {
		t.Fatalf("%+v", moves)
	}
	var step harness.StepRecord
	for _, s := range p.evidence.Steps {
		if s.Number == moves[0].Step {
			step = s
		}
	}
	if !strings.Contains(step.Command, "rm -rf") {
		t.Errorf("it is put down to %+v", step)
	}
	stage := p.exercise.Stage()
	if len(stage.WrongMoves) != 1 || len(stage.Struck) != 1 || len(stage.Steps) != 3 || stage.Steps[2].Running || stage.Scenario != "stopped-by-hand" {
		t.Errorf("%+v", stage)
	}
}

// TestStopped: a game day that the facilitator stops is judged by what was done, and it did
// not complete. Before that he paused it: calls are refused, and the clock stands still.
func TestStopped(t *testing.T) {
	t.Parallel()
	p := plays(t, stoppedByHand(), drill.Options{}, func(ctx context.Context, m mate) {
		m.awaitAlarm(ctx)
		m.does(ctx, bastion.List)
		if err := errors.Join(m.Pause(), m.Hint("the manifest lies in /root")); err != nil {
			t.Error(err)
		}
		if _, _, err := m.call(ctx, bastion.List); err == nil || !strings.Contains(err.Error(), "paused by the facilitator") {
			t.Errorf("a call in a pause: %v", err)
		}
		if err := m.Resume(); err != nil {
			t.Error(err)
		}
		m.does(ctx, bastion.CallOff, "the room is needed")
	})
	f := findingOf(t, p.report, "procedure-completed")
	if p.report.Verdict != harness.Violated || f.Verdict != harness.Violated {
		t.Errorf("%s: %+v", p.report.Verdict, f)
	}
	says(t, f.Detail, "the team recovers", "ann stopped it: the room is needed")
	if g := p.evidence.GameDay; g.Stopped != "the room is needed" || len(g.Pauses) != 1 || g.Pauses[0].To <= g.Pauses[0].From || len(g.Hints) != 1 {
		t.Errorf("%+v", g)
	}
}

// TestLeftAsItIs: a team that leaves the cluster as it is refuses, as a procedure does.
// That is right where there is nothing to recover, and wrong where there is.
func TestLeftAsItIs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		breaks   harness.Fault
		promises []harness.Check
		verdict  harness.Verdict
		check    string
		says     string
	}{
		"there is nothing to recover": {
			fault.StopEtcd{Who: harness.Hosts("m3")}, []harness.Check{check.ProcedureRefused{Because: "the document's words"}, check.NothingLost{}, check.ServiceRestored{}},
			harness.Held, "procedure-refused", "ann said that the team leaves the cluster as it is",
		},
		"there is a disaster": {
			fault.StopEtcd{Who: harness.AllBut("m1")}, []harness.Check{check.ProcedureCompleted{}, check.ServiceRestored{}},
			harness.Violated, "procedure-completed", "the procedure refused: step 1 (the team recovers): ann said",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stoppedByHand()
			s.Name, s.Given.Members, s.Break, s.Promises = "left", 3, []harness.Fault{c.breaks}, c.promises
			p := playsFrom(t, s, drill.Options{}, func(_ context.Context, m mate) {
				if w := m.Wall(); len(w.Recovered) != 0 {
					t.Errorf("before the alarm the wall tells what counts as recovered: %q", w.Recovered)
				}
			}, func(ctx context.Context, m mate) {
				m.awaitStrike(ctx, "etcd on m3 does not answer", func(w gameday.Wall) bool { return len(w.Hosts) == 3 && !w.Hosts[2].EtcdAnswers })
				m.does(ctx, bastion.Notice)
				if w := m.Wall(); w.Phase != gameday.Alarm || len(w.Recovered) < 2 {
					t.Errorf("from the alarm on it tells %q", w.Recovered)
				}
				m.does(ctx, bastion.List)
				m.does(ctx, bastion.Leave)
			})
			f := findingOf(t, p.report, c.check)
			if p.report.Verdict != c.verdict || f.Verdict != c.verdict {
				t.Errorf("%s: %+v", p.report.Verdict, p.report.Findings)
			}
			says(t, f.Detail, c.says)
			if g := p.report.GameDay; !g.Left || g.Stopped != "" || g.Ended.By != "ann" {
				t.Errorf("%+v", g)
			}
		})
	}
}

// TestTheWallDoesNotTell: whatever breaks, and before the alarm as after it, the wall shows
// who answers, and neither what was done to the others nor that clean hosts were made
// ready in place of the lost. The facilitator sees it all.
func TestTheWallDoesNotTell(t *testing.T) {
	t.Parallel()
	s := stoppedByHand()
	s.Name, s.Given.Members, s.Promises = "all-kinds", 5, []harness.Check{check.ProcedureRefused{}}
	s.Break = []harness.Fault{
		fault.RaiseAlarm{Who: harness.Hosts("m1")}, fault.PowerOff{Who: harness.Hosts("m4")}, fault.LoseHost{Who: harness.Hosts("m5")},
		fault.StopEtcd{Who: harness.Hosts("m3")}, fault.PauseEtcd{Who: harness.Hosts("m2")},
	}
	words := []string{"paused", "no manifest, not running", "off", "gone", "NOSPACE", "does not run"}
	plays(t, s, drill.Options{}, func(ctx context.Context, m mate) {
		m.await(ctx, "m1 alone answers", func(w gameday.Wall) bool {
			shown, err := json.Marshal(w.Hosts)
			if err != nil {
				t.Error(err)
			}
			for _, word := range append(words, "m6", "m7") {
				if strings.Contains(string(shown), word) {
					t.Errorf("in the phase %s the wall tells %q: %s", w.Phase, word, shown)
				}
			}
			answers := ""
			for _, h := range w.Hosts {
				answers += fmt.Sprintf("%s %v %v, ", h.Name, h.Answers, h.EtcdAnswers)
			}
			return answers == "m1 true true, m2 true false, m3 true false, m4 false false, m5 false false, "
		})
		m.does(ctx, bastion.Notice)
		m.does(ctx, bastion.New, "m7") // which waits for the recovery to begin
		m.await(ctx, "m7 is one of the hosts", func(w gameday.Wall) bool {
			return len(w.Hosts) == 6 && w.Hosts[5].Name == "m7" && w.Hosts[5].Answers && !w.Hosts[5].EtcdAnswers
		})
		seen, err := json.Marshal(m.Stage().Hosts)
		if err != nil {
			t.Error(err)
		}
		says(t, string(seen), append(words, "m6", "m7")...)
		m.does(ctx, bastion.Leave)
	})
}

// TestLostForGood: a host that the strike left without power is lost, and not to be had back
// by whoever recovers, unless the procedure brings it back itself.
func TestLostForGood(t *testing.T) {
	t.Parallel()
	for name, returns := range map[string]bool{"lost": false, "it may return": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stoppedByHand()
			s.Name, s.Given.Members, s.OldHostsReturn = "lost", 3, returns
			s.Break, s.Promises = []harness.Fault{fault.PowerOff{Who: harness.Hosts("m3")}}, []harness.Check{check.NothingLost{}}
			plays(t, s, drill.Options{}, func(ctx context.Context, m mate) {
				m.await(ctx, "m3 does not answer", func(w gameday.Wall) bool { return len(w.Hosts) == 3 && !w.Hosts[2].Answers })
				for _, verb := range []string{bastion.On, bastion.Reboot} {
					_, _, err := m.call(ctx, verb, "m3")
					if returns && err != nil {
						t.Error(err)
					}
					if !returns && (err == nil || !strings.Contains(err.Error(), "m3 is lost for good in this drill: ") || !strings.Contains(err.Error(), "\nhint: ")) {
						t.Errorf("%s: %v", verb, err)
					}
				}
				// What one has switched off oneself is not lost.
				m.does(ctx, bastion.Off, "m2")
				m.does(ctx, bastion.On, "m2")
				m.does(ctx, bastion.Done)
			})
		})
	}
}

// TestASurpriseIsOne for whoever looks into the run directory, too: what is written there
// while it lasts does not name the scenario.
func TestASurpriseIsOne(t *testing.T) {
	t.Parallel()
	s := stoppedByHand()
	quiet := &drill.GameDay{Surprise: true, QuietLeast: time.Hour, QuietMost: time.Hour}
	r := newRig(t)
	quiet.Open = func(_ context.Context, e gameday.Exercise, _ string) error {
		if text := read(t, r.latest(t), "timeline.jsonl"); text == "" || strings.Contains(text, s.Name) || strings.Contains(text, s.Summary) {
			t.Errorf("it tells:\n%s", text)
		}
		return e.Stop("enough")
	}
	if _, err := r.run(t.Context(), t, s, drill.Options{GameDay: quiet}); err != nil {
		t.Fatal(err)
	}
	if text := read(t, r.latest(t), "timeline.jsonl"); !strings.Contains(text, s.Name+": "+s.Summary) {
		t.Errorf("in the end it does not tell:\n%s", text)
	}
}

// TestTeamIsLate: the time is over, and what is under way ends.
func TestTeamIsLate(t *testing.T) {
	t.Parallel()
	slept := make(chan error, 1)
	p := playsFrom(t, stoppedByHand(), drill.Options{Within: 4 * time.Second}, func(ctx context.Context, m mate) {
		go func() {
			_, _, err := m.call(ctx, bastion.Exec, "m1", "sleep", "600")
			slept <- err
		}()
		m.await(ctx, "somebody sleeps", func(gameday.Wall) bool { return len(m.Stage().Steps) > 0 })
	}, func(context.Context, mate) {
		if <-slept == nil {
			t.Error("it slept for ten minutes")
		}
	})
	f := findingOf(t, p.report, "procedure-completed")
	if f.Verdict != harness.Violated {
		t.Errorf("%+v", f)
	}
	says(t, f.Detail, "the time limit of 4s", "by ann: firedrill host exec m1 -- sleep 600")
	if g := p.evidence.GameDay; g.Ended.By != "" || g.Stopped != "" {
		t.Errorf("%+v", g)
	}
}

// TestCalledOff: nothing was broken, so nothing is known.
func TestCalledOff(t *testing.T) {
	t.Parallel()
	quiet := &drill.GameDay{QuietLeast: time.Hour, QuietMost: time.Hour}
	p := plays(t, stoppedByHand(), drill.Options{GameDay: quiet}, func(ctx context.Context, m mate) {
		m.does(ctx, bastion.Exec, "m1", "touch", "/root/seen")
		if err := m.Stop("nobody came"); err != nil {
			t.Error(err)
		}
	})
	if _, struck := p.evidence.At(harness.Struck); struck || len(p.evidence.Faults) != 0 || p.report.Verdict != harness.Inconclusive {
		t.Errorf("%s: %+v", p.report.Verdict, p.report.Findings)
	}
}

// TestFurtherFaults: what the facilitator breaks is recorded as his, refused where it
// cannot be, and nobody's wrong move.
func TestFurtherFaults(t *testing.T) {
	t.Parallel()
	s := stoppedByHand()
	s.Name, s.Given.Members = "further", 3
	s.Break = []harness.Fault{fault.StopEtcd{Who: harness.Hosts("m3")}}
	s.Promises = []harness.Check{check.ProcedureCompleted{}, check.ServiceRestored{}, check.NothingLost{}}
	p := plays(t, s, drill.Options{}, func(ctx context.Context, m mate) {
		order := func(kind, host string) error { return m.Inject(ctx, gameday.Order{Kind: kind, Host: host}) }
		m.awaitStrike(ctx, "etcd on m3 does not answer", func(w gameday.Wall) bool { return len(w.Hosts) == 3 && !w.Hosts[2].EtcdAnswers })
		m.does(ctx, bastion.Notice)
		m.does(ctx, bastion.Exec, "m3", "touch", "/root/seen") // which waits for the recovery to begin
		for _, c := range []gameday.Order{{Kind: "kill-etcd", Host: "m3"}, {Kind: "burn", Host: "m1"}, {Kind: "kill-etcd", Host: "m9"}} {
			if err := order(c.Kind, c.Host); !errors.Is(err, gameday.ErrRefused) {
				t.Errorf("%+v: %v", c, err)
			}
		}
		if err := order("power-off", "m2"); err != nil {
			t.Error(err)
		}
		m.await(ctx, "nothing serves", func(w gameday.Wall) bool { return !serves(w) && w.Phase == gameday.Alarm })
		m.does(ctx, bastion.Start, "m3")
		m.await(ctx, "it serves again", serves)
		m.does(ctx, bastion.On, "m2")
		m.does(ctx, bastion.Announce, "m1", "m2", "m3")
		m.does(ctx, bastion.Done)
	})
	if p.report.Verdict != harness.Held {
		t.Errorf("%s: %+v", p.report.Verdict, p.report.Findings)
	}
	if f := p.evidence.Faults; len(f) != 2 || f[0].By != "" || f[1].By != "the facilitator" || fmt.Sprint(f[1].Hosts) != "[m2]" {
		t.Errorf("%+v", f)
	}
	if w := p.evidence.GameDay.WrongMoves; len(w) != 0 {
		t.Errorf("%+v", w)
	}
}

// TestFacilitatorWipes: the facilitator empties the disk of a lone etcd, which starts as it
// was born. That is another history, of which clients have other keys; what was lost is
// lost, and it was nobody of the team.
func TestFacilitatorWipes(t *testing.T) {
	t.Parallel()
	p := plays(t, stoppedByHand(), drill.Options{}, func(ctx context.Context, m mate) {
		m.awaitAlarm(ctx)
		m.does(ctx, bastion.Start, "m1")
		m.await(ctx, "it serves again", serves)
		if err := m.Inject(ctx, gameday.Order{Kind: "wipe-data", Host: "m1"}); err != nil {
			t.Error(err)
		}
		m.await(ctx, "it serves, and has begun anew", func(w gameday.Wall) bool { return serves(w) && len(w.Hosts) == 1 && w.Hosts[0].Leader == "m1" })
		m.does(ctx, bastion.Done)
	})
	replaced, ok := p.evidence.At(harness.HistoryReplaced)
	if len(p.evidence.Faults) != 2 || !ok || replaced > p.evidence.Faults[1].At {
		t.Errorf("another history begins at %v (%v): %+v", replaced, ok, p.evidence.Faults)
	}
	if f := findingOf(t, p.report, "nothing-lost"); f.Verdict != harness.Violated {
		t.Errorf("%+v", f)
	}
	for _, check := range []string{"procedure-completed", "service-restored", "members-are"} {
		if f := findingOf(t, p.report, check); f.Verdict != harness.Held {
			t.Errorf("%+v", f)
		}
	}
	if moves := p.evidence.GameDay.WrongMoves; len(moves) != 0 {
		t.Errorf("%+v", moves)
	}
}

// TestInterrupted: who interrupts a game day stops it, before the strike or after it. It is
// judged by what was seen until then, and never held; nothing is left.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		quiet   time.Duration
		verdict harness.Verdict
		struck  bool
	}{
		"before the strike": {time.Hour, harness.Inconclusive, false},
		"after it":          {time.Millisecond, harness.Violated, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := plays(t, stoppedByHand(), drill.Options{GameDay: &drill.GameDay{QuietLeast: c.quiet, QuietMost: c.quiet}}, func(ctx context.Context, m mate) {
				if c.struck {
					m.awaitAlarm(ctx)
				}
				if err := m.Stop("interrupted"); err != nil {
					t.Error(err)
				}
			})
			_, struck := p.evidence.At(harness.Struck)
			if p.report.Verdict != c.verdict || struck != c.struck || p.evidence.GameDay.Stopped != "interrupted" {
				t.Errorf("%s, struck: %v, %+v", p.report.Verdict, struck, p.evidence.GameDay)
			}
		})
	}
}

// TestTheDrillBreaks: an agent that is lost, a panic, and whoever breaks it off end the game day as
// they end any drill, and whoever takes part hears it. The rig sees that nothing is left.
func TestTheDrillBreaks(t *testing.T) {
	t.Parallel()
	for name, breaks := range map[string]func(*testing.T, rig, context.CancelCauseFunc){
		"an agent is lost": func(t *testing.T, r rig, _ context.CancelCauseFunc) { r.killAgent(t, "m1") },
		"it panics":        func(*testing.T, rig, context.CancelCauseFunc) { panic("the pages are out of order") },
		"it is broken off": func(_ *testing.T, _ rig, cancel context.CancelCauseFunc) { cancel(errors.New("interrupted twice")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			heard := make(chan error, 1)
			var exercise gameday.Exercise
			_, err := r.run(ctx, t, stoppedByHand(), drill.Options{GameDay: &drill.GameDay{QuietLeast: time.Hour, QuietMost: time.Hour, Open: func(_ context.Context, e gameday.Exercise, socket string) error {
				exercise = e
				kit := make(chan string, 1)
				go func() {
					_, err := bastion.Do(t.Context(), socket, bastion.Call{Verb: bastion.Join, Args: []string{"ann"}}, harness.Streams{Out: first(kit)})
					heard <- err
				}()
				<-kit
				breaks(t, r, cancel)
				return nil
			}}})
			if err == nil {
				t.Error("it was judged")
			}
			if err := <-heard; err != nil {
				t.Errorf("whoever takes part is told %v", err)
			}
			if w := exercise.Wall(); w.Phase != gameday.Over || w.Verdict != "" {
				t.Errorf("%+v", w)
			}
			if err := exercise.Done("ann"); !errors.Is(err, gameday.ErrRefused) {
				t.Errorf("done afterwards: %v", err)
			}
		})
	}
}

// What cannot be a game day is refused before anything is started.
func TestUnsuitedGameDays(t *testing.T) {
	open := func(context.Context, gameday.Exercise, string) error { return nil }
	atBirth := stoppedByHand()
	atBirth.AtBirth = true
	for name, c := range map[string]struct {
		scenario harness.Scenario
		game     *drill.GameDay
		says     string
	}{
		"none":          {stoppedByHand(), nil, "no game day is held"},
		"no people":     {stopped(), &drill.GameDay{Open: open}, "people are not who recovers"},
		"nobody knows":  {stoppedByHand(), &drill.GameDay{}, "nobody is told"},
		"at birth":      {atBirth, &drill.GameDay{Open: open}, "no quiet time"},
		"ends too soon": {stoppedByHand(), &drill.GameDay{Open: open, QuietLeast: time.Minute, QuietMost: time.Second}, "between 1m0s and 1s"},
		"negative":      {stoppedByHand(), &drill.GameDay{Open: open, QuietLeast: -time.Minute, QuietMost: time.Second}, "between -1m0s"},
	} {
		if err := drill.Validate(c.scenario, drill.Options{GameDay: c.game}); !errors.Is(err, drill.ErrUnsuited) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := drill.Validate(stoppedByHand(), drill.Options{GameDay: &drill.GameDay{Open: open}}); err != nil {
		t.Error(err)
	}
}
