package reports

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// SchemaVersion is the value of Report.Schema. It is raised when a reader of
// the old form would misread the new one; new keys alone do not raise it.
const SchemaVersion = 1

// Report is what came of one drill. Its JSON form is report.json, described
// key by key in schema.json. Figures are whole milliseconds, their unit last in
// the name; offsets count from the drill's start. What did not occur or was not
// seen is absent, never 0.
type Report struct {
	Schema      int             `json:"schema"`
	Drill       string          `json:"drill"`
	Scenario    string          `json:"scenario"`
	Runtime     string          `json:"runtime"`
	EtcdVersion string          `json:"etcd_version"`
	Firedrill   string          `json:"firedrill_version"`
	Seed        int64           `json:"seed"`
	Strict      bool            `json:"strict,omitempty"`
	Started     time.Time       `json:"started"`
	CPUs        int             `json:"cpus,omitempty"`          // of the machine; absent in reports of older versions
	EtcdArgs    []string        `json:"etcd_args,omitempty"`     // server flags of every member beyond those that make it one, without dashes
	Dataset     int64           `json:"dataset_bytes,omitempty"` // of keys and values that were there before the traffic; absent in reports of older versions
	Traffic     *Traffic        `json:"traffic,omitempty"`       // absent in reports of older versions
	Keeping     harness.Keeping `json:"keeping,omitempty"`       // where backups were kept; absent in reports of older versions
	Verdict     harness.Verdict `json:"verdict"`

	Faults    []string          `json:"faults"`
	Procedure Procedure         `json:"procedure"`
	Steps     []Step            `json:"steps"`
	StepsMore int               `json:"steps_more,omitempty"` // that were made by hand beside those in Steps, which are very many
	Findings  []harness.Finding `json:"findings"`

	// What a timeline is drawn from. Absent in reports of older versions.
	Moments map[string]int64 `json:"moments_ms,omitempty"` // offset of each harness.Mark that occurred
	Strikes []Strike         `json:"strikes,omitempty"`    // Faults, with their times
	Tracks  []Track          `json:"tracks,omitempty"`     // every host there ever was, in order of name, m2 before m10
	Backups []Backup         `json:"backups,omitempty"`    // that the site's backup job took, in order
	Fetches []Fetch          `json:"fetches,omitempty"`    // of backups onto hosts, in order

	Listed *Listed `json:"listed,omitempty"` // nil: nobody asked, or the report is of an older version

	Phases          Phases `json:"phases_ms"`
	Gaps            []Gap  `json:"gaps"`
	OutageOpen      bool   `json:"outage_open,omitempty"`       // service was not back when watching ended: the outage is at least this long
	StockOutage     int64  `json:"stock_outage_ms,omitempty"`   // the same outage as a client with stock settings saw it
	StockOutageOpen bool   `json:"stock_outage_open,omitempty"` // that client was not back when traffic ended
	// OutageUnmeasured says why no outage could be measured, absent if it could: then
	// gaps and outages that are absent mean nothing.
	OutageUnmeasured string `json:"outage_unmeasured,omitempty"`
	Loss             *Loss  `json:"loss,omitempty"` // absent when no cut was found

	MembersBefore   []string          `json:"members_before"` // names, sorted
	MembersAfter    []string          `json:"members_after"`
	MemberIDsBefore map[string]string `json:"member_ids_before"` // hexadecimal ID by name
	MemberIDsAfter  map[string]string `json:"member_ids_after"`
	ClusterIDBefore string            `json:"cluster_id_before,omitempty"` // hexadecimal
	ClusterIDAfter  string            `json:"cluster_id_after,omitempty"`

	// Unfit says why figures are not to be compared or quoted. Verdicts on data
	// do not suffer from it.
	Unfit     []string `json:"unfit,omitempty"`
	Directory string   `json:"directory,omitempty"` // where the evidence lies
	Rerun     string   `json:"rerun,omitempty"`     // the command that runs this drill again

	GameDay *GameDay `json:"game_day,omitempty"` // nil: no people recovered it
}

// Traffic is what clients were told to do while the drill ran.
type Traffic struct {
	Writers   int `json:"writers"`
	Rate      int `json:"rate_per_second"`  // writes, of all writers together
	ValueSize int `json:"value_size_bytes"` // of each value
}

// Phases are how long parts of the drill took, in milliseconds. 0 stands for a
// phase that did not occur and is not encoded.
type Phases struct {
	Detection  int64 `json:"detection,omitempty"`
	Fetch      int64 `json:"fetch,omitempty"`
	Restore    int64 `json:"restore,omitempty"`
	Outage     int64 `json:"outage,omitempty"`
	OutageSpan int64 `json:"outage_span,omitempty"`
	Redundancy int64 `json:"redundancy,omitempty"`
	// FirstAck is from the procedure's beginning to the first acknowledged write
	// probe of the cluster that it made; Recovered the same from the strike. Where
	// history was replaced that is the first of the new history, by the recovered
	// cluster; otherwise it is the end of the first gap that ended once the procedure
	// had begun. Absent: there was none.
	FirstAck  int64 `json:"first_ack,omitempty"`
	Recovered int64 `json:"recovered,omitempty"`
}

// Strike is one fault as it struck.
type Strike struct {
	Fault string   `json:"fault"`
	By    string   `json:"by,omitempty"` // the facilitator of a game day; absent: the scenario's own
	Hosts []string `json:"hosts"`
	At    int64    `json:"at_ms"`
	Took  int64    `json:"took_ms"`
}

// Track is when a host, and its etcd, were up. Spans are in order and do not
// overlap; one without an end was up when watching ended.
type Track struct {
	Host  string `json:"host"`
	Power []Span `json:"power"` // the machine was there and on
	Etcd  []Span `json:"etcd"`  // an etcd process ran; whether it served is another question
}

// Span is a stretch of time.
type Span struct {
	From int64  `json:"from_ms"`
	To   *int64 `json:"to_ms,omitempty"` // absent: it had not ended
}

// Backup is one backup as the site's job took it. What did not occur is absent.
type Backup struct {
	Name     string `json:"name"`
	Host     string `json:"host,omitempty"`
	At       int64  `json:"at_ms"`
	Took     int64  `json:"took_ms"`
	Snapshot int64  `json:"snapshot_ms,omitempty"` // saved on its host, and pulled off it
	Status   int64  `json:"status_ms,omitempty"`   // what is in it, told by etcdutl snapshot status: for the drill, no part of the policy
	Verify   int64  `json:"verify_ms,omitempty"`
	Upload   int64  `json:"upload_ms,omitempty"`
	Removed  int64  `json:"removed_ms,omitempty"` // when it was removed because newer ones were kept
	Bytes    int64  `json:"bytes,omitempty"`
	Keys     int64  `json:"keys,omitempty"`
	Revision int64  `json:"revision,omitempty"`
	Kept     bool   `json:"kept"`              // it was there to be restored when disaster struck
	Problem  string `json:"problem,omitempty"` // why it was not kept, or was passed over when it was fetched
}

// Listed is the linearizable member list that was asked for while quorum was seen to be
// lost.
type Listed struct {
	At       int64 `json:"at_ms"`
	Took     int64 `json:"took_ms"` // until it was answered, or given up
	Answered bool  `json:"answered"`
}

// Fetch is one backup brought onto one host.
type Fetch struct {
	Backup string `json:"backup"`
	Host   string `json:"host"`
	At     int64  `json:"at_ms"`
	Fetch  int64  `json:"fetch_ms"`  // out of the store, and onto the host
	Verify int64  `json:"verify_ms"` // between the two
	Bytes  int64  `json:"bytes"`
}

// Gap is one stretch without an acknowledgement.
type Gap struct {
	From  int64  `json:"from_ms"` // the last acknowledgement before it
	To    int64  `json:"to_ms"`   // the first after it; of an open gap, the end of watching
	MS    int64  `json:"ms"`
	Cause string `json:"cause"`
	Open  bool   `json:"open,omitempty"` // nothing was acknowledged any more
}

// Loss is what clients were told was done and is gone.
type Loss struct {
	AckedWrites int64 `json:"acked_writes"`
	LostWrites  int64 `json:"lost_writes"`
	LostSpan    int64 `json:"lost_span_ms"`           // between the first and the last lost acknowledgement; 0 if at most one was lost
	Cut         int64 `json:"cut_revision,omitempty"` // absent where history was never replaced
	// Bound is what a snapshot policy explains at most of LostSpan; see
	// check.LossWithinPolicy. Absent where none was judged.
	Bound int64 `json:"bound_ms,omitempty"`
}

// Procedure is how the runbook ended.
type Procedure struct {
	Outcome string `json:"outcome"` // completed, refused, failed, or none if it never began
	Detail  string `json:"detail,omitempty"`
	Within  int64  `json:"within_ms,omitempty"` // its deadline
}

// Step is one step of the runbook as it went on one host.
type Step struct {
	Number   int    `json:"number"`
	Name     string `json:"name"`
	Host     string `json:"host,omitempty"`
	By       string `json:"by,omitempty"` // who typed it, where somebody did
	At       int64  `json:"at_ms"`
	Took     int64  `json:"took_ms"`
	Attempts int    `json:"attempts"`
	ExitCode int    `json:"exit_code"`
	// Phase is the part of the recovery that this step completes, if any.
	Phase string `json:"phase,omitempty"`
	// Command is what was typed, and Error why it was not run to its end: the exit
	// code then means nothing. Both are told in game days only.
	Command string `json:"command,omitempty"`
	Error   string `json:"error,omitempty"`
}

// New writes the report of a drill. loss is nil when no cut was found. The
// caller fills in Directory, which the evidence cannot know, and a Rerun with
// more flags than scenario, runtime and seed if there were more.
func New(ev *harness.Evidence, findings []harness.Finding, loss *harness.Loss, t Timings) Report {
	r := Report{
		Schema:      SchemaVersion,
		Drill:       ev.Drill,
		Scenario:    ev.Scenario,
		Runtime:     ev.Runtime,
		EtcdVersion: ev.EtcdVersion,
		Firedrill:   ev.Firedrill,
		Seed:        ev.Seed,
		Strict:      ev.Strict,
		Started:     ev.Started,
		CPUs:        ev.Machine.CPUs,
		EtcdArgs:    slices.Clone(ev.EtcdArgs),
		Keeping:     ev.Keeping,
		Verdict:     harness.Judge(findings, ev.Strict),
		Faults:      make([]string, 0, len(ev.Faults)),
		Procedure:   procedureOf(ev.Procedure),
		Steps:       make([]Step, 0, len(ev.Steps)),
		StepsMore:   ev.StepsMore,
		Findings:    append([]harness.Finding{}, findings...),
		Unfit:       slices.Clone(t.Unfit),
		Rerun:       fmt.Sprintf("firedrill run %s --runtime %s --seed %d", ev.Scenario, ev.Runtime, ev.Seed),
	}
	if ev.GameDay != nil {
		r.Rerun = fmt.Sprintf("firedrill gameday %s --runtime %s --seed %d", ev.Scenario, ev.Runtime, ev.Seed)
	}
	if ev.Strict {
		r.Rerun += " --strict"
	}
	if ev.Rerun != "" {
		r.Rerun = ev.Rerun
	}
	if ev.Rate > 0 {
		r.Traffic = &Traffic{Writers: ev.Writers, Rate: ev.Rate, ValueSize: ev.ValueSize}
	}
	if ev.DatasetBefore != nil {
		r.Dataset = ev.DatasetBefore.Bytes
	}
	r.MembersBefore, r.MemberIDsBefore, r.ClusterIDBefore = membership(ev.Before)
	r.MembersAfter, r.MemberIDsAfter, r.ClusterIDAfter = membership(ev.After)
	for _, f := range ev.Faults {
		r.Faults = append(r.Faults, f.Fault)
	}
	for _, s := range ev.Steps {
		is := Step{
			Number: s.Number, Name: s.Name, Host: s.Host, By: s.By, Attempts: s.Attempts, ExitCode: s.Output.ExitCode,
			At: s.At.Milliseconds(), Took: wholeMS(s.Took), Phase: string(s.Completes),
		}
		if ev.GameDay != nil && s.By != "" {
			is.Command, is.Error = boundedCommand(s.Command), boundedCommand(s.Error)
		}
		r.Steps = append(r.Steps, is)
	}
	r.Moments, r.Strikes, r.Tracks = momentsOf(ev), strikesOf(ev), tracksOf(ev)
	r.Backups, r.Fetches = backupsOf(ev), fetchesOf(ev)
	if l := ev.Listed; l != nil {
		r.Listed = &Listed{At: l.At.Milliseconds(), Took: wholeMS(l.Took), Answered: l.Error == ""}
	}
	r.time(t)
	r.GameDay = gameDayOf(ev, t)
	if loss != nil {
		r.Loss = &Loss{AckedWrites: loss.AckedWrites, LostWrites: loss.LostWrites, LostSpan: wholeMS(loss.LostSpan), Cut: loss.Cut, Bound: wholeMS(loss.Bound)}
	}
	return r
}

func (r *Report) time(t Timings) {
	r.Phases = Phases{
		Detection: wholeMS(t.Detection), Fetch: wholeMS(t.Fetch), Restore: wholeMS(t.Restore),
		Outage: wholeMS(t.Outage), OutageSpan: wholeMS(t.OutageSpan), Redundancy: wholeMS(t.Redundancy),
		FirstAck: wholeMS(t.FirstAck), Recovered: wholeMS(t.Recovered),
	}
	r.OutageOpen, r.OutageUnmeasured = t.OutageOpen, t.Unmeasured
	r.StockOutage, r.StockOutageOpen = wholeMS(t.StockOutage), t.StockOutageOpen
	r.Gaps = make([]Gap, 0, len(t.Gaps))
	for _, g := range t.Gaps {
		r.Gaps = append(r.Gaps, Gap{From: g.From.Milliseconds(), To: g.To.Milliseconds(), MS: g.Length().Milliseconds(), Cause: g.Cause, Open: g.Open})
	}
}

func procedureOf(p harness.ProcedureRecord) Procedure {
	out := Procedure{Outcome: "none", Within: p.Within.Milliseconds()}
	switch {
	case p.Failed != "":
		out.Outcome, out.Detail = "failed", p.Failed
	case p.Refused != "":
		out.Outcome, out.Detail = "refused", p.Refused
	case p.Completed:
		out.Outcome = "completed"
	}
	return out
}

// membership sums up what the members told of themselves: every member that
// any of them believes in, so that a ghost in one member's list is seen. The
// cluster's ID is the first heard; that they agree is a check's business.
func membership(views []harness.MemberView) (names []string, ids map[string]string, cluster string) {
	ids = map[string]string{}
	for _, v := range views {
		if v.Error != "" {
			continue
		}
		if cluster == "" {
			cluster = hexID(v.ClusterID)
		}
		for _, m := range v.Members {
			ids[memberName(m, ids)] = hexID(m.ID)
		}
	}
	return append([]string{}, slices.Sorted(maps.Keys(ids))...), ids, cluster
}

// memberName is a member's name; with its ID where it has none, or where
// another member goes by the same one.
func memberName(m harness.Member, taken map[string]string) string {
	if m.Name == "" {
		return "(unstarted " + hexID(m.ID) + ")"
	}
	if id, ok := taken[m.Name]; ok && id != hexID(m.ID) {
		return m.Name + " (" + hexID(m.ID) + ")"
	}
	return m.Name
}

func hexID(id uint64) string { return strconv.FormatUint(id, 16) }

// wholeMS rounds up, so that a phase that occurred is never 0.
func wholeMS(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}

// Encode writes the report as indented JSON, the form of report.json.
func (r Report) Encode(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("write the report of %s: %w", r.Drill, err)
	}
	return nil
}

// Decode reads what Encode wrote. A report of another schema version, an
// unknown verdict and anything that is no report, a rehearsal's among them, are
// errors.
func Decode(from io.Reader) (Report, error) { return decode(json.NewDecoder(from)) }

func decode(d *json.Decoder) (Report, error) {
	var r Report
	if err := d.Decode(&r); err != nil {
		return Report{}, fmt.Errorf("read a report: %w", err)
	}
	if r.Schema != SchemaVersion {
		return Report{}, fmt.Errorf("read a report: its schema is %d, this firedrill reads %d", r.Schema, SchemaVersion)
	}
	if r.Scenario == "" {
		return Report{}, errors.New("read a report: it is no drill's: it names no scenario")
	}
	return r, nil
}

// DecodeAll reads report after report, one a line as --json prints them or
// indented as in report.json, and hands each on with the line that it begins
// on. It ends at the first that cannot be read, or that take refuses; the error
// names its line.
func DecodeAll(from io.Reader, take func(line int, r Report) error) error {
	text, err := io.ReadAll(from)
	if err != nil {
		return fmt.Errorf("read reports: %w", err)
	}
	return Documents(text, func(line int, d *json.Decoder) error {
		r, err := decode(d)
		if err == nil {
			err = take(line, r)
		}
		return err
	})
}

// Documents has one JSON value after the other taken, whatever they are, from a
// decoder that stands before it, with the line that it begins on. It ends at the
// first that cannot be; the error names its line.
func Documents(text []byte, take func(line int, d *json.Decoder) error) error {
	d := json.NewDecoder(bytes.NewReader(text))
	line, counted := 1, 0
	for {
		rest := text[d.InputOffset():]
		begins := len(text) - len(bytes.TrimLeft(rest, " \t\r\n"))
		if begins == len(text) {
			return nil
		}
		line += bytes.Count(text[counted:begins], []byte("\n"))
		counted = begins
		if err := take(line, d); err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
}
