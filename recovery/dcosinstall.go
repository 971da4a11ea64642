package recovery

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
)

// DcosReinstall is what the document advises when a member fails to start while
// the package is first installed: uninstall, make sure that each agent is healthy
// and that there are no networking problems, and install again. There is no data
// to be kept. The package installs a new cluster under the names, URLs and token
// of the first one.
type DcosReinstall struct {
	Failed string // host whose member failed to start, and whose disk is to be repaired
}

// Steps generalises to any number of members from 3: with fewer, a single one
// that fails to start is another scenario of the document's.
func (p DcosReinstall) Steps(hosts []string) ([]harness.Step, error) {
	if !slices.Contains(hosts, p.Failed) {
		return nil, fmt.Errorf("the host %s, on which the member failed to start, is none of the hosts %v", p.Failed, hosts)
	}
	if len(hosts) < 3 {
		return nil, fmt.Errorf("the document is about a package that installs several etcd members, not %d", len(hosts))
	}
	from, first := DcosScenario("Scenario 1"), harness.Hosts(hosts[0])
	steps := clearAway(harness.Everyone, from, uninstalling)
	steps = append(steps,
		harness.Step{Name: "repair the disk of " + p.Failed, On: harness.Hosts(p.Failed), Do: repairDisk,
			Why: "the agent is not healthy, for its disk holds no directory for data; stands in for whatever mends a machine"},
		harness.Step{Name: "check that each agent is healthy", From: from, On: harness.Everyone, AtOnce: true, Do: diskIsHealthy},
		harness.Step{Name: "check that the agents reach each other", From: from, On: harness.Everyone, AtOnce: true, Await: true, Do: reaches(hosts),
			Why: "no etcd runs, so a connection refused is the answer of a machine that is reached; stands in for the health checks of the DC/OS cluster"},
		harness.Step{Name: "install etcd on every host", From: from, On: harness.Everyone,
			Do:  startWith("", "initial-cluster="+clusterOf(hosts), "initial-cluster-state=new"),
			Why: "stands in for installing the package, which launches the tasks"},
		harness.Step{Name: "wait until every member is healthy", On: first, Await: true, Do: healthy(hosts...),
			Why: "stands in for the package's plan, which is complete when its tasks are ready"},
		harness.Step{Name: "point clients at the cluster", Do: harness.Announce{Hosts: hosts},
			Why: "stands in for the service's name, which stands for every task"})
	return steps, nil
}

// dataParent is the directory on an agent's disk that tasks get their volumes in.
var dataParent = path.Dir(harness.DataDir)

var (
	repairDisk = harness.Script(`ls -ld ` + dataParent + `
test -d ` + dataParent + ` || { rm -f ` + dataParent + ` && mkdir -p ` + dataParent + `; }`)

	// diskIsHealthy writes to the disk and reads it back, where the data directory
	// is going to be, which must not be there yet.
	diskIsHealthy = harness.Script(`f=` + dataParent + `/agent-check
echo written > $f && test "$(cat $f)" = written && rm $f || { echo "the disk takes no file in ` + dataParent + `"; exit 1; }
test ! -e ` + harness.DataDir + ` || { echo "` + harness.DataDir + ` is left from another installation"; exit 1; }`)
)

// reaches succeeds on a host that reaches all others on the port for clients,
// where nobody listens yet.
func reaches(hosts []string) harness.Script {
	urls := make([]string, len(hosts))
	for i, h := range hosts {
		urls[i] = `{{client "` + h + `"}}`
	}
	return harness.Script(`said=$({{etcdctl ` + quoted(hosts) + `}} --command-timeout=1s endpoint health 2>&1)
for url in ` + strings.Join(urls, " ") + `; do
  case "$said" in *"dial tcp ${url#*//}: connect: connection refused"*) echo "$url is reached" ;; *) echo "$url is not reached: $said"; exit 1 ;; esac
done`)
}
