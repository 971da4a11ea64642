#!/bin/sh
# kubeadm-stale-survivor: as kubeadm-force-new-cluster, but the survivor had hung and is behind:
# acknowledged writes are lost
#
# after kubeadm-force-new-cluster.md, Recovering from a major etcd failure
#
# Written by firedrill from the scenario's own steps, for a cluster of m1, m2, m3. Make it yours,
# and try it:
#
#     firedrill run kubeadm-stale-survivor --runbook ./FILE
#
# What stands in for what the document relies on:
# - the page's v2 flags of etcdctl (--ca-file, --cert-file, --key-file): the v3 ones
# - docker container ls, docker logs and docker exec on m1: etcdctl endpoint health, and a shell on
#   the host
# - moving manifests past a kubelet: the agent on each host, which runs etcd from that very file
#
# What the document says that is not done here:
# - step 1, choosing the progenitor: the scenario says which master it is
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

# change_manifest HOST FILE --FLAG=VALUE…: in a manifest of etcd's on a host, these flags are put in
# the place of those of the same names, or added.
change_manifest() {
    at=$1
    file=$2
    shift 2
    firedrill host exec "$at" -- cat "$file" >manifest.old
    awk -v flags="$*" '
        BEGIN { n = split(flags, flag, " ") }
        $1 == "-" && $2 ~ /^--/ {
            for (i = 1; i <= n; i++) if (index($2, substr(flag[i], 1, index(flag[i], "="))) == 1) next
        }
        { print }
        $1 == "-" && $2 == "etcd" {
            sub(/etcd$/, "")
            for (i = 1; i <= n; i++) print $0 flag[i]
        }' manifest.old >manifest.new
    firedrill host cp manifest.new "$at:$file"
}

step '1. stop etcd on all masters'
# from kubeadm-force-new-cluster.md, step 2
for host in m1 m2 m3; do
    firedrill host exec "$host" -- sh -c 'mkdir -p /root && mv /etc/kubernetes/manifests/etcd.yaml /root/etcd.yaml' &
    jobs="$jobs $!"
done
all_done

step '2. wait until etcd has stopped on all masters'
# how the survivor was stopped is part of the procedure: the flag discards what was not yet
# persisted as committed
for host in m1 m2 m3; do
    until_ok firedrill host exec "$host" -- sh -c '! pidof etcd' &
    jobs="$jobs $!"
done
all_done

step '3. add --force-new-cluster to the manifest of m1'
# from kubeadm-force-new-cluster.md, step 3
change_manifest m1 /root/etcd.yaml --force-new-cluster=true

step '4. start etcd on m1'
# from kubeadm-force-new-cluster.md, step 4
# from here on members start from other data than clients were last told
firedrill host exec m1 -- mv /root/etcd.yaml /etc/kubernetes/manifests/etcd.yaml

step '5. verify that etcd on m1 is OK'
# from kubeadm-force-new-cluster.md, step 5
# stands in for looking at docker container ls and docker logs
until_ok firedrill host exec m1 -- etcdctl --endpoints="$FIREDRILL_CLIENT_URL_m1" \
    --cacert=/etc/kubernetes/pki/etcd/ca.crt --cert=/etc/kubernetes/pki/etcd/server.crt \
    --key=/etc/kubernetes/pki/etcd/server.key endpoint health

step '6. point clients at m1'
# stands in for the API server on m1, which uses the etcd of its own master
firedrill announce m1

step '7. check that m1 is the only member'
# from kubeadm-force-new-cluster.md, step 6.2
until_ok firedrill host exec m1 -- sh -c 'list=$(etcdctl --endpoints='"$FIREDRILL_CLIENT_URL_m1"' --cacert=/etc/kubernetes/pki/etcd/ca.crt --cert=/etc/kubernetes/pki/etcd/server.crt --key=/etc/kubernetes/pki/etcd/server.key member list) && echo "$list" &&
case "$list" in *"
"*) echo "there are other members"; exit 1 ;; *", m1, "*) ;; *) exit 1 ;; esac'

step '8. add m2 to the members'
# from kubeadm-force-new-cluster.md, step 6.2
# repeated while etcd refuses because the member before has not been connected for its 5 s health
# interval
until_ok firedrill host exec m1 -- etcdctl --endpoints="$FIREDRILL_CLIENT_URL_m1" \
    --cacert=/etc/kubernetes/pki/etcd/ca.crt --cert=/etc/kubernetes/pki/etcd/server.crt \
    --key=/etc/kubernetes/pki/etcd/server.key member add m2 --peer-urls="$FIREDRILL_PEER_URL_m2"

step '9. remove the old data of m2'
# from kubeadm-force-new-cluster.md, step 7.1
firedrill host exec m2 -- rm -rf /var/lib/etcd

step '10. write the manifest of m2'
# from kubeadm-force-new-cluster.md, step 7.2
change_manifest m2 /root/etcd.yaml \
    --initial-cluster="m1=$FIREDRILL_PEER_URL_m1,m2=$FIREDRILL_PEER_URL_m2" \
    --initial-cluster-state=existing

step '11. start etcd on m2'
# from kubeadm-force-new-cluster.md, step 7.3
firedrill host exec m2 -- mv /root/etcd.yaml /etc/kubernetes/manifests/etcd.yaml

step '12. verify that m2 has joined'
# from kubeadm-force-new-cluster.md, step 7.4
until_ok firedrill host exec m1 -- sh -c 'list=$(etcdctl --endpoints='"$FIREDRILL_CLIENT_URL_m1"' --cacert=/etc/kubernetes/pki/etcd/ca.crt --cert=/etc/kubernetes/pki/etcd/server.crt --key=/etc/kubernetes/pki/etcd/server.key member list) && echo "$list" &&
case "$list" in *", started, m2, "*) ;; *) echo "m2 has not joined yet"; exit 1 ;; esac'

step '13. add m3 to the members'
# from kubeadm-force-new-cluster.md, step 8.1
# repeated while etcd refuses because the member before has not been connected for its 5 s health
# interval
until_ok firedrill host exec m1 -- etcdctl --endpoints="$FIREDRILL_CLIENT_URL_m1" \
    --cacert=/etc/kubernetes/pki/etcd/ca.crt --cert=/etc/kubernetes/pki/etcd/server.crt \
    --key=/etc/kubernetes/pki/etcd/server.key member add m3 --peer-urls="$FIREDRILL_PEER_URL_m3"

step '14. remove the old data of m3'
# from kubeadm-force-new-cluster.md, step 8.2, as 7.1
firedrill host exec m3 -- rm -rf /var/lib/etcd

step '15. write the manifest of m3'
# from kubeadm-force-new-cluster.md, step 8.2, as 7.2
change_manifest m3 /root/etcd.yaml \
    --initial-cluster="m1=$FIREDRILL_PEER_URL_m1,m2=$FIREDRILL_PEER_URL_m2,m3=$FIREDRILL_PEER_URL_m3" \
    --initial-cluster-state=existing

step '16. start etcd on m3'
# from kubeadm-force-new-cluster.md, step 8.2, as 7.3
firedrill host exec m3 -- mv /root/etcd.yaml /etc/kubernetes/manifests/etcd.yaml

step '17. verify that m3 has joined'
# from kubeadm-force-new-cluster.md, step 8.2, as 7.4
until_ok firedrill host exec m1 -- sh -c 'list=$(etcdctl --endpoints='"$FIREDRILL_CLIENT_URL_m1"' --cacert=/etc/kubernetes/pki/etcd/ca.crt --cert=/etc/kubernetes/pki/etcd/server.crt --key=/etc/kubernetes/pki/etcd/server.key member list) && echo "$list" &&
case "$list" in *", started, m3, "*) ;; *) echo "m3 has not joined yet"; exit 1 ;; esac'

step '18. verify that all members are listed'
# from kubeadm-force-new-cluster.md, step 9
until_ok firedrill host exec m1 -- sh -c 'list=$(etcdctl --endpoints='"$FIREDRILL_CLIENT_URL_m1"' --cacert=/etc/kubernetes/pki/etcd/ca.crt --cert=/etc/kubernetes/pki/etcd/server.crt --key=/etc/kubernetes/pki/etcd/server.key member list) && echo "$list" &&
case "$list" in *", started, m1, "*) ;; *) echo "m1 has not joined yet"; exit 1 ;; esac &&
case "$list" in *", started, m2, "*) ;; *) echo "m2 has not joined yet"; exit 1 ;; esac &&
case "$list" in *", started, m3, "*) ;; *) echo "m3 has not joined yet"; exit 1 ;; esac'

step '19. point clients at all masters'
# stands in for the API servers, each of which uses the etcd of its own master
firedrill announce m1 m2 m3

step '20. stop etcd on m1 again'
# the document leaves --force-new-cluster in the manifest: the next restart of m1 would expel every
# other member
firedrill host exec m1 -- sh -c 'mkdir -p /root && mv /etc/kubernetes/manifests/etcd.yaml /root/etcd.yaml'

step '21. wait until etcd has stopped on m1 again'
# so that what is verified below is the etcd without the flag; the others serve meanwhile
until_ok firedrill host exec m1 -- sh -c '! pidof etcd'

step '22. start etcd on m1 without the flag'
# its manifest is again what it was before the disaster
firedrill host start m1

step '23. verify that m1 serves again'
# the procedure ends with all masters serving
until_ok firedrill host exec m1 -- etcdctl --endpoints="$FIREDRILL_CLIENT_URL_m1" \
    --cacert=/etc/kubernetes/pki/etcd/ca.crt --cert=/etc/kubernetes/pki/etcd/server.crt \
    --key=/etc/kubernetes/pki/etcd/server.key endpoint health
