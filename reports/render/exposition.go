package render

import (
	"errors"
	"fmt"
	"io"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
)

// exposition is metrics in the making, all gauges of firedrill's in one subsystem,
// all with the same label first, which says what they are of. They are written in
// Prometheus' text format, for the textfile collector of a node exporter. Times
// are seconds, as is usual there; what was not seen has no series.
type exposition struct {
	subsystem string // "policy": metrics begin with firedrill_policy_
	label, of string // of all metrics
	gauges    map[string]*prometheus.GaugeVec
	all       *prometheus.Registry
	errs      []error
}

func newExposition(subsystem, label, of string) *exposition {
	return &exposition{subsystem: subsystem, label: label, of: of, gauges: map[string]*prometheus.GaugeVec{}, all: prometheus.NewRegistry()}
}

// set sets a gauge; labels are names and values in turn.
func (p *exposition) set(name, help string, value float64, labels ...string) {
	names, values := []string{p.label}, []string{p.of}
	for i := 0; i+1 < len(labels); i += 2 {
		names, values = append(names, labels[i]), append(values, labels[i+1])
	}
	gauge, ok := p.gauges[name]
	if !ok {
		gauge = prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "firedrill", Subsystem: p.subsystem, Name: name, Help: help}, names)
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

// flag sets a gauge to 1 or 0.
func (p *exposition) flag(name, help string, is bool, labels ...string) {
	value := 0.0
	if is {
		value = 1
	}
	p.set(name, help, value, labels...)
}

func (p *exposition) write(to io.Writer) error {
	families, err := p.all.Gather()
	if err = errors.Join(append(p.errs, err)...); err != nil {
		return fmt.Errorf("gather the metrics of %s %s: %w", p.label, p.of, err)
	}
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(to, f); err != nil {
			return fmt.Errorf("write the metrics of %s %s: %w", p.label, p.of, err)
		}
	}
	return nil
}
