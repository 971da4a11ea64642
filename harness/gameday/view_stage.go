package gameday

import (
	"fmt"
	"slices"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
)

// stageEvent is a Stage with its words: an event of /facilitator/events is this.
type stageEvent struct {
	Stage
	View view `json:"view"`
}

func stageEventOf(s Stage) stageEvent { return stageEvent{s, viewOfStage(s)} }

// mostSteps is how many commands a page shows. All are in the transcript.
const mostSteps = 200

// viewOfStage is all that the facilitator's page shows.
func viewOfStage(s Stage) view {
	v := viewOfWall(s.Wall)
	struck := len(s.Struck) > 0
	going := slices.Contains(v.Flags, "going")
	v.Flags = append(v.Flags, flagsOf(map[string]bool{"struck": struck, "unstruck": !struck, "erred": len(s.WrongMoves) > 0, "mistaken": len(s.FalseAlarms) > 0, "truncated": len(s.Steps) > mostSteps})...)
	v.Texts["scenario"], v.Texts["summary"] = cell{Text: s.Scenario}, cell{Text: s.Summary}
	v.Texts["seed"] = cell{Text: fmt.Sprint(s.Seed)}
	switch {
	case struck:
		v.Texts["strike"] = cell{Text: "Struck", Tone: "violated", Count: countAgo, At: s.Struck[0].At}
	case going && s.Wall.Paused:
		v.Texts["strike"] = cell{Text: fmt.Sprintf("Strikes %s, once it goes on", running(countIn, s.StrikeAt, s.Wall.Now)), Tone: "open"}
	case going:
		v.Texts["strike"] = cell{Text: "Strikes", Tone: "open", Count: countIn, At: s.StrikeAt}
	default:
		v.Texts["strike"] = cell{Text: "It ended before the strike", Tone: "muted"}
	}
	v.Texts["strike-at"] = cell{Text: digits(s.StrikeAt)}
	v.Texts["false-alarms"] = falseAlarms(s.FalseAlarms)
	v.Tables["hosts"] = insideTable(s.Hosts)
	v.Tables["struck"] = struckTable(s.Struck)
	v.Tables["steps"] = stepsTable(s)
	v.Tables["book"] = table{Rows: linesOf(s.Book), None: "the scenario has no procedure of its own"}
	v.Tables["wrong"] = movesTable(s.WrongMoves, "violated")
	v.Tables["given"] = movesTable(s.GivenUp, "")
	kinds, hosts := table{None: "nothing can be broken"}, table{None: "there is no host"}
	for _, k := range s.Faults {
		kinds.Rows = append(kinds.Rows, row{Cells: []cell{{Text: k.Text}, {Text: k.Name}}})
	}
	for _, h := range s.Hosts {
		hosts.Rows = append(hosts.Rows, row{Cells: []cell{{Text: h.Name}, {Text: h.Name}}})
	}
	v.Tables["kinds"], v.Tables["targets"] = kinds, hosts
	return v
}

// falseAlarms says how often somebody noticed what was not there yet. Nobody was told.
func falseAlarms(all []harness.Deed) cell {
	if len(all) == 0 {
		return cell{Text: "none", Tone: "muted"}
	}
	last := all[len(all)-1]
	return cell{Text: fmt.Sprintf("%s, before the strike; the last by %s", count(int64(len(all))), last.By), Tone: "open", Count: countAgo, At: last.At}
}

func linesOf(texts []string) []row {
	var rows []row
	for _, t := range texts {
		rows = append(rows, row{Cells: []cell{{Text: t}}})
	}
	return rows
}

const longText = 200 // characters of an error in a table

// insideTable is the hosts with what the wall does not tell of them.
func insideTable(hosts []Inside) table {
	t := table{Heads: []string{"Host", "Power", "etcd", "Leader", "Members", "Revision", "Alarms", "Seen"}, None: "no host is known"}
	for _, h := range hosts {
		power := cell{Text: h.Power}
		switch h.Power {
		case "off":
			power.Tone = "open"
		case "gone":
			power.Tone = "violated"
		}
		etcd := cell{Text: h.Etcd}
		if h.Etcd == "" {
			etcd = absent
		}
		leader, members, revision, seen := toldBy(h.Host)
		alarms := absent
		switch {
		case h.Error != "":
			members = cell{Text: "does not answer: " + clipped(h.Error, longText), Tone: "violated"}
		case len(h.Alarms) > 0:
			alarms = cell{Text: list(h.Alarms, ""), Tone: "violated"}
		case h.EtcdAnswers:
			alarms = cell{Text: "none", Tone: "absent"}
		}
		t.Rows = append(t.Rows, row{Cells: []cell{{Text: h.Name}, power, etcd, leader, members, revision, alarms, seen}})
	}
	return t
}

// struckTable is what broke, in order.
func struckTable(struck []harness.FaultRecord) table {
	t := table{None: "nothing yet"}
	for _, f := range struck {
		by := "the scenario"
		if f.By != "" {
			by = f.By
		}
		took := fmt.Sprintf("by %s, at %s, took %s", by, digits(f.At), short(f.Took))
		t.Rows = append(t.Rows, row{Cells: []cell{{Text: f.Fault}, {Text: list(f.Hosts, "no host")}, {Text: took, Tone: "muted"}}})
	}
	return t
}

// stepsTable is what was typed, the newest first.
func stepsTable(s Stage) table {
	t := table{Heads: []string{"At", "Who", "Host", "Command", "Exit"}, None: "nothing was typed so far"}
	wrong := map[int]bool{}
	for _, m := range s.WrongMoves {
		for _, number := range m.Steps() {
			wrong[number] = true
		}
	}
	gave := map[int]bool{}
	for _, m := range s.GivenUp {
		for _, number := range m.Steps() {
			gave[number] = true
		}
	}
	for i, step := range slices.Backward(s.Steps) {
		if len(s.Steps)-i > mostSteps {
			break
		}
		exit := cell{Text: "0", Tone: "held"}
		switch {
		case step.Running:
			exit = cell{Text: "runs", Tone: "open", Count: countFor, At: step.At}
		case step.Error != "":
			exit = cell{Text: clipped(step.Error, longText), Tone: "violated"}
		case step.ExitCode != 0:
			exit = cell{Text: fmt.Sprint(step.ExitCode), Tone: "violated"}
		}
		r := row{Cells: []cell{{Text: digits(step.At)}, {Text: step.By}, {Text: step.Host}, {Text: clipped(strings.TrimSpace(step.Command), mostText)}, exit}}
		if gave[step.Number] {
			r.Cells[4].Text = strings.TrimSpace(r.Cells[4].Text + " · gave data up")
		}
		if wrong[step.Number] {
			r.Tone = "violated"
			r.Cells[4].Tone = "violated"
			r.Cells[4].Text = strings.TrimSpace(r.Cells[4].Text + " · wrong move")
		}
		t.Rows = append(t.Rows, r)
	}
	return t
}

// movesTable is what destroyed data, in order: what was still needed, or what the document
// gives up.
func movesTable(moves []harness.WrongMove, tone string) table {
	t := table{None: "none was seen"}
	for _, m := range moves {
		t.Rows = append(t.Rows, row{Tone: tone, Cells: []cell{{Text: m.Text}, {Text: fmt.Sprintf("%s on %s, at %s", m.By, m.Host, digits(m.At)), Tone: "muted"}}})
	}
	return t
}
