package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/drill"
	"github.com/etcd-firedrill/firedrill/reports/render"
)

func (a *app) listCommand() *cobra.Command {
	var asJSON bool
	var label string
	c := &cobra.Command{
		Use:   "list",
		Short: "list the scenarios",
		Args:  none,
		RunE: func(*cobra.Command, []string) error {
			all, err := a.labelled(label)
			if err != nil {
				return err
			}
			if asJSON {
				return render.ListJSON(a.out, all)
			}
			_, err = io.WriteString(a.out, a.style.List(all))
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "as a JSON array")
	c.Flags().StringVar(&label, "label", "", "only those with this label")
	a.completeLabels(c)
	return c
}

func (a *app) explainCommand() *cobra.Command {
	members := 0
	c := &cobra.Command{
		Use:               "explain NAME",
		Short:             "show what a scenario breaks, each step of its procedure, and what is promised",
		Args:              one,
		ValidArgsFunction: a.completeNames,
		RunE: func(_ *cobra.Command, args []string) error {
			sc, err := a.named(args[0])
			if err != nil {
				return err
			}
			if members != 0 {
				if err := a.validate(sc, drill.Options{Members: members}); err != nil {
					return hint(err, "firedrill explain %s shows it for %d", sc.Name, sc.Given.Members)
				}
			}
			text, err := a.style.Explain(sc.WithMembers(members))
			if err != nil {
				return err
			}
			_, err = io.WriteString(a.out, text)
			return err
		},
	}
	c.Flags().IntVar(&members, "members", 0, "as it is for `n` members (default: the scenario's own)")
	return c
}

func (a *app) named(name string) (harness.Scenario, error) {
	all := a.scenarios()
	i := slices.IndexFunc(all, func(sc harness.Scenario) bool { return sc.Name == name })
	if i < 0 {
		return harness.Scenario{}, unknown("scenario", name, names(all), "firedrill list shows them all")
	}
	return all[i], nil
}

// labelled returns the scenarios with a label, all of them for "".
func (a *app) labelled(label string) ([]harness.Scenario, error) {
	all := a.scenarios()
	if label == "" {
		return all, nil
	}
	found := slices.DeleteFunc(slices.Clone(all), func(sc harness.Scenario) bool { return !slices.Contains(sc.Labels, label) })
	if len(found) == 0 {
		return nil, unknown("label", label, labels(all), fmt.Sprintf("the labels are %v", labels(all)))
	}
	return found, nil
}

func names(all []harness.Scenario) []string {
	out := make([]string, len(all))
	for i, sc := range all {
		out[i] = sc.Name
	}
	return out
}

func labels(all []harness.Scenario) []string {
	var out []string
	for _, sc := range all {
		out = append(out, sc.Labels...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (a *app) completeNames(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var out []string
	for _, sc := range a.scenarios() {
		out = append(out, cobra.CompletionWithDesc(sc.Name, sc.Summary))
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

func (a *app) completeLabels(c *cobra.Command) {
	completion := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return labels(a.scenarios()), cobra.ShellCompDirectiveNoFileComp
	}
	if err := c.RegisterFlagCompletionFunc("label", completion); err != nil {
		panic(err) // the flag is not there: an error of ours that every start would show
	}
}
