package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/etcd-firedrill/firedrill/harness"
	"github.com/etcd-firedrill/firedrill/harness/bastion"
)

// completionLimit is how long whoever has pressed Tab waits for the names of hosts.
const completionLimit = 2 * time.Second

// hosts are those of the drill that this runs in; none where there is no drill, or
// where it does not answer.
func hosts(ctx context.Context) []bastion.Host {
	socket := os.Getenv(bastion.SocketVariable)
	if socket == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, completionLimit)
	defer cancel()
	call := bastion.Call{By: bastion.ByCompletion, Verb: bastion.List, Args: []string{bastion.OptionJSON}}
	var answer bytes.Buffer
	if code, err := bastion.Do(ctx, socket, call, harness.Streams{Out: &answer}); code != 0 || err != nil {
		return nil
	}
	var all []bastion.Host
	if err := json.Unmarshal(answer.Bytes(), &all); err != nil {
		return nil
	}
	return all
}

// completeHosts completes the names of hosts, as the first most arguments.
func (*app) completeHosts(most int) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		for _, h := range hosts(c.Context()) {
			if !slices.Contains(args, h.Name) {
				names = append(names, cobra.CompletionWithDesc(h.Name, string(h.Power)))
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeCopy completes what cp copies: hosts, each with the colon that a path comes
// after, and files here.
func (*app) completeCopy(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if len(args) >= 2 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	if strings.ContainsAny(word, "/.:") {
		return nil, cobra.ShellCompDirectiveDefault
	}
	var names []string
	for _, h := range hosts(c.Context()) {
		if name := h.Name + ":"; strings.HasPrefix(name, word) {
			names = append(names, cobra.CompletionWithDesc(name, string(h.Power)))
		}
	}
	return names, cobra.ShellCompDirectiveNoSpace
}
