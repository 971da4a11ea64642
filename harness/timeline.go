package harness

import "time"

// Event is one line of a drill's timeline: what a person sees while it runs,
// and what timeline.jsonl keeps.
type Event struct {
	At   time.Duration `json:"at_ns"` // offset
	Kind EventKind     `json:"kind"`
	Host string        `json:"host,omitempty"`
	Text string        `json:"text"`
	// Serving tells whether etcd acknowledges linearizable writes just now;
	// nil before traffic began and after it ended.
	Serving *bool `json:"serving,omitempty"`
}

// EventKind sorts the timeline's lines.
type EventKind string

// The kinds of event.
const (
	DrillEvent   EventKind = "drill"   // the drill itself: provisioned, settled, collected, …
	HostLine     EventKind = "host"    // a HostEvent
	BackupEvent  EventKind = "backup"  // the site's backup job
	FaultEvent   EventKind = "fault"   // the strike
	StepEvent    EventKind = "step"    // a step begins or ends
	RunbookEvent EventKind = "runbook" // a line that a user's own runbook printed
	TeamEvent    EventKind = "team"    // what everybody may know of a game day: who came, a hint, a pause, its end
	ServiceEvent EventKind = "service" // service lost, service restored
	TrialEvent   EventKind = "trial"
	WarningEvent EventKind = "warning" // figures unfit, a hazard of the machine
)
