package policy

import (
	"fmt"
	"slices"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
)

// SchemaVersion is the value of Result.Schema. It is raised when a reader of the
// old form would misread the new one.
const SchemaVersion = 1

// Result is what a sweep came to. Its JSON form is sweep.json, described key by
// key in schema.json of this package.
type Result struct {
	Schema    int             `json:"schema"`
	Kind      string          `json:"kind"` // Kind, so that files can be told apart
	Firedrill string          `json:"firedrill_version"`
	Started   time.Time       `json:"started"`
	Finished  bool            `json:"finished"` // every run of every point was made
	Planned   int             `json:"planned_runs"`
	Runtime   string          `json:"runtime"`
	Etcd      string          `json:"etcd_version"`
	Machine   reports.Machine `json:"machine"`
	Image     string          `json:"image,omitempty"`     // that etcd was taken from, on the container runtime
	EtcdBin   string          `json:"etcd_bin,omitempty"`  // directory that etcd was taken from, on the process runtime
	EtcdArgs  []string        `json:"etcd_args,omitempty"` // more server flags of every member
	Policy    Policy          `json:"policy"`
	Sweep     Sweep           `json:"sweep"`
	// Untried are combinations of the sweep that there is no drill for: they are no
	// points, and nothing is said of them.
	Untried []Untried `json:"untried,omitempty"`

	Runs         []Run         `json:"runs"`
	Summaries    []Summary     `json:"summaries"`          // measured: one for each point that was run
	Fits         []Fit         `json:"fits"`               // computed: each phase over database size
	Unfitted     []string      `json:"unfitted,omitempty"` // where there is no line, and why
	Targets      []Verdict     `json:"targets"`            // what was wanted, and what was seen or computed
	Alternatives []Alternative `json:"alternatives"`       // computed: the next cheaper and the next safer policy
}

// Untried is a procedure that does not suit a number of members.
type Untried struct {
	Procedure string `json:"procedure"`
	Members   int    `json:"members"`
	Reason    string `json:"reason"`
}

func (u Untried) String() string {
	return fmt.Sprintf("%s with %s was not tried, because %s", u.Procedure, counted(u.Members, "member"), u.Reason)
}

// Points are the combinations of the sweep that are tried, in its order.
func (r Result) Points() []Point {
	return slices.DeleteFunc(r.Sweep.Points(), func(p Point) bool {
		return slices.ContainsFunc(r.Untried, func(u Untried) bool { return u.Procedure == p.Procedure && u.Members == p.Members })
	})
}

// Summary is what the runs of one point came to.
type Summary struct {
	Point
	Runs    int `json:"runs"`
	Held    int `json:"held"`
	Counted int `json:"counted"`            // runs with figures
	LeftOut int `json:"left_out,omitempty"` // made, but on a machine that was too busy, or inconclusive: no spread below has their figures
	// LeftOutMS is the longest that one of these took to recover, or had no service when
	// watching ended. Absent: neither was seen.
	LeftOutMS int64 `json:"left_out_worst_ms,omitempty"`
	// Unrecovered are those counted that were not seen to recover, of which Recovered has
	// nothing, and UnrecoveredMS for how long at least one of them had no service.
	Unrecovered   int   `json:"unrecovered,omitempty"`
	UnrecoveredMS int64 `json:"unrecovered_worst_ms,omitempty"`
	Exceeded      int   `json:"exceeded"` // runs that lost more than the policy can explain

	Phases     map[Phase]Spread `json:"phases_ms"`
	Recovered  Spread           `json:"recovered_ms"`
	LostMS     Spread           `json:"lost_ms"`
	LostWrites Spread           `json:"lost_writes"`
	BoundMS    Spread           `json:"bound_ms"`
}

// Spread is how figures are spread. Nothing is said that so few runs cannot say.
type Spread struct {
	Of    int   `json:"of"` // how many figures; 0: none, and nothing below means anything
	P50   int64 `json:"p50"`
	Worst int64 `json:"worst"`
	// P95 is absent below 20 figures: too few runs.
	P95 *int64 `json:"p95,omitempty"`
	// Low and High enclose the true median with at least Confidence (of 1); absent
	// where so few figures reach no such confidence.
	Low        *int64  `json:"low,omitempty"`
	High       *int64  `json:"high,omitempty"`
	Confidence float64 `json:"confidence,omitempty"`
}

// Fit is a straight line through a phase's figures over the database's size:
// computed, not measured. It holds between the sizes that were measured.
type Fit struct {
	Procedure string  `json:"procedure"`
	Members   int     `json:"members"`
	ValueSize int     `json:"value_size"`
	Phase     Phase   `json:"phase"`
	Fixed     float64 `json:"fixed_ms"`     // at no size
	PerGiB    float64 `json:"ms_per_gib"`   // for each GiB more
	R2        float64 `json:"r_squared"`    //
	Residual  float64 `json:"residual_ms"`  // standard deviation of what the line leaves
	Worst     float64 `json:"worst_off_ms"` // greatest distance of a figure from the line
	Figures   int     `json:"figures"`      // how many it is drawn through
	From      int64   `json:"from_bytes"`   // least and greatest size that was measured
	To        int64   `json:"to_bytes"`
}

// Verdict is one target against what was seen or computed.
type Verdict struct {
	Target string `json:"target"` // "rto", "rpo", "loss-bound", "every drill held"
	// Wanted is what the policy's owner promised; of loss-bound, which nobody did, what
	// the policy explains in the run that came closest to it (computed).
	Wanted int64 `json:"wanted_ms,omitempty"`
	// Worst is what was seen; of rpo, the most that the policy can lose (computed),
	// because a drill's interval may be compressed; of loss-bound, what that run lost,
	// or how old its newest backup was.
	Worst   int64           `json:"worst_ms,omitempty"`
	AtLeast bool            `json:"at_least,omitempty"` // of rto: that run was not back when watching ended
	Verdict harness.Verdict `json:"verdict"`            // what was not seen is never Held
	Detail  string          `json:"detail"`
}

// Alternative is a policy beside this one, or this one itself, and what it would
// give by the figures of this sweep: computed, not measured.
type Alternative struct {
	Name     string   `json:"name"` // AsItIs, Cheaper, Safer
	Interval Duration `json:"interval"`
	Count    int      `json:"count,omitempty"` // snapshots kept; 0: all
	// LossMS is the most that may be lost at the largest size: interval + snapshot +
	// verification + upload, of the longest backup.
	LossMS int64 `json:"loss_ms"`
	// Bytes is what must be stored, and SnapshotsPerDay how often members are read.
	Bytes           int64   `json:"stored_bytes"`
	SnapshotsPerDay float64 `json:"snapshots_per_day"`
	MeetsRPO        *bool   `json:"meets_rpo,omitempty"` // absent: there is no such target; a policy that is not possible meets none
	Detail          string  `json:"detail"`
}
