package gameday

import (
	"context"
	"errors"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// Exercise is a drill that people recover, as its pages see and steer it. Its
// methods may be called at once, and after its end.
type Exercise interface {
	// Wall is what everybody may see.
	Wall() Wall
	// Stage is what the facilitator sees.
	Stage() Stage
	// Changed is closed at the next change of what is shown, apart from clocks: see
	// Wall.Now. It is closed for good once the exercise is over.
	Changed() <-chan struct{}

	// Notice says that the team has seen that something is wrong. It is idempotent.
	// Before the strike it is a false alarm, which the facilitator sees and whoever gave
	// it does not.
	Notice(by string) error
	// Done says that the team has finished. The checks begin.
	Done(by string) error
	// Leave says that the team leaves the cluster as it is: there is nothing to
	// recover, or nothing that may be touched. The checks begin.
	Leave(by string) error

	// Inject breaks more. It returns when that has taken effect.
	Inject(ctx context.Context, order Order) error
	// Hint shows a hint to all.
	Hint(text string) error
	// Pause stops the team's clock, and refuses its calls; Resume goes on. Each is
	// idempotent. See Wall.PauseEnds.
	Pause() error
	Resume() error
	// Stop ends the game day without the team: what it did until then is judged, and
	// it did not complete.
	Stop(why string) error
}

// ErrRefused is wrapped by errors that say why something cannot be done now; they
// are for whoever asked.
var ErrRefused = errors.New("that cannot be done now")

// Phase is how far a game day is, as everybody may know.
type Phase string

// The phases.
const (
	// Waiting: the cluster serves, for all that is known. It may have been struck
	// already, and nobody been told.
	Waiting Phase = "waiting"
	// Alarm: service was seen to be lost, or somebody has noticed something.
	Alarm Phase = "alarm"
	// Judging: the team is done, or was stopped, and the checks run.
	Judging Phase = "judging"
	// Over: there is a verdict, or none could be had.
	Over Phase = "over"
)

// Wall is what an operations wall shows. Offsets are on the drill's clock.
type Wall struct {
	Phase  Phase         `json:"phase"`
	Now    time.Duration `json:"now_ns"`    // when this was looked at; pages count on by themselves
	Alarm  time.Duration `json:"alarm_ns"`  // when the phase Alarm began; 0: not yet
	Clock  time.Duration `json:"clock_ns"`  // the team's clock: since Alarm, pauses left out
	Within time.Duration `json:"within_ns"` // the time that the team has from the strike on, pauses left out
	Left   time.Duration `json:"left_ns"`   // what is left of that; 0 before the alarm, since it would tell when it strikes
	Paused bool          `json:"paused"`
	// PauseEnds is when it goes on by itself, while it is paused.
	PauseEnds time.Duration `json:"pause_ends_ns,omitempty"`

	// Recovered is what counts as recovered, a sentence for each: nothing before the
	// alarm, since it would tell what comes.
	Recovered []string `json:"recovered"`

	// Serving tells whether writes are acknowledged just now; nil: nobody measures.
	Serving *bool                `json:"serving"`
	Since   time.Duration        `json:"since_ns"` // when Serving became what it is
	Traffic []Second             `json:"traffic"`  // the last minutes of it, in order
	Hosts   []Host               `json:"hosts"`
	Backups []Backup             `json:"backups"` // that are kept, the newest first
	Hints   []harness.HintRecord `json:"hints"`
	Shells  []string             `json:"shells"`  // names of those that are open
	Noticed string               `json:"noticed"` // who noticed first; ""
	Verdict string               `json:"verdict"` // once it is Over; "" if none could be had
	Report  string               `json:"report"`  // where the after-action report lies, once it is Over
}

// Second is what clients got in one second.
type Second struct {
	At     time.Duration `json:"at_ns"` // its beginning
	Acked  int64         `json:"acked"`
	Failed int64         `json:"failed"` // rejected, or unknown
	// P50 and P99 are of how long acknowledged probes took; 0: none was.
	P50 time.Duration `json:"p50_ns"`
	P99 time.Duration `json:"p99_ns"`
}

// Host is what can be seen of one host from outside: whether it answers, and what its
// etcd says of the cluster. Why something does not answer is for those to find out who
// look at it.
type Host struct {
	Name        string `json:"name"`
	Answers     bool   `json:"answers"` // the machine does
	EtcdAnswers bool   `json:"etcd_answers"`
	// What its etcd says, if it answers.
	Leader   string        `json:"leader"` // name of whom it takes for the leader, or an ID; "": it knows none
	Members  []string      `json:"members"`
	Revision int64         `json:"revision"`
	Asked    time.Duration `json:"asked_ns"` // when this was seen
}

// Inside is a host as the facilitator sees it: with what its runtime and its supervisor
// know of it, and why its etcd does not answer.
type Inside struct {
	Host
	Power  string   `json:"power"` // on, off, gone (bastion's words)
	Etcd   string   `json:"etcd"`  // as `firedrill host ls` tells it; "" where the host is not on
	Error  string   `json:"error"` // why its etcd does not answer
	Alarms []string `json:"alarms"`
}

// Backup is a backup that is kept.
type Backup struct {
	Name     string        `json:"name"`
	Begun    time.Duration `json:"begun_ns"` // its age counts from here
	Bytes    int64         `json:"bytes"`
	Revision int64         `json:"revision"`
	// What became of it where it is kept; one that is gone is not listed.
	Changed string `json:"changed"` // it is not what was kept: in what; ""
	Unseen  bool   `json:"unseen"`  // it could not be looked at just now
}

// Stage is what the facilitator sees beside the Wall.
type Stage struct {
	Wall     Wall          `json:"wall"`
	Scenario string        `json:"scenario"`
	Summary  string        `json:"summary"` // of the scenario
	Seed     int64         `json:"seed"`
	StrikeAt time.Duration `json:"strike_at_ns"` // when it strikes, if it is not paused before; it has once Struck is not empty
	// FalseAlarms: somebody noticed something before the strike.
	FalseAlarms []harness.Deed        `json:"false_alarms"`
	Struck      []harness.FaultRecord `json:"struck"`
	Hosts       []Inside              `json:"hosts"` // those of the Wall, and clean ones that nobody has ordered so far
	Steps       []Step                `json:"steps"` // what was typed, in order; the last of them where there are very many
	Book        []string              `json:"book"`  // names of the documented procedure's steps, to hold what the team does against
	// WrongMoves and GivenUp are those that are certain by now.
	WrongMoves []harness.WrongMove `json:"wrong_moves"`
	GivenUp    []harness.WrongMove `json:"given_up"`
	Faults     []Kind              `json:"faults"` // what can be injected
}

// Step is a call of the team's.
type Step struct {
	Number   int           `json:"number"`
	At       time.Duration `json:"at_ns"`
	By       string        `json:"by"`
	Host     string        `json:"host"`
	Command  string        `json:"command"`
	Running  bool          `json:"running"`
	ExitCode int           `json:"exit_code"`
	Error    string        `json:"error"`
}

// Kind is a kind of fault that the facilitator can inject on one host.
type Kind struct {
	Name string `json:"name"` // "power-off"
	Text string `json:"text"` // "power it off, as pulling the plug"
}

// Order is a fault that is to be injected.
type Order struct {
	Kind string `json:"kind"`
	Host string `json:"host"`
}
