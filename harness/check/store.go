package check

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/etcd-firedrill/firedrill/harness"
)

// All lists one zero value of every check.
func All() []harness.Check {
	return []harness.Check{
		QuorumWasLost{}, WritesWereAcknowledged{}, EtcdDied{}, FailedToStart{}, HostsWereLost{}, HostsWereOff{}, SurvivorWasBehind{},
		ProcedureCompleted{}, ProcedureRefused{}, NothingChanged{},
		NothingLost{}, NewWritesKept{}, CutAtSurvivor{}, CutAtSnapshot{}, BackupsKept{}, LossWithinPolicy{}, DatasetIntact{},
		ReplicasAgree{}, MembersAre{}, MemberReplaced{}, ClusterID{}, NoAlarms{}, EveryMemberServes{}, ServiceRestored{}, NoOutageBeyondElection{},
		RevisionsUnique{}, WatcherInformed{}, CachesFresh{}, LeasesAgree{}, LeaseTermsKept{}, UsersBind{}, OldTokensWork{},
		SurvivesOneMemberLoss{}, RestartKeepsMembers{}, DeadStayOut{},
	}
}

// Store turns a check and its parameters into what evidence keeps.
func Store(kind harness.FindingKind, c harness.Check) (harness.StoredCheck, error) {
	if err := known(kind); err != nil {
		return harness.StoredCheck{}, fmt.Errorf("store %s: %w", c.Name(), err)
	}
	params, err := json.Marshal(c)
	if err != nil {
		return harness.StoredCheck{}, fmt.Errorf("store the parameters of %s: %w", c.Name(), err)
	}
	return harness.StoredCheck{Kind: kind, Name: c.Name(), Params: params}, nil
}

// Load is Store's inverse. A name, a kind or a parameter that is not known here
// is an error, and so is a parameter that is missing: the evidence is of
// another firedrill, and what it claims would be judged by another rule.
func Load(s harness.StoredCheck) (harness.Check, error) {
	if err := known(s.Kind); err != nil {
		return nil, fmt.Errorf("load %s: %w", s.Name, err)
	}
	for _, c := range All() {
		if c.Name() != s.Name {
			continue
		}
		loaded := reflect.New(reflect.TypeOf(c))
		if err := loadParams(s.Params, loaded.Interface()); err != nil {
			return nil, fmt.Errorf("load the parameters of %s: %w", s.Name, err)
		}
		return loaded.Elem().Interface().(harness.Check), nil
	}
	return nil, fmt.Errorf("the evidence asks for a check %q, which this firedrill does not have", s.Name)
}

// known tells findings of a kind that no verdict counts from the others.
func known(kind harness.FindingKind) error {
	switch kind {
	case harness.Premise, harness.Promise, harness.Hazard:
		return nil
	}
	return fmt.Errorf("a finding of kind %q is none of premise, promise, hazard", kind)
}

// loadParams decodes parameters that are exactly those of the check.
func loadParams(params json.RawMessage, check any) error {
	if err := json.Unmarshal(params, check); err != nil {
		return err
	}
	has, err := names(params)
	if err != nil {
		return err
	}
	again, err := json.Marshal(check)
	if err != nil {
		return err
	}
	wants, err := names(again)
	if err != nil {
		return err
	}
	if !slices.Equal(has, wants) {
		return fmt.Errorf("it has %q and takes %q", has, wants)
	}
	return nil
}

// names lists the names in a JSON object, sorted.
func names(object json.RawMessage) ([]string, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(object, &fields); err != nil {
		return nil, err
	}
	if fields == nil {
		return nil, fmt.Errorf("%s is no object", object)
	}
	for name, value := range fields {
		if string(value) == "null" { // which json leaves as it is, whatever the type
			return nil, fmt.Errorf("%s has no value", name)
		}
	}
	return slices.Sorted(maps.Keys(fields)), nil
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
