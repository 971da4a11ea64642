#!/bin/sh
# dcos-3-task-crash: the single member's process dies; it is restarted in place
#
# after dcos-troubleshooting-etcd.md, Scenario 3, the task crashes but the agent remains healthy
#
# Written by firedrill from the scenario's own steps, for a cluster of m1. Make it yours, and try
# it:
#
#     firedrill run dcos-3-task-crash --runbook ./FILE
#
# What stands in for what the document relies on:
# - the DC/OS agent that restarts the task: the agent on the host, which restarts an etcd that ends
#
# shellcheck disable=SC2016,SC2154 # what is quoted is for a host's shell; firedrill sets the addresses
set -eu

# Nobody does anything here: what runs etcd on the hosts starts it again. Say what you would do.
