package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/bastion"
	"github.com/etcd-firedrill/firedrill/harness/operator"
)

func (a *app) envCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "env",
		Short: "print the variables of a runbook or a game day's shell as they are by now",
		Long: "Print what the environment of a runbook, or of a shell of a game day, says by now, as lines for a POSIX shell:\n\n" +
			"  eval \"$(firedrill env)\"\n\n" +
			"A shell is opened before anything breaks, and its variables are of that moment: afterwards this tells which\n" +
			"hosts are up and which are lost, the spare hosts, and their addresses. PATH stays as it is.\n\n" + outside,
		Args: none,
		RunE: func(c *cobra.Command, _ []string) error {
			socket, err := drillHere()
			if err != nil {
				return err
			}
			mortal()
			var printed bytes.Buffer
			call := bastion.Call{By: os.Getenv(bastion.ByVariable), Verb: bastion.Env}
			code, err := bastion.Do(c.Context(), socket, call, harness.Streams{Out: &printed, Err: a.err})
			if err != nil || code != 0 {
				return a.answered(code, err)
			}
			var kit operator.Kit
			if err := json.Unmarshal(printed.Bytes(), &kit); err != nil {
				return fmt.Errorf("read what the drill says of the environment: %w", err)
			}
			_, err = io.WriteString(a.out, kit.Exports())
			return err
		},
	}
}
