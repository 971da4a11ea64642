package gameday

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// wallEvent is a Wall with its words: an event of /wall/events is this.
type wallEvent struct {
	Wall
	View view `json:"view"`
}

func wallEventOf(w Wall) wallEvent { return wallEvent{w, viewOfWall(w)} }

// viewOfWall is all that the wall shows.
func viewOfWall(w Wall) view {
	going := w.Phase == Waiting || w.Phase == Alarm
	v := view{
		Phase: w.Phase,
		Flags: flagsOf(map[string]bool{
			"going": going, "ended": !going, "measured": w.Phase != Over, "judging": w.Phase == Judging, "over": w.Phase == Over, "reported": w.Report != "",
			"alarmed": w.Phase != Waiting, "unalarmed": w.Phase == Waiting,
			"paused": going && w.Paused, "unpaused": going && !w.Paused,
			"noticed": w.Noticed != "", "unnoticed": going && w.Noticed == "",
			"hinted": len(w.Hints) > 0, "expected": len(w.Recovered) > 0,
		}),
		Texts: map[string]cell{}, Tables: map[string]table{}, Paths: map[string]string{},
	}
	v.state(w)
	v.clocks(w)
	v.traffic(w.Traffic)
	v.Texts["leader"], v.Texts["leader-by"] = leaderOf(w.Hosts)
	v.Texts["noticed"] = cell{Text: w.Noticed}
	v.Texts["shells"] = cell{Text: list(w.Shells, "nobody")}
	if len(w.Shells) == 0 {
		v.Texts["shells"] = cell{Text: "nobody", Tone: "muted"}
	}
	v.Tables["hosts"] = hostsTable(w.Hosts)
	v.Tables["backups"] = backupsTable(w.Backups)
	v.Tables["hints"] = hintsTable(w)
	v.Tables["recovered"] = table{Rows: linesOf(w.Recovered), None: "that is not told"}
	v.Texts["pause-ends"] = cell{}
	if w.PauseEnds > 0 {
		v.Texts["pause-ends"] = cell{Text: "It goes on by itself", Count: countIn, At: w.PauseEnds}
	}
	return v
}

// state is whether it serves, and how far the game day is.
func (v *view) state(w Wall) {
	state := cell{Text: "Unknown", Tone: "open"}
	if w.Serving != nil && *w.Serving {
		state = cell{Text: "Serving", Tone: "held"}
	} else if w.Serving != nil {
		state = cell{Text: "Not serving", Tone: "violated"}
	}
	v.Texts["state"] = state
	v.Texts["since"] = cell{}
	if w.Serving != nil {
		v.Texts["since"] = cell{Count: countFor, At: w.Since}
	}
	outcome := cell{Text: "No verdict", Tone: "open"}
	if w.Verdict != "" {
		outcome = cell{Text: capital(w.Verdict), Tone: toneOfVerdict(w.Verdict)}
	}
	v.Texts["verdict"], v.Texts["report"] = outcome, cell{Text: w.Report}

	// What is read out when it changes, and what the tab is called.
	said := []string{state.Text}
	switch {
	case w.Phase == Alarm && w.Paused, w.Phase == Waiting && w.Paused:
		said = append([]string{"The exercise is paused"}, said...)
	case w.Phase == Alarm:
		said = append([]string{"Alarm"}, said...)
	case w.Phase == Judging:
		said = []string{"The team is done, and the checks run"}
	case w.Phase == Over:
		said = []string{"The game day is over: " + outcome.Text}
	}
	v.Texts["announcement"] = cell{Text: strings.Join(said, ". ") + "."}
	v.Title = strings.Join(said, " – ")
}

// capital is a word as it begins a line.
func capital(word string) string {
	r, n := utf8.DecodeRuneInString(word)
	return string(unicode.ToUpper(r)) + word[n:]
}

// toneOfVerdict is the looks of a verdict in harness's words.
func toneOfVerdict(verdict string) string {
	switch strings.ToLower(verdict) {
	case "held":
		return "held"
	case "violated":
		return "violated"
	default:
		return "open"
	}
}

// clocks are the team's clock and what is left of its time.
func (v *view) clocks(w Wall) {
	runs := w.Phase == Alarm && !w.Paused
	clock, left := cell{Text: digits(w.Clock)}, cell{Text: digits(w.Left)}
	if runs {
		clock = cell{Count: countClock, At: w.Now - w.Clock}
		left = cell{Count: countLeft, At: w.Now + w.Left}
	}
	label := "since the alarm"
	switch {
	case w.Phase == Waiting:
		clock, label = cell{Text: "–:––", Tone: "muted"}, "no alarm so far"
	case w.Phase != Alarm:
		label = "from the alarm to the end"
	case w.Paused:
		label = "since the alarm; stands still"
	}
	if w.Phase == Alarm && w.Left < w.Within/10 {
		left.Tone = "violated"
	}
	v.Texts["clock"], v.Texts["clock-label"], v.Texts["left"], v.Texts["within"] = clock, cell{Text: label}, left, cell{Text: digits(w.Within)}
	v.Meter = meter{Whole: w.Within, Runs: runs}
	if w.Phase != Waiting {
		v.Meter.Spent = w.Within - w.Left
	}
}

// leaderOf is whom those that answer take for the leader, and how many do.
func leaderOf(hosts []Host) (leader, by cell) {
	var names []string
	says, asked := 0, 0
	for _, h := range hosts {
		if !h.EtcdAnswers {
			continue
		}
		asked++
		if h.Leader == "" {
			continue
		}
		says++
		if !slices.Contains(names, h.Leader) {
			names = append(names, h.Leader)
		}
	}
	by = cell{Text: fmt.Sprintf("as %d of %d that answer say", says, asked), Tone: "muted"}
	switch {
	case asked == 0:
		return cell{Text: "unknown", Tone: "violated"}, cell{Text: "no etcd answers", Tone: "muted"}
	case len(names) == 0:
		return cell{Text: "none", Tone: "violated"}, cell{Text: fmt.Sprintf("none of %d that answer knows one", asked), Tone: "muted"}
	case len(names) == 1:
		return cell{Text: names[0]}, by
	default:
		return cell{Text: strings.Join(names, " or "), Tone: "open"}, cell{Text: "they do not agree", Tone: "open"}
	}
}

// absent stands where there is nothing to tell. A narrow page leaves it out.
var absent = cell{Text: "–", Tone: "absent"}

// whether says of something that was asked whether it answers.
func whether(answers bool) cell {
	if answers {
		return cell{Text: "answers"}
	}
	return cell{Text: "does not answer", Tone: "violated"}
}

// toldBy is what a host's etcd says, and when it was asked.
func toldBy(h Host) (leader, members, revision, seen cell) {
	leader, members, revision, seen = absent, absent, absent, absent
	if h.EtcdAnswers {
		leader, members, revision = cell{Text: h.Leader}, cell{Text: list(h.Members, "none")}, cell{Text: fmt.Sprint(h.Revision)}
		if h.Leader == "" {
			leader = cell{Text: "none", Tone: "violated"}
		}
	}
	if h.Asked > 0 {
		seen = cell{Tone: "muted", Count: countAgo, At: h.Asked}
	}
	return leader, members, revision, seen
}

func hostsTable(hosts []Host) table {
	t := table{Heads: []string{"Host", "Machine", "etcd", "Leader", "Members", "Revision", "Seen"}, None: "no host is known"}
	for _, h := range hosts {
		leader, members, revision, seen := toldBy(h)
		t.Rows = append(t.Rows, row{Cells: []cell{{Text: h.Name}, whether(h.Answers), whether(h.EtcdAnswers), leader, members, revision, seen}})
	}
	return t
}

func backupsTable(backups []Backup) table {
	t := table{Heads: []string{"Backup", "Begun", "Size", "Revision", "State"}, None: "no backup is kept"}
	for _, b := range backups {
		state := cell{Text: "as it was kept", Tone: "muted"}
		switch {
		case b.Changed != "":
			state = cell{Text: "changed: " + clipped(b.Changed, longText), Tone: "violated"}
		case b.Unseen:
			state = cell{Text: "cannot be looked at just now", Tone: "open"}
		}
		t.Rows = append(t.Rows, row{Cells: []cell{{Text: b.Name}, {Count: countAgo, At: b.Begun}, {Text: size(b.Bytes)}, {Text: fmt.Sprint(b.Revision)}, state}})
	}
	return t
}

// hintsTable is what the facilitator said, the newest first.
func hintsTable(w Wall) table {
	t := table{None: "no hint was given"}
	for _, h := range slices.Backward(w.Hints) {
		t.Rows = append(t.Rows, row{Cells: []cell{{Text: h.Text}, {Tone: "muted", Count: countAgo, At: h.At}}})
	}
	return t
}
