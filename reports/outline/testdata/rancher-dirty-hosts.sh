#!/bin/sh
# rancher-dirty-hosts: two of three hosts off; disaster on the survivor, then the old hosts come
# back, each cleaned before the next
#
# after rancher-1.5-disaster-recovery.md, Kubernetes - Disaster Recovery
#
# Written by firedrill from the scenario's own steps, for a cluster of m1, m2, m3. Make it yours,
# and try it:
#
#     firedrill run rancher-dirty-hosts --runbook ./FILE
#
# What stands in for what the document relies on:
# - etcdctl cluster-health, a command of etcd's v2 API: a linearizable read through the survivor
# - the scripts disaster and delete of Rancher's image: the commands they ran
#
# What the document says that is not done here:
# - step 2, deleting the disconnected hosts: they come back, and each is cleaned
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

step '1. check that the cluster is unhealthy'
# from rancher-1.5-disaster-recovery.md, step 1
# stands in for etcdctl cluster-health, a command of etcd's v2 API
# if this fails the procedure does not apply, and goes no further
firedrill host exec m1 -- sh -c 'if answer=$(etcdctl --endpoints='"$FIREDRILL_CLIENT_URL_m1"' get quorum --keys-only 2>&1)
then echo "cluster is healthy: there is no disaster, stop immediately"; exit 1
fi
case "$answer" in
*"deadline exceeded"*|*"request timed out"*|*"no leader"*) echo "cluster is unhealthy: m1 is the sole survivor" ;;
*) echo "$answer"; echo "this is not the answer of an etcd without a quorum: find out what it means first"; exit 1 ;;
esac' || refuse

step '2. take a snapshot of the sole survivor'
# from rancher-1.5-disaster-recovery.md, step 3, disaster
# the script ends here if this fails, and etcd is as it was
# if this fails the procedure does not apply, and goes no further
firedrill host exec m1 -- sh -c "etcdctl --endpoints=$FIREDRILL_CLIENT_URL_m1 snapshot save /root/disaster.db && etcdutl snapshot status /root/disaster.db" || refuse

step '3. stop etcd on the sole survivor'
# from rancher-1.5-disaster-recovery.md, step 3, disaster
firedrill host exec m1 -- sh -c 'mkdir -p /root && mv /etc/kubernetes/manifests/etcd.yaml /root/etcd.yaml'

step '4. wait until etcd has stopped on the sole survivor'
# its data directory is removed next
until_ok firedrill host exec m1 -- sh -c '! pidof etcd'

step '5. restore the sole survivor as a cluster of one'
# from rancher-1.5-disaster-recovery.md, step 3, disaster
# from here on members start from other data than clients were last told
firedrill host exec m1 -- sh -c "rm -rf /var/lib/etcd &&
etcdutl snapshot restore /root/disaster.db --data-dir /var/lib/etcd \\
  --name m1 --initial-advertise-peer-urls $FIREDRILL_PEER_URL_m1 \\
  --initial-cluster m1=$FIREDRILL_PEER_URL_m1 --initial-cluster-token $FIREDRILL_CLUSTER_TOKEN"

step '6. start etcd on the sole survivor'
# from rancher-1.5-disaster-recovery.md, step 3, disaster
# the script gives --force-new-cluster to this one start; what was restored is a cluster of one
# already, and in a manifest the flag would stay
firedrill host start m1 --initial-cluster="m1=$FIREDRILL_PEER_URL_m1" \
    --initial-cluster-state=new

step '7. wait until the sole survivor is healthy'
# from rancher-1.5-disaster-recovery.md, step 3
# system functionality will be restored
until_ok firedrill host exec m1 -- etcdctl \
    --endpoints="$FIREDRILL_CLIENT_URL_m1" endpoint health

step '8. point clients at the sole survivor'
# stands in for the service's name, which leaves out containers that are not healthy
firedrill announce m1

step '9. bring old host m2 back'
# from rancher-1.5-disaster-recovery.md, step 4
# no new host can be added; its old data volume will cause problems
firedrill host on m2

step '10. see that m2 is stuck'
# from rancher-1.5-disaster-recovery.md, step 4
# its etcd runs, and for 2 s it serves nobody; the document gives it three minutes
until_ok firedrill host exec m2 -- sh -c "pidof etcd && for second in 1 2; do
  if etcdctl --endpoints=$FIREDRILL_CLIENT_URL_m2 --command-timeout=1s get quorum --keys-only; then echo \"it is not stuck: it serves\"; exit 1; fi
done"

step '11. stop etcd on m2'
# from rancher-1.5-disaster-recovery.md, step 4, delete
firedrill host exec m2 -- sh -c 'mkdir -p /root && mv /etc/kubernetes/manifests/etcd.yaml /root/etcd.yaml'

step '12. wait until etcd has stopped on m2'
# its data directory is removed next
until_ok firedrill host exec m2 -- sh -c '! pidof etcd'

step '13. remove the old data of m2'
# from rancher-1.5-disaster-recovery.md, step 4, delete
# on this host, under no circumstance on the sole survivor
firedrill host exec m2 -- rm -rf /var/lib/etcd

step '14. add m2 to the members'
# from rancher-1.5-disaster-recovery.md, step 4
# repeated while etcd refuses because a member has not been connected for its 5 s health interval
until_ok firedrill host exec m1 -- etcdctl --endpoints="$FIREDRILL_CLIENT_URL_m1" member add m2 \
    --peer-urls="$FIREDRILL_PEER_URL_m2"

step '15. start etcd on m2'
# from rancher-1.5-disaster-recovery.md, step 4
firedrill host start m2 --initial-cluster="m1=$FIREDRILL_PEER_URL_m1,m2=$FIREDRILL_PEER_URL_m2" \
    --initial-cluster-state=existing

step '16. verify that m2 has joined'
# from rancher-1.5-disaster-recovery.md, step 4
until_ok firedrill host exec m1 -- sh -c 'list=$(etcdctl --endpoints='"$FIREDRILL_CLIENT_URL_m1"' member list) && echo "$list" &&
case "$list" in *", started, m2, "*) ;; *) echo "m2 has not joined yet"; exit 1 ;; esac'

step '17. bring old host m3 back'
# from rancher-1.5-disaster-recovery.md, step 4
# no new host can be added; its old data volume will cause problems
firedrill host on m3

step '18. see that m3 is stuck'
# from rancher-1.5-disaster-recovery.md, step 4
# its etcd runs, and for 2 s it serves nobody; the document gives it three minutes
until_ok firedrill host exec m3 -- sh -c "pidof etcd && for second in 1 2; do
  if etcdctl --endpoints=$FIREDRILL_CLIENT_URL_m3 --command-timeout=1s get quorum --keys-only; then echo \"it is not stuck: it serves\"; exit 1; fi
done"

step '19. stop etcd on m3'
# from rancher-1.5-disaster-recovery.md, step 4, delete
firedrill host exec m3 -- sh -c 'mkdir -p /root && mv /etc/kubernetes/manifests/etcd.yaml /root/etcd.yaml'

step '20. wait until etcd has stopped on m3'
# its data directory is removed next
until_ok firedrill host exec m3 -- sh -c '! pidof etcd'

step '21. remove the old data of m3'
# from rancher-1.5-disaster-recovery.md, step 4, delete
# on this host, under no circumstance on the sole survivor
firedrill host exec m3 -- rm -rf /var/lib/etcd

step '22. add m3 to the members'
# from rancher-1.5-disaster-recovery.md, step 4
# repeated while etcd refuses because a member has not been connected for its 5 s health interval
until_ok firedrill host exec m1 -- etcdctl --endpoints="$FIREDRILL_CLIENT_URL_m1" member add m3 \
    --peer-urls="$FIREDRILL_PEER_URL_m3"

step '23. start etcd on m3'
# from rancher-1.5-disaster-recovery.md, step 4
firedrill host start m3 \
    --initial-cluster="m1=$FIREDRILL_PEER_URL_m1,m2=$FIREDRILL_PEER_URL_m2,m3=$FIREDRILL_PEER_URL_m3" \
    --initial-cluster-state=existing

step '24. verify that m3 has joined'
# from rancher-1.5-disaster-recovery.md, step 4
until_ok firedrill host exec m1 -- sh -c 'list=$(etcdctl --endpoints='"$FIREDRILL_CLIENT_URL_m1"' member list) && echo "$list" &&
case "$list" in *", started, m3, "*) ;; *) echo "m3 has not joined yet"; exit 1 ;; esac'

step '25. wait until every member is healthy'
# from rancher-1.5-disaster-recovery.md, step 4
# stands in for looking at the stack, in which everything heals
until_ok firedrill host exec m1 -- etcdctl \
    --endpoints="$FIREDRILL_CLIENT_URL_m1,$FIREDRILL_CLIENT_URL_m2,$FIREDRILL_CLIENT_URL_m3" endpoint health

step '26. point clients at all members'
# stands in for the service's name, which stands for every container
firedrill announce m1 m2 m3
