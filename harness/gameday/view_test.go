package gameday

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// phases are all that there are.
var phases = []Phase{Waiting, Alarm, Judging, Over}

func TestWordsOfTheWall(t *testing.T) {
	yes, no := true, false
	for _, c := range []struct {
		name                              string
		set                               func(*Wall)
		state, tone, clock, left, heading string
		said                              string
		flags, not                        []string
	}{
		{"nothing measured", func(w *Wall) { *w = Wall{Phase: Waiting, Within: time.Hour} }, "Unknown", "open", "–:––", "0:00", "no alarm so far", "Unknown.", []string{"going", "unalarmed", "unpaused", "unnoticed"}, []string{"alarmed", "hinted"}},
		{"waiting", func(*Wall) {}, "Serving", "held", "–:––", "0:00", "no alarm so far", "Serving.", []string{"going", "unalarmed"}, []string{"ended", "paused"}},
		{"alarm", func(w *Wall) { *w = stageAt(Alarm).Wall }, "Not serving", "violated", "8:08", "21:48", "since the alarm", "Alarm. Not serving.", []string{"alarmed", "noticed", "hinted"}, []string{"unnoticed", "unalarmed"}},
		{"paused", func(w *Wall) { *w = stageAt(Alarm).Wall; w.Paused = true }, "Not serving", "violated", "8:08", "21:48", "since the alarm; stands still", "The exercise is paused. Not serving.", []string{"paused", "going"}, []string{"unpaused"}},
		{"serving again", func(w *Wall) { *w = stageAt(Alarm).Wall; w.Serving = &yes }, "Serving", "held", "8:08", "21:48", "since the alarm", "Alarm. Serving.", nil, nil},
		{"judging", func(w *Wall) { *w = stageAt(Judging).Wall; w.Serving = &no; w.Paused = true }, "Not serving", "violated", "8:08", "21:48", "from the alarm to the end", "The team is done, and the checks run.", []string{"ended", "judging", "alarmed", "measured"}, []string{"going", "paused", "unpaused", "over", "unnoticed"}},
		{"over", func(w *Wall) { *w = stageAt(Over).Wall }, "Serving", "violated", "8:08", "21:48", "from the alarm to the end", "The game day is over: Violated.", []string{"over", "reported"}, []string{"judging", "measured"}},
		{"over, nothing known", func(w *Wall) { *w = stageAt(Over).Wall; w.Verdict, w.Report = "", "" }, "Serving", "open", "8:08", "21:48", "from the alarm to the end", "The game day is over: No verdict.", []string{"over"}, []string{"reported"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := stageAt(Waiting).Wall
			c.set(&w)
			v := viewOfWall(w)
			shown := func(slot string) string {
				cell := v.Texts[slot]
				if cell.Count != "" {
					return cell.Text + running(cell.Count, cell.At, w.Now)
				}
				return cell.Text
			}
			for slot, want := range map[string]string{"state": c.state, "clock": c.clock, "left": c.left, "clock-label": c.heading, "announcement": c.said} {
				if got := shown(slot); got != want {
					t.Errorf("%s is %q, want %q", slot, got, want)
				}
			}
			outstanding := "state"
			if w.Phase == Over {
				outstanding = "verdict"
			}
			if got := v.Texts[outstanding].Tone; got != c.tone {
				t.Errorf("the tone is %s, want %s", got, c.tone)
			}
			for _, flag := range c.flags {
				if !slices.Contains(v.Flags, flag) {
					t.Errorf("%s is not among %v", flag, v.Flags)
				}
			}
			for _, flag := range c.not {
				if slices.Contains(v.Flags, flag) {
					t.Errorf("%s is among %v", flag, v.Flags)
				}
			}
			// A clock that stands still, does so on the page.
			if runs := v.Texts["clock"].Count != ""; runs != (w.Phase == Alarm && !w.Paused) || runs != v.Meter.Runs {
				t.Errorf("the clock runs: %v, the meter: %v", runs, v.Meter.Runs)
			}
		})
	}
}

func TestLeader(t *testing.T) {
	host := func(leader string) Host {
		return Host{Name: "m", Answers: true, EtcdAnswers: true, Leader: leader, Members: []string{"m"}}
	}
	for _, c := range []struct {
		hosts            []Host
		leader, by, tone string
	}{
		{nil, "unknown", "no etcd answers", "violated"},
		{[]Host{{Name: "m1", Answers: true}, {Name: "m2"}}, "unknown", "no etcd answers", "violated"},
		{[]Host{host(""), host("")}, "none", "none of 2 that answer knows one", "violated"},
		{[]Host{host("m2"), host("m2"), {Answers: true, Leader: "m3"}}, "m2", "as 2 of 2 that answer say", ""},
		{[]Host{host("m2"), host("")}, "m2", "as 1 of 2 that answer say", ""},
		{[]Host{host("m2"), host("m3"), host("m2")}, "m2 or m3", "they do not agree", "open"},
	} {
		if leader, by := leaderOf(c.hosts); leader.Text != c.leader || by.Text != c.by || leader.Tone != c.tone {
			t.Errorf("%+v: %+v, %+v", c.hosts, leader, by)
		}
	}
}

func TestWordsOfTheStage(t *testing.T) {
	s := stageAt(Alarm)
	v := viewOfStage(s)
	text := func(name string) string {
		var lines []string
		for _, r := range v.Tables[name].Rows {
			cells := []string{r.Tone}
			for _, c := range r.Cells {
				cells = append(cells, c.Tone+":"+c.Text)
			}
			lines = append(lines, strings.Join(cells, "|"))
		}
		return strings.Join(lines, "\n")
	}
	for table, wants := range map[string][]string{
		"steps":   {"|:10:11|:bo|:m1|:etcdutl snapshot restore", "open:runs\n|:5:00|:ana|:m2|:cat /var/log/etcd.log|violated:m2 is off\nviolated|:4:22|:bo|:m1|:rm -rf /var/lib/etcd|violated:0 · wrong move\n", "|:2:51|:bo|:m1|:etcdctl endpoint status --cluster -w table|violated:1\n"},
		"struck":  {"|:PowerOff{Who: m2}|:m2|muted:by the scenario, at 2:10, took 41 ms\n", "by the facilitator, at 6:00"},
		"wrong":   {"violated|:wiped m1's data", "muted:bo on m1, at 4:22"},
		"book":    {"|:stop etcd on m1\n"},
		"kinds":   {"|:power it off, as pulling the plug|:power-off\n"},
		"targets": {"|:m1|:m1\n|:m2|:m2\n"},
	} {
		for _, want := range wants {
			if !strings.Contains(text(table), want) {
				t.Errorf("%s: no %q in\n%s", table, want, text(table))
			}
		}
	}
	if got := v.Texts["strike"]; got.Text != "Struck" || got.Count != countAgo || got.At != s.StrikeAt {
		t.Errorf("%+v", got)
	}
	if got := v.Texts["seed"].Text; got != "7351225092345876123" {
		t.Errorf("the seed, which JavaScript's numbers cannot hold, is %s", got)
	}
	s = stageAt(Waiting)
	if got := viewOfStage(s).Texts["strike"]; got.Text != "Strikes" || got.Count != countIn || got.At != s.StrikeAt {
		t.Errorf("%+v", got)
	}
	s.Steps = make([]Step, 2*mostSteps)
	for i := range s.Steps {
		s.Steps[i].Number = i
		s.Steps[i].Host = fmt.Sprint(i)
	}
	rows := viewOfStage(s).Tables["steps"].Rows
	if len(rows) != mostSteps || rows[0].Cells[2].Text != "399" || rows[mostSteps-1].Cells[2].Text != "200" || !slices.Contains(viewOfStage(s).Flags, "truncated") {
		t.Errorf("%d rows, from %s to %s", len(rows), rows[0].Cells[2].Text, rows[len(rows)-1].Cells[2].Text)
	}
}

// Where it may have been any of several calls, each of them is marked.
func TestAWrongMoveOfNobodyKnowsWhom(t *testing.T) {
	s := stageAt(Alarm)
	s.WrongMoves[0].By, s.WrongMoves[0].During = "ana or bo", []int{3, 4}
	marked := 0
	for _, r := range stepsTable(s).Rows {
		if strings.Contains(r.Cells[4].Text, "wrong move") {
			marked++
		}
	}
	if marked != 2 {
		t.Errorf("%d calls are marked", marked)
	}
}

// What the document gives up is told apart from wrong moves, with its time and its command.
func TestWhatIsGivenUp(t *testing.T) {
	s := stageAt(Alarm)
	v := viewOfStage(s)
	given, wrong := v.Tables["given"].Rows, v.Tables["wrong"].Rows
	if len(given) != 1 || given[0].Cells[0].Text != s.GivenUp[0].Text || given[0].Cells[1].Text != "ana on m1, at 3:52" || given[0].Tone != "" || len(wrong) != 1 {
		t.Errorf("given up: %+v; wrong: %+v", given, wrong)
	}
	for _, r := range v.Tables["steps"].Rows {
		if marked := strings.HasSuffix(r.Cells[4].Text, "· gave data up"); marked != strings.HasPrefix(r.Cells[3].Text, "mv ") || marked && r.Tone != "" {
			t.Errorf("%+v", r)
		}
	}
	e := newFake()
	e.stage = s
	on := open(t, e, "")
	visits := newVisitor(t)
	visits.enter(on.FacilitatorURL())
	for _, text := range []string{"what only m1 held is given up", "the checks tell at the end"} {
		if page := visits.get(at(t, on.WallURL(), "/facilitator")).text; !strings.Contains(page, text) {
			t.Errorf("the facilitator's page does not say %q", text)
		}
	}
	if page := visits.get(on.WallURL()).text; strings.Contains(page, "given up") || strings.Contains(page, "gave") {
		t.Error("the wall tells what was given up")
	}
}

// A backup that somebody changed is not shown as one that is as it was.
func TestBackupsOnTheWall(t *testing.T) {
	rows := viewOfWall(stageAt(Alarm).Wall).Tables["backups"].Rows
	want := []cell{{Text: "changed: it has 0 bytes, and had 12900000", Tone: "violated"}, {Text: "as it was kept", Tone: "muted"}, {Text: "cannot be looked at just now", Tone: "open"}}
	for i, w := range want {
		if got := rows[i].Cells[4]; got != w {
			t.Errorf("%+v, not %+v", got, w)
		}
	}
}

// Nothing of what broke is on the wall, whatever the stage holds: neither on the page
// nor in its events, nor in the script that both pages have.
func TestTheWallDoesNotTell(t *testing.T) {
	for _, phase := range phases {
		e := newFake()
		e.change(func(s *Stage) {
			*s = stageAt(phase)
			s.Struck = append(s.Struck, harness.FaultRecord{Fault: "SECRET fault"})
			s.Scenario, s.Summary, s.Book = "SECRET scenario", "SECRET summary", []string{"SECRET step"}
			s.WrongMoves = append(s.WrongMoves, harness.WrongMove{Text: "SECRET move"})
			s.GivenUp = append(s.GivenUp, harness.WrongMove{Text: "SECRET loss"})
			s.Steps = append(s.Steps, Step{Command: "SECRET command"})
			s.Faults = []Kind{{Name: "SECRET kind", Text: "SECRET kind"}}
			s.Seed = 4_242_424_242
			s.Hosts = append(s.Hosts, Inside{Host: Host{Name: "SECRET host"}, Power: "SECRET power", Etcd: "SECRET state", Error: "SECRET error", Alarms: []string{"SECRET alarm"}})
		})
		s := open(t, e, "")
		v := newVisitor(t)
		r, err := v.read(t.Context(), at(t, s.WallURL(), "/wall/events"))
		if err != nil {
			t.Fatal(err)
		}
		event, ok := r.next()
		r.answer.Body.Close()
		page := v.get(s.WallURL()).text
		for what, text := range map[string]string{"event": event, "page": page} {
			if !ok || strings.Contains(text, "SECRET") || strings.Contains(text, "4242424242") || !strings.Contains(text, "m2") {
				t.Errorf("%s: the wall's %s tells what broke: %.300s", phase, what, text)
			}
		}
		if v.enter(s.FacilitatorURL()); !strings.Contains(v.get(at(t, s.WallURL(), "/facilitator")).text, "SECRET fault") {
			t.Errorf("%s: the facilitator is not told what broke", phase)
		}
	}
}

// faulty is what is known of a host after each kind of fault, and words for it that would
// tell what was done to it.
var faulty = []struct {
	fault string
	is    Inside
	words []string
}{
	{"kill etcd", Inside{Host: Host{Answers: true}, Power: "on", Etcd: harness.EtcdState{Manifest: true, LastExit: &harness.EtcdExit{Code: -1, Signal: "killed"}}.String(), Error: "it does not run"}, []string{"waiting to be restarted", "ended by signal: killed", "does not run"}},
	{"kill etcd, which is back", Inside{Host: Host{Answers: true, EtcdAnswers: true}, Power: "on", Etcd: harness.EtcdState{Manifest: true, PID: 7, LastExit: &harness.EtcdExit{Code: -1, Signal: "killed"}}.String()}, []string{"pid", "killed"}},
	{"pause etcd", Inside{Host: Host{Answers: true}, Power: "on", Etcd: harness.EtcdState{Manifest: true, PID: 7, Paused: true}.String(), Error: "it does not run"}, []string{"paused (pid 7)", "does not run"}},
	{"stop etcd", Inside{Host: Host{Answers: true}, Power: "on", Etcd: harness.EtcdState{LastExit: &harness.EtcdExit{Asked: true}}.String(), Error: "it does not run"}, []string{"no manifest", "exited with status 0", "does not run"}},
	{"ruin data", Inside{Host: Host{Answers: true}, Power: "on", Etcd: harness.EtcdState{Manifest: true, LastExit: &harness.EtcdExit{Code: 1}}.String(), Error: "it does not run"}, []string{"exited with status 1", "waiting to be restarted"}},
	{"expire certificates", Inside{Host: Host{Answers: true}, Power: "on", Etcd: harness.EtcdState{Manifest: true, PID: 7}.String(), Error: "ask etcd on m1 for its status: certificate has expired"}, []string{"running", "certificate"}},
	{"raise the alarm", Inside{Host: Host{Answers: true, EtcdAnswers: true}, Power: "on", Etcd: harness.EtcdState{Manifest: true, PID: 7}.String(), Alarms: []string{"NOSPACE of 8e9e05c52164694d"}}, []string{"NOSPACE", "running"}},
	{"power off", Inside{Power: "off"}, []string{"off"}},
	{"lose host", Inside{Power: "gone"}, []string{"gone"}},
}

// After whatever fault the wall tells who answers, and the facilitator's page why not.
func TestTheWallTellsWhoAnswers(t *testing.T) {
	for _, c := range faulty {
		t.Run(c.fault, func(t *testing.T) {
			s := stageAt(Waiting)
			s.Hosts = []Inside{c.is}
			s.Wall.Hosts = outside(s.Hosts)
			wall, err := json.Marshal(wallEventOf(s.Wall))
			if err != nil {
				t.Fatal(err)
			}
			stage, err := json.Marshal(stageEventOf(s).View.Tables["hosts"])
			if err != nil {
				t.Fatal(err)
			}
			for _, word := range c.words {
				if strings.Contains(string(wall), word) || !strings.Contains(string(stage), word) {
					t.Errorf("%q: the wall is\n%s\nand the facilitator sees\n%s", word, wall, stage)
				}
			}
			machine, etcd := whether(c.is.Answers), whether(c.is.EtcdAnswers)
			if cells := viewOfWall(s.Wall).Tables["hosts"].Rows[0].Cells; cells[1] != machine || cells[2] != etcd {
				t.Errorf("%+v", cells)
			}
		})
	}
	if yes, no := whether(true), whether(false); yes != (cell{Text: "answers"}) || no != (cell{Text: "does not answer", Tone: "violated"}) {
		t.Errorf("%+v, %+v", yes, no)
	}
}

// Each place of a page has its words, and no words are without a place.
func TestPlaces(t *testing.T) {
	used := map[string]map[string]bool{"slot": {}, "table": {}, "path": {}, "when": {}}
	for _, name := range []string{"wall", "facilitator"} {
		e := newFake()
		s := open(t, e, "")
		v := newVisitor(t)
		v.enter(s.FacilitatorURL())
		page := v.get(at(t, s.WallURL(), "/"+name)).text
		for kind := range used {
			for _, m := range regexp.MustCompile(`data-`+kind+`="([^"]*)"`).FindAllStringSubmatch(page, -1) {
				used[kind][m[1]] = true
			}
		}
		if ids := regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(page, -1); len(ids) > 0 {
			seen := map[string]bool{}
			for _, m := range ids {
				if seen[m[1]] {
					t.Errorf("%s: two elements have the ID %s", name, m[1])
				}
				seen[m[1]] = true
			}
			for _, m := range regexp.MustCompile(`(?:aria-labelledby|for|data-ask)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
				if !seen[m[1]] {
					t.Errorf("%s: no element has the ID %s", name, m[1])
				}
			}
		}
		if strings.Contains(page, " style=") || strings.Contains(page, "<style") || strings.Contains(page, " onclick=") {
			t.Errorf("%s: what the policy forbids is in the page", name)
		}
	}
	v := viewOfStage(stageAt(Alarm))
	for kind, has := range map[string]reflect.Value{"slot": reflect.ValueOf(v.Texts), "table": reflect.ValueOf(v.Tables), "path": reflect.ValueOf(v.Paths)} {
		for _, key := range has.MapKeys() {
			if !used[kind][key.String()] {
				t.Errorf("no page shows the %s %q", kind, key)
			}
		}
	}
	for flag := range used["when"] {
		if !slices.Contains(allFlags, flag) {
			t.Errorf("there is no flag %q", flag)
		}
	}
}

// The questions that page.js asks are those that the server does.
func TestQuestions(t *testing.T) {
	s := open(t, newFake(), "")
	v := newVisitor(t)
	v.enter(s.FacilitatorURL())
	for q, page := range map[question]string{theTeamIsDone: "/wall", theTeamLeavesIt: "/wall", theFacilitatorStops: "/facilitator"} {
		if text := v.get(at(t, s.WallURL(), page)).text; !strings.Contains(text, q.Text) || !strings.Contains(text, ">"+q.Yes+"<") {
			t.Errorf("%s does not ask %q", page, q.Text)
		}
	}
}

// An event is the Wall or the Stage, with words beside it.
func TestEventsAreWhole(t *testing.T) {
	s := stageAt(Alarm)
	for _, c := range []struct{ event, back, want any }{
		{wallEventOf(s.Wall), new(Wall), &s.Wall},
		{stageEventOf(s), new(Stage), &s},
	} {
		data, err := json.Marshal(c.event)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, c.back); err != nil || !reflect.DeepEqual(c.back, c.want) {
			t.Errorf("%v: %+v, want %+v", err, c.back, c.want)
		}
		if strings.ContainsAny(string(data), "\n\r") {
			t.Error("an event has several lines")
		}
	}
}

// In a pause the strike comes no nearer, and what was said in vain is told.
func TestAPausedStrike(t *testing.T) {
	s := stageAt(Waiting)
	if is := viewOfStage(s).Texts["strike"]; is.Text != "Strikes" || is.Count != countIn || is.At != s.StrikeAt {
		t.Errorf("%+v", is)
	}
	s.Wall.Paused, s.Wall.PauseEnds = true, s.Wall.Now+time.Minute
	v := viewOfStage(s)
	if is := v.Texts["strike"]; is.Text != "Strikes in 42 s, once it goes on" || is.Count != "" {
		t.Errorf("%+v", is)
	}
	if is := v.Texts["pause-ends"]; is.Count != countIn || is.At != s.Wall.PauseEnds {
		t.Errorf("%+v", is)
	}
	if slices.Contains(v.Flags, "mistaken") || slices.Contains(v.Flags, "expected") {
		t.Errorf("%v", v.Flags)
	}
	s = stageAt(Alarm)
	v = viewOfStage(s)
	if is := v.Texts["false-alarms"]; is.Text != "2, before the strike; the last by ana" || is.At != 101*time.Second || !slices.Contains(v.Flags, "mistaken") {
		t.Errorf("%+v, %v", is, v.Flags)
	}
	if !slices.Contains(v.Flags, "expected") || len(v.Tables["recovered"].Rows) != len(s.Wall.Recovered) {
		t.Errorf("%v, %v", v.Flags, v.Tables["recovered"])
	}
}
