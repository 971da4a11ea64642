package render

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports/policy"
)

// SweepPrometheus writes the result of a sweep in Prometheus' text format, for a
// textfile collector. Times are seconds, as is usual there; what was not seen has
// no series.
func SweepPrometheus(to io.Writer, r policy.Result) error {
	text := newExposition(r.Policy.Name)
	text.sweep(r)
	for _, s := range r.Summaries {
		text.summary(s)
	}
	for _, t := range r.Targets {
		for _, v := range []harness.Verdict{harness.Held, harness.Violated, harness.Inconclusive} {
			is := 0.0
			if t.Verdict == v {
				is = 1
			}
			text.set("target", "1 for the verdict of a target of the policy, 0 for the others.", is, "target", t.Target, "verdict", v.String())
		}
		if t.Wanted > 0 {
			text.set("target_wanted_seconds", "What a target of the policy promises.", inSeconds(t.Wanted), "target", t.Target)
			text.set("target_worst_seconds", "Worst that was seen; for rpo, the most that the policy can lose (computed).", inSeconds(t.Worst), "target", t.Target)
		}
	}
	return text.write(to)
}

// exposition is metrics of one policy in the making.
type exposition struct {
	policy string
	gauges map[string]*prometheus.GaugeVec
	all    *prometheus.Registry
	errs   []error
}

func newExposition(policy string) *exposition {
	return &exposition{policy: policy, gauges: map[string]*prometheus.GaugeVec{}, all: prometheus.NewRegistry()}
}

// set sets a gauge; labels are names and values in turn.
func (p *exposition) set(name, help string, value float64, labels ...string) {
	names, values := []string{"policy"}, []string{p.policy}
	for i := 0; i+1 < len(labels); i += 2 {
		names, values = append(names, labels[i]), append(values, labels[i+1])
	}
	gauge, ok := p.gauges[name]
	if !ok {
		gauge = prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "firedrill", Subsystem: "policy", Name: name, Help: help}, names)
		p.gauges[name] = gauge
		p.errs = append(p.errs, p.all.Register(gauge))
	}
	g, err := gauge.GetMetricWithLabelValues(values...)
	if err != nil {
		p.errs = append(p.errs, err)
		return
	}
	g.Set(value)
}

func (p *exposition) write(to io.Writer) error {
	families, err := p.all.Gather()
	if err = errors.Join(append(p.errs, err)...); err != nil {
		return fmt.Errorf("gather the metrics of policy %s: %w", p.policy, err)
	}
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(to, f); err != nil {
			return fmt.Errorf("write the metrics of policy %s: %w", p.policy, err)
		}
	}
	return nil
}

func (p *exposition) sweep(r policy.Result) {
	finished := 0.0
	if r.Finished {
		finished = 1
	}
	p.set("info", "What the drills ran on; always 1.", 1, "firedrill_version", r.Firedrill, "etcd_version", r.Etcd, "runtime", r.Runtime, "cpu_model", r.Machine.Model)
	p.set("started_timestamp_seconds", "When the sweep was begun.", float64(r.Started.Unix()))
	p.set("finished", "1 if every planned drill was run, else 0.", finished)
	p.set("planned_runs", "Drills that were planned.", float64(r.Planned))
	p.set("time_scale", "How many times shorter the policy's interval was in the drills.", r.Sweep.TimeScale)
	p.set("interval_seconds", "The policy's interval, in production.", time.Duration(r.Policy.Interval).Seconds())
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
