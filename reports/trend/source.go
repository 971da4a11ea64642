package trend

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/policy"
)

// Subject is what can be compared: the same drill on the same kind of host.
type Subject struct {
	Procedure string      `json:"procedure"` // or any scenario
	Runtime   string      `json:"runtime"`
	Members   int         `json:"members"`
	Size      policy.Size `json:"size_bytes,omitempty"` // aimed at; 0: of a drill that was no part of a sweep
	ValueSize int         `json:"value_size,omitempty"` // as well
}

// String is a subject in words.
func (s Subject) String() string {
	text := fmt.Sprintf("%s on %s, %d members", s.Procedure, s.Runtime, s.Members)
	if s.Members == 1 {
		text = fmt.Sprintf("%s on %s, 1 member", s.Procedure, s.Runtime)
	}
	if s.Size > 0 {
		text += fmt.Sprintf(", %s of %d-byte values", s.Size, s.ValueSize)
	}
	return text
}

func (s Subject) compare(o Subject) int {
	return cmp.Or(cmp.Compare(s.Procedure, o.Procedure), cmp.Compare(s.Runtime, o.Runtime), cmp.Compare(s.Members, o.Members),
		cmp.Compare(s.ValueSize, o.ValueSize), cmp.Compare(s.Size, o.Size))
}

// Source is a file of runs.
type Source struct {
	Name      string    `json:"name"`
	Started   time.Time `json:"started"` // the first run
	Firedrill string    `json:"firedrill_version"`
	Etcd      string    `json:"etcd_version"`
	CPUs      int       `json:"cpus,omitempty"`
	Runs      int       `json:"runs"`
	Counted   int       `json:"counted"` // with figures: neither broken, unfit nor inconclusive

	figures map[Subject]map[policy.Phase][]float64
}

// phases are those whose time is restoring.
func phases() []policy.Phase { return []policy.Phase{policy.RestoreHost, policy.Ack, policy.Outage} }

// Read reads a file: the result of a sweep, or reports of drills, one after the
// other. A file without a run is an error.
func Read(name string, text []byte) (Source, error) {
	s := Source{Name: name, figures: map[Subject]map[policy.Phase][]float64{}}
	result, err := policy.Decode(text)
	switch {
	case err == nil:
		s.sweep(result)
	case errors.Is(err, policy.ErrOther) || len(bytes.TrimSpace(text)) == 0 || several(text):
		err = reports.DecodeAll(bytes.NewReader(text), func(_ int, r reports.Report) error {
			s.drill(r)
			return nil
		})
	}
	if err == nil && s.Runs == 0 {
		err = errors.New("there is no run in it")
	}
	if err != nil {
		return Source{}, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// several tells whether a text goes on after a first JSON value, as reports one
// after the other do, which are no JSON together.
func several(text []byte) bool {
	d := json.NewDecoder(bytes.NewReader(text))
	var first json.RawMessage
	return d.Decode(&first) == nil && d.More()
}

func (s *Source) sweep(r policy.Result) {
	s.Firedrill, s.Etcd, s.CPUs = r.Firedrill, r.Etcd, r.Machine.CPUs
	for _, run := range r.Runs {
		s.add(Subject{Procedure: run.Procedure, Runtime: r.Runtime, Members: run.Members, Size: run.Size, ValueSize: run.ValueSize}, run)
	}
}

func (s *Source) drill(r reports.Report) {
	s.Firedrill, s.Etcd, s.CPUs = r.Firedrill, r.EtcdVersion, r.CPUs
	run := policy.Plan{}.NewRun(policy.Point{}, 1, r, 0)
	s.add(Subject{Procedure: r.Scenario, Runtime: r.Runtime, Members: len(r.MembersBefore)}, run)
}

func (s *Source) add(of Subject, run policy.Run) {
	if s.Runs++; s.Started.IsZero() || run.Started.Before(s.Started) {
		s.Started = run.Started
	}
	if s.figures[of] == nil {
		s.figures[of] = map[policy.Phase][]float64{}
	}
	if !run.Counts() {
		return
	}
	s.Counted++
	for _, phase := range phases() {
		if ms, seen := run.Phases[phase]; seen {
			s.figures[of][phase] = append(s.figures[of][phase], float64(ms))
		}
	}
}
