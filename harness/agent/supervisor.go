//go:build linux

package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// manifestPoll is how often the manifest is looked at. To ask for a file's stamp is
// cheap, and unlike a file system's notifications it also sees a directory that
// is moved away and put back.
const manifestPoll = 20 * time.Millisecond

// supervisor is to etcd what a kubelet is to a static pod. All its fields
// belong to the goroutine in run.
type supervisor struct {
	opt    ServeOptions
	board  *board
	log    *etcdLog
	parent *Parent

	path  string        // the manifest's
	looks chan look     // asks for a look at the manifest now
	acts  chan act      // asks for the process, to signal it
	over  chan struct{} // closed when run has returned

	read    stamp  // of the manifest when it was last read
	seen    []byte // the manifest that was acted upon; nil: none
	pending []byte // a changed manifest that is looked at once more before it is believed
	waiting []look // for that to be decided
	wanted  *pod   // nil: etcd is not to run

	running *etcdProcess
	ended   chan ending
	asked   bool // the running process was told to stop
	grace   *time.Timer

	failures int         // ends in a row that nobody asked for
	backOff  *time.Timer // runs while the next start has to wait
	resting  bool        // it does
}

// etcdProcess is one run of etcd.
type etcdProcess struct {
	*process
	pod   pod
	began time.Time
}

type ending struct {
	of     *etcdProcess
	status syscall.WaitStatus
	err    error
}

// look asks for a look at the manifest. settled: nobody is writing it.
type look struct {
	settled bool
	done    chan struct{} // closed when it was acted upon
}

// act is done with the running process, nil if there is none, in the
// supervisor's goroutine.
type act func(*etcdProcess)

func newSupervisor(opt ServeOptions, b *board, l *etcdLog, p *Parent) *supervisor {
	return &supervisor{
		opt: opt, board: b, log: l, parent: p, path: harness.ManifestPath,
		looks: make(chan look), acts: make(chan act), ended: make(chan ending), over: make(chan struct{}),
		grace: stoppedTimer(), backOff: stoppedTimer(),
	}
}

func stoppedTimer() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

// run supervises etcd until ctx ends, then stops it as the removal of the
// manifest would, at once if power ends too.
func (s *supervisor) run(ctx, power context.Context) {
	defer close(s.over)
	children := make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)
	defer signal.Stop(children)
	tick := time.NewTicker(manifestPoll)
	defer tick.Stop()
	defer s.backOff.Stop()
	defer s.grace.Stop()

	s.look(true)
	live, powered := ctx.Done(), power.Done()
	ticks := tick.C
	for {
		select {
		case <-ticks:
			s.look(false)
		case l := <-s.looks:
			s.waiting = append(s.waiting, l)
			if ticks != nil {
				s.look(l.settled)
			}
		case do := <-s.acts:
			do(s.running)
		case <-children:
			s.observePause()
		case end := <-s.ended:
			s.onEnd(end)
		case <-s.backOff.C:
			s.resting = false
			s.reconcile()
		case <-s.grace.C:
			if s.running != nil {
				s.running.kill()
			}
		case <-live:
			live, ticks = nil, nil
			s.wanted = nil
			s.reconcile()
		case <-powered:
			powered, live, ticks = nil, nil, nil
			s.wanted = nil
			if s.running != nil {
				s.running.kill()
			}
		}
		if s.pending == nil || ticks == nil {
			for _, l := range s.waiting {
				close(l.done)
			}
			s.waiting = nil
		}
		if ticks == nil && s.running == nil {
			return
		}
	}
}

// look looks at the manifest. Unless it is settled that nobody is writing it, a
// changed one is believed when it is found the same twice: between the
// truncation and the write of `cat > etcd.yaml`, half a manifest can be a valid
// one with fewer flags.
func (s *supervisor) look(settled bool) {
	now := stampOf(s.path)
	if !settled && s.pending == nil && now.tells && now == s.read {
		return
	}
	text, err := readManifest(s.path)
	s.read = now
	if err != nil {
		text = []byte(err.Error()) // unreadable is a state too, and reported once
	}
	switch {
	case (text == nil) == (s.seen == nil) && string(text) == string(s.seen):
		s.pending = nil
		return
	case text != nil && !settled && (s.pending == nil || string(text) != string(s.pending)):
		s.pending = text
		return
	}
	s.pending, s.seen = nil, text
	s.believe(text, err)
	s.reconcile()
}

func (s *supervisor) believe(text []byte, err error) {
	present := func(st *harness.EtcdState) { st.Manifest = text != nil }
	if text == nil {
		s.wanted = nil
		s.board.post(present, nil)
		return
	}
	var wanted pod
	if err == nil {
		wanted, err = parseManifest(text)
	}
	if err != nil {
		s.wanted = nil
		s.board.post(present, &event{Kind: harness.ManifestBad, Text: s.path + ": " + err.Error()})
		return
	}
	if s.wanted == nil || s.wanted.identity != wanted.identity {
		s.wanted = &wanted
		s.failures = 0
		s.forgetBackOff()
	}
	s.board.post(present, nil)
}

// reconcile brings what runs nearer to what is wanted.
func (s *supervisor) reconcile() {
	switch {
	case s.wanted == nil && s.running == nil:
		s.forgetBackOff()
	case s.running != nil && (s.wanted == nil || s.wanted.identity != s.running.pod.identity):
		if !s.asked {
			s.asked = true
			_ = s.running.signal(syscall.SIGTERM) // it may just have ended; then its ending is on its way
			s.grace.Reset(s.opt.Grace)
		}
	case s.running == nil && !s.resting:
		s.start()
	}
}

func (s *supervisor) start() {
	p, err := s.startEtcd(*s.wanted)
	if err != nil {
		s.failures++
		s.wait("etcd cannot be started: "+err.Error(), max(2, s.failures))
		return
	}
	s.running, s.asked = p, false
	s.board.post(func(st *harness.EtcdState) {
		st.PID, st.Paused = p.pid, false
		st.Starts++
	}, &event{Kind: harness.EtcdStarted, Text: fmt.Sprintf("pid %d", p.pid)})
}

func (s *supervisor) startEtcd(wanted pod) (*etcdProcess, error) {
	path, err := lookPath(wanted.argv[0])
	if err != nil {
		return nil, err
	}
	// Without a file the log still reaches the session.
	_ = s.log.open()
	in, err := noInput()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	out, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd := &exec.Cmd{Path: path, Args: wanted.argv, Dir: wanted.dir, Env: append(hostEnv(), wanted.env...), Stdin: in, Stdout: theirs, Stderr: theirs}
	p, err := start(s.parent, cmd)
	_ = theirs.Close()
	if err != nil {
		return nil, errors.Join(err, out.Close())
	}
	run := &etcdProcess{process: p, pod: wanted, began: time.Now()}
	go func() { s.ended <- s.follow(run, out) }()
	return run, nil
}

// follow takes a run's log to its end and returns how it ended.
func (s *supervisor) follow(run *etcdProcess, out *os.File) ending {
	logged := make(chan struct{})
	go func() {
		defer close(logged)
		s.log.consume(out)
	}()
	status, err := run.wait()
	linger := time.NewTimer(outputLinger)
	defer linger.Stop()
	select {
	case <-logged:
	case <-linger.C: // something that left the process group holds the stream open
	}
	_ = out.Close()
	<-logged
	return ending{of: run, status: status, err: err}
}

func (s *supervisor) onEnd(end ending) {
	s.grace.Stop()
	exit := &harness.EtcdExit{Code: end.status.ExitStatus(), Asked: s.asked}
	if end.status.Signaled() {
		exit.Signal = end.status.Signal().String()
	}
	text := exit.String()
	if end.err != nil {
		text = end.err.Error()
	}
	s.running = nil
	s.board.post(func(st *harness.EtcdState) {
		st.PID, st.Paused, st.LastExit = 0, false, exit
		st.Exits++
	}, &event{Kind: harness.EtcdExited, Exit: exit, Text: text})

	switch {
	case s.wanted == nil:
	case exit.Asked:
		s.failures = 0
	default:
		if time.Since(end.of.began) >= s.opt.BackOff.Reset {
			s.failures = 0
		}
		s.failures++
		if s.failures > 1 {
			s.wait(text, s.failures)
			return
		}
	}
	s.asked = false
	s.reconcile()
}

// wait puts the next start off; n counts the failures in a row, from 2.
func (s *supervisor) wait(why string, n int) {
	delay := s.opt.BackOff.delay(n)
	s.resting = true
	s.backOff.Reset(delay)
	s.board.post(nil, &event{Kind: harness.EtcdBackOff, Text: fmt.Sprintf("%s; the next start is in %v", why, delay)})
}

func (s *supervisor) forgetBackOff() {
	s.resting = false
	s.backOff.Stop()
}

func (s *supervisor) observePause() {
	if s.running == nil {
		return
	}
	if paused, ok := s.running.pauses(); ok {
		s.board.post(func(st *harness.EtcdState) { st.Paused = paused }, nil)
	}
}

// lookNow returns when the manifest as it is now was acted upon: etcd was
// started, or told to stop. settled says that nobody is writing it.
func (s *supervisor) lookNow(ctx context.Context, settled bool) {
	l := look{settled: settled, done: make(chan struct{})}
	select {
	case s.looks <- l:
		<-l.done
	case <-s.over:
	case <-ctx.Done():
	}
}

// signal sends etcd a signal. A pause or its end has taken effect when it returns.
func (s *supervisor) signal(ctx context.Context, sig syscall.Signal) error {
	type result struct {
		pid int
		err error
	}
	sent := make(chan result, 1)
	do := func(p *etcdProcess) {
		if p == nil {
			sent <- result{err: errors.New("etcd is not running")}
			return
		}
		sent <- result{pid: p.pid, err: p.signal(sig)}
	}
	select {
	case s.acts <- do:
	case <-s.over:
		return errors.New("the agent is stopping")
	case <-ctx.Done():
		return ctx.Err()
	}
	r := <-sent
	if r.err != nil || (sig != syscall.SIGSTOP && sig != syscall.SIGCONT) {
		return r.err
	}
	for {
		n, changed := s.board.latest()
		if n.State.PID != r.pid {
			return fmt.Errorf("etcd ended meanwhile: %s", n.State)
		}
		if n.State.Paused == (sig == syscall.SIGSTOP) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("etcd is still %s: %w", n.State, ctx.Err())
		}
	}
}
