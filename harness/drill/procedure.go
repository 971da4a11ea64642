package drill

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/crew"
)

// attemptPause separates the attempts of a step that waits: an operator presses
// arrow-up no faster.
const attemptPause = 50 * time.Millisecond

// outcome is how one step ended for the procedure.
type outcome struct {
	refused, failed string
	timedOut        bool // failed: because the deadline passed
}

// recover runs the procedure within its deadline. How it ended is evidence; the
// error is the harness's.
func (d *drill) recover(ctx context.Context) error {
	if d.backups != nil {
		d.backups.stop()
	}
	if d.calledOff() {
		d.timeline.say(harness.DrillEvent, "", "nothing was broken, so there is nothing to recover from: %s", d.game.why())
		return d.game.close()
	}
	if d.plan.byHand() {
		if err := d.prepareHand(ctx); err != nil {
			return err
		}
	}
	d.ev.DisksBegan = d.disks(ctx)
	kept := d.keptBackups(ctx)
	d.mu.Lock() // a team asks for backups already
	d.ev.KeptBegan = kept
	d.mu.Unlock()
	d.mark(harness.ProcedureBegan)
	within, cancel := d.deadline(ctx)
	defer cancel()
	switch {
	case d.game != nil:
		d.game.begins()
		d.timeline.say(harness.DrillEvent, "", "the team's recovery begins")
	case d.plan.byHand():
		d.timeline.say(harness.DrillEvent, "", "the user's own runbook begins")
	case len(d.plan.steps) > 0:
		d.timeline.say(harness.DrillEvent, "", "the procedure begins: %s", countOf(len(d.plan.steps), "step"))
	}
	record := &d.ev.Procedure
	record.Completed = true
	for i, step := range d.plan.steps {
		ended, err := d.step(within, i+1, step)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("step %d (%s): %w", i+1, step.Name, err)
		}
		if ended != (outcome{}) {
			record.Completed, record.Refused, record.Failed, record.TimedOut = false, ended.refused, ended.failed, ended.timedOut
			break
		}
	}
	d.mark(harness.ProcedureEnded)
	switch {
	case record.Refused != "":
		d.timeline.say(harness.DrillEvent, "", "the procedure refuses: %s", record.Refused)
	case record.Failed != "":
		d.timeline.say(harness.DrillEvent, "", "the procedure did not complete: %s", record.Failed)
	case len(d.plan.steps) > 0:
		d.timeline.say(harness.DrillEvent, "", "the procedure is complete")
	}
	return nil
}

// deadline bounds a context by the procedure's.
func (d *drill) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if d.game != nil {
		return d.teamDeadline(ctx)
	}
	return context.WithTimeout(ctx, d.plan.within)
}

// step runs one step on all its hosts.
func (d *drill) step(ctx context.Context, number int, step harness.Step) (outcome, error) {
	hosts := []harness.Host{nil} // the desk
	if !step.On.IsZero() {
		selected, err := d.Select(ctx, step.On)
		if err == nil && len(selected) == 0 {
			err = fmt.Errorf("select %s: that is no host here", step.On)
		}
		if err != nil {
			return d.untried(number, step, "", err)
		}
		hosts = selected
	}
	where := "the desk"
	if hosts[0] != nil {
		where = strings.Join(hostNames(hosts), ", ")
	}
	if d.game == nil { // whose steps are what people type, and who see them
		d.timeline.say(harness.StepEvent, "", "step %d on %s: %s", number, where, step.Name)
	}
	if step.Replaces {
		d.mark(harness.HistoryReplaced)
		d.nextGeneration()
	}
	ended := make([]outcome, len(hosts))
	errs := make([]error, len(hosts))
	run := func(i int, h harness.Host) { ended[i], errs[i] = d.stepOn(ctx, number, step, h) }
	if step.AtOnce {
		var wg crew.Crew
		for i, h := range hosts {
			wg.Go(func() { run(i, h) })
		}
		wg.Wait()
	} else {
		for i, h := range hosts {
			if run(i, h); errs[i] != nil || ended[i] != (outcome{}) {
				break
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return outcome{}, err
	}
	for _, o := range ended {
		if o != (outcome{}) {
			return o, nil
		}
	}
	d.complete(step.Completes)
	return outcome{}, nil
}

func (d *drill) complete(p harness.Phase) {
	switch p {
	case harness.Fetch:
		d.mark(harness.Fetched)
	case harness.Restore:
		d.mark(harness.Restored)
	}
}

// stepOn runs a step on one host (nil: at the desk), records it, and learns
// from what it printed.
func (d *drill) stepOn(ctx context.Context, number int, step harness.Step, on harness.Host) (outcome, error) {
	record := harness.StepRecord{Number: number, Name: step.Name, At: d.timeline.now()}
	if on != nil {
		record.Host = on.Name()
	}
	place := fmt.Sprintf("step %d (%s)", number, step.Name)
	if record.Host != "" {
		place += " on " + record.Host
	}
	text, err := d.Render(step.Do.String(), record.Host)
	if err != nil {
		return d.untried(number, step, record.Host, err)
	}
	record.Command = text
	runErr := d.attempt(ctx, step, on, &record)
	record.Took = d.timeline.now() - record.At
	if runErr != nil {
		record.Error = runErr.Error()
	} else if record.Output.ExitCode == 0 {
		record.Completes = step.Completes
	}
	if err := d.keep(record); err != nil {
		return outcome{}, err
	}
	said := strings.TrimSpace(record.Output.Stdout + record.Output.Stderr)
	switch {
	case errors.Is(runErr, harness.ErrAgentLost), errors.Is(runErr, errMute):
		return outcome{}, runErr
	case runErr != nil && ctx.Err() != nil:
		return outcome{failed: fmt.Sprintf("%s was not done when the time limit of %v passed, after %d attempts; it printed: %s", place, d.plan.within, record.Attempts, said), timedOut: true}, nil
	case errors.Is(runErr, harness.ErrHostOff), errors.Is(runErr, harness.ErrHostGone), errors.Is(runErr, errMistake):
		return outcome{failed: place + ": " + runErr.Error()}, nil
	case runErr != nil:
		return outcome{}, runErr
	case step.Refuses(record.Output.ExitCode):
		if reason := lastLine(record.Output.Stdout); reason != "" {
			said = reason // what came before it is in the transcript
		}
		return outcome{refused: place + ": " + said}, nil
	case record.Output.ExitCode != 0:
		return outcome{failed: fmt.Sprintf("%s exited with status %d; it printed: %s", place, record.Output.ExitCode, said)}, nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.desk.Learn(step.Learns, record.Output.Stdout); err != nil {
		return outcome{failed: place + ": " + err.Error()}, nil
	}
	return outcome{}, nil
}

// keep writes a step down, in the evidence and in the transcript.
func (d *drill) keep(record harness.StepRecord) error {
	record, err := d.transcript.afford(record)
	if err != nil {
		return err
	}
	d.mu.Lock()
	switch n := len(d.ev.Steps); {
	case n < mostWhole:
		d.ev.Steps = append(d.ev.Steps, record)
	case n < mostSteps || record.By == "":
		d.ev.Steps = append(d.ev.Steps, abridged(record))
	default:
		d.ev.StepsMore++
	}
	d.mu.Unlock()
	return d.transcript.add(record)
}

// How many steps are in the evidence, which is held in memory: with all that was kept of
// them, and at all. A shell that looks every second makes more of those in an hour, a
// script that polls as fast as it can more of these in ten minutes.
const (
	mostWhole = 2000
	mostSteps = 10_000
)

// abridged is a step that tells who did what, and how it ended. What else is kept of it is
// in the transcript.
func abridged(s harness.StepRecord) harness.StepRecord {
	s.InputDropped += int64(len(s.Input))
	s.Output.Dropped += int64(len(s.Output.Stdout) + len(s.Output.Stderr))
	s.Input, s.Output.Stdout, s.Output.Stderr = "", "", ""
	if len(s.Command) > mostText {
		s.Command = strings.ToValidUTF8(s.Command[:mostText], "") + "…"
	}
	return s
}

// untried writes a step down that could not even be begun: its command as far
// as it is known, and why. That is the procedure's failure.
func (d *drill) untried(number int, step harness.Step, host string, why error) (outcome, error) {
	if errors.Is(why, harness.ErrAgentLost) {
		return outcome{}, why
	}
	record := harness.StepRecord{Number: number, Name: step.Name, Host: host, At: d.timeline.now(), Command: step.Do.String(), Error: why.Error()}
	place := fmt.Sprintf("step %d (%s)", number, step.Name)
	if host != "" {
		place += " on " + host
	}
	return outcome{failed: place + ": " + why.Error()}, d.keep(record)
}

// attempt tries a step once, or, if it waits for something, until it succeeds
// or the procedure's deadline passes.
func (d *drill) attempt(ctx context.Context, step harness.Step, on harness.Host, record *harness.StepRecord) error {
	for {
		out, err := step.Do.Do(ctx, site{d}, on, record.Command)
		record.Attempts++
		if err == nil || record.Attempts == 1 {
			record.Output = out
		}
		if err != nil || out.ExitCode == 0 || !step.Await {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(attemptPause):
		}
	}
}

func hostNames(hosts []harness.Host) []string {
	names := make([]string, 0, len(hosts))
	for _, h := range hosts {
		names = append(names, h.Name())
	}
	return names
}
