package scenarios

import (
	"fmt"
	"slices"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
)

// careless is a procedure with slips in it.
type careless struct {
	of    harness.Procedure
	slips []slip
}

// slip is one thing that a tired operator does otherwise. A slip that finds
// nothing to change is an error: it would be a control that controls nothing.
type slip func([]harness.Step) ([]harness.Step, error)

// Steps are the honest steps with every slip made.
func (c careless) Steps(hosts []string) ([]harness.Step, error) {
	steps, err := c.of.Steps(hosts)
	if err != nil {
		return nil, err
	}
	steps = slices.Clone(steps)
	for _, s := range c.slips {
		if steps, err = s(steps); err != nil {
			return nil, err
		}
	}
	return steps, nil
}

func find(steps []harness.Step, name string) (int, error) {
	at := slices.IndexFunc(steps, func(s harness.Step) bool { return s.Name == name })
	if at < 0 {
		return 0, fmt.Errorf("there is no step %q to get wrong", name)
	}
	return at, nil
}

// skip leaves a step out.
func skip(name string) slip {
	return func(steps []harness.Step) ([]harness.Step, error) {
		at, err := find(steps, name)
		if err != nil {
			return nil, err
		}
		return slices.Delete(steps, at, at+1), nil
	}
}

// change does a step otherwise.
func change(name string, how func(*harness.Step) error) slip {
	return func(steps []harness.Step) ([]harness.Step, error) {
		at, err := find(steps, name)
		if err != nil {
			return nil, err
		}
		return steps, how(&steps[at])
	}
}

// on does a step on other hosts.
func on(name string, who harness.Selector) slip {
	return change(name, func(s *harness.Step) error { s.On = who; return nil })
}

// instead does something else in a step.
func instead(name string, do harness.Action) slip {
	return change(name, func(s *harness.Step) error { s.Do = do; return nil })
}

// rewrite types a step's command differently.
func rewrite(name, old, typed string) slip {
	return change(name, func(s *harness.Step) error {
		text := s.Do.String()
		if !strings.Contains(text, old) {
			return fmt.Errorf("step %q has no %q to mistype: %s", name, old, text)
		}
		s.Do = harness.Script(strings.ReplaceAll(text, old, typed))
		return nil
	})
}

// mistake reads what a step printed wrongly.
func mistake(name, old, read string) slip {
	return change(name, func(s *harness.Step) error {
		s.Learns = slices.Clone(s.Learns)
		for i, f := range s.Learns {
			if !strings.Contains(f.Pattern, old) {
				return fmt.Errorf("step %q does not look for %q: %s", name, old, f.Pattern)
			}
			s.Learns[i].Pattern = strings.ReplaceAll(f.Pattern, old, read)
		}
		return nil
	})
}

// first does one thing more, before all others.
func first(extra ...harness.Step) slip {
	return func(steps []harness.Step) ([]harness.Step, error) {
		return slices.Concat(extra, steps), nil
	}
}

// after does one thing more.
func after(name string, extra harness.Step) slip {
	return func(steps []harness.Step) ([]harness.Step, error) {
		at, err := find(steps, name)
		if err != nil {
			return nil, err
		}
		return slices.Insert(steps, at+1, extra), nil
	}
}
