package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/drill"
	"github.com/etcd-firedrill/firedrill/recovery"
	"github.com/etcd-firedrill/firedrill/reports"
	"github.com/etcd-firedrill/firedrill/reports/render"
)

// gameDayOrder is what the user asked `gameday` for: to hold one, or to tell a living
// one something.
type gameDayOrder struct {
	order
	surprise     bool
	game         drill.GameDay
	listen       string
	noComparison bool
	flags        *pflag.FlagSet // as they were typed

	say saying
}

// notTheProcedures are the flags of gameday that mean nothing to the drill that it is
// compared with.
var notTheProcedures = []string{
	"surprise", "within", "quiet-least", "quiet-most", "listen", "no-comparison", "expect-members", "expect-cluster-id", "expect-loss",
}

func (a *app) gameDayCommand() *cobra.Command {
	var o gameDayOrder
	c := &cobra.Command{
		Use:   "gameday SCENARIO | --surprise | --notice | --done | --leave-it | --resume | --stop REASON",
		Short: "a drill that people recover by hand: break, wait for them, prove, time, compare",
		Long: "Hold a game day: a cluster under traffic, which at a moment that nobody is told breaks, and which your team\n" +
			"recovers by hand. Each of them types `firedrill shell --name NAME` in a terminal of his own, and has there\n" +
			"what an on-call engineer has. A page, the wall, shows what an operations wall would; another, with a token of\n" +
			"its own, is the facilitator's. Then what came back is proved as in any drill, and the same scenario is\n" +
			"recovered once more by its documented procedure, to compare.\n\n" +
			"With --surprise the seed says which scenario it is, and its name is told in the end. " + a.leftOut() + "\n\n" +
			"While it lasts, `gameday --notice` says that you have seen that something is wrong; `--done` that you have\n" +
			"recovered the cluster; `--leave-it` that you leave it as it is, because there is nothing to recover, or nothing\n" +
			"that may be touched, which is right where the documented procedure refuses. `--resume` has it go on after a\n" +
			"pause, which ends by itself after half an hour; `--stop REASON` ends it before the team does.\n\n" +
			"It goes on where this terminal is closed, and is reached by its pages and by the commands above. Ctrl-C, and\n" +
			"SIGTERM, end it as --stop does: what was done until then is judged, and not compared. A second one breaks it\n" +
			"off: what was built is torn down, and there is no report.\n\n" +
			"The after-action report is after-action.html, and after-action.md, in the run directory.\n\n" +
			"Exit codes are those of `run`, of the team's drill: 0 every promise held, 1 one was violated, or the team did\n" +
			"not complete, 2 inconclusive, 3 firedrill broke, was broken off or was misused.",
		ValidArgsFunction: a.completeNames,
		RunE: func(c *cobra.Command, args []string) error {
			if o.say.any() {
				return a.tell(c, o.say, args)
			}
			if !c.Flags().Changed("seed") {
				o.options.Seed = 1 + rand.Int64N(maxSeed)
			}
			o.flags, o.options.Version = c.Flags(), version()
			return a.holdGameDay(c.Context(), o, args)
		},
	}
	f := c.Flags()
	f.BoolVar(&o.surprise, "surprise", false, "a scenario by the seed, whose name nobody is told before the end")
	f.Int64Var(&o.options.Seed, "seed", 0, "`n` replays a plan: the scenario of --surprise, the moment of the strike (default: random)")
	o.place.flags(c)
	f.IntVar(&o.options.Members, "members", 0, "cluster of `n` members (default: the scenario's own)")
	f.DurationVar(&o.options.Within, "within", 0, "the team's `time` from the strike on, pauses left out (default 30m)")
	f.DurationVar(&o.game.QuietLeast, "quiet-least", drill.QuietLeast, "`how long` nothing happens at least")
	f.DurationVar(&o.game.QuietMost, "quiet-most", drill.QuietMost, "`how long` nothing happens at most")
	f.StringVar(&o.listen, "listen", "127.0.0.1:0", "serve the pages at this `address`; without a host, on loopback; elsewhere the wall demands a token, as the facilitator's page always does")
	f.StringVar(&o.options.Out, "out", "firedrill-runs", "put run directories into `dir`")
	f.BoolVar(&o.noComparison, "no-comparison", false, "do not run the scenario by its documented procedure afterwards")
	f.BoolVar(&o.json, "json", false, "one report a line on standard output, the team's first; all else goes to standard error")
	f.StringVar(&o.junit, "junit", "", "write a JUnit `file`")
	f.StringVar(&o.html, "html", "", "write a page for people, one self-contained `file`")
	f.StringVar(&o.markdown, "markdown", "", "write a Markdown `file`")
	o.own.expectations(f, "")
	o.say.flags(f)
	return c
}

// leftOut says which scenarios are no surprises, and why.
func (a *app) leftOut() string {
	var verbatim, atBirth []string
	for _, sc := range a.scenarios() {
		switch {
		case sc.AtBirth:
			atBirth = append(atBirth, sc.Name)
		case isVerbatim(sc):
			verbatim = append(verbatim, sc.Name)
		}
	}
	return fmt.Sprintf("Left out are\n%s,\nwhich strike while the cluster is first created, so that there is no quiet time before; and\n%s,\n"+
		"whose disasters are those of the scenarios that they are a variant of.", strings.Join(atBirth, ", "), strings.Join(verbatim, ", "))
}

// isVerbatim tells of a variant that differs in the documented procedure alone.
func isVerbatim(sc harness.Scenario) bool { return strings.HasSuffix(sc.Name, "-verbatim") }

// holdGameDay holds a game day, or refuses before anything is started.
func (a *app) holdGameDay(ctx context.Context, o gameDayOrder, args []string) (err error) {
	o.repeat, o.parallel = 1, 1
	if least, most := o.game.QuietLeast, o.game.QuietMost; least < 0 || most < least {
		return hint(fmt.Errorf("--quiet-least %v, --quiet-most %v: the strike comes between the two", least, most), "give --quiet-most the longer one")
	}
	sc, err := a.ofGameDay(o, args)
	if err != nil {
		return err
	}
	team, own, err := o.jobs(sc)
	if err != nil {
		return err
	}
	// Also where it is not compared: a disaster that its own document knows no way out of,
	// for so many members, is none that it was written for.
	rt, papers, err := a.ready(ctx, o.order, []job{team, own})
	if err != nil {
		return err
	}
	if err := a.canListen(ctx, o.listen); err != nil {
		return err
	}
	live := &liveGameDay{fleet: &fleet{app: a, runtime: rt, parallel: 1, json: o.json}, ctx: ctx, listen: o.listen, surprise: o.surprise}
	attach := live.detach()
	defer func() { err = errors.Join(err, live.close(), attach()) }()
	return live.conduct(team, own, o.noComparison, papers)
}

// comparisonFile lies beside the team's report.
const comparisonFile = "comparison.json"

// compare lays the team's drill beside that of the documented procedure, if both have a
// report: on the screen, on paper, and with the team's evidence.
func (l *liveGameDay) compare(outcomes []render.Outcome) error {
	if len(outcomes) < 2 || outcomes[1].Err != nil {
		return nil
	}
	c, err := reports.Compare(outcomes[0].Report, outcomes[1].Report)
	if err != nil {
		return err
	}
	outcomes[0].Comparison = &c
	kept := paper{flag: "keep the comparison", path: filepath.Join(outcomes[0].Report.Directory, comparisonFile)}
	if err := kept.replace(c.Encode); err != nil {
		return err
	}
	if !l.json {
		l.write("\n"+l.style.Comparison(c), false)
	}
	return nil
}

// ofGameDay is the scenario of a game day.
func (a *app) ofGameDay(o gameDayOrder, args []string) (harness.Scenario, error) {
	switch {
	case o.surprise == (len(args) > 0) || len(args) > 1:
		return harness.Scenario{}, hint(errors.New("gameday takes either the name of one scenario, or --surprise"), "firedrill list shows the scenarios")
	case !o.surprise:
		return a.named(args[0])
	}
	fit := slices.DeleteFunc(a.scenarios(), func(sc harness.Scenario) bool {
		if sc.AtBirth || isVerbatim(sc) {
			return true
		}
		team, own, err := o.jobs(sc)
		return err != nil || a.validate(team.scenario, team.options) != nil || a.validate(own.scenario, own.options) != nil
	})
	if len(fit) == 0 {
		return harness.Scenario{}, hint(errors.New("no scenario can be had like this"), "ask for fewer things: firedrill gameday --help")
	}
	return fit[rand.New(rand.NewPCG(uint64(o.options.Seed), 0x73757270)).IntN(len(fit))], nil
}

// jobs are the drill that the team recovers, and the one that the documented procedure
// does.
func (o gameDayOrder) jobs(sc harness.Scenario) (team, own job, err error) {
	own = job{scenario: sc, options: o.options}
	own.options.Within = 0 // the team's time is not the procedure's
	team = own
	team.options.Within = o.options.Within
	if o.flags != nil {
		own.options.Flags = typed(o.flags, notTheProcedures...)
		team.options.Flags = typed(o.flags, "surprise", "listen", "no-comparison")
	}
	if team.scenario, err = o.own.expected(sc); err != nil {
		return team, own, err
	}
	team.scenario = team.scenario.Changed(func(sc *harness.Scenario) { sc.Recover = recovery.Team{} })
	game := o.game
	game.Surprise, game.Book, game.Open = o.surprise, book(sc, o.options.Members), nobodyIsTold
	team.options.GameDay = &game
	return team, own, nil
}

// book names the steps of a scenario's own procedure, for a cluster of so many members.
func book(sc harness.Scenario, members int) []string {
	sc = sc.WithMembers(members)
	if sc.Recover == nil {
		return nil
	}
	steps, err := sc.Recover.Steps(sc.Given.Hosts())
	if err != nil {
		return nil // it does not generalise to them, and the team may still recover
	}
	names := make([]string, len(steps))
	for i, step := range steps {
		names[i] = step.Name
	}
	return names
}
