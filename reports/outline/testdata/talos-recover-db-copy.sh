#!/bin/sh
# talos-recover-db-copy: two of three nodes lost and no snapshot; bootstrap from a copy of the
# survivor's database file
#
# after talos-disaster-recovery.md, Disaster Database Snapshot
#
# Written by firedrill from the scenario's own steps, for a cluster of m1, m2, m3. Make it yours,
# and try it:
#
#     firedrill run talos-recover-db-copy --runbook ./FILE
#
# What stands in for what the document relies on:
# - talosctl: the commands that it has carried out on a node
# - a node's machine type, part of its machine configuration: the file /system/state/machinetype
# - the EPHEMERAL partition: etcd's data directory, and the node is not rebooted for its wiping
#
# What the document says that is not done here:
# - Preparing Control Plane Nodes, pointing the Kubernetes endpoint to other addresses: nodes keep
#   theirs
#
# Exit status 77: it does not apply, and nothing was touched.
#
# shellcheck disable=SC2016,SC2154 # what is quoted is for a host's shell; firedrill sets the addresses
set -eu

patience=${PATIENCE:-60} # seconds that any one thing is waited for

step() { echo "== $*"; }

# refuse: the command before said why.
refuse() { exit 77; }

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

# learn WHAT PATTERN: what the pattern's group is in the first line of standard input that fits.
learn() {
    found=$(sed -nE "s/$2/\\1/p" | sed 1q)
    [ -n "$found" ] || { echo "there is no $1 in what was printed" >&2; exit 1; }
    echo "$found"
}

step '1. list the members on m1'
# from talos-disaster-recovery.md, recovery
firedrill host exec m1 -- sh -c 'list=$(etcdctl --endpoints='"$FIREDRILL_CLIENT_URL_m1"' member list --consistency=s) && echo "$list"'

step '2. check that the quorum cannot be restored'
# from talos-disaster-recovery.md, recovery
# if this fails the procedure does not apply, and goes no further
firedrill host exec m1 -- sh -c 'if answer=$(etcdctl --endpoints='"$FIREDRILL_CLIENT_URL_m1"' get quorum --keys-only 2>&1)
then echo "there is a quorum: restore the members that are missing instead"; exit 1
fi
case "$answer" in
*"deadline exceeded"*|*"request timed out"*|*"no leader"*) echo "there is no quorum" ;;
*) echo "$answer"; echo "this is not the answer of an etcd without a quorum: find out what it means first"; exit 1 ;;
esac' || refuse

step '3. copy the database of m1'
# from talos-disaster-recovery.md, disaster database snapshot
# stands in for talosctl cp to the operator's own disk: what is wiped later is the etcd data
# directory only
firedrill host exec m1 -- cp /var/lib/etcd/member/snap/db /root/db.snapshot

step '4. check that no node is of type init'
# from talos-disaster-recovery.md, init node
# if this fails the procedure does not apply, and goes no further
firedrill host exec m1 -- sh -c 'type=$(cat /system/state/machinetype) && echo "m1 is of type $type" &&
if test "$type" = init; then echo "nodes of type init cannot be recovered: convert it to controlplane first"; exit 1; fi' || refuse

step '5. stop etcd on what is left'
# from talos-disaster-recovery.md, preparing control plane nodes
# stands in for talosctl reset of the EPHEMERAL partition, which ends what runs
firedrill host exec m1 -- sh -c 'mkdir -p /root && mv /etc/kubernetes/manifests/etcd.yaml /root/etcd.yaml'

step '6. wait until etcd has stopped'
# its data directory is wiped next
until_ok firedrill host exec m1 -- sh -c '! pidof etcd'

step '7. wipe what is left of the old cluster'
# from talos-disaster-recovery.md, preparing control plane nodes
# stands in for talosctl reset of the EPHEMERAL partition, which gives the disk back
firedrill host exec m1 -- rm -rf /var/lib/etcd

step '8. order new nodes'
# from talos-disaster-recovery.md, preparing control plane nodes
firedrill host new m2 m3

step '9. apply the machine configuration'
# from talos-disaster-recovery.md, preparing control plane nodes
# stands in for the backup of the machine configuration
for host in m2 m3; do
    firedrill host exec "$host" -- sh -c 'mkdir -p /system/state && echo controlplane > /system/state/machinetype' &
    jobs="$jobs $!"
done
all_done

step '10. make sure that etcd is preparing on every node'
# from talos-disaster-recovery.md, recovering from the backup
# stands in for talosctl service etcd
for host in m1 m2 m3; do
    firedrill host exec "$host" -- sh -c 'if pidof etcd; then echo "STATE Running"; exit 1; fi
if test -e /var/lib/etcd && test -n "$(ls -A /var/lib/etcd)"; then echo "STATE Finished, the data directory is not empty"; exit 1; fi
echo "STATE Preparing"' &
    jobs="$jobs $!"
done
all_done

step '11. read the figures of the copy'
# from talos-disaster-recovery.md, recovering from the backup
# talosctl bootstrap prints them before it restores; of a copy there are none to hold them against
firedrill host exec m1 -- sh -c 'echo "recovering from snapshot: $(etcdutl snapshot status /root/db.snapshot)"'

step '12. bootstrap m1 from the snapshot'
# from talos-disaster-recovery.md, recovering from the backup
# a copied database has no hash to be checked by
# from here on members start from other data than clients were last told
firedrill host exec m1 -- etcdutl snapshot restore /root/db.snapshot --data-dir /var/lib/etcd \
    --name m1 --initial-advertise-peer-urls "$FIREDRILL_PEER_URL_m1" \
    --initial-cluster "m1=$FIREDRILL_PEER_URL_m1" \
    --initial-cluster-token "$FIREDRILL_CLUSTER_TOKEN" --skip-hash-check

step '13. start etcd on m1'
# from talos-disaster-recovery.md, recovering from the backup
firedrill host start m1 --initial-cluster="m1=$FIREDRILL_PEER_URL_m1" \
    --initial-cluster-state=new

step '14. wait until m1 is healthy'
# from talos-disaster-recovery.md, recovering from the backup
until_ok firedrill host exec m1 -- etcdctl \
    --endpoints="$FIREDRILL_CLIENT_URL_m1" endpoint health

step '15. point clients at m1'
# the control plane endpoint becomes available on this node first
firedrill announce m1

step '16. add m2 to the members'
# from talos-disaster-recovery.md, recovering from the backup
# repeated while etcd refuses because a member has not been connected for its 5 s health interval
said=$(until_ok firedrill host exec m1 -- etcdctl \
    --endpoints="$FIREDRILL_CLIENT_URL_m1" member add m2 --learner \
    --peer-urls="$FIREDRILL_PEER_URL_m2")
printf '%s\n' "$said"
id_of_m2=$(printf '%s\n' "$said" | learn 'ID of m2' '^.*Member +([0-9a-f]+) added.*$')

step '17. start etcd on m2'
# from talos-disaster-recovery.md, recovering from the backup
firedrill host start m2 --initial-cluster="m1=$FIREDRILL_PEER_URL_m1,m2=$FIREDRILL_PEER_URL_m2" \
    --initial-cluster-state=existing

step '18. verify that m2 has joined'
# from talos-disaster-recovery.md, recovering from the backup
until_ok firedrill host exec m1 -- sh -c 'list=$(etcdctl --endpoints='"$FIREDRILL_CLIENT_URL_m1"' member list) && echo "$list" &&
case "$list" in *", started, m2, "*) ;; *) echo "m2 has not joined yet"; exit 1 ;; esac'

step '19. promote the learner on m2'
# from etcd operations guide: runtime reconfiguration, promote a learner member
# repeated while etcd refuses because the learner is not in sync with the leader
until_ok firedrill host exec m1 -- etcdctl \
    --endpoints="$FIREDRILL_CLIENT_URL_m1" member promote "$id_of_m2"

step '20. add m3 to the members'
# from talos-disaster-recovery.md, recovering from the backup
# repeated while etcd refuses because a member has not been connected for its 5 s health interval
said=$(until_ok firedrill host exec m1 -- etcdctl \
    --endpoints="$FIREDRILL_CLIENT_URL_m1" member add m3 --learner \
    --peer-urls="$FIREDRILL_PEER_URL_m3")
printf '%s\n' "$said"
id_of_m3=$(printf '%s\n' "$said" | learn 'ID of m3' '^.*Member +([0-9a-f]+) added.*$')

step '21. start etcd on m3'
# from talos-disaster-recovery.md, recovering from the backup
firedrill host start m3 \
    --initial-cluster="m1=$FIREDRILL_PEER_URL_m1,m2=$FIREDRILL_PEER_URL_m2,m3=$FIREDRILL_PEER_URL_m3" \
    --initial-cluster-state=existing

step '22. verify that m3 has joined'
# from talos-disaster-recovery.md, recovering from the backup
until_ok firedrill host exec m1 -- sh -c 'list=$(etcdctl --endpoints='"$FIREDRILL_CLIENT_URL_m1"' member list) && echo "$list" &&
case "$list" in *", started, m3, "*) ;; *) echo "m3 has not joined yet"; exit 1 ;; esac'

step '23. promote the learner on m3'
# from etcd operations guide: runtime reconfiguration, promote a learner member
# repeated while etcd refuses because the learner is not in sync with the leader
until_ok firedrill host exec m1 -- etcdctl \
    --endpoints="$FIREDRILL_CLIENT_URL_m1" member promote "$id_of_m3"

step '24. wait until every member is healthy'
# from talos-disaster-recovery.md, recovering from the backup
until_ok firedrill host exec m1 -- etcdctl \
    --endpoints="$FIREDRILL_CLIENT_URL_m1,$FIREDRILL_CLIENT_URL_m2,$FIREDRILL_CLIENT_URL_m3" endpoint health

step '25. point clients at all nodes'
# the API server of each node uses the etcd of its own node
firedrill announce m1 m2 m3
