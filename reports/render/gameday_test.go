package render_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/render"
)

func TestGameDay(t *testing.T) {
	all := played(t, gameDay())
	golden(t, "gameday.txt", render.Style{}.Summary(all[0].Report)+"\n"+render.Style{}.Comparison(*all[0].Comparison), 0)
	golden(t, "gameday.md", render.Markdown(all), 0)
	golden(t, "gameday.html", body(drillsPage(t, all)), 0)
}

// In a summary all but commands keep to the width.
func TestGameDaySummaryKeepsToItsWidth(t *testing.T) {
	for name, r := range map[string]reports.Report{"game day": gameDay(), "quiet": quietDay(), "crowded": crowdedDay(20, 500)} {
		c := played(t, r)[0].Comparison
		for line := range strings.Lines(render.Style{}.Summary(r) + render.Style{}.Comparison(*c)) {
			if len([]rune(line)) > render.Width+1 && !strings.Contains(line, "firedrill ") {
				t.Errorf("%s: %d columns: %s", name, len([]rune(line)), line)
			}
		}
	}
}

// Where nobody did anything, that is what is said: nothing is 0, and nothing is held.
func TestQuietGameDay(t *testing.T) {
	r := quietDay()
	all := played(t, r)
	for name, text := range map[string]string{
		"summary":    render.Style{}.Summary(r),
		"Markdown":   render.Markdown(all),
		"page":       drillsPage(t, all),
		"comparison": render.Style{}.Comparison(*all[0].Comparison),
	} {
		wanted := []string{"nobody noticed", "nobody changed anything", "stopped by the facilitator before the team was done: the fire bell rang", "obody opened a shell", "did not ring"}
		if name == "comparison" {
			wanted = []string{"detection, team: nobody noticed", "decision, team: nobody noticed", "≥ 2.06 s", "first acknowledgement, team: no write was acknowledged"}
		}
		for _, want := range wanted {
			if !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
				t.Errorf("%s: there is no %q in\n%s", name, want, text)
			}
		}
		if strings.Contains(text, " 0 ms") {
			t.Errorf("%s: what did not occur is 0", name)
		}
	}
	if strings.Contains(render.Markdown(one(r)), "Beside") || !strings.Contains(render.Markdown(one(r)), "was not run beside it") {
		t.Error("a comparison that was not made is not said to be missing")
	}
}

// Twenty people and hundreds of commands: every form is bounded, and says so.
func TestCrowdedGameDay(t *testing.T) {
	r := crowdedDay(20, 500)
	all := played(t, r)
	page := drillsPage(t, all)
	for _, want := range []string{"<details class=\"card\">\n<summary>Every command", ">opera…r-20<", "operator-20"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if n := strings.Count(page, `<code class="typed">firedrill host exec`); n != 500+15 {
		t.Errorf("the page has %d commands", n)
	}
	text := render.Markdown(all)
	if len(text) > render.MarkdownLimit {
		t.Errorf("the Markdown has %d bytes, more than %d", len(text), render.MarkdownLimit)
	}
	for _, want := range []string{"commands more had no room here", "`operator-20`"} {
		if !strings.Contains(text, want) {
			t.Errorf("the Markdown has no %q", want)
		}
	}
	summary := render.Style{}.Summary(r)
	if n := strings.Count(summary, "\n"); n > 120 {
		t.Errorf("the summary has %d lines", n)
	}
	for _, want := range []string{"and 5 more", "operator-20 ("} {
		if !strings.Contains(summary, want) {
			t.Errorf("the summary has no %q in\n%s", want, summary)
		}
	}
	many := drillsPage(t, one(crowdedDay(40, 1200)))
	for _, want := range []string{"17 others", "200 more are in report.json."} {
		if !strings.Contains(many, want) {
			t.Errorf("the page of more people still has no %q", want)
		}
	}
	if text := render.Markdown(one(crowdedDay(900, 9000))); len(text) > render.MarkdownLimit || !strings.Contains(text, "shells more had no room here") {
		t.Errorf("the Markdown of 900 people has %d bytes", len(text))
	}
}

// Whatever people type and call themselves, it is shown as text, and obeyed by nobody.
func TestHostileGameDay(t *testing.T) {
	r := hostileDay()
	all := played(t, r)
	outputs := map[string]string{"summary": render.Style{}.Summary(r), "Markdown": render.Markdown(all), "page": drillsPage(t, all)}
	for name, text := range outputs {
		for _, c := range text {
			if c != '\n' && c != '\t' && c != '\u2060' && !unicode.IsGraphic(c) {
				t.Errorf("%s: there is %q in it", name, c)
				break
			}
		}
		if !strings.Contains(text, `\x1b`) || !strings.Contains(text, `\u202e`) {
			t.Errorf("%s: what does not print is not shown", name)
		}
	}
	text := outputs["Markdown"]
	if len(text) > render.MarkdownLimit {
		t.Errorf("the Markdown has %d bytes", len(text))
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "# heading") {
			t.Errorf("a hint became a heading: %s", line)
		}
	}
	words := withoutCode(text)
	for _, bad := range []string{"<script", "[x](", "@all"} {
		if strings.Contains(words, bad) {
			t.Errorf("the Markdown has %q outside of code", bad)
		}
	}
}

// withoutCode is Markdown without what is code in it, by the rules of CommonMark:
// a run of backticks ends with the next run of as many.
func withoutCode(text string) string {
	runs := regexp.MustCompile("\\\\\\\\|\\\\`|`+").FindAllStringIndex(text, -1)
	var b strings.Builder
	last := 0
	for i := 0; i < len(runs); i++ {
		if text[runs[i][0]] == '\\' {
			continue
		}
		ticks := text[runs[i][0]:runs[i][1]]
		for j := i + 1; j < len(runs); j++ {
			// Within code a backslash escapes nothing.
			if strings.TrimLeft(text[runs[j][0]:runs[j][1]], `\`) == ticks {
				b.WriteString(text[last:runs[i][0]])
				last, i = runs[j][1], j
				break
			}
		}
	}
	return b.String() + text[last:]
}

// Tables stay tables, whatever is in their cells.
func TestTablesOfGameDaysAreTables(t *testing.T) {
	for name, r := range map[string]reports.Report{"game day": gameDay(), "quiet": quietDay(), "crowded": crowdedDay(20, 500), "hostile": hostileDay()} {
		columns := 0
		for line := range strings.Lines(render.Markdown(played(t, r))) {
			if !strings.HasPrefix(line, "|") {
				columns = 0
				continue
			}
			n := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|")
			if columns != 0 && n != columns {
				t.Errorf("%s: %d bars after rows of %d: %s", name, n, columns, line)
			}
			columns = n
		}
	}
}

// A drill that nobody recovered by hand has none of it, on its page or elsewhere.
func TestOtherDrillsKnowNoPeople(t *testing.T) {
	page := drillsPage(t, one(restored()))
	for _, bad := range []string{"fill-paused", ".caveats", "The game day", "What was typed", "Beside the book"} {
		if strings.Contains(page, bad) {
			t.Errorf("there is %q in the page of a drill", bad)
		}
	}
	both := drillsPage(t, append(one(restored()), played(t, gameDay())...))
	for _, want := range []string{"fill-paused", ".caveats", "The game day", "Steps of the procedure"} {
		if strings.Count(both, want) == 0 {
			t.Errorf("there is no %q in the page of both", want)
		}
	}
}

// Every command, every person, pauses, hints and wrong moves are in the picture.
func TestPeopleAreInTheTimeline(t *testing.T) {
	page := drillsPage(t, one(gameDay()))
	for want, times := range map[string]int{
		`<text class="name end" x="-8" y="`:                 -1,
		">ann</text>":                                       1,
		">bob</text>":                                       1,
		">exercise</text>":                                  1,
		`class="band paused"`:                               1,
		`class="bar paused"`:                                -1,
		`<path class="wrong"`:                               -1,
		`<path class="advice"`:                              -1,
		"a wrong move at 101.362 s (7)":                     1,
		"the exercise is paused from 65.000 s, for 30.00 s": -1,
		"ann is at a shell from 15.200 s to 182.000 s":      -1,
		"7, bob at 101.300 s, 62 ms: firedrill host exec":   1,
		"by the facilitator at 128.000 s":                   -1,
	} {
		if n := strings.Count(page, want); n == 0 && times != 0 || times > 0 && n != times {
			t.Errorf("%q is there %d times, want %d", want, n, times)
		}
	}
}

// A figure that cannot be relied upon is marked, and one that is missing says why.
func TestComparisonSaysWhatItCannot(t *testing.T) {
	r := gameDay()
	r.Unfit = []string{"timers were up to 310 ms late"}
	r.Loss = nil
	all := played(t, r)
	for name, text := range map[string]string{"text": render.Style{}.Comparison(*all[0].Comparison), "Markdown": render.Markdown(all), "page": drillsPage(t, all)} {
		for _, want := range []string{"14.27 s †", "† is not to be relied upon", "no consistent cut was found", "a procedure has nothing to decide", "timers were up to 310 ms late", "difference and ratio leave pauses out", "the facilitator broke something more"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: there is no %q in\n%s", name, want, text)
			}
		}
	}
	plain := gameDay()
	plain.GameDay.Pauses = nil
	plain.GameDay.Decision, plain.GameDay.Recovery, plain.GameDay.Redundancy = &reports.Time{Clock: 46890}, &reports.Time{Clock: 131150}, &reports.Time{Clock: 133500}
	all = played(t, plain)
	for name, text := range map[string]string{"text": render.Style{}.Comparison(*all[0].Comparison), "page": drillsPage(t, all)} {
		if strings.Contains(text, "less pauses") {
			t.Errorf("%s: nobody paused, and pauses are left out", name)
		}
	}
}

// Names that begin alike are told apart in the margin, and wide ones keep within it.
func TestNamesInTheMargin(t *testing.T) {
	r := gameDay()
	for want, name := range map[string]string{"bob": "bob", "opera…r-11": "operator-11", "opera…r-12": "operator-12", "WWW…WWW": strings.Repeat("W", 40), "当番…当番": strings.Repeat("当番", 5)} {
		r.GameDay.Shells[1].Name = name
		if page := drillsPage(t, one(r)); !strings.Contains(page, ">"+want+"</text>") {
			t.Errorf("%s is not shown as %s: %v", name, want, regexp.MustCompile(`name end[^>]*>[^<]*`).FindAllString(page, 9))
		}
	}
}

// A name of thousands of letters leaves the page a page.
func TestLongNamesAreCut(t *testing.T) {
	r := hostileDay()
	for name, text := range map[string]string{"page": drillsPage(t, played(t, r)), "Markdown": render.Markdown(played(t, r)), "summary": render.Style{}.Summary(r)} {
		if n := len(regexp.MustCompile(`w{100,}`).FindString(text)); n > 0 {
			t.Errorf("%s: a name has %d letters", name, n)
		}
	}
}

// Who cried wolf is told beside how long it took to see one, and who left it alone as
// that.
func TestFalseAlarmsAndLeaving(t *testing.T) {
	r := gameDay()
	r.GameDay.FalseAlarms = []reports.Deed{{By: "bob", At: 100}, {By: "ann", At: 900}}
	r.GameDay.Left, r.GameDay.Stopped = true, ""
	for name, text := range map[string]string{"text": render.Style{}.Summary(r), "Markdown": render.Markdown(one(r)), "page": drillsPage(t, one(r))} {
		for _, want := range []string{"after 2 false alarms", "at 0.100 s of the drill, by bob", "leaves the cluster as it is"} {
			if text := strings.Join(strings.Fields(text), " "); !strings.Contains(text, want) {
				t.Errorf("%s: there is no %q in\n%s", name, want, text)
			}
		}
	}
}

// What a document gives up is told, and is no wrong move.
func TestGivenUp(t *testing.T) {
	r := gameDay()
	r.GameDay.GivenUp = r.GameDay.WrongMoves
	r.GameDay.GivenUp[0].Text, r.GameDay.WrongMoves = "by the document: what only m1 held is given up; a backup is what is restored", nil
	for name, text := range map[string]string{"text": render.Style{}.Summary(r), "Markdown": render.Markdown(one(r)), "page": drillsPage(t, one(r))} {
		text = strings.Join(strings.Fields(text), " ")
		for _, want := range []string{"given up", "on m1 (command 7): by the document: what only m1 held is given up; a backup is what is restored", "one was seen on the hosts"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: there is no %q in\n%s", name, want, text)
			}
		}
	}
}

// Where it may have been any of several commands, it is marked at each, and put down to nobody.
func TestWhoeverDidIt(t *testing.T) {
	r := gameDay()
	w := &r.GameDay.WrongMoves[0]
	w.By, w.During = "ann or bob", []int{5, 7}
	text := render.Markdown(one(r))
	if n := strings.Count(text, ", **wrong move** |"); n != 2 || !strings.Contains(text, "`ann or bob`") {
		t.Errorf("%d commands are marked in\n%s", n, text)
	}
	if n := strings.Count(drillsPage(t, one(r)), "a wrong move: wiped m1"); n != 2 {
		t.Errorf("%d commands are marked on the page", n)
	}
}

// That no wrong move was seen is said of what was looked at, and of no more.
func TestNoWrongMoveIsNoClaim(t *testing.T) {
	r := gameDay()
	r.GameDay.WrongMoves = nil
	for name, text := range map[string]string{"Markdown": render.Markdown(one(r)), "page": drillsPage(t, one(r))} {
		for _, want := range []string{"None was seen on the hosts", "Once something served again, only data that certainly went beyond what that was begun from counted", "Backups have a check of their own", "hosts that are off or past these shells", "was not looked at"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: there is no %q in\n%s", name, want, text)
			}
		}
	}
}
