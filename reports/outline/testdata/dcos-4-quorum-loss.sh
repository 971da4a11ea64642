#!/bin/sh
# dcos-4-quorum-loss: two of three hosts lost; the cluster is re-created from the previous backup
#
# after dcos-troubleshooting-etcd.md, Scenario 4, two or more etcd tasks crash permanently
#
# Written by firedrill from the scenario's own steps, for a cluster of m1, m2, m3. Make it yours,
# and try it:
#
#     firedrill run dcos-4-quorum-loss --runbook ./FILE
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

# all_done: waits for what was begun on several hosts at once; fails if it failed on one.
jobs=
all_done() {
    for job in $jobs; do
        wait "$job" || { echo "it failed on a host" >&2; exit 1; }
    done
    jobs=
}

# url PEER|CLIENT HOST: where other members, or clients, reach the etcd on a host.
url() { eval "echo \"\$FIREDRILL_$1_URL_$(echo "$2" | tr - _)\""; }

# backup N: the name of the newest backup for 1, of the one before it for 2, and so on; they are
# listed newest first. etcdutl refuses to restore a damaged one: BACKUP=NAME takes another.
backup() { firedrill backups | awk -v n="$1" '$1 ~ /\.db$/ && ++seen == n { print $1 }'; }
BACKUP=${BACKUP:-$(backup 1)}
[ -n "$BACKUP" ] || { echo "no backup is kept in $FIREDRILL_BACKUPS" >&2; exit 1; }

step '1. order new hosts'
# from dcos-troubleshooting-etcd.md, Scenario 4, two or more etcd tasks crash permanently
# stands in for the scheduler, which finds other agents for the tasks
firedrill host new m2 m3

step '2. fetch the backup to every host'
# from dcos-troubleshooting-etcd.md, Scenario 4, two or more etcd tasks crash permanently
# stands in for Ark, which the package's restore command reads its backups with; before anything is
# wiped, in case none is whole
for host in m1 m2 m3; do
    firedrill host cp "$FIREDRILL_BACKUPS/$BACKUP" "$host:/root/snapshot.db" &
    jobs="$jobs $!"
done
all_done

step '3. stop etcd on what is left'
# from dcos-troubleshooting-etcd.md, Scenario 4, two or more etcd tasks crash permanently
# stands in for uninstalling the package, which ends what runs
firedrill host exec m1 -- sh -c 'mkdir -p /root && mv /etc/kubernetes/manifests/etcd.yaml /root/etcd.yaml'

step '4. wait until etcd has stopped'
# its data directory is wiped next
until_ok firedrill host exec m1 -- sh -c '! pidof etcd'

step '5. wipe what is left of the old cluster'
# from dcos-troubleshooting-etcd.md, Scenario 4, two or more etcd tasks crash permanently
# stands in for uninstalling the package, which gives the disk back
firedrill host exec m1 -- rm -rf /var/lib/etcd

step '6. restore the backup on every host'
# from dcos-troubleshooting-etcd.md, Scenario 4, two or more etcd tasks crash permanently
# from here on members start from other data than clients were last told
for host in m1 m2 m3; do
    firedrill host exec "$host" -- etcdutl snapshot restore /root/snapshot.db \
        --data-dir /var/lib/etcd --name "$host" \
        --initial-advertise-peer-urls "$(url PEER "$host")" \
        --initial-cluster "m1=$FIREDRILL_PEER_URL_m1,m2=$FIREDRILL_PEER_URL_m2,m3=$FIREDRILL_PEER_URL_m3" \
        --initial-cluster-token "$FIREDRILL_CLUSTER_TOKEN" &
    jobs="$jobs $!"
done
all_done

step '7. start etcd on every host'
# from dcos-troubleshooting-etcd.md, Scenario 4, two or more etcd tasks crash permanently
for host in m1 m2 m3; do
    firedrill host start "$host" \
        --initial-cluster="m1=$FIREDRILL_PEER_URL_m1,m2=$FIREDRILL_PEER_URL_m2,m3=$FIREDRILL_PEER_URL_m3" \
        --initial-cluster-state=new
done

step '8. wait until every member is healthy'
# stands in for the package's plan, which is complete when its tasks are ready
until_ok firedrill host exec m1 -- etcdctl \
    --endpoints="$FIREDRILL_CLIENT_URL_m1,$FIREDRILL_CLIENT_URL_m2,$FIREDRILL_CLIENT_URL_m3" endpoint health

step '9. point clients at the cluster'
# the members serve at the addresses of the old ones; clients dial anew
firedrill announce m1 m2 m3
