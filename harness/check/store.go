package check

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/etcd-firedrill/firedrill/harness"
)

// All lists one zero value of every check.
func All() []harness.Check {
	return []harness.Check{
		QuorumWasLost{}, WritesWereAcknowledged{}, EtcdDied{},
		ProcedureCompleted{},
		NothingLost{}, CutAtSurvivor{}, CutAtSnapshot{}, DatasetIntact{},
		ReplicasAgree{}, MembersAre{}, ClusterID{}, NoAlarms{}, EveryMemberServes{}, ServiceRestored{},
		RevisionsUnique{}, WatcherInformed{}, LeasesAgree{},
		SurvivesOneMemberLoss{}, RestartKeepsMembers{},
	}
}

// Store turns a check and its parameters into what evidence keeps.
func Store(kind harness.FindingKind, c harness.Check) (harness.StoredCheck, error) {
	params, err := json.Marshal(c)
	if err != nil {
		return harness.StoredCheck{}, fmt.Errorf("store the parameters of %s: %w", c.Name(), err)
	}
	return harness.StoredCheck{Kind: kind, Name: c.Name(), Params: params}, nil
}

// Load is Store's inverse. A name that is not known here is an error: the
// evidence is of another firedrill.
func Load(s harness.StoredCheck) (harness.Check, error) {
	for _, c := range All() {
		if c.Name() != s.Name {
			continue
		}
		loaded := reflect.New(reflect.TypeOf(c))
		if err := json.Unmarshal(s.Params, loaded.Interface()); err != nil {
			return nil, fmt.Errorf("load the parameters of %s: %w", s.Name, err)
		}
		return loaded.Elem().Interface().(harness.Check), nil
	}
	return nil, fmt.Errorf("the evidence asks for a check %q, which this firedrill does not have", s.Name)
}

func held(format string, args ...any) harness.Result {
	return harness.Result{Verdict: harness.Held, Detail: fmt.Sprintf(format, args...)}
}

func violated(offending []string, format string, args ...any) harness.Result {
	if len(offending) > most {
		offending = offending[:most]
	}
	return harness.Result{Verdict: harness.Violated, Detail: fmt.Sprintf(format, args...), Offending: offending}
}

// notSeen is a check that could not look.
func notSeen(format string, args ...any) harness.Result {
	return harness.Result{Detail: fmt.Sprintf(format, args...)}
}

// most is how many offenders a result names.
const most = 5

// none is embedded by checks that need no trial.
type none struct{}

// Needs lists no trial.
func (none) Needs() []harness.TrialSpec { return nil }
