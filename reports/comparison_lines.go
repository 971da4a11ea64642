package reports

import (
	"math"

	"github.com/etcd-firedrill/firedrill/harness"
)

// linesOf are the figures of both, in the order in which they come about.
func linesOf(team, book Report) []Line {
	t, b := compared{team}, compared{book}
	nobody := "nobody noticed"
	if _, struck := team.Moments[string(harness.Struck)]; !struck {
		nobody = "nothing was struck"
	}
	undecided := "nobody changed anything"
	if team.GameDay.Noticed == nil {
		undecided = nobody
	}
	return []Line{
		lineOf(DetectionFigure, Milliseconds, t.people(team.GameDay.Detection, nobody), b.phase(book.Phases.Detection, "no probe failed")),
		lineOf(DecisionFigure, Milliseconds, t.people(team.GameDay.Decision, undecided), Value{Absent: "a procedure has nothing to decide"}),
		lineOf(FetchFigure, Milliseconds, t.phase(team.Phases.Fetch, noFetch), b.phase(book.Phases.Fetch, noFetch)),
		lineOf(RestoreFigure, Milliseconds, t.phase(team.Phases.Restore, noRestore), b.phase(book.Phases.Restore, noRestore)),
		lineOf(OutageFigure, Milliseconds, t.outage(), b.outage()),
		lineOf(GapsFigure, Times, t.gaps(), b.gaps()),
		lineOf(SpanFigure, Milliseconds, t.span(), b.span()),
		lineOf(FirstAckFigure, Milliseconds, t.people(team.GameDay.Recovery, noAck), b.phase(book.Phases.Recovered, noAck)),
		lineOf(RedundancyFigure, Milliseconds, t.people(team.GameDay.Redundancy, noRedundancy), b.phase(book.Phases.Redundancy, noRedundancy)),
		lineOf(LostWritesFigure, Times, t.lostWrites(), b.lostWrites()),
		lineOf(LostSpanFigure, Milliseconds, t.lostSpan(), b.lostSpan()),
		lineOf(CommandsFigure, Times, t.commands(), b.commands()),
	}
}

const (
	noFetch      = "no backup was brought onto a host"
	noRestore    = "no data directory was restored"
	noAck        = "no write was acknowledged"
	noGap        = "no gap longer than 250 ms"
	noRedundancy = "full redundancy was not seen"
	noCut        = "no consistent cut was found"
)

func lineOf(figure Figure, unit Unit, team, book Value) Line {
	l := Line{Figure: figure, Unit: unit, Team: team, Book: book}
	a, ok := team.Net()
	b, ok2 := book.Net()
	if !ok || !ok2 || book.AtLeast {
		return l
	}
	difference := a - b
	l.Difference = &difference
	if b > 0 {
		ratio := math.Round(float64(a)/float64(b)*100) / 100
		l.Ratio = &ratio
	}
	return l
}

// compared is a report of which figures are taken.
type compared struct{ Report }

func (c compared) measured(is int64) Value { return Value{Is: &is, Unfit: len(c.Unfit) > 0} }

func (c compared) people(t *Time, absent string) Value {
	if t == nil {
		return Value{Absent: absent}
	}
	v := c.measured(t.Clock)
	v.LessPauses = t.LessPauses
	return v
}

// phase is a phase that begins with the procedure, or one of a drill that nobody
// can have paused.
func (c compared) phase(ms int64, absent string) Value {
	if ms == 0 {
		return Value{Absent: absent}
	}
	v := c.measured(ms)
	if began, ok := c.Moments[string(harness.ProcedureBegan)]; ok {
		c.pausesOf(&v, Gap{From: began, To: began + ms})
	}
	return v
}

// pausesOf leaves the time out in which the exercise stood still.
func (c compared) pausesOf(v *Value, stretches ...Gap) {
	if c.GameDay == nil {
		return
	}
	paused := int64(0)
	for _, s := range stretches {
		paused += c.GameDay.paused(s.From, s.To)
	}
	if paused > 0 {
		less := max(*v.Is-paused, 0)
		v.LessPauses = &less
	}
}

// unmeasured is why nothing can be said of gaps; "" if it can.
func (c compared) unmeasured() string {
	_, struck := c.Moments[string(harness.Struck)]
	_, ran := c.Moments[string(harness.TrafficBegan)]
	switch {
	case c.OutageUnmeasured != "":
		return c.OutageUnmeasured
	case len(c.Gaps) == 0 && (!struck || !ran):
		return "no traffic ran after a strike"
	}
	return ""
}

func (c compared) outage() Value {
	if why := c.unmeasured(); why != "" {
		return Value{Absent: why}
	}
	if len(c.Gaps) == 0 {
		return Value{Absent: noGap}
	}
	v := c.measured(c.Phases.Outage)
	v.AtLeast = c.OutageOpen
	c.pausesOf(&v, c.Gaps...)
	return v
}

func (c compared) gaps() Value {
	if why := c.unmeasured(); why != "" {
		return Value{Absent: why}
	}
	v := c.measured(int64(len(c.Gaps)))
	v.AtLeast = c.OutageOpen
	return v
}

func (c compared) span() Value {
	v := c.outage()
	if v.Is == nil {
		return v
	}
	v = c.measured(c.Phases.OutageSpan)
	v.AtLeast = c.OutageOpen
	c.pausesOf(&v, Gap{From: c.Gaps[0].From, To: c.Gaps[len(c.Gaps)-1].To})
	return v
}

func (c compared) lostWrites() Value {
	if c.Loss == nil {
		return Value{Absent: noCut}
	}
	return c.measured(c.Loss.LostWrites)
}

func (c compared) lostSpan() Value {
	if c.Loss == nil {
		return Value{Absent: noCut}
	}
	return c.measured(c.Loss.LostSpan)
}

// commands counts what was typed since the strike; of a procedure, a step once for
// each host.
func (c compared) commands() Value {
	if c.GameDay == nil && c.Procedure.Outcome == "none" {
		return Value{Absent: "nobody did anything"}
	}
	n := int64(0)
	struck := c.Moments[string(harness.Struck)]
	for _, s := range c.Steps {
		if c.GameDay == nil || s.By != "" && s.At >= struck {
			n++
		}
	}
	return Value{Is: &n}
}
