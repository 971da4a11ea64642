package drill

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/bastion"
)

// doing is a call that may change what lies on its host's disk, and is not known to have
// left etcd's data as they were.
type doing struct {
	step int
	by   string
	over bool
}

// mostDoing is how many of a host are remembered.
const mostDoing = 100

// before is told of a call that begins: whoever comes to an end first need not be who did it.
func (m *moves) before(c bastion.Call, step harness.StepRecord) {
	if !touches(c) {
		return
	}
	m.told.Lock()
	defer m.told.Unlock()
	host := hostOf(c)
	if len(m.underWay[host]) < mostDoing {
		m.underWay[host] = append(m.underWay[host], doing{step: step.Number, by: step.By})
	}
}

// ended notes down that a call has ended; it stays suspect until its host was looked at.
func (m *moves) ended(host string, step int) {
	m.told.Lock()
	defer m.told.Unlock()
	for i, d := range m.underWay[host] {
		m.underWay[host][i].over = d.over || d.step == step
	}
}

// acquit forgets those that have ended: the host was looked at since, or there is nothing to
// look for.
func (m *moves) acquit(host string) {
	m.told.Lock()
	defer m.told.Unlock()
	m.underWay[host] = slices.DeleteFunc(m.underWay[host], func(d doing) bool { return d.over })
}

// forget forgets a call.
func (m *moves) forget(host string, step int) {
	m.told.Lock()
	defer m.told.Unlock()
	m.underWay[host] = slices.DeleteFunc(m.underWay[host], func(d doing) bool { return d.step == step })
}

// suspects are who may have done what is seen on a host when a call has ended there: whoever
// made that call, and whoever had others under way since the host was last looked at. during
// are their numbers, if there are others.
func (m *moves) suspects(host string, step harness.StepRecord) (by string, during []int) {
	m.told.Lock()
	defer m.told.Unlock()
	names := []string{}
	for _, d := range m.underWay[host] {
		if during = append(during, d.step); !slices.Contains(names, d.by) {
			names = append(names, d.by)
		}
	}
	if len(during) < 2 {
		return step.By, nil
	}
	return strings.Join(names, " or "), during
}

// whileOthers says that others were at work, "" if none was.
func whileOthers(during []int) string {
	if len(during) == 0 {
		return ""
	}
	numbers := make([]string, len(during))
	for i, n := range during {
		numbers[i] = strconv.Itoa(n)
	}
	last := len(numbers) - 1
	return fmt.Sprintf("; during the commands %s and %s, any of which may have done it", strings.Join(numbers[:last], ", "), numbers[last])
}
