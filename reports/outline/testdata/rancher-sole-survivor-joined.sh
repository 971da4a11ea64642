#!/bin/sh
# rancher-sole-survivor-joined: as rancher-sole-survivor, where the survivor had joined the cluster
# later: the cluster ID is a new one
#
# after rancher-1.5-disaster-recovery.md, Kubernetes - Disaster Recovery
#
# Written by firedrill from the scenario's own steps, for a cluster of m1, m2, m3. Make it yours,
# and try it:
#
#     firedrill run rancher-sole-survivor-joined --runbook ./FILE
#
# What stands in for what the document relies on:
# - etcdctl cluster-health, a command of etcd's v2 API: a linearizable read through the survivor
# - the scripts disaster and delete of Rancher's image: the commands they ran
#
# What the document says that is not done here:
# - step 2, deleting the disconnected hosts: they stay off, with their disks
# - step 4, labels for separated planes: every host may run etcd
#
# Exit status 77: it does not apply, and nothing was touched.
#
# shellcheck disable=SC2016,SC2154 # what is quoted is for a host's shell; firedrill sets the addresses
set -eu

patience=${PATIENCE:-90} # seconds that any one thing is waited for

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

step '1. check that the cluster is unhealthy'
# from rancher-1.5-disaster-recovery.md, step 1
# stands in for etcdctl cluster-health, a command of etcd's v2 API
# if this fails the procedure does not apply, and goes no further
firedrill host exec m2 -- sh -c 'if answer=$(etcdctl --endpoints='"$FIREDRILL_CLIENT_URL_m2"' get quorum --keys-only 2>&1)
then echo "cluster is healthy: there is no disaster, stop immediately"; exit 1
fi
case "$answer" in
*"deadline exceeded"*|*"request timed out"*|*"no leader"*) echo "cluster is unhealthy: m2 is the sole survivor" ;;
*) echo "$answer"; echo "this is not the answer of an etcd without a quorum: find out what it means first"; exit 1 ;;
esac' || refuse

step '2. take a snapshot of the sole survivor'
# from rancher-1.5-disaster-recovery.md, step 3, disaster
# the script ends here if this fails, and etcd is as it was
# if this fails the procedure does not apply, and goes no further
firedrill host exec m2 -- sh -c "etcdctl --endpoints=$FIREDRILL_CLIENT_URL_m2 snapshot save /root/disaster.db && etcdutl snapshot status /root/disaster.db" || refuse

step '3. stop etcd on the sole survivor'
# from rancher-1.5-disaster-recovery.md, step 3, disaster
firedrill host exec m2 -- sh -c 'mkdir -p /root && mv /etc/kubernetes/manifests/etcd.yaml /root/etcd.yaml'

step '4. wait until etcd has stopped on the sole survivor'
# its data directory is removed next
until_ok firedrill host exec m2 -- sh -c '! pidof etcd'

step '5. restore the sole survivor as a cluster of one'
# from rancher-1.5-disaster-recovery.md, step 3, disaster
# from here on members start from other data than clients were last told
firedrill host exec m2 -- sh -c "rm -rf /var/lib/etcd &&
etcdutl snapshot restore /root/disaster.db --data-dir /var/lib/etcd \\
  --name m2 --initial-advertise-peer-urls $FIREDRILL_PEER_URL_m2 \\
  --initial-cluster m2=$FIREDRILL_PEER_URL_m2 --initial-cluster-token $FIREDRILL_CLUSTER_TOKEN"

step '6. start etcd on the sole survivor'
# from rancher-1.5-disaster-recovery.md, step 3, disaster
# the script gives --force-new-cluster to this one start; what was restored is a cluster of one
# already, and in a manifest the flag would stay
firedrill host start m2 --initial-cluster="m2=$FIREDRILL_PEER_URL_m2" \
    --initial-cluster-state=new

step '7. wait until the sole survivor is healthy'
# from rancher-1.5-disaster-recovery.md, step 3
# system functionality will be restored
until_ok firedrill host exec m2 -- etcdctl \
    --endpoints="$FIREDRILL_CLIENT_URL_m2" endpoint health

step '8. point clients at the sole survivor'
# stands in for the service's name, which leaves out containers that are not healthy
firedrill announce m2

step '9. add new host m4'
# from rancher-1.5-disaster-recovery.md, step 4
order m4

step '10. add m4 to the members'
# from rancher-1.5-disaster-recovery.md, step 4
# repeated while etcd refuses because a member has not been connected for its 5 s health interval
until_ok firedrill host exec m2 -- etcdctl --endpoints="$FIREDRILL_CLIENT_URL_m2" member add m4 \
    --peer-urls="$FIREDRILL_PEER_URL_m4"

step '11. start etcd on m4'
# from rancher-1.5-disaster-recovery.md, step 4
firedrill host start m4 --initial-cluster="m2=$FIREDRILL_PEER_URL_m2,m4=$FIREDRILL_PEER_URL_m4" \
    --initial-cluster-state=existing

step '12. verify that m4 has joined'
# from rancher-1.5-disaster-recovery.md, step 4
until_ok firedrill host exec m2 -- sh -c 'list=$(etcdctl --endpoints='"$FIREDRILL_CLIENT_URL_m2"' member list) && echo "$list" &&
case "$list" in *", started, m4, "*) ;; *) echo "m4 has not joined yet"; exit 1 ;; esac'

step '13. add new host m5'
# from rancher-1.5-disaster-recovery.md, step 4
order m5

step '14. add m5 to the members'
# from rancher-1.5-disaster-recovery.md, step 4
# repeated while etcd refuses because a member has not been connected for its 5 s health interval
until_ok firedrill host exec m2 -- etcdctl --endpoints="$FIREDRILL_CLIENT_URL_m2" member add m5 \
    --peer-urls="$FIREDRILL_PEER_URL_m5"

step '15. start etcd on m5'
# from rancher-1.5-disaster-recovery.md, step 4
firedrill host start m5 \
    --initial-cluster="m2=$FIREDRILL_PEER_URL_m2,m4=$FIREDRILL_PEER_URL_m4,m5=$FIREDRILL_PEER_URL_m5" \
    --initial-cluster-state=existing

step '16. verify that m5 has joined'
# from rancher-1.5-disaster-recovery.md, step 4
until_ok firedrill host exec m2 -- sh -c 'list=$(etcdctl --endpoints='"$FIREDRILL_CLIENT_URL_m2"' member list) && echo "$list" &&
case "$list" in *", started, m5, "*) ;; *) echo "m5 has not joined yet"; exit 1 ;; esac'

step '17. wait until every member is healthy'
# from rancher-1.5-disaster-recovery.md, step 4
# stands in for looking at the stack, in which everything heals
until_ok firedrill host exec m2 -- etcdctl \
    --endpoints="$FIREDRILL_CLIENT_URL_m2,$FIREDRILL_CLIENT_URL_m4,$FIREDRILL_CLIENT_URL_m5" endpoint health

step '18. point clients at all members'
# stands in for the service's name, which stands for every container
firedrill announce m2 m4 m5
