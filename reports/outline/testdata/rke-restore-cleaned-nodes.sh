#!/bin/sh
# rke-restore-cleaned-nodes: data ruined on every node; the nodes are cleaned, snapshot and
# certificates pulled from S3, restore, restart the components
#
# after rke-ha-restore.md, Restoration Outline, existing nodes
#
# Written by firedrill from the scenario's own steps, for a cluster of m1, m2, m3. Make it yours,
# and try it:
#
#     firedrill run rke-restore-cleaned-nodes --runbook ./FILE
#
# What stands in for what the document relies on:
# - s3cmd, and the nodes' access to S3: what is pulled comes through the operator's session
# - rke etcd snapshot-restore and rke up: what they have done on the nodes
# - the certificates in the bundle that RKE extracts: its authority, which makes them for each node
#   anew
#
# What the document says that is not done here:
# - 1, docker volume rm of all that docker volume ls lists: a node has no volume but etcd's data
#   directory
# - 2, the warning to back up what is in the current cluster: its data is ruined on every node
# - 2, steps 1 to 4, rancher-cluster.yml: it names these nodes
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

step '1. create the directory of snapshots'
# from rke-ha-restore.md, 1, step 2
for host in m1 m2 m3; do
    firedrill host exec "$host" -- mkdir -p /opt/rke/etcd-snapshots &
    jobs="$jobs $!"
done
all_done

step '2. pull the snapshot to every node'
# from rke-ha-restore.md, 1, step 3
# stands in for s3cmd get; the nodes hold no credentials of the store
for host in m1 m2 m3; do
    firedrill host cp "$FIREDRILL_BACKUPS/$BACKUP" "$host:/opt/rke/etcd-snapshots/snapshot.db" &
    jobs="$jobs $!"
done
all_done

step '3. pull the bundle of certificates to every node'
# from rke-ha-restore.md, 1, step 4
for host in m1 m2 m3; do
    firedrill host cp "$FIREDRILL_BACKUPS/pki.bundle.tar.gz" "$host:/opt/rke/etcd-snapshots/pki.bundle.tar.gz" &
    jobs="$jobs $!"
done
all_done

step '4. sum up what was pulled'
# RKE from v0.2 on compares checksums on all nodes before it cleans anything
said=$(firedrill host exec m1 -- sha256sum /opt/rke/etcd-snapshots/snapshot.db /opt/rke/etcd-snapshots/pki.bundle.tar.gz)
printf '%s\n' "$said"
checksums=$said

step '5. compare what was pulled on every node'
# different snapshots start healthy and differ for ever
for host in m1 m2 m3; do
    firedrill host exec "$host" -- sh -c "sums=\$(sha256sum /opt/rke/etcd-snapshots/snapshot.db /opt/rke/etcd-snapshots/pki.bundle.tar.gz) && echo \"\$sums\" &&
if test \"\$sums\" != '$checksums'; then echo \"this node has another snapshot or bundle\"; exit 1; fi" &
    jobs="$jobs $!"
done
all_done

step '6. remove the containers'
# from rke-ha-restore.md, 1, use the existing nodes
# stands in for docker rm -fv $(docker ps -qa): without its manifest etcd is ended
for host in m1 m2 m3; do
    firedrill host exec "$host" -- rm -f /etc/kubernetes/manifests/etcd.yaml &
    jobs="$jobs $!"
done
all_done

step '7. wait until etcd has stopped'
# its data directory is removed next
for host in m1 m2 m3; do
    until_ok firedrill host exec "$host" -- sh -c '! pidof etcd' &
    jobs="$jobs $!"
done
all_done

step '8. clean the nodes'
# from rke-ha-restore.md, 1, use the existing nodes
for host in m1 m2 m3; do
    firedrill host exec "$host" -- sh -c 'rm -rf /etc/kubernetes/ssl
rm -rf /etc/kubernetes/.tmp
rm -rf /var/lib/etcd
rm -rf /etc/cni
rm -rf /etc/kube-flannel/' &
    jobs="$jobs $!"
done
all_done

step "9. make the nodes' certificates with the bundle's authority"
# from rke-ha-restore.md, 2, restore etcd database
# stands in for RKE, which extracts the bundle, and for rke up, which makes certificates for the
# nodes in rancher-cluster.yml
for host in m1 m2 m3; do
    firedrill host certify "$host" /opt/rke/etcd-snapshots/pki.bundle.tar.gz &
    jobs="$jobs $!"
done
all_done

step '10. restore the snapshot on every node'
# from rke-ha-restore.md, 2, step 5, rke etcd snapshot-restore
# from here on members start from other data than clients were last told
for host in m1 m2 m3; do
    firedrill host exec "$host" -- etcdutl snapshot restore /opt/rke/etcd-snapshots/snapshot.db \
        --data-dir /var/lib/etcd --name "$host" --initial-advertise-peer-urls "$(url PEER "$host")" \
        --initial-cluster "m1=$FIREDRILL_PEER_URL_m1,m2=$FIREDRILL_PEER_URL_m2,m3=$FIREDRILL_PEER_URL_m3" \
        --initial-cluster-token "$FIREDRILL_CLUSTER_TOKEN"
done

step '11. start etcd on every node'
# from rke-ha-restore.md, 2, step 6, rke up
for host in m1 m2 m3; do
    firedrill host start "$host" \
        --initial-cluster="m1=$FIREDRILL_PEER_URL_m1,m2=$FIREDRILL_PEER_URL_m2,m3=$FIREDRILL_PEER_URL_m3" \
        --initial-cluster-state=new
done

step '12. wait until every member is healthy'
# from rke-ha-restore.md, 2, step 6, rke up
# RKE asks for 90 s, and one healthy node is enough for it
until_ok firedrill host exec m1 -- etcdctl \
    --endpoints="$FIREDRILL_CLIENT_URL_m1,$FIREDRILL_CLIENT_URL_m2,$FIREDRILL_CLIENT_URL_m3" \
    --cacert=/etc/kubernetes/ssl/kube-ca.pem --cert=/etc/kubernetes/ssl/kube-etcd.pem \
    --key=/etc/kubernetes/ssl/kube-etcd-key.pem endpoint health

step '13. point clients at the nodes'
# from rke-ha-restore.md, 2, step 2
# the nodes in rancher-cluster.yml are these
firedrill announce m1 m2 m3

step '14. restart the components'
# from rke-ha-restore.md, 2, step 7
# stands in for docker restart of kube-apiserver, kubelet, kube-controller-manager, kube-scheduler,
# kube-proxy and the network's components
firedrill restart-components
