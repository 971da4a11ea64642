package render

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/render/chart"
)

// service is whether writes were acknowledged, as far as somebody watched.
func (c course) service() chart.Lane {
	lane := chart.Lane{Name: "service"}
	began, ok := c.at(harness.TrafficBegan)
	ended, ended1 := c.at(harness.TrafficEnded)
	if !ended1 {
		ended = c.end
	}
	if ok && c.OutageUnmeasured == "" {
		lane.Bars = append(lane.Bars, chart.Bar{From: began, To: ended, Paint: chart.Serving, Title: "writes are acknowledged"})
	}
	for _, g := range c.Gaps {
		title := fmt.Sprintf("no acknowledged write for %s from %s: %s", human(g.MS), secondsAt(g.From), g.Cause)
		lane.Bars = append(lane.Bars, chart.Bar{From: g.From, To: g.To, Paint: chart.Gap, Title: title})
	}
	return lane
}

// steps are the procedure, one bar for each step however many hosts it is on.
func (c course) steps() chart.Lane {
	lane := chart.Lane{Name: "steps"}
	began, ok := c.at(harness.ProcedureBegan)
	ended, done := c.at(harness.ProcedureEnded)
	if ok && done {
		lane.Bars = append(lane.Bars, chart.Bar{From: began, To: ended, Paint: chart.Working, Title: "the procedure: " + human(ended-began)})
	}
	for i := 0; i < len(c.Steps); {
		first := c.Steps[i]
		bar := chart.Bar{From: first.At, Paint: chart.Step, Key: strconv.Itoa(first.Number)}
		var hosts []string
		for ; i < len(c.Steps) && c.Steps[i].Number == first.Number; i++ {
			s := c.Steps[i]
			bar.From, bar.To = min(bar.From, s.At), max(bar.To, s.At+s.Took)
			if s.Host != "" && !slices.Contains(hosts, s.Host) {
				hosts = append(hosts, s.Host)
			}
			if s.ExitCode != 0 {
				bar.Paint = chart.Failed
			}
		}
		bar.Title = fmt.Sprintf("step %d, %s%s: %s", first.Number, first.Name, onHosts(hosts), human(bar.To-bar.From))
		lane.Bars = append(lane.Bars, bar)
	}
	return lane
}

func (c course) backups() chart.Lane {
	lane := chart.Lane{Name: "backups"}
	for _, b := range c.Backups {
		bar := chart.Bar{From: b.At, To: b.At + b.Took, Paint: chart.Backup, Title: fmt.Sprintf("backup %s at %s, %s", b.Name, secondsAt(b.At), sizeCell(b.Bytes))}
		switch {
		case b.Problem != "":
			bar.Paint, bar.Title = chart.Dropped, bar.Title+": "+b.Problem
		case !b.Kept:
			bar.Paint, bar.Title = chart.Dropped, bar.Title+": not there any more when disaster struck"
		}
		lane.Bars = append(lane.Bars, bar)
	}
	for _, f := range c.Fetches {
		lane.Bars = append(lane.Bars, chart.Bar{
			From: f.At, To: f.At + f.Fetch + f.Verify, Paint: chart.Fetched, Title: fmt.Sprintf("%s is fetched onto %s: %s", f.Backup, f.Host, human(f.Fetch+f.Verify)),
		})
	}
	return lane
}

func (c course) host(t reports.Track) chart.Lane {
	lane := chart.Lane{Name: t.Host}
	add := func(spans []reports.Span, paint chart.Paint, what string) {
		for _, s := range spans {
			bar := chart.Bar{From: s.From, To: c.end, Paint: paint}
			until := "on"
			if s.To != nil {
				bar.To, until = *s.To, "to "+secondsAt(*s.To)
			}
			bar.Title = fmt.Sprintf("%s: %s from %s %s", t.Host, what, secondsAt(s.From), until)
			lane.Bars = append(lane.Bars, bar)
		}
	}
	add(t.Power, chart.Powered, "powered")
	add(t.Etcd, chart.Etcd, "etcd runs")
	return lane
}
