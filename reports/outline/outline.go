package outline

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
)

// Runbook is the procedure of a scenario, for a cluster born on these hosts, as a
// POSIX sh script. An error says what of it cannot be typed: who leads is known only
// to a running cluster, and a program of the user's own is a runbook already.
func Runbook(sc harness.Scenario, hosts []string) (string, error) {
	var steps []harness.Step
	if sc.Recover != nil {
		var err error
		if steps, err = sc.Recover.Steps(hosts); err != nil {
			return "", fmt.Errorf("outline %s: %w", sc.Name, err)
		}
	}
	o := &writer{born: hosts, hosts: slices.Clone(hosts), scenario: sc, desk: deskOf(sc, hosts), needs: map[string]bool{}, facts: map[string]string{}}
	o.used = usedFacts(steps)
	var body strings.Builder
	for i, step := range steps {
		text, err := o.step(i+1, step)
		if err != nil {
			return "", fmt.Errorf("outline %s: step %d, %s: %w", sc.Name, i+1, step.Name, err)
		}
		body.WriteString("\n" + text)
	}
	if len(steps) == 0 {
		body.WriteString("\n# Nobody does anything here: what runs etcd on the hosts starts it again. Say what you would do.\n")
	}
	return o.head() + o.helpers() + body.String(), nil
}

// writer writes one runbook.
type writer struct {
	scenario harness.Scenario
	born     []string // the hosts at the cluster's birth
	hosts    []string // those that there are at the step that is written
	desk     *harness.Desk
	used     map[string]bool   // facts that some step needs
	facts    map[string]string // variables of the facts that were learnt, by fact
	needs    map[string]bool   // helpers
}

// anyHost is the host that a loop is at, where a desk wants a name.
const anyHost = open + "$host" + shut

// deskOf is a desk on which everything that only a drill knows is an expansion of
// the shell's, and no etcd has flags but those that a step changes.
func deskOf(sc harness.Scenario, hosts []string) *harness.Desk {
	d := &harness.Desk{
		Token: open + "$FIREDRILL_CLUSTER_TOKEN" + shut, TLS: sc.Given.TLS,
		Peers:   map[string]string{anyHost: open + `$(url PEER "$host")` + shut},
		Clients: map[string]string{anyHost: open + `$(url CLIENT "$host")` + shut},
		Flags:   map[string][]string{anyHost: {}}, Known: map[string]string{},
	}
	for _, h := range hosts {
		noteDown(d, h)
	}
	return d
}

func noteDown(d *harness.Desk, host string) {
	d.Peers[host] = open + "$FIREDRILL_PEER_URL_" + underscored(host) + shut
	d.Clients[host] = open + "$FIREDRILL_CLIENT_URL_" + underscored(host) + shut
	d.Flags[host] = []string{}
}

func underscored(host string) string { return strings.ReplaceAll(host, "-", "_") }

// usedFacts are the facts that the steps' texts need. What is merely learnt is left
// out of a script.
func usedFacts(steps []harness.Step) map[string]bool {
	used := map[string]bool{}
	for _, step := range steps {
		for _, other := range steps {
			for _, f := range other.Learns {
				if strings.Contains(step.Do.String(), `known "`+f.Name+`"`) {
					used[f.Name] = true
				}
			}
		}
	}
	return used
}

// step is one step: what it is for, and its command on each of its hosts.
func (o *writer) step(number int, step harness.Step) (string, error) {
	var b strings.Builder
	o.needs["step"] = true
	b.WriteString("step " + script(fmt.Sprintf("%d. %s", number, step.Name)) + "\n")
	for _, line := range remarks(step) {
		b.WriteString(comment(line))
	}
	on, err := o.on(step)
	if err != nil {
		return "", err
	}
	at := ""
	switch len(on) {
	case 0:
	case 1:
		at = on[0]
	default:
		at = anyHost
		fmt.Fprintf(&b, "for host in %s; do\n", strings.Join(on, " "))
	}
	text, err := o.body(step, at)
	if err != nil {
		return "", err
	}
	if len(on) < 2 {
		b.WriteString(text)
	} else {
		b.WriteString(indented(text) + "done\n")
		if step.AtOnce && !step.Precondition {
			b.WriteString("all_done\n")
		}
	}
	if strings.Contains(text, "$(url ") {
		o.needs["url"] = true
	}
	o.arrive(step)
	return b.String(), nil
}

// on is the step's hosts; none: it is the desk's.
func (o *writer) on(step harness.Step) ([]string, error) {
	if step.On.NeedsLeader() {
		return nil, fmt.Errorf("it is for %s, and who leads only a running cluster tells", step.On)
	}
	return step.On.Select(o.hosts, "")
}

// arrive takes hosts that a step orders into account.
func (o *writer) arrive(step harness.Step) {
	ordered, ok := step.Do.(harness.NewHosts)
	if !ok {
		return
	}
	for _, name := range ordered.Names {
		noteDown(o.desk, name)
		if !slices.Contains(o.hosts, name) {
			o.hosts = append(o.hosts, name)
		}
	}
}

// remarks are a step's source, its reason, and what else is to be known of it.
func remarks(step harness.Step) []string {
	var lines []string
	if step.From != (harness.Source{}) {
		lines = append(lines, "from "+step.From.String())
	}
	if step.Why != "" {
		lines = append(lines, step.Why)
	}
	if step.Precondition {
		lines = append(lines, "if this fails the procedure does not apply, and goes no further")
	}
	if step.Replaces {
		lines = append(lines, "from here on members start from other data than clients were last told")
	}
	return lines
}

// body is a step's command on one host, or at the desk, and what is done with it.
func (o *writer) body(step harness.Step, at string) (string, error) {
	words, err := o.command(step.Do, at)
	if err != nil {
		return "", err
	}
	if step.Await {
		o.needs["until_ok"] = true
		words = append([]string{"until_ok"}, words...)
	}
	learns := slices.DeleteFunc(slices.Clone(step.Learns), func(f harness.Fact) bool { return !o.used[f.Name] })
	_, fetches := step.Do.(harness.FetchBackup)
	switch {
	case len(learns) > 0 && (at == anyHost || at == ""):
		return "", fmt.Errorf("the %s is learnt on one host, not on several", learns[0].Name)
	case fetches && len(learns) > 0:
		// What the backup's taking printed is what firedrill noted down.
		o.needs["saved"] = true
		after, err := o.learn(learns)
		return line("", words, "") + "said=$(saved \"$BACKUP\")\n" + after, err
	case len(learns) > 0:
		after, err := o.learn(learns)
		return line("said=$(", words, ")") + after, err
	case step.Precondition:
		o.needs["refuse"] = true
		return line("", words, " || refuse"), nil
	case step.AtOnce && at == anyHost:
		o.needs["all_done"] = true
		return line("", words, " &") + "jobs=\"$jobs $!\"\n", nil
	}
	return line("", words, ""), nil
}

// learn takes facts out of what a step printed, into variables.
func (o *writer) learn(facts []harness.Fact) (string, error) {
	text := "printf '%s\\n' \"$said\"\n"
	for _, f := range facts {
		name := variable(f.Name)
		for other, taken := range o.facts {
			if taken == name && other != f.Name {
				return "", fmt.Errorf("the %s and the %s would both be $%s", other, f.Name, name)
			}
		}
		o.facts[f.Name] = name
		o.desk.Known[f.Name] = open + "$" + name + shut
		if f.Pattern == everything {
			text += name + "=$said\n"
			continue
		}
		pattern, err := extended(f.Pattern)
		if err != nil {
			return "", fmt.Errorf("learn the %s: %w", f.Name, err)
		}
		o.needs["learn"] = true
		text += fmt.Sprintf("%s=$(printf '%%s\\n' \"$said\" | learn %s %s)\n", name, script(f.Name), script(pattern))
	}
	return text, nil
}

// variable is a name that a shell takes, in lower case.
func variable(fact string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(fact) {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9' && b.Len() > 0:
			b.WriteRune(c)
		case c != '\'':
			b.WriteByte('_')
		}
	}
	return b.String()
}

// patience is how long one thing is waited for, in whole seconds: as long as the
// procedure has, whose deadline ends the runbook in any case.
func (o *writer) patience() int { return max(1, int(math.Ceil(o.scenario.Within.Seconds()))) }
