package scenarios

import (
	"fmt"
	"testing"
)

// slipsOfEach is how many ways to get a procedure wrong must have been seen to be
// caught.
const slipsOfEach = 3

func TestEveryProcedureWasGotWrong(t *testing.T) {
	wrong := map[string]int{}
	for _, c := range Controls() {
		if careless, ok := c.Scenario.Recover.(careless); ok && c.Doctor == nil && !c.Premise {
			wrong[fmt.Sprintf("%T", careless.of)]++
		}
	}
	for _, s := range All() {
		if procedure := fmt.Sprintf("%T", s.Recover); s.Recover != nil && wrong[procedure] < slipsOfEach {
			t.Errorf("%s is recovered by a %s, which %d controls get wrong, not %d", s.Name, procedure, wrong[procedure], slipsOfEach)
		}
	}
}
