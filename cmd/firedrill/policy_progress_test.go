package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/drill"
	"github.com/etcd-firedrill/firedrill/reports"
)

// onATerminal returns a terminal, and what closes it and returns all that was written to it.
func onATerminal(t *testing.T) (terminal *os.File, shown func() string) {
	t.Helper()
	t.Setenv("TERM", "xterm")
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	fd := int(screen.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(&text, screen) // EIO: nobody has the terminal any more
	}()
	return terminal, func() string {
		_ = terminal.Close()
		<-read
		_ = screen.Close()
		return strings.ReplaceAll(text.String(), "\r\n", "\n")
	}
}

// course is what a drill tells, and more of each than a sweep shows.
func course(tell func(harness.Event)) {
	at := time.Duration(0)
	for _, e := range []harness.Event{
		{Kind: harness.DrillEvent, Text: "restore-here: summary"}, {Kind: harness.HostLine, Host: "m1", Text: "host is on"}, {Kind: harness.DrillEvent, Text: "3 members serving"},
		{Kind: harness.BackupEvent, Text: "backup b1"}, {Kind: harness.BackupEvent, Text: "backup b2"}, {Kind: harness.DrillEvent, Text: "steady state"},
		{Kind: harness.FaultEvent, Text: "strike"}, {Kind: harness.ServiceEvent, Text: "no writes"}, {Kind: harness.BackupEvent, Text: "backup b3"}, {Kind: harness.DrillEvent, Text: "the procedure begins"},
		{Kind: harness.StepEvent, Text: "step 1"}, {Kind: harness.HostLine, Text: "etcd started"}, {Kind: harness.StepEvent, Text: "step 2"},
		{Kind: harness.DrillEvent, Text: "the procedure is complete"}, {Kind: harness.TrialEvent, Text: "trial"}, {Kind: harness.DrillEvent, Text: "verdict: held"},
	} {
		e.At, at = at, at+time.Second
		tell(e)
	}
}

// On a terminal one line tells how far a drill has come and gives way to the next, and to
// what stays; elsewhere there is no more of a drill than before it and after it.
func TestASweepTellsHowFarADrillHasCome(t *testing.T) {
	sweep := func(t *testing.T, to func(*theatre)) {
		th := newTheatre(t)
		run := th.run
		th.run = func(ctx context.Context, rt harness.Runtime, sc harness.Scenario, o drill.Options) (reports.Report, error) {
			course(o.Progress)
			return run(ctx, rt, sc, o)
		}
		to(th)
		th.write(t, "small.yaml", small)
		if code := th.policy(t, "small.yaml", "--sizes", "1MiB", "--procedures", "restore-here"); code != exitHeld {
			t.Fatalf("exit %d: %s", code, th.stderr.String())
		}
	}
	terminal, shown := onATerminal(t)
	sweep(t, func(th *theatre) { th.out = terminal })
	text := shown()
	const blank = "\x1b[K"
	told := blank + "  booting, 0 s into the drill\r" + blank + "  backing up, 3 s into the drill\r" + blank + "  struck, 6 s into the drill\r" +
		blank + "  recovering, 10 s into the drill\r" + blank + "  checking, 13 s into the drill\r" + blank + "  held in "
	if strings.Count(text, told) != 3 || strings.Count(text, "into the drill") != 15 {
		t.Errorf("%q", text)
	}
	making := blank + "making a database of 1.0 MiB with values of 2048 bytes\n" + blank + "a database of 1.0 MiB: "
	if !strings.HasPrefix(text, making) || strings.Count(text, "making") != 1 {
		t.Errorf("it does not begin with %q: %q", making, text)
	}

	var plain *theatre
	sweep(t, func(th *theatre) { plain = th })
	text = plain.stdout.String()
	if strings.Contains(text, "into the drill") || strings.ContainsAny(text, "\r\x1b") || !strings.HasPrefix(text, strings.ReplaceAll(making, blank, "")) {
		t.Errorf("where there is no terminal: %q", text)
	}
	terminal, shown = onATerminal(t)
	t.Setenv("TERM", "dumb")
	sweep(t, func(th *theatre) { th.out = terminal })
	if text := shown(); strings.Contains(text, "into the drill") || strings.Contains(text, blank) {
		t.Errorf("on a dumb terminal: %q", text)
	}
}

// When a sweep is interrupted nothing of the drill under way is left on the screen.
func TestAnInterruptedSweepLeavesNoStage(t *testing.T) {
	th := newTheatre(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	th.run = func(_ context.Context, _ harness.Runtime, _ harness.Scenario, o drill.Options) (reports.Report, error) {
		o.Progress(harness.Event{Kind: harness.DrillEvent})
		cancel(errInterrupted)
		return reports.Report{}, errInterrupted
	}
	terminal, shown := onATerminal(t)
	th.out = terminal
	th.write(t, "small.yaml", small)
	if code := th.execute(ctx, "policy", "small.yaml"); code != exitBroke {
		t.Errorf("exit %d: %s", code, th.stderr.String())
	}
	if text := shown(); !strings.Contains(text, "  booting, 0 s into the drill\r\x1b[K\n") {
		t.Errorf("%q", text)
	}
}
