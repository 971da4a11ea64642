package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/crew"
	"github.com/etcd-firedrill/firedrill/harness/drill"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/render"
)

// job is one drill to run.
type job struct {
	scenario harness.Scenario
	options  drill.Options
	shows    func(harness.Event) bool // which events are shown as it goes; nil: all
}

// fleet runs drills, some at a time, and shows each as it goes.
type fleet struct {
	*app
	runtime  harness.Runtime
	parallel int
	json     bool
	err      error // output could not be written
}

// run runs the jobs and returns the outcomes in their order. After ctx ended no
// further one is begun; those under way end as torn down.
func (f *fleet) run(ctx context.Context, jobs []job) []render.Outcome {
	outcomes := make([]*render.Outcome, len(jobs))
	next := make(chan int)
	var running sync.WaitGroup
	for range min(f.parallel, len(jobs)) {
		running.Go(func() {
			for i := range next {
				if ctx.Err() == nil {
					outcomes[i] = f.surely(jobs[i], func() render.Outcome { return f.one(ctx, i, len(jobs), jobs[i]) })
				}
			}
		})
	}
	for i := range jobs {
		next <- i
	}
	close(next)
	running.Wait()
	var done []render.Outcome
	for _, o := range outcomes {
		if o != nil {
			done = append(done, *o)
		}
	}
	return done
}

// surely returns what one returns. A panic around the drill, which makes an error of
// its own, costs that drill's outcome and leaves the others to be torn down in order.
func (f *fleet) surely(j job, one func() render.Outcome) *render.Outcome {
	outcome := render.Outcome{Scenario: j.scenario.Name, Runtime: f.runtime.Name(), Seed: j.options.Seed}
	if crash := crew.Caught(func() { outcome = one() }); crash != nil {
		outcome.Err = fmt.Errorf("firedrill itself panicked: %w", crash)
		f.complain(outcome.Err)
	}
	return &outcome
}

// one runs a drill and shows it: its progress, then its summary or its report
// as JSON.
func (f *fleet) one(ctx context.Context, number, of int, j job) render.Outcome {
	prefix := ""
	if f.parallel > 1 {
		prefix = fmt.Sprintf("%s %d | ", j.scenario.Name, j.options.Seed)
	} else if of > 1 {
		f.progress(fmt.Sprintf("\ndrill %d of %d: %s, seed %d\n", number+1, of, j.scenario.Name, j.options.Seed), "")
	}
	style := f.style
	if f.json {
		style = styleOf(f.app.err)
	}
	j.options.Progress = func(e harness.Event) {
		if j.shows == nil || j.shows(e) {
			f.progress(style.Progress(e), prefix)
		}
	}
	j.options.Flags = j.rerun(f.runtime.Name())
	shown := false
	j.options.Hold = func(ctx context.Context, report reports.Report, enter []string) {
		f.show(report)
		shown = true
		f.hold(ctx, enter)
	}
	begun := time.Now()
	report, err := f.app.run(ctx, f.runtime, j.scenario, j.options)
	outcome := render.Outcome{Scenario: j.scenario.Name, Runtime: f.runtime.Name(), Seed: j.options.Seed, Took: time.Since(begun), Report: report, Err: err}
	if err != nil {
		f.complain(err)
	} else if !shown {
		f.show(report)
	}
	return outcome
}

// progress prints lines, each with the prefix, to where progress goes.
func (f *fleet) progress(text, prefix string) {
	if prefix != "" {
		text = prefix + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+prefix) + "\n"
	}
	f.write(text, f.json)
}

func (f *fleet) show(r reports.Report) {
	if !f.json {
		f.write("\n"+f.style.Summary(r), false)
		return
	}
	var line strings.Builder
	if err := render.JSON(&line, r); err != nil {
		f.write(err.Error()+"\n", true)
		return
	}
	f.write(line.String(), false)
}

// hold waits until the user has looked around. Hosts that are processes die
// with us, so we stay; containers stay without us.
func (f *fleet) hold(ctx context.Context, enter []string) {
	text := "\nthe cluster is kept; to get onto a host:\n"
	for _, line := range enter {
		text += "  " + line + "\n"
	}
	if f.runtime.Name() != "process" {
		f.write(text+"firedrill clean removes it\n", f.json)
		return
	}
	f.write(text+"Ctrl-C ends it; firedrill clean removes the disks, which stay\n", f.json)
	<-ctx.Done()
}

// write writes to standard output, or beside it. That output went away is no
// reason to leave a cluster standing: it is remembered and told at the end.
func (f *fleet) write(text string, beside bool) {
	f.lines.Lock()
	defer f.lines.Unlock()
	to := f.out
	if beside {
		to = f.app.err
	}
	if _, err := io.WriteString(to, text); err != nil && f.err == nil {
		f.err = fmt.Errorf("write the output: %w", err)
	}
}
