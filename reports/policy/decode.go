package policy

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Kind is the value of Result.Kind.
const Kind = "policy"

//go:embed schema.json
var schema []byte

// Schema is the JSON Schema (draft 2020-12) of sweep.json. It documents every key,
// with its unit.
func Schema() []byte { return schema }

// ErrOther says of what was read that it is no result of a sweep.
var ErrOther = errors.New("it is no result of a policy's sweep")

// Encode writes the result as indented JSON, the form of sweep.json.
func (r Result) Encode(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("write the result of policy %s: %w", r.Policy.Name, err)
	}
	return nil
}

// Decode reads what Encode wrote. What is no result is ErrOther; one of another
// schema version, and whatever cannot be true of a sweep, is an error too. Keys
// that it does not know are left aside.
func Decode(text []byte) (Result, error) {
	var head struct {
		Kind   string `json:"kind"`
		Schema int    `json:"schema"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return Result{}, fmt.Errorf("read a sweep: %w", err)
	}
	if head.Kind != Kind {
		return Result{}, fmt.Errorf("read a sweep: %w", ErrOther)
	}
	if head.Schema != SchemaVersion {
		return Result{}, fmt.Errorf("read a sweep: its schema is %d, this firedrill reads %d", head.Schema, SchemaVersion)
	}
	var r Result
	if err := json.Unmarshal(text, &r); err != nil {
		return Result{}, fmt.Errorf("read a sweep: %w", err)
	}
	if err := (Plan{Policy: r.Policy, Sweep: r.Sweep}).Validate(); err != nil {
		return Result{}, fmt.Errorf("read a sweep: its plan: %w", err)
	}
	for i, run := range r.Runs {
		if err := run.valid(); err != nil {
			return Result{}, fmt.Errorf("read a sweep: run %d: %w", i+1, err)
		}
	}
	return r, nil
}

// DecodeRun reads one run, as a line of runs.jsonl has it.
func DecodeRun(line []byte) (Run, error) {
	var r Run
	if err := json.Unmarshal(line, &r); err != nil {
		return Run{}, fmt.Errorf("read a run: %w", err)
	}
	if err := r.valid(); err != nil {
		return Run{}, fmt.Errorf("read a run: %w", err)
	}
	return r, nil
}

func (r Run) valid() error {
	switch {
	case r.Procedure == "" || r.Size <= 0 || r.Number < 1:
		return errors.New("it lacks procedure, size or number")
	case r.Took < 0 || r.Removed < 0 || r.DatabaseBytes < 0 || r.Recovered < 0 || r.Unrecovered < 0:
		return errors.New("a figure is below 0")
	case r.Loss != nil && (r.Loss.LostMS < 0 || r.Loss.LostWrites < 0 || r.Loss.AgeMS < 0 || r.Loss.BoundMS < 0):
		return errors.New("a loss is below 0")
	}
	for phase, ms := range r.Phases {
		if ms < 0 {
			return fmt.Errorf("phase %s is below 0", phase)
		}
	}
	if i := slices.IndexFunc(r.Backups, Backup.negative); i >= 0 {
		return fmt.Errorf("a figure of backup %s is below 0", r.Backups[i].Name)
	}
	if i := slices.IndexFunc(r.Hosts, HostTimes.negative); i >= 0 {
		return fmt.Errorf("a time of host %s is below 0", r.Hosts[i].Host)
	}
	return nil
}
