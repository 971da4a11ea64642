package render

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
)

// moments is what each mark means, in the order in which they usually occur.
var moments = []struct {
	mark harness.Mark
	text string
}{
	{harness.Provisioned, "every host is up"},
	{harness.Booted, "every member serves for the first time"},
	{harness.TrafficBegan, "clients begin to write"},
	{harness.SteadyStateSeen, "a steady state is seen"},
	{harness.Struck, "disaster strikes"},
	{harness.TookEffect, "the last fault has taken effect"},
	{harness.Detected, "a fresh client is not served"},
	{harness.QuorumLost, "quorum is seen to be lost"},
	{harness.ProcedureBegan, "the procedure begins"},
	{harness.Fetched, "backup and keys are on the hosts"},
	{harness.Restored, "data directories are ready"},
	{harness.HistoryReplaced, "history is replaced: members start from other data than clients were told"},
	{harness.ProcedureEnded, "the procedure ends"},
	{harness.Redundant, "full redundancy: every member is healthy, caught up and equal"},
	{harness.Settled, "2 s have passed without a gap"},
	{harness.TrafficEnded, "clients have stopped"},
	{harness.Collected, "the evidence is collected"},
}

func order(m harness.Mark) int {
	for i, known := range moments {
		if known.mark == m {
			return i
		}
	}
	return len(moments)
}

// momentText is a mark in words; one that this version does not know speaks for
// itself.
func momentText(m harness.Mark) string {
	if i := order(m); i < len(moments) {
		return moments[i].text
	}
	return strings.ReplaceAll(string(m), "-", " ")
}

// eventView is one thing that happened.
type eventView struct {
	At    string
	Since string // since the strike; empty before it
	Key   string // as in the picture
	Text  string
	Tone  string // class: violated, held, or nothing
}

// events is all that the timeline shows but for the steps, in order of time.
func (c course) events() []eventView {
	var all []event
	add := func(at int64, key, tone, text string) { all = append(all, c.event(at, key, tone, text)) }
	for i, s := range c.Strikes {
		add(s.At, flagKey(i, len(c.Strikes)), "violated", s.Fault+onHosts(s.Hosts)+byWhom(s)+"; took effect within "+human(s.Took))
	}
	for _, m := range c.marks {
		add(m.at, m.key, "", m.text)
	}
	for _, g := range c.Gaps {
		add(g.From, "", "violated", "the last acknowledged write before a gap: "+g.Cause)
		if !g.Open {
			add(g.To, "", "held", "writes are acknowledged again, after "+human(g.MS))
		}
	}
	for _, t := range c.Tracks {
		spans(t.Power, func(at int64, up bool) {
			add(at, "", "", t.Host+map[bool]string{true: " is on", false: " is off"}[up])
		})
		spans(t.Etcd, func(at int64, up bool) {
			add(at, "", "", t.Host+map[bool]string{true: ": etcd starts", false: ": etcd ends"}[up])
		})
	}
	for _, b := range c.Backups {
		text := "backup " + b.Name + " begins"
		if b.Problem != "" {
			text += ", and comes to nothing: " + b.Problem
		}
		add(b.At, "", "", text)
	}
	for _, f := range c.Fetches {
		add(f.At, "", "", fmt.Sprintf("backup %s is fetched onto %s, within %s", f.Backup, f.Host, human(f.Fetch+f.Verify)))
	}
	if c.GameDay != nil {
		all = append(all, c.peopleEvents()...)
	}
	return inOrder(all)
}

// event is something that happened, and when.
type event struct {
	at   int64
	view eventView
}

func (c course) event(at int64, key, tone, text string) event {
	e := event{at, eventView{At: secondsAt(at), Key: key, Tone: tone, Text: text}}
	e.view.Since = c.since(at)
	return e
}

// since is an offset from the strike; "" before it.
func (c course) since(at int64) string {
	if c.struck < 0 || at < c.struck {
		return ""
	}
	return fmt.Sprintf("+%.3f s", float64(at-c.struck)/1000)
}

func inOrder(all []event) []eventView {
	slices.SortStableFunc(all, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	out := make([]eventView, len(all))
	for i, e := range all {
		out[i] = e.view
	}
	return out
}

// byWhom names who broke something in addition to the scenario.
func byWhom(s reports.Strike) string {
	if s.By == "" {
		return ""
	}
	return ", by " + whom(s.By)
}

// flagKey is what a strike's flag is called in the picture.
func flagKey(i, of int) string {
	if of == 1 {
		return "strike"
	}
	return strconv.Itoa(i + 1)
}

// spans tells each beginning and each end.
func spans(all []reports.Span, tell func(at int64, up bool)) {
	for _, s := range all {
		tell(s.From, true)
		if s.To != nil {
			tell(*s.To, false)
		}
	}
}
