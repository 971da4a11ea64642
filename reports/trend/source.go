package trend

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/policy"
)

// Source is a file of runs.
type Source struct {
	Name      string    `json:"name"`
	Started   time.Time `json:"started"` // the first run
	Firedrill string    `json:"firedrill_version"`
	Etcd      string    `json:"etcd_version"`
	CPUs      int       `json:"cpus,omitempty"`
	Runs      int       `json:"runs"`
	Counted   int       `json:"counted"` // neither broken, unfit nor inconclusive
	// Unrecovered are those of Counted that did not recover, and so have no figure of it.
	Unrecovered int `json:"unrecovered"`

	figures  map[Subject]map[policy.Phase][]float64
	outcomes map[Subject]outcome
	under    conditions
}

// Read reads a file: results of sweeps, reports of drills and of rehearsals, one after
// the other. A file without a run is an error, and so is what is none of these: it
// would be compared with what it is not like.
func Read(name string, text []byte) (Source, error) {
	s := Source{Name: name, figures: map[Subject]map[policy.Phase][]float64{}, outcomes: map[Subject]outcome{}, under: conditions{}}
	err := reports.Documents(text, func(_ int, d *json.Decoder) error {
		var document json.RawMessage
		if err := d.Decode(&document); err != nil {
			return err
		}
		return s.read(document)
	})
	if err == nil && s.Runs == 0 {
		err = errors.New("there is no run in it")
	}
	if err != nil {
		return Source{}, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// read takes one document in, by what it says that it is. A drill's report says
// nothing, and an older version's of a rehearsal has its ID by that name.
func (s *Source) read(document json.RawMessage) error {
	var head struct {
		Kind      string `json:"kind"`
		Rehearsal string `json:"rehearsal"`
	}
	if err := json.Unmarshal(document, &head); err != nil {
		return err
	}
	switch {
	case head.Kind == policy.Kind:
		r, err := policy.Decode(document)
		if err == nil {
			s.sweep(r)
		}
		return err
	case head.Kind == reports.RehearsalKind, head.Kind == "" && head.Rehearsal != "":
		r, err := reports.DecodeRehearsal(bytes.NewReader(document))
		if err == nil {
			s.rehearsal(r)
		}
		return err
	case head.Kind != "":
		return fmt.Errorf("it is of kind %q, which holds no runs", head.Kind)
	}
	r, err := reports.Decode(bytes.NewReader(document))
	if err == nil {
		s.drill(r)
	}
	return err
}

func (s *Source) sweep(r policy.Result) {
	s.Firedrill, s.Etcd, s.CPUs = r.Firedrill, r.Etcd, r.Machine.CPUs
	s.under.sweep(r)
	for _, run := range r.Runs {
		s.add(Subject{Kind: Drills, Procedure: run.Procedure, Runtime: r.Runtime, Members: run.Members, Size: run.Size, ValueSize: run.ValueSize}, run, sweptUnrecovered(run))
	}
}

func (s *Source) drill(r reports.Report) {
	s.Firedrill, s.Etcd, s.CPUs = r.Firedrill, r.EtcdVersion, r.CPUs
	s.under.drill(r)
	s.add(drilled(r), policy.Plan{}.NewRun(policy.Point{}, 1, r, 0), drillUnrecovered(r))
}

// rehearsal takes a rehearsal's figures, whatever became of its bounds: a backup that
// is too old is restored as one that is not.
func (s *Source) rehearsal(r reports.Rehearsal) {
	s.Firedrill, s.Etcd, s.CPUs = r.Firedrill, r.EtcdVersion, r.Machine.CPUs
	s.under.note(condition{what: etcd}, r.EtcdVersion)
	s.under.machine(r.Machine)
	run, unrecovered := policy.Run{Started: r.Started, Verdict: r.Verdict, Phases: map[policy.Phase]int64{}}, rehearsalUnrecovered(r)
	if r.Phases.Recovered == 0 { // what was not restored everywhere has no time of restoring
		if !unrecovered {
			run.Verdict = harness.Inconclusive
		}
		s.add(rehearsed(r), run, unrecovered)
		return
	}
	for phase, ms := range map[policy.Phase]int64{policy.RestoreHost: r.Phases.Restore, policy.Ack: r.Phases.FirstAck, Serving: r.Phases.Serving, Recovered: r.Phases.Recovered} {
		if ms > 0 {
			run.Phases[phase] = ms
		}
	}
	s.add(rehearsed(r), run, false)
}

func (s *Source) add(of Subject, run policy.Run, unrecovered bool) {
	if s.Runs++; s.Started.IsZero() || run.Started.Before(s.Started) {
		s.Started = run.Started
	}
	if s.figures[of] == nil {
		s.figures[of] = map[policy.Phase][]float64{}
	}
	if !run.Counts() {
		return
	}
	so := s.outcomes[of]
	so.counted++
	s.Counted++
	if unrecovered {
		so.unrecovered++
		s.Unrecovered++
	}
	s.outcomes[of] = so
	for _, phase := range of.Kind.phases() {
		if ms, seen := run.Phases[phase]; seen {
			s.figures[of][phase] = append(s.figures[of][phase], float64(ms))
		}
	}
}
