package render

import (
	"io"
	"strconv"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports/policy"
)

// SweepPrometheus writes the result of a sweep in Prometheus' text format.
func SweepPrometheus(to io.Writer, r policy.Result) error {
	text := newExposition("policy", "policy", r.Policy.Name)
	text.sweep(r)
	for _, s := range r.Summaries {
		text.summary(s)
	}
	for _, t := range r.Targets {
		for _, v := range []harness.Verdict{harness.Held, harness.Violated, harness.Inconclusive} {
			text.flag("target", "1 for the verdict of a target of the policy, 0 for the others.", t.Verdict == v, "target", t.Target, "verdict", v.String())
		}
		if t.Wanted > 0 {
			text.set("target_wanted_seconds", "What a target of the policy allows; for loss-bound, what the policy explains in the run that came closest.", inSeconds(t.Wanted), "target", t.Target)
			if !unseen(t) {
				text.set("target_worst_seconds", "Worst that was seen; for rpo, the most that the policy can lose (computed).", inSeconds(t.Worst), "target", t.Target)
			}
		}
	}
	return text.write(to)
}

func (p *exposition) sweep(r policy.Result) {
	p.set("info", "What the drills ran on; always 1.", 1, "firedrill_version", r.Firedrill, "etcd_version", r.Etcd, "runtime", r.Runtime, "cpu_model", r.Machine.Model)
	p.set("started_timestamp_seconds", "When the sweep was begun.", float64(r.Started.Unix()))
	p.flag("finished", "1 if every planned drill was run, else 0.", r.Finished)
	p.set("planned_runs", "Drills that were planned.", float64(r.Planned))
	p.set("time_scale", "How many times shorter the policy's interval was in the drills.", r.Sweep.TimeScale)
	p.set("interval_seconds", "The policy's interval, in production.", time.Duration(r.Policy.Interval).Seconds())
	for _, u := range r.Untried {
		p.set("untried", "Pairs of procedure and members that were not tried; always 1.", 1, "procedure", u.Procedure, "members", strconv.Itoa(u.Members))
	}
	for _, a := range r.Alternatives {
		p.set("computed_loss_seconds", "Most that a policy of this interval may lose, computed by what was measured at the largest size.", inSeconds(a.LossMS), "alternative", a.Name)
	}
}

func (p *exposition) summary(s policy.Summary) {
	point := []string{
		"procedure", s.Procedure, "members", strconv.Itoa(s.Members), "value_bytes", strconv.Itoa(s.ValueSize),
		"size_bytes", strconv.FormatInt(int64(s.Size), 10),
	}
	with := func(more ...string) []string { return append(append([]string{}, point...), more...) }
	p.set("runs", "Drills that were run.", float64(s.Runs), point...)
	p.set("runs_held", "Drills whose promises all held.", float64(s.Held), point...)
	p.set("runs_counted", "Drills whose figures are counted.", float64(s.Counted), point...)
	p.set("runs_left_out", "Drills that were made and whose figures are not counted, for the machine was too busy or the drill was inconclusive.", float64(s.LeftOut), point...)
	if s.LeftOutMS > 0 {
		p.set("left_out_worst_seconds", "Longest that one of the drills left out took to recover, or had no service when watching ended.", inSeconds(s.LeftOutMS), point...)
	}
	p.set("runs_unrecovered", "Drills whose figures are counted and that were not seen to recover: recovered_seconds is of the others.", float64(s.Unrecovered), point...)
	if s.UnrecoveredMS > 0 {
		p.set("unrecovered_worst_seconds", "For how long at least one of the drills that were not seen to recover had no service.", inSeconds(s.UnrecoveredMS), point...)
	}
	p.set("runs_exceeded", "Drills that lost more than the policy can explain.", float64(s.Exceeded), point...)
	spread := func(name, help string, of policy.Spread, scale float64, labels []string) {
		if of.Of == 0 {
			return
		}
		say := func(stat string, n int64) {
			p.set(name, help, float64(n)/scale, append(labels[:len(labels):len(labels)], "stat", stat)...)
		}
		say("p50", of.P50)
		say("worst", of.Worst)
		if of.P95 != nil {
			say("p95", *of.P95)
		}
		if of.Low != nil && of.High != nil {
			say("median_low", *of.Low)
			say("median_high", *of.High)
		}
	}
	for _, phase := range policy.Phases() {
		spread("phase_seconds", "How long a phase of backing up or recovering took.", s.Phases[phase], 1000, with("phase", string(phase)))
	}
	spread("recovered_seconds", "From the strike to the first acknowledged write of the recovered cluster.", s.Recovered, 1000, point)
	spread("lost_seconds", "Time whose acknowledged writes were lost, in the drills' compressed time.", s.LostMS, 1000, point)
	spread("lost_writes", "Acknowledged writes that were lost.", s.LostWrites, 1, point)
	spread("bound_seconds", "What the policy says may be lost, in the drills' compressed time.", s.BoundMS, 1000, point)
}

func inSeconds(ms int64) float64 { return float64(ms) / 1000 }
