package trial

import (
	"errors"
	"maps"
	"slices"

	"github.com/etcd-firedrill/firedrill/harness"
)

// HostErrors are why hosts did not do what a trial asked of them, by their names: whoever
// runs trials may know of a host that this is not the harness's doing.
//
// A record that comes beside them says Ran if all was seen that the trial is for.
type HostErrors map[string]error

func (e HostErrors) Error() string { return errors.Join(e.Unwrap()...).Error() }

// Unwrap gives the errors in the order of the hosts' names.
func (e HostErrors) Unwrap() (errs []error) {
	for _, host := range slices.Sorted(maps.Keys(e)) {
		errs = append(errs, e[host])
	}
	return errs
}

// of is an error that one host gave.
func of(h harness.Host, err error) error {
	if err == nil {
		return nil
	}
	return HostErrors{h.Name(): err}
}
