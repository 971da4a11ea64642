package render

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/etcd-firedrill/firedrill/reports/policy"
)

// tableView is the spreads of a group: what matters, and then every phase.
type tableView struct {
	Name       string
	Head, Rest []spreadView
}

// spreadView is one figure of one size, spread over the runs.
type spreadView struct {
	Figure string // empty where it is that of the row above
	Span   int    // rows of this figure, where it is not empty
	Size   string
	Of     string
	P50    string
	Range  string
	P95    string
	Worst  string
	Note   string
}

// phaseNames is each phase in words.
var phaseNames = map[policy.Phase]string{
	policy.Snapshot:      "snapshot saved and pulled",
	policy.VerifyTaken:   "verified when taken",
	policy.Upload:        "uploaded",
	policy.Fetch:         "fetched onto the hosts",
	policy.VerifyFetched: "verified when fetched",
	policy.RestoreHost:   "restored on a host",
	policy.Ack:           "procedure begun → first write",
	policy.Redundancy:    "procedure begun → full redundancy",
	policy.Outage:        "outage, all gaps",
}

func phaseName(p policy.Phase) string {
	if name, ok := phaseNames[p]; ok {
		return name
	}
	return strings.ReplaceAll(string(p), "_", " ")
}

func tablesOf(groups []group) []tableView {
	var out []tableView
	for _, g := range groups {
		t := tableView{Name: g.name}
		t.Head = append(t.Head, g.recoveries()...)
		t.Head = append(t.Head, g.spreads("loss, in time", human, func(s policy.Summary) policy.Spread { return s.LostMS })...)
		t.Head = append(t.Head, g.spreads("loss, in writes", humanize.Comma, func(s policy.Summary) policy.Spread { return s.LostWrites })...)
		t.Rest = append(t.Rest, g.spreads("bound of the loss", human, func(s policy.Summary) policy.Spread { return s.BoundMS })...)
		for _, phase := range policy.Phases() {
			t.Rest = append(t.Rest, g.spreads(phaseName(phase), human, func(s policy.Summary) policy.Spread { return s.Phases[phase] })...)
		}
		out = append(out, t)
	}
	return out
}

// recoveries are the rows of how long until it serves again. Runs that were not seen to
// recover are in no spread, and are told of beside it.
func (g group) recoveries() []spreadView {
	rows, some := g.rows(human, func(s policy.Summary) policy.Spread { return s.Recovered })
	for i, p := range g.points {
		if p.summary != nil && p.summary.Unrecovered > 0 {
			some = true
			rows[i].Note = notSeen(*p.summary)
			if longer := worstRecovered(*p.summary); longer != "-" {
				rows[i].Worst = longer
			}
		}
	}
	return headed("strike → first write", rows, some)
}

// spreads are the rows of one figure, a size each. A figure that no run has is left
// out.
func (g group) spreads(figure string, show func(int64) string, of func(policy.Summary) policy.Spread) []spreadView {
	rows, some := g.rows(show, of)
	return headed(figure, rows, some)
}

func (g group) rows(show func(int64) string, of func(policy.Summary) policy.Spread) (rows []spreadView, some bool) {
	for _, p := range g.points {
		row := spreadView{Size: p.Size.String(), Of: "0", P50: "–", Range: "–", P95: "–", Worst: "–"}
		if p.summary != nil {
			if s := of(*p.summary); s.Of > 0 {
				some = true
				row.fill(s, show)
			}
		}
		rows = append(rows, row)
	}
	return rows, some
}

func headed(figure string, rows []spreadView, some bool) []spreadView {
	if !some {
		return nil
	}
	rows[0].Figure, rows[0].Span = figure, len(rows)
	return rows
}

func (v *spreadView) fill(s policy.Spread, show func(int64) string) {
	v.Of, v.P50, v.Worst = strconv.Itoa(s.Of), show(s.P50), show(s.Worst)
	v.Range, v.P95 = "too few runs", "too few runs"
	if s.Low != nil && s.High != nil {
		v.Range = fmt.Sprintf("%s – %s (%s)", show(*s.Low), show(*s.High), confidence(s.Confidence))
	}
	if s.P95 != nil {
		v.P95 = show(*s.P95)
	}
}

func confidence(share float64) string {
	return strconv.FormatFloat(float64(int(share*1000))/10, 'f', -1, 64) + " %"
}

// runsView is every run of a group.
type runsView struct {
	Name string
	Rows []runView
}

type runView struct {
	Tone, Word                                         string
	Size, Number, Seed                                 string
	Recovered, Outage, Redundancy, Lost, Writes, Bound string
	Took                                               string
	Note                                               string
	Exceeded                                           bool
}

func runsOf(groups []group) []runsView {
	var out []runsView
	for _, g := range groups {
		v := runsView{Name: g.name}
		for _, p := range g.points {
			for _, r := range p.runs {
				v.Rows = append(v.Rows, runRow(r))
			}
		}
		out = append(out, v)
	}
	return out
}

func runRow(r policy.Run) runView {
	v := runView{
		Tone: r.Verdict.String(), Word: r.Verdict.String(), Size: r.Size.String(), Number: strconv.Itoa(r.Number), Seed: strconv.FormatInt(r.Seed, 10),
		Recovered: dash(r.Recovered), Outage: dash(r.Phases[policy.Outage]), Redundancy: dash(r.Phases[policy.Redundancy]),
		Lost: "–", Writes: "–", Bound: "–", Took: dash(r.Took),
	}
	if r.Loss != nil {
		v.Lost, v.Writes, v.Bound = human(r.Loss.LostMS), humanize.Comma(r.Loss.LostWrites), human(r.Loss.BoundMS)
		v.Exceeded = r.Loss.Exceeded()
	}
	var notes []string
	if r.Unrecovered > 0 {
		v.Recovered, v.Outage = beyond(r.Unrecovered), beyond(r.Unrecovered)
		notes = append(notes, "service was not back when watching ended")
	}
	if r.Broke != "" {
		v.Tone, v.Word = "inconclusive", "broke"
		notes = append(notes, r.Broke)
	}
	if v.Exceeded {
		notes = append(notes, "lost more than the policy can explain")
	}
	if len(r.Failed) > 0 {
		notes = append(notes, "did not hold: "+strings.Join(r.Failed, ", "))
	}
	for _, why := range r.Unfit {
		notes = append(notes, "not counted: "+why)
	}
	v.Note = strings.Join(notes, "; ")
	return v
}

func dash(ms int64) string {
	if ms == 0 {
		return "–"
	}
	return human(ms)
}
