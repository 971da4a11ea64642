package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/etcd-firedrill/firedrill/harness"
)

const explainColumn = 11

// Explain says what a scenario does before anything is broken: what it breaks,
// each step of the runbook with the place in the document it comes from beside
// the command that will be run, and what is promised. What only a running drill
// can know stands as a placeholder, <ID of m2>.
func (s Style) Explain(sc harness.Scenario) (string, error) {
	var b strings.Builder
	b.WriteString(s.paint(bold, sc.Name) + "\n")
	indented(&b, 2, strings.Join(fold(sc.Summary, Width-2), "\n"))
	b.WriteString("\n")
	if sc.Source != (harness.Source{}) {
		hang(&b, "source", explainColumn, sc.Source.String())
	}
	if len(sc.Labels) > 0 {
		hang(&b, "labels", explainColumn, strings.Join(sc.Labels, ", "))
	}
	hang(&b, "given", explainColumn, given(sc))
	hang(&b, "under", explainColumn, fmt.Sprintf("%s, %d writes/s, values of %d bytes, %s, one probe every 20 ms",
		plural(int64(sc.Under.Writers), "writer"), sc.Under.Rate, sc.Under.ValueSize, plural(int64(sc.Under.Leases), "lease")))
	if sc.Backups.Every > 0 {
		text := "a snapshot every " + limit(sc.Backups.Every)
		if age := sc.Backups.Age; age > 0 {
			text += ", the newest " + limit(age) + " old when disaster strikes"
		}
		hang(&b, "backups", explainColumn, text)
	}
	label := "break"
	for _, f := range sc.Break {
		hang(&b, label, explainColumn, f.String())
		label = ""
	}
	if sc.AtBirth {
		hang(&b, "when", explainColumn, "while the cluster is first created; preload, traffic and steady state come after the procedure")
	}
	label = "stand-ins"
	for _, text := range sc.StandIns {
		hang(&b, label, explainColumn, text)
		label = ""
	}
	label = "left out"
	for _, text := range sc.LeftOut {
		hang(&b, label, explainColumn, text)
		label = ""
	}
	if err := s.recovery(&b, sc); err != nil {
		return "", err
	}
	s.checks(&b, "premises, or the drill means nothing", sc.Premises)
	s.checks(&b, "promises", sc.Promises)
	s.checks(&b, "hazards, measured; promises with --strict", sc.Hazards)
	return b.String(), nil
}

// given tells the cluster's size and whether --members may change it.
func given(sc harness.Scenario) string {
	text := plural(int64(sc.Given.Members), "member")
	if sc.Given.Grown && sc.Given.Members > 1 {
		text += ", born as one, to which the others were added"
	}
	if sc.Given.TLS != (harness.TLSFiles{}) {
		text += ", TLS for clients and peers"
	}
	if sc.Given.Auth {
		text += ", authentication by certificate and by password"
	}
	if sc.Given.Token != "" {
		text += ", initial cluster token " + sc.Given.Token
	}
	if sc.Given.OnlyBecause != "" {
		return text + "; --members cannot change that: " + sc.Given.OnlyBecause
	}
	if sc.Recover == nil {
		return text + "; --members may change that"
	}
	works := false
	var not string
	for _, n := range []int{1, sc.Given.Members + 2} {
		if n == sc.Given.Members {
			continue
		}
		if _, err := sc.WithMembers(n).Recover.Steps(harness.HostNames(1, n)); err != nil {
			not += fmt.Sprintf("; --members %d does not work: %v", n, err)
			continue
		}
		works = true
	}
	switch {
	case works && sc.Sized != nil:
		text += "; --members may change that, and what is done: explain has it too"
	case works:
		text += "; --members may change that"
	}
	return text + not
}

func (s Style) recovery(b *strings.Builder, sc harness.Scenario) error {
	if sc.Recover == nil {
		b.WriteString("\n" + s.paint(bold, "recover") + "\n  nobody does anything\n")
		return nil
	}
	title := "recover"
	if sc.Within > 0 {
		title += " within " + limit(sc.Within)
	}
	b.WriteString("\n" + s.paint(bold, title) + "\n")
	hosts := sc.Given.Hosts()
	steps, err := sc.Recover.Steps(hosts)
	if err != nil {
		return fmt.Errorf("explain %s: %w", sc.Name, err)
	}
	for i, step := range steps {
		if err := s.step(b, i+1, step, hosts, sc.Given.TLS); err != nil {
			return fmt.Errorf("explain %s: step %d, %s: %w", sc.Name, i+1, step.Name, err)
		}
		if ordered, ok := step.Do.(harness.NewHosts); ok {
			for _, name := range ordered.Names {
				if !slices.Contains(hosts, name) {
					hosts = append(hosts, name)
				}
			}
		}
	}
	return nil
}

func (s Style) step(b *strings.Builder, number int, step harness.Step, hosts []string, tls harness.TLSFiles) error {
	const column = 6
	b.WriteString("\n")
	hang(b, fmt.Sprintf("%4d.", number), column, s.paint(bold, step.Name)+where(step))
	if step.From != (harness.Source{}) {
		hang(b, strings.Repeat(" ", column)+"from ", column+5, step.From.String())
	}
	if step.Why != "" {
		hang(b, strings.Repeat(" ", column)+"why  ", column+5, step.Why)
	}
	for _, note := range notes(step) {
		hang(b, strings.Repeat(" ", column)+"note ", column+5, note)
	}
	commands, err := commands(step, hosts, tls)
	if err != nil {
		return err
	}
	for _, c := range commands {
		if len(commands) > 1 {
			b.WriteString(strings.Repeat(" ", column) + "on " + strings.Join(c.hosts, ", ") + ":\n")
		}
		indented(b, column+2, c.text)
	}
	return nil
}

func where(step harness.Step) string {
	if step.On.IsZero() {
		return " [desk]"
	}
	if step.AtOnce {
		return " [" + step.On.String() + ", at once]"
	}
	return " [" + step.On.String() + "]"
}

func notes(step harness.Step) []string {
	var notes []string
	if step.Precondition {
		notes = append(notes, "if this fails the procedure refuses and goes no further")
	}
	if step.Await {
		notes = append(notes, "repeated until it succeeds")
	}
	if step.Replaces {
		notes = append(notes, "from here on members start from other data than clients were last told")
	}
	if step.Completes != "" {
		notes = append(notes, fmt.Sprintf("ends the phase %q", step.Completes))
	}
	for _, f := range step.Learns {
		notes = append(notes, "learns the "+f.Name)
	}
	return notes
}

// command is what a step runs, on the hosts where it reads the same.
type command struct {
	hosts []string
	text  string
}

func commands(step harness.Step, hosts []string, tls harness.TLSFiles) ([]command, error) {
	desk := harness.Desk{Explain: true, TLS: tls}
	on := []string{""}
	switch {
	case step.On.NeedsLeader():
		on = []string{"<" + step.On.String() + ">"}
	case !step.On.IsZero():
		var err error
		if on, err = step.On.Select(hosts, ""); err != nil {
			return nil, err
		}
	}
	var all []command
	for _, host := range on {
		text, err := desk.Render(step.Do.String(), host)
		if err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(all, func(c command) bool { return c.text == text }); i >= 0 {
			all[i].hosts = append(all[i].hosts, host)
			continue
		}
		all = append(all, command{hosts: []string{host}, text: text})
	}
	return all, nil
}

func (s Style) checks(b *strings.Builder, title string, checks []harness.Check) {
	if len(checks) == 0 {
		return
	}
	b.WriteString("\n" + s.paint(bold, title) + "\n")
	for _, c := range checks {
		text := c.Claim()
		for _, trial := range c.Needs() {
			text += "; needs the trial " + trial.String()
		}
		hang(b, "  - ", 4, s.paint(bold, c.Name())+": "+text)
	}
}
