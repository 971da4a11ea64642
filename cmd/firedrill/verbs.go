package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/etcd-firedrill/firedrill/fixtures/embedded"
	"github.com/etcd-firedrill/firedrill/reports/render"
)

func (a *app) checkCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "check DIR",
		Short: "judge the stored evidence of a drill again, offline",
		Args:  one,
		RunE: func(_ *cobra.Command, args []string) error {
			report, err := a.rejudge(args[0])
			if err != nil {
				return err
			}
			a.code = codeOf(report.Verdict)
			if asJSON {
				return render.JSON(a.out, report)
			}
			_, err = io.WriteString(a.out, a.style.Summary(report))
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print the report as one line of JSON")
	return c
}

func (a *app) cleanCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "clean",
		Short: "remove what drills left behind that were killed; spare whatever has a living owner",
		Args:  none,
		RunE: func(c *cobra.Command, _ []string) error {
			removed, err := a.sweep(c.Context())
			for _, line := range removed {
				fmt.Fprintln(a.out, line)
			}
			if err == nil && len(removed) == 0 {
				fmt.Fprintln(a.out, "nothing to clean")
			}
			return err
		},
	}
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "print the versions of firedrill and of the etcd in it",
		Args:  none,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(a.out, "firedrill %s\netcd %s\n%s %s/%s\n", version(), embedded.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

// version is the module's version, or the commit it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	revision, dirty := "devel", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(len(s.Value), 12)]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+changes"
		}
	}
	return revision + dirty
}
