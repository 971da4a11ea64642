package check

import (
	"fmt"
	"slices"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
)

// ProcedureCompleted holds when every step of the procedure was done in time.
type ProcedureCompleted struct{ none }

// Name is procedure-completed.
func (ProcedureCompleted) Name() string { return "procedure-completed" }

// Claim says what Held affirms.
func (ProcedureCompleted) Claim() string { return "every step of the procedure was done in time" }

// Judge reads how the procedure ended.
func (ProcedureCompleted) Judge(ev *harness.Evidence) harness.Result {
	began, ok := ev.At(harness.ProcedureBegan)
	ended, done := ev.At(harness.ProcedureEnded)
	p := ev.Procedure
	took := ended - began
	if ev.GameDay != nil {
		took -= ev.GameDay.Paused(began, ended) // its clock stood still
	}
	switch {
	case !ok || !done || ended < began:
		return notSeen("the procedure was not seen to begin and to end")
	case p.Refused != "":
		return violated(nil, "the procedure refused: %s", p.Refused)
	case (p.TimedOut || p.Completed && took > p.Within && p.Within > 0) && ev.Machine.Unfit != "" && ev.Machine.WorstStall(began, ended) > p.Within/2:
		return notSeen("the procedure was not done in time, for half of which this machine stood still: %s", ev.Machine.Unfit)
	case p.Failed != "":
		return violated(nil, "the procedure did not complete: %s", p.Failed)
	case !p.Completed:
		return notSeen("how the procedure ended was not recorded")
	case len(ev.Steps) == 0:
		return notSeen("no step was done")
	case took > p.Within && p.Within > 0:
		return violated(nil, "the procedure took %.1f s of %.1f s", took.Seconds(), p.Within.Seconds())
	}
	for _, step := range ev.Steps {
		if step.By != "" {
			continue // whoever typed it decides what a status means
		}
		if step.Output.ExitCode != 0 {
			return violated(nil, "step %d (%s) exited with status %d", step.Number, step.Name, step.Output.ExitCode)
		}
	}
	return held("%d commands in %.2f s", len(ev.Steps)+ev.StepsMore, took.Seconds())
}

// ServiceRestored holds when, after the procedure, every writer was
// acknowledged again and service stayed.
type ServiceRestored struct{ none }

// Name is service-restored.
func (ServiceRestored) Name() string { return "service-restored" }

// Claim says what Held affirms.
func (ServiceRestored) Claim() string {
	return "after the procedure every writer was acknowledged again, and 2 s passed without a gap"
}

// RestoredAcks is how many writes of each writer must have been acknowledged
// after the procedure for ServiceRestored.
const RestoredAcks = 3

// Judge counts acknowledgements since the procedure's end. On a machine that was
// too busy for figures, gaps in a service that is there prove nothing; and neither, on
// one that stood still meanwhile, that a writer who was acknowledged was so too seldom.
func (ServiceRestored) Judge(ev *harness.Evidence) harness.Result {
	ended, ok := ev.At(harness.ProcedureEnded)
	over, watched := ev.At(harness.TrafficEnded)
	if !ok || !watched {
		return notSeen("traffic was not watched until after the procedure")
	}
	clusters := ev.Clusters()
	writers, sent := map[string]int{}, map[string]int{}
	for o, err := range ev.Ledger.Operations() {
		if err != nil {
			return notSeen("the ledger cannot be read: %v", err)
		}
		if o.Kind != harness.WriteOp {
			continue
		}
		if _, known := writers[o.Client]; !known {
			writers[o.Client], sent[o.Client] = 0, 0
		}
		if o.Call >= ended {
			sent[o.Client]++
		}
		if o.Outcome == harness.Acked && o.Effective && o.Call >= ended && (len(clusters) == 0 || slices.Contains(clusters, o.ClusterID)) {
			writers[o.Client]++
		}
	}
	if len(writers) == 0 || len(writers) < ev.Writers {
		return notSeen("%d of %d writers were seen to write", len(writers), ev.Writers)
	}
	settled, calm := ev.At(harness.Settled)
	calm = calm && settled >= ended
	if name, n := least(writers); n < RestoredAcks {
		// Where probes were served all the time, it is we who asked too little.
		if calm && sent[name] < RestoredAcks {
			return notSeen("%s sent %d writes after the procedure", name, sent[name])
		}
		said := fmt.Sprintf("%s had %d of %d writes acknowledged after the procedure", name, n, sent[name])
		if n > 0 && stoodStill(ev, ended, over) {
			return notSeen("%s, which may be this machine's doing: %s", said, ev.Machine.Unfit)
		}
		return violated(nil, "%s", said)
	}
	if busy := ev.Machine.Unfit; !calm && busy != "" {
		return notSeen("all %d writers were acknowledged again, but there were no 2 s without a gap, which may be this machine's doing: %s", len(writers), busy)
	}
	if !calm {
		return violated(nil, "after the procedure there were no 2 s without a gap")
	}
	if len(clusters) == 0 {
		return notSeen("all %d writers were acknowledged again, by a cluster none of whose members answered in the end", len(writers))
	}
	return held("all %d writers were acknowledged again", len(writers))
}

// ProcedureRefused holds when the procedure stopped at a precondition.
type ProcedureRefused struct {
	none
	// Because is what the reason that it gave must have in it: at another precondition,
	// or at an answer that it did not understand, it stopped before it knew. Empty, any
	// will do: whoever recovers by hand has words of his own, and evidence of older
	// versions has none.
	Because string `json:",omitempty"`
}

// Name is procedure-refused.
func (ProcedureRefused) Name() string { return "procedure-refused" }

// Claim says what Held affirms.
func (c ProcedureRefused) Claim() string {
	if c.Because != "" {
		return fmt.Sprintf("the procedure refuses, because its precondition does not hold, and says: %s", c.Because)
	}
	return "the procedure refuses, because its precondition does not hold, and says why"
}

// Judge reads how the procedure ended.
func (c ProcedureRefused) Judge(ev *harness.Evidence) harness.Result {
	p := ev.Procedure
	_, began := ev.At(harness.ProcedureBegan)
	_, ended := ev.At(harness.ProcedureEnded)
	switch {
	case !began || !ended:
		return notSeen("the procedure was not seen to begin and to end")
	case p.Completed:
		return violated(nil, "the procedure went through to its end")
	case p.Failed != "":
		return violated(nil, "the procedure did not refuse, it failed: %s", p.Failed)
	case p.Refused == "" || len(ev.Steps) == 0:
		return notSeen("how the procedure ended was not recorded")
	case !strings.Contains(p.Refused, c.Because):
		return notSeen("the procedure refused for another reason than %q: %s", c.Because, p.Refused)
	}
	return held("%s", p.Refused)
}
