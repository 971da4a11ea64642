package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/etcd-firedrill/firedrill/harness"
)

// Plan is what a policy file holds: a policy, and over what it is tried.
type Plan struct {
	Policy Policy `json:"policy"`
	Sweep  Sweep  `json:"sweep"`
}

// Defaults is the plan that files and flags change. Interval, sizes and procedures
// have no default.
func Defaults() Plan {
	return Plan{
		Policy: Policy{Name: "unnamed", Verify: VerifyTrailer},
		Sweep:  Sweep{ValueSizes: []int{512}, Members: []int{3}, Runs: 5, Seed: 1, TimeScale: 1},
	}
}

// Problem is something wrong with a plan.
type Problem struct {
	Key  string // as "sweep.sizes"; "": the whole file
	Text string
	// Known are the keys that could have been meant by one that there is not.
	Known []string
}

func (p Problem) Error() string {
	text := p.Text
	if len(p.Known) > 0 {
		text += ": there are " + strings.Join(p.Known, ", ")
	}
	if p.Key == "" {
		return text
	}
	return p.Key + ": " + text
}

// Problems are all that is wrong with a plan.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.Error()
	}
	return strings.Join(lines, "\n")
}

func (p *Problems) say(key, format string, args ...any) {
	*p = append(*p, Problem{Key: key, Text: fmt.Sprintf(format, args...)})
}

func (p Problems) orNil() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

const (
	// shortest is an interval below which no backup job could keep up; as a drill
	// has it, compressed.
	shortest = 100 * time.Millisecond
	// mostRuns is more than anybody waits for, and bounds what a slip can order.
	mostRuns = 10_000
)

// Validate tells all that is wrong with a plan, as Problems. Whether there are
// scenarios of the procedures' names is not for it to know.
func (p Plan) Validate() error {
	var wrong Problems
	p.Policy.validate(&wrong)
	p.Sweep.validate(&wrong)
	if s := p.Sweep; p.Policy.Interval > 0 && s.TimeScale >= 1 && s.Scaled(p.Policy.Interval) < shortest {
		wrong.say("sweep.time_scale", "compressed %g times, the interval of %s is %s: nothing can be backed up more often than every %s",
			s.TimeScale, p.Policy.Interval, s.Scaled(p.Policy.Interval), shortest)
	}
	return wrong.orNil()
}

func (p Policy) validate(wrong *Problems) {
	if p.Interval <= 0 {
		wrong.say("policy.interval", "it is missing: how often is a snapshot taken? For example 30m")
	}
	if p.Name == "" || strings.ContainsAny(p.Name, "/\n\t") {
		wrong.say("policy.name", "%q: a name is one line, without slashes", p.Name)
	}
	if p.Retention.Count < 0 {
		wrong.say("policy.retention.count", "%d: a number of snapshots from 1, or 0 for all of them", p.Retention.Count)
	}
	if a := p.Retention.Age; a > 0 && a < p.Interval {
		wrong.say("policy.retention.age", "%s is less than the interval of %s: at times there would be no snapshot at all", a, p.Interval)
	}
	if p.Verify != VerifyTrailer && p.Verify != VerifyNone {
		wrong.say("policy.verify", "%q: %s or %s", p.Verify, VerifyTrailer, VerifyNone)
	}
	if p.Endpoint != "" && !harness.InS3(p.Store) {
		wrong.say("policy.s3_endpoint", "it says where the S3 server is, and the store is not in one: that is written s3://bucket/prefix")
	}
}

func (s Sweep) validate(wrong *Problems) {
	each(wrong, "sweep.sizes", s.Sizes, "of databases, for example 256MiB", func(n Size) bool { return n > 0 && n <= 1<<40 })
	each(wrong, "sweep.value_sizes", s.ValueSizes, "of values in bytes, to 1 MiB, for example 512", func(n int) bool { return n > 0 && n <= 1<<20 })
	each(wrong, "sweep.members", s.Members, "of members, 1 to 9", func(n int) bool { return n >= 1 && n <= 9 })
	each(wrong, "sweep.procedures", s.Procedures, "of scenarios that restore a snapshot", func(name string) bool { return name != "" })
	points := len(s.Sizes) * len(s.ValueSizes) * len(s.Members) * len(s.Procedures)
	switch {
	case s.Runs < 1:
		wrong.say("sweep.runs", "%d: a number of drills from 1", s.Runs)
	case s.Runs > mostRuns || s.Runs*points > mostRuns:
		wrong.say("sweep.runs", "%d of each of %d points: more than %d drills are not run", s.Runs, points, mostRuns)
	}
	if s.TimeScale < 1 || s.TimeScale > 1e9 {
		wrong.say("sweep.time_scale", "%g: how many times shorter the interval is, from 1", s.TimeScale)
	}
	if s.Within > 0 && time.Duration(s.Within) < time.Second {
		wrong.say("sweep.within", "%s: a procedure needs a second at least", s.Within)
	}
	if s.Writers < 0 {
		wrong.say("sweep.writers", "%d: a number of writers, or 0 for the scenario's own", s.Writers)
	}
	if s.Rate < 0 {
		wrong.say("sweep.rate", "%d: writes per second, or 0 for the scenario's own", s.Rate)
	}
}

// each judges every value of a list, of which there must be at least one, each once.
func each[T comparable](wrong *Problems, key string, values []T, what string, good func(T) bool) {
	if len(values) == 0 {
		wrong.say(key, "it is missing: a list %s", what)
	}
	for i, v := range values {
		switch {
		case !good(v):
			wrong.say(key, "%v is none %s", v, what)
		case slices.Contains(values[:i], v):
			wrong.say(key, "%v is there more than once", v)
		}
	}
}

// Differences tells in what two plans differ, key by key; none: they are the same.
func (p Plan) Differences(from Plan) []string {
	var lines []string
	for _, f := range fieldsOf(&p) {
		is := f.text()
		for _, other := range fieldsOf(&from) {
			if was := other.text(); other.key == f.key && was != is {
				lines = append(lines, fmt.Sprintf("%s is %s, and was %s", f.key, is, was))
			}
		}
	}
	return lines
}

// ErrNoPlan is wrapped by errors of files that hold no plan at all.
var ErrNoPlan = errors.New("it is no policy file")
