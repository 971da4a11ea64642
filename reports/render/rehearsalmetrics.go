package render

import (
	"bytes"
	"io"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
)

const lastSuccess = "last_success_timestamp_seconds"

// RehearsalMetrics writes a rehearsal in Prometheus' text format. Every metric has
// the label source, the location that was rehearsed. before is what the file held
// until now: the time of the last success is taken from it where this rehearsal
// did not hold, so that an alert can say for how long none has.
func RehearsalMetrics(w io.Writer, r reports.Rehearsal, before []byte) error {
	m := newExposition("rehearsal", "source", readable(r.Source.Location))
	m.lastRun(r.Started, r.Held(), before)
	m.cameTo(r.Verdict.String())
	if r.Source.Taken != nil {
		m.set("snapshot_timestamp_seconds", "When the snapshot was last modified.", unixSeconds(*r.Source.Taken))
	}
	if age, ok := r.Age(); ok {
		m.set("snapshot_age_seconds", "How long before the rehearsal began the snapshot was last modified.", age.Seconds())
	}
	if r.Source.Bytes > 0 {
		m.set("snapshot_bytes", "Size of the snapshot's file.", float64(r.Source.Bytes))
	}
	if r.Snapshot != nil {
		m.set("snapshot_revision", "Revision of the snapshot.", float64(r.Snapshot.Revision))
	}
	if r.Keys != nil {
		m.set("snapshot_keys", "Keys in the snapshot.", float64(*r.Keys))
	}
	p := r.Phases
	for _, phase := range []struct {
		name string
		ms   int64 // 0: it did not occur
	}{
		{"fetch", p.Fetch}, {"verify", p.Verify}, {"hosts", p.Hosts}, {"restore", p.Restore}, {"first_ack", p.FirstAck}, {"serving", p.Serving},
		{"recovered", p.Recovered}, {"census", p.Census}, {"member_loss", p.MemberLoss}, {"total", p.Total},
	} {
		if phase.ms > 0 {
			m.set("phase_seconds", "How long parts of the rehearsal took; recovered is from the beginning of the fetch until every member served the same.",
				inSeconds(phase.ms), "phase", phase.name)
		}
	}
	for _, f := range r.Findings {
		m.flag("check_held", "1 if the check held, 0 if it was violated or could not be seen.", f.Verdict == harness.Held, "check", f.Check)
	}
	return m.write(w)
}

// BrokenRehearsalMetrics writes of a rehearsal that came to no verdict.
func BrokenRehearsalMetrics(w io.Writer, source string, began time.Time, before []byte) error {
	m := newExposition("rehearsal", "source", readable(source))
	m.lastRun(began, false, before)
	m.cameTo("broke")
	return m.write(w)
}

// readable is text as a label's value must be, valid UTF-8.
func readable(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

func unixSeconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// lastRun tells whether the rehearsal held, and when one last did, unless none
// ever did.
func (p *exposition) lastRun(began time.Time, held bool, before []byte) {
	p.set("last_run_timestamp_seconds", "When the last rehearsal began.", unixSeconds(began))
	p.flag("success", "1 if the last rehearsal held.", held)
	at := unixSeconds(began)
	if !held {
		at = p.earlier(lastSuccess, before)
	}
	if at > 0 {
		p.set(lastSuccess, "When the last rehearsal that held began.", at)
	}
}

// cameTo tells what a rehearsal came to.
func (p *exposition) cameTo(verdict string) {
	for _, v := range []string{"held", "violated", "inconclusive", "broke"} {
		p.flag("verdict", "1 for what the last rehearsal came to; broke: the snapshot could not be reached, or firedrill itself failed.", v == verdict, "verdict", v)
	}
}

// earlier is the value that a gauge without further labels had in an earlier
// exposition of the same thing; 0 if that cannot be read, or does not tell.
func (p *exposition) earlier(name string, before []byte) float64 {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(before))
	if err != nil {
		return 0 // somebody else's file: what it says counts for nothing
	}
	for _, m := range families["firedrill_"+p.subsystem+"_"+name].GetMetric() {
		if labels := m.GetLabel(); len(labels) == 1 && p.labelled(labels[0]) {
			return m.GetGauge().GetValue()
		}
	}
	return 0
}

func (p *exposition) labelled(l *dto.LabelPair) bool {
	return l.GetName() == p.label && l.GetValue() == p.of
}
