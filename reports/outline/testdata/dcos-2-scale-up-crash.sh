#!/bin/sh
# dcos-2-scale-up-crash: a member is added to a cluster of one and crashes before it connects;
# restore the backup, scale up again
#
# after dcos-troubleshooting-etcd.md, Scenario 2
#
# Written by firedrill from the scenario's own steps, for a cluster of m1. Make it yours, and try
# it:
#
#     firedrill run dcos-2-scale-up-crash --runbook ./FILE
#
# What stands in for what the document relies on:
# - dcos beta-kubernetes backup and restore, which keep etcd's keys in Ark's archives: etcd's own
#   snapshots
# - the package's scheduler, which gives the tasks new agents: new hosts under the old names
#
# What the document says that is not done here:
# - Scenario 2, the snapshot of the keyspace by etcdctl: it is for a cluster outside DC/OS, and the
#   backup is what is restored
# - Scenario 2, technical support, where scaling up fails again
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

# order HOST…: orders new hosts, but for spares, which stand ready, and notes down where they are
# reached.
order() {
    wanted=
    for new; do
        case " $FIREDRILL_SPARES " in
        *" $new "*) ;;
        *) wanted="$wanted $new" ;;
        esac
    done
    # shellcheck disable=SC2086 # names, one word each
    [ -z "$wanted" ] || firedrill host new $wanted
    for new; do
        peer=$(firedrill host status "$new" | awk '/^peer url/ { print $NF }')
        [ -n "$peer" ] || { echo "where $new is reached is not known" >&2; exit 1; }
        eval "FIREDRILL_PEER_URL_$(echo "$new" | tr - _)=\$peer"
        eval "FIREDRILL_CLIENT_URL_$(echo "$new" | tr - _)=\${peer%:2380}:2379"
    done
}

# backup N: the name of the newest backup for 1, of the one before it for 2, and so on; they are
# listed newest first. etcdutl refuses to restore a damaged one: BACKUP=NAME takes another.
backup() { firedrill backups | awk -v n="$1" '$1 ~ /\.db$/ && ++seen == n { print $1 }'; }
BACKUP=${BACKUP:-$(backup 1)}
[ -n "$BACKUP" ] || { echo "no backup is kept in $FIREDRILL_BACKUPS" >&2; exit 1; }

step '1. fetch the backup'
# from dcos-troubleshooting-etcd.md, Scenario 2, perform a backup of the existing installation
# stands in for Ark, which the package's restore command reads its backups with; before anything is
# wiped, in case none is whole
firedrill host cp "$FIREDRILL_BACKUPS/$BACKUP" m1:/root/snapshot.db

step '2. stop etcd on what is left'
# from dcos-troubleshooting-etcd.md, Scenario 2, perform a backup of the existing installation
# stands in for uninstalling the package, which ends what runs
firedrill host exec m1 -- sh -c 'mkdir -p /root && mv /etc/kubernetes/manifests/etcd.yaml /root/etcd.yaml'

step '3. wait until etcd has stopped'
# its data directory is wiped next
until_ok firedrill host exec m1 -- sh -c '! pidof etcd'

step '4. wipe what is left of the old cluster'
# from dcos-troubleshooting-etcd.md, Scenario 2, perform a backup of the existing installation
# stands in for uninstalling the package, which gives the disk back
firedrill host exec m1 -- rm -rf /var/lib/etcd

step '5. restore the backup to a new cluster'
# from dcos-troubleshooting-etcd.md, Scenario 2, perform a backup of the existing installation
# from here on members start from other data than clients were last told
firedrill host exec m1 -- etcdutl snapshot restore /root/snapshot.db --data-dir /var/lib/etcd \
    --name m1 --initial-advertise-peer-urls "$FIREDRILL_PEER_URL_m1" \
    --initial-cluster "m1=$FIREDRILL_PEER_URL_m1" \
    --initial-cluster-token "$FIREDRILL_CLUSTER_TOKEN"

step '6. start etcd on m1'
# from dcos-troubleshooting-etcd.md, Scenario 2, perform a backup of the existing installation
firedrill host start m1 --initial-cluster="m1=$FIREDRILL_PEER_URL_m1" \
    --initial-cluster-state=new

step '7. wait until m1 is healthy'
# stands in for the package's plan, which is complete when its tasks are ready
until_ok firedrill host exec m1 -- etcdctl \
    --endpoints="$FIREDRILL_CLIENT_URL_m1" endpoint health

step '8. point clients at m1'
# the new cluster serves at the address of the old one; clients dial anew
firedrill announce m1

step '9. order host m2'
# from dcos-troubleshooting-etcd.md, Scenario 2, retry the scale-up
# stands in for the scheduler, which finds an agent for the task
order m2

step '10. add m2 to the members'
# from dcos-troubleshooting-etcd.md, Scenario 2, retry the scale-up
# repeated while etcd refuses because a member has not been connected for its 5 s health interval
until_ok firedrill host exec m1 -- etcdctl --endpoints="$FIREDRILL_CLIENT_URL_m1" member add m2 \
    --peer-urls="$FIREDRILL_PEER_URL_m2"

step '11. start etcd on m2'
# from dcos-troubleshooting-etcd.md, Scenario 2, retry the scale-up
firedrill host start m2 --initial-cluster="m1=$FIREDRILL_PEER_URL_m1,m2=$FIREDRILL_PEER_URL_m2" \
    --initial-cluster-state=existing

step '12. verify that m2 has joined'
# from dcos-troubleshooting-etcd.md, Scenario 2, retry the scale-up
until_ok firedrill host exec m1 -- sh -c 'list=$(etcdctl --endpoints='"$FIREDRILL_CLIENT_URL_m1"' member list) && echo "$list" &&
case "$list" in *", started, m2, "*) ;; *) echo "m2 has not joined yet"; exit 1 ;; esac'

step '13. order host m3'
# from dcos-troubleshooting-etcd.md, Scenario 2, retry the scale-up
# stands in for the scheduler, which finds an agent for the task
order m3

step '14. add m3 to the members'
# from dcos-troubleshooting-etcd.md, Scenario 2, retry the scale-up
# repeated while etcd refuses because a member has not been connected for its 5 s health interval
until_ok firedrill host exec m1 -- etcdctl --endpoints="$FIREDRILL_CLIENT_URL_m1" member add m3 \
    --peer-urls="$FIREDRILL_PEER_URL_m3"

step '15. start etcd on m3'
# from dcos-troubleshooting-etcd.md, Scenario 2, retry the scale-up
firedrill host start m3 \
    --initial-cluster="m1=$FIREDRILL_PEER_URL_m1,m2=$FIREDRILL_PEER_URL_m2,m3=$FIREDRILL_PEER_URL_m3" \
    --initial-cluster-state=existing

step '16. verify that m3 has joined'
# from dcos-troubleshooting-etcd.md, Scenario 2, retry the scale-up
until_ok firedrill host exec m1 -- sh -c 'list=$(etcdctl --endpoints='"$FIREDRILL_CLIENT_URL_m1"' member list) && echo "$list" &&
case "$list" in *", started, m3, "*) ;; *) echo "m3 has not joined yet"; exit 1 ;; esac'

step '17. wait until every member is healthy'
# stands in for the package's plan, which is complete when its tasks are ready
until_ok firedrill host exec m1 -- etcdctl \
    --endpoints="$FIREDRILL_CLIENT_URL_m1,$FIREDRILL_CLIENT_URL_m2,$FIREDRILL_CLIENT_URL_m3" endpoint health

step '18. point clients at all members'
# stands in for the service's name, which stands for every task
firedrill announce m1 m2 m3
