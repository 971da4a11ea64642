package render

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
)

const lastSuccess = "firedrill_rehearsal_last_success_timestamp_seconds"

// RehearsalMetrics writes a rehearsal in Prometheus's text format, for the textfile
// collector of a node exporter. Every metric is a gauge with the label source, the
// location that was rehearsed. before is what the file held until now: the time of
// the last success is taken from it where this rehearsal did not hold, so that an
// alert can say for how long none has.
func RehearsalMetrics(w io.Writer, r reports.Rehearsal, before []byte) error {
	m := metricsText{source: r.Source.Location}
	m.add("firedrill_rehearsal_last_run_timestamp_seconds", "when the last rehearsal began", unixSeconds(r.Started))
	m.success(r.Held(), unixSeconds(r.Started), before)
	m.verdict(r.Verdict.String())
	if r.Source.Taken != nil {
		m.add("firedrill_rehearsal_snapshot_timestamp_seconds", "when the snapshot was last modified", unixSeconds(*r.Source.Taken))
	}
	if age, ok := r.Age(); ok {
		m.add("firedrill_rehearsal_snapshot_age_seconds", "how old the snapshot was when the rehearsal began", age.Seconds())
	}
	if r.Source.Bytes > 0 {
		m.add("firedrill_rehearsal_snapshot_bytes", "size of the snapshot's file", float64(r.Source.Bytes))
	}
	if r.Snapshot != nil {
		m.add("firedrill_rehearsal_snapshot_revision", "etcd revision of the snapshot", float64(r.Snapshot.Revision))
	}
	if r.Keys != nil {
		m.add("firedrill_rehearsal_snapshot_keys", "keys in the snapshot", float64(*r.Keys))
	}
	p := r.Phases
	m.labelled("firedrill_rehearsal_phase_seconds", "how long parts of the rehearsal took; recovered is from the beginning of the fetch until every member served the same", "phase", []metricSample{
		{"fetch", phaseSeconds(p.Fetch)}, {"verify", phaseSeconds(p.Verify)}, {"hosts", phaseSeconds(p.Hosts)}, {"restore", phaseSeconds(p.Restore)}, {"first_ack", phaseSeconds(p.FirstAck)}, {"serving", phaseSeconds(p.Serving)},
		{"recovered", phaseSeconds(p.Recovered)}, {"census", phaseSeconds(p.Census)}, {"member_loss", phaseSeconds(p.MemberLoss)}, {"total", phaseSeconds(p.Total)},
	})
	var checks []metricSample
	for _, f := range r.Findings {
		held := 0.0
		if f.Verdict == harness.Held {
			held = 1
		}
		checks = append(checks, metricSample{f.Check, held})
	}
	m.labelled("firedrill_rehearsal_check_held", "1 if the check held, 0 if it was violated or could not be seen", "check", checks)
	return m.write(w)
}

// BrokenRehearsalMetrics writes of a rehearsal that came to no verdict.
func BrokenRehearsalMetrics(w io.Writer, source string, began time.Time, before []byte) error {
	m := metricsText{source: source}
	m.add("firedrill_rehearsal_last_run_timestamp_seconds", "when the last rehearsal began", unixSeconds(began))
	m.success(false, 0, before)
	m.verdict("broke")
	return m.write(w)
}

// metricsText is a file in the making.
type metricsText struct {
	source string
	text   bytes.Buffer
}

// metricSample is a label's value and the metric's. One that is not a number is left out.
type metricSample struct {
	label string
	value float64
}

func phaseSeconds(n int64) float64 {
	if n == 0 {
		return math.NaN() // it did not occur
	}
	return float64(n) / 1000
}

func unixSeconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func (m *metricsText) add(name, help string, value float64) {
	m.head(name, help)
	fmt.Fprintf(&m.text, "%s %s\n", m.series(name), metricNumber(value))
}

// labelled adds a metric with one more label. The label source comes first.
func (m *metricsText) labelled(name, help, label string, samples []metricSample) {
	first := true
	for _, s := range samples {
		if math.IsNaN(s.value) {
			continue
		}
		if first {
			m.head(name, help)
			first = false
		}
		fmt.Fprintf(&m.text, "%s{source=%s,%s=%s} %s\n", name, labelValue(m.source), label, labelValue(s.label), metricNumber(s.value))
	}
}

func (m *metricsText) head(name, help string) {
	fmt.Fprintf(&m.text, "# HELP %s %s\n# TYPE %[1]s gauge\n", name, help)
}

func (m *metricsText) series(name string) string {
	return name + "{source=" + labelValue(m.source) + "}"
}

// success adds whether it held, and when one last did, unless none ever did.
func (m *metricsText) success(held bool, began float64, before []byte) {
	value := 0.0
	if held {
		value = 1
	}
	m.add("firedrill_rehearsal_success", "1 if the last rehearsal held", value)
	if !held {
		began = m.earlier(before)
	}
	if began > 0 {
		m.add(lastSuccess, "when the last rehearsal that held began", began)
	}
}

// earlier finds when a rehearsal of this source last held, in what the file held
// until now; 0 if that is not in it.
func (m *metricsText) earlier(before []byte) float64 {
	for line := range strings.Lines(string(before)) {
		if rest, ok := strings.CutPrefix(line, m.series(lastSuccess)+" "); ok {
			if at, err := strconv.ParseFloat(strings.TrimSpace(rest), 64); err == nil && at > 0 && !math.IsInf(at, 0) {
				return at
			}
		}
	}
	return 0
}

func (m *metricsText) verdict(is string) {
	var all []metricSample
	for _, v := range []string{"held", "violated", "inconclusive", "broke"} {
		value := 0.0
		if v == is {
			value = 1
		}
		all = append(all, metricSample{v, value})
	}
	m.labelled("firedrill_rehearsal_verdict", "1 for what the last rehearsal came to; broke: the snapshot could not be reached, or firedrill itself failed", "verdict", all)
}

func (m *metricsText) write(w io.Writer) error {
	if _, err := w.Write(m.text.Bytes()); err != nil {
		return fmt.Errorf("write the metrics: %w", err)
	}
	return nil
}

func metricNumber(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// labelValue is text as a label's value is written.
func labelValue(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(strings.ToValidUTF8(text, "\uFFFD")) + `"`
}
