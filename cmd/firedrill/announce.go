package main

import (
	"github.com/spf13/cobra"

	"github.com/etcd-firedrill/firedrill/harness/bastion"
)

func (a *app) announceCommand() *cobra.Command {
	return a.verbCommand(bastion.Announce, "point clients at these hosts, within a runbook or a game day",
		"Point the clients of the drill that this runs in at these hosts, and at no others, as whoever recovers tells\n"+
			"people that the cluster is back.")
}

func (a *app) restartComponentsCommand() *cobra.Command {
	return a.verbCommand(bastion.RestartComponents, "restart the long-lived clients, within a runbook or a game day",
		"Restart the long-lived clients of the drill that this runs in, such as kube-apiserver, so that none goes on\n"+
			"with what it knew of a history that is gone. It returns once each has listed afresh.")
}

func (a *app) backupsCommand() *cobra.Command {
	return a.verbCommand(bastion.Backups, "list the backups that are kept, within a runbook or a game day",
		"List the backups that are kept of the drill that this runs in, the newest first: name, age, revision, keys,\n"+
			"hash and size. `firedrill host cp \"$"+bastion.BackupsVariable+"\"/NAME HOST:PATH` puts one on a host.")
}
