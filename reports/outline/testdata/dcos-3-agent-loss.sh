#!/bin/sh
# dcos-3-agent-loss: the single member's host is lost; restore the periodic backup on another
#
# after dcos-troubleshooting-etcd.md, Scenario 3, the DC/OS agent permanently fails
#
# Written by firedrill from the scenario's own steps, for a cluster of m1. Make it yours, and try
# it:
#
#     firedrill run dcos-3-agent-loss --runbook ./FILE
#
# What stands in for what the document relies on:
# - dcos beta-kubernetes backup and restore, which keep etcd's keys in Ark's archives: etcd's own
#   snapshots
# - the package's scheduler, which gives the tasks new agents: new hosts under the old names
#
# shellcheck disable=SC2016,SC2154 # what is quoted is for a host's shell; firedrill sets the addresses
set -eu

patience=${PATIENCE:-60} # seconds that any one thing is waited for

step() { echo "== $*"; }

# until_ok COMMAND…: repeats the command until it succeeds, and prints what it printed then.
until_ok() {
    end=$(($(date +%s) + patience))
    until answer=$("$@" 2>&1); do
        if [ "$(date +%s)" -ge "$end" ]; then
            echo "waited $patience s in vain for: $*" >&2
            echo "the last answer: $answer" >&2
            exit 1
        fi
        sleep 1
    done
    printf '%s\n' "$answer"
}

# backup N: the name of the newest backup for 1, of the one before it for 2, and so on; they are
# listed newest first. etcdutl refuses to restore a damaged one: BACKUP=NAME takes another.
backup() { firedrill backups | awk -v n="$1" '$1 ~ /\.db$/ && ++seen == n { print $1 }'; }
BACKUP=${BACKUP:-$(backup 1)}
[ -n "$BACKUP" ] || { echo "no backup is kept in $FIREDRILL_BACKUPS" >&2; exit 1; }

step '1. order new hosts'
# from dcos-troubleshooting-etcd.md, Scenario 3, the DC/OS agent permanently fails
# stands in for the scheduler, which finds other agents for the tasks
firedrill host new m1

step '2. fetch the backup to every host'
# from dcos-troubleshooting-etcd.md, Scenario 3, the DC/OS agent permanently fails
# stands in for Ark, which the package's restore command reads its backups with; before anything is
# wiped, in case none is whole
firedrill host cp "$FIREDRILL_BACKUPS/$BACKUP" m1:/root/snapshot.db

step '3. restore the backup on every host'
# from dcos-troubleshooting-etcd.md, Scenario 3, the DC/OS agent permanently fails
# from here on members start from other data than clients were last told
firedrill host exec m1 -- etcdutl snapshot restore /root/snapshot.db --data-dir /var/lib/etcd \
    --name m1 --initial-advertise-peer-urls "$FIREDRILL_PEER_URL_m1" \
    --initial-cluster "m1=$FIREDRILL_PEER_URL_m1" \
    --initial-cluster-token "$FIREDRILL_CLUSTER_TOKEN"

step '4. start etcd on every host'
# from dcos-troubleshooting-etcd.md, Scenario 3, the DC/OS agent permanently fails
firedrill host start m1 --initial-cluster="m1=$FIREDRILL_PEER_URL_m1" \
    --initial-cluster-state=new

step '5. wait until every member is healthy'
# stands in for the package's plan, which is complete when its tasks are ready
until_ok firedrill host exec m1 -- etcdctl \
    --endpoints="$FIREDRILL_CLIENT_URL_m1" endpoint health

step '6. point clients at the cluster'
# the members serve at the addresses of the old ones; clients dial anew
firedrill announce m1
