package gameday

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// fake is an exercise without a drill: what is to be shown is set by tests, and what
// is asked of it is written down, and done as far as pages show it.
type fake struct {
	mu      sync.Mutex
	stage   Stage
	changed chan struct{}
	over    bool
	asked   []string
	refuse  error                       // what every deed returns
	hold    func(context.Context) error // what Inject does first
	started time.Time                   // the drill's clock runs on from stage.Wall.Now; zero: it stands still
	looks   int
	broken  bool // looking panics
}

func newFake() *fake {
	return &fake{stage: stageAt(Waiting), changed: make(chan struct{})}
}

func (f *fake) Wall() Wall { return f.Stage().Wall }

func (f *fake) Stage() Stage {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looks++
	if f.broken {
		panic("out of order")
	}
	s := f.stage
	if !f.started.IsZero() {
		past := time.Since(f.started)
		s.Wall.Now += past
		if s.Wall.Phase == Alarm && !s.Wall.Paused {
			s.Wall.Clock, s.Wall.Left = s.Wall.Clock+past, s.Wall.Left-past
		}
	}
	return s
}

func (f *fake) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

// change sets what is shown.
func (f *fake) change(set func(*Stage)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	set(&f.stage)
	if f.over {
		return
	}
	close(f.changed)
	f.changed = make(chan struct{})
}

// end is the end of the exercise: nothing changes any more.
func (f *fake) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over = true
	close(f.changed)
}

// asks writes down what was asked.
func (f *fake) asks(format string, args ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, fmt.Sprintf(format, args...))
	return f.refuse
}

func (f *fake) all() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.asked, "\n")
}

func (f *fake) do(set func(*Stage), format string, args ...any) error {
	if err := f.asks(format, args...); err != nil {
		return err
	}
	f.change(set)
	return nil
}

func (f *fake) Notice(by string) error {
	return f.do(func(s *Stage) { s.Wall.Noticed = by }, "notice by %q", by)
}

func (f *fake) Done(by string) error {
	return f.do(func(s *Stage) { s.Wall.Phase = Judging }, "done by %q", by)
}

func (f *fake) Leave(by string) error {
	return f.do(func(s *Stage) { s.Wall.Phase = Judging }, "left by %q", by)
}

func (f *fake) Inject(ctx context.Context, o Order) error {
	if f.hold != nil {
		if err := f.hold(ctx); err != nil {
			return err
		}
	}
	return f.do(func(s *Stage) {
		s.Struck = append(s.Struck, harness.FaultRecord{Fault: o.Kind, By: "the facilitator", Hosts: []string{o.Host}, At: s.Wall.Now})
	}, "inject %q on %q", o.Kind, o.Host)
}

func (f *fake) Hint(text string) error {
	return f.do(func(s *Stage) {
		s.Wall.Hints = append(s.Wall.Hints, harness.HintRecord{At: s.Wall.Now, Text: text})
	}, "hint %q", text)
}

func (f *fake) Pause() error {
	return f.do(func(s *Stage) { s.Wall.Paused, s.Wall.PauseEnds = true, s.Wall.Now+30*time.Minute }, "pause")
}

func (f *fake) Resume() error {
	return f.do(func(s *Stage) { s.Wall.Paused, s.Wall.PauseEnds = false, 0 }, "resume")
}

func (f *fake) Stop(why string) error {
	return f.do(func(s *Stage) { s.Wall.Phase = Judging }, "stop because %q", why)
}

// stageAt is a game day as it may be in a phase: of three hosts one lost its power at
// 2:10 and another its etcd at 6:00, and the team has been at it for eight minutes.
func stageAt(phase Phase) Stage {
	yes, no := true, false
	s := Stage{
		Scenario: "kubeadm-force-new-cluster", Summary: "quorum lost for good; rebuild from the one survivor", Seed: 7_351_225_092_345_876_123,
		StrikeAt: 2*time.Minute + 10*time.Second,
		Book:     []string{"stop etcd on m1", "start m1 with --force-new-cluster", "add m2 as a learner", "start m2", "promote m2", "add m3 as a learner", "start m3", "promote m3"},
		Faults: []Kind{
			{Name: "power-off", Text: "power it off, as pulling the plug"},
			{Name: "stop-etcd", Text: "stop its etcd"},
			{Name: "ruin-data", Text: "ruin its data directory"},
		},
		Wall: Wall{
			Phase: phase, Now: 88 * time.Second, Within: 30 * time.Minute, Serving: &yes, Since: 3 * time.Second,
			Traffic: trafficUntil(88, 0, 0), Shells: []string{"ana", "bo"},
			Backups: []Backup{
				{Name: "snapshot-0002", Begun: 61 * time.Second, Bytes: 12_900_000, Revision: 5120},
				{Name: "snapshot-0001", Begun: time.Second, Bytes: 9_800_000, Revision: 1042},
				{Name: "snapshot-0000", Begun: 0, Bytes: 9_700_000, Revision: 12, Unseen: true},
			},
		},
	}
	for i, name := range []string{"m1", "m2", "m3"} {
		s.Hosts = append(s.Hosts, Inside{
			Host:  Host{Name: name, Answers: true, EtcdAnswers: true, Leader: "m2", Members: []string{"m1", "m2", "m3"}, Revision: 6024, Asked: 87 * time.Second},
			Power: "on", Etcd: fmt.Sprintf("running (pid %d)", 41+i), Alarms: []string{},
		})
	}
	if phase == Waiting {
		s.Wall.Hosts = outside(s.Hosts)
		return s
	}
	w := &s.Wall
	w.Now, w.Alarm = 10*time.Minute+22*time.Second, 2*time.Minute+14*time.Second
	w.Clock, w.Left = w.Now-w.Alarm, w.Within-(w.Now-s.StrikeAt)
	w.Serving, w.Since, w.Noticed = &no, s.StrikeAt+300*time.Millisecond, "ana"
	w.Traffic = trafficUntil(622, 1000, 130)
	s.Hosts[0].Leader, s.Hosts[0].Asked = "", w.Now-time.Second
	s.Hosts[1] = Inside{Host: Host{Name: "m2", Members: []string{}, Asked: w.Now - 2*time.Second}, Power: "off", Alarms: []string{}}
	s.Hosts[2] = Inside{Host: Host{Name: "m3", Answers: true, Members: []string{}, Asked: w.Now - 3*time.Second}, Power: "on", Etcd: "no manifest, not running", Error: "it does not run", Alarms: []string{}}
	w.Hosts = outside(s.Hosts)
	w.Hints = []harness.HintRecord{{At: 7 * time.Minute, Text: "Which of the three still has its disk?"}, {At: 9*time.Minute + 40*time.Second, Text: "A member that nobody can reach still counts for the quorum."}}
	w.Recovered = []string{
		"m1, m4 and m5 are the members, all of them voters, and nobody else is.", "The cluster ID is the one that it was.",
		"Writes that were acknowledged and that m1 never had may be lost, and no others.", "Every member serves, all hold the same, none reports an alarm and writes go on when any one of them is lost.",
		"Where there is nothing to recover, or nothing that may be touched, the team leaves the cluster as it is, and says so.",
	}
	s.FalseAlarms = []harness.Deed{{By: "bo", At: 65 * time.Second}, {By: "ana", At: 101 * time.Second}}
	s.Struck = []harness.FaultRecord{
		{Fault: "PowerOff{Who: m2}", Hosts: []string{"m2"}, At: s.StrikeAt, Took: 41 * time.Millisecond},
		{Fault: "StopEtcd{Who: m3}", By: "the facilitator", Hosts: []string{"m3"}, At: 6 * time.Minute, Took: 380 * time.Millisecond},
	}
	s.Steps = []Step{
		{Number: 1, At: 155 * time.Second, By: "ana", Command: "firedrill host ls"},
		{Number: 2, At: 171 * time.Second, By: "bo", Host: "m1", Command: "etcdctl endpoint status --cluster -w table", ExitCode: 1},
		{Number: 3, At: 230 * time.Second, By: "ana", Host: "m1", Command: "mv /etc/kubernetes/manifests/etcd.yaml /root/etcd.yaml"},
		{Number: 4, At: 262 * time.Second, By: "bo", Host: "m1", Command: "rm -rf /var/lib/etcd"},
		{Number: 5, At: 300 * time.Second, By: "ana", Host: "m2", Command: "cat /var/log/etcd.log", Error: "m2 is off"},
		{Number: 6, At: 611 * time.Second, By: "bo", Host: "m1", Command: "etcdutl snapshot restore /root/snapshot-0002 \\\n  --name m1 --initial-cluster m1=https://127.9.4.1:2380 --data-dir /var/lib/etcd", Running: true},
	}
	w.Backups[0].Changed = "it has 0 bytes, and had 12900000"
	s.GivenUp = []harness.WrongMove{{At: 232 * time.Second, Step: 3, By: "ana", Host: "m1", Text: "by the document: what only m1 held is given up; a backup is what is restored"}}
	s.WrongMoves = []harness.WrongMove{{At: 262 * time.Second, Step: 4, By: "bo", Host: "m1", Text: "wiped m1's data, the last that held what was written after the newest backup, 62.1 s old"}}
	if phase == Judging || phase == Over {
		w.Serving, w.Since = &yes, 9*time.Minute
		w.Traffic = trafficUntil(622, 540, 130)
		s.Steps[5].Running = false
	}
	if phase == Over {
		w.Verdict, w.Report = "violated", "/home/ana/firedrill-runs/20260301T101500Z-kubeadm-force-new-cluster/after-action.html"
	}
	return s
}

// outside is what the wall shows of hosts.
func outside(hosts []Inside) []Host {
	var all []Host
	for _, h := range hosts {
		all = append(all, h.Host)
	}
	return all
}

// trafficUntil is five minutes of traffic at the most that end with a second, and
// that is well before one and from another on.
func trafficUntil(end, well, struck int) []Second {
	var seconds []Second
	for at := max(0, end-300); at < end; at++ {
		s := Second{At: time.Duration(at) * time.Second}
		wobble := int64(at * 7919 % 61)
		if at < struck || at >= well {
			s.Acked, s.P50 = 180+wobble, time.Duration(1800+9*wobble)*time.Microsecond
			s.P99 = s.P50*2 + time.Duration(wobble*wobble)*time.Microsecond
		} else {
			s.Failed = 20 + wobble/4
		}
		if at%97 == 13 && s.Acked > 0 {
			s.P99, s.Failed = 240*time.Millisecond, 3
		}
		seconds = append(seconds, s)
	}
	return seconds
}

// open serves an exercise until the test ends.
func open(t *testing.T, e Exercise, address string) *Server {
	t.Helper()
	return openAt(t, e, address, usual)
}

func openAt(t *testing.T, e Exercise, address string, p pace) *Server {
	t.Helper()
	s, err := listen(t.Context(), address, e, p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the pages: %v", err)
		}
	})
	return s
}
