#!/bin/sh
# rke-restore-new-nodes: every host off for good; new nodes, snapshot and certificates pulled from
# S3, restore, restart the components
#
# after rke-ha-restore.md, Restoration Outline, new nodes
#
# Written by firedrill from the scenario's own steps, for a cluster of m1, m2, m3. Make it yours,
# and try it:
#
#     firedrill run rke-restore-new-nodes --runbook ./FILE
#
# What stands in for what the document relies on:
# - s3cmd, and the nodes' access to S3: what is pulled comes through the operator's session
# - rke etcd snapshot-restore and rke up: what they have done on the nodes
# - the certificates in the bundle that RKE extracts: its authority, which makes them for each node
#   anew
#
# What the document says that is not done here:
# - 2, the warning to back up what is in the current cluster: no node of it is up
# - 2, steps 1 to 4, rancher-cluster.yml: it would name these nodes
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

step '1. create new nodes'
# from rke-ha-restore.md, 1, create new nodes
order m4 m5 m6

step '2. create the directory of snapshots'
# from rke-ha-restore.md, 1, step 2
for host in m4 m5 m6; do
    firedrill host exec "$host" -- mkdir -p /opt/rke/etcd-snapshots &
    jobs="$jobs $!"
done
all_done

step '3. pull the snapshot to every node'
# from rke-ha-restore.md, 1, step 3
# stands in for s3cmd get; the nodes hold no credentials of the store
for host in m4 m5 m6; do
    firedrill host cp "$FIREDRILL_BACKUPS/$BACKUP" "$host:/opt/rke/etcd-snapshots/snapshot.db" &
    jobs="$jobs $!"
done
all_done

step '4. pull the bundle of certificates to every node'
# from rke-ha-restore.md, 1, step 4
for host in m4 m5 m6; do
    firedrill host cp "$FIREDRILL_BACKUPS/pki.bundle.tar.gz" "$host:/opt/rke/etcd-snapshots/pki.bundle.tar.gz" &
    jobs="$jobs $!"
done
all_done

step '5. sum up what was pulled'
# RKE from v0.2 on compares checksums on all nodes before it cleans anything
said=$(firedrill host exec m4 -- sha256sum /opt/rke/etcd-snapshots/snapshot.db /opt/rke/etcd-snapshots/pki.bundle.tar.gz)
printf '%s\n' "$said"
checksums=$said

step '6. compare what was pulled on every node'
# different snapshots start healthy and differ for ever
for host in m4 m5 m6; do
    firedrill host exec "$host" -- sh -c "sums=\$(sha256sum /opt/rke/etcd-snapshots/snapshot.db /opt/rke/etcd-snapshots/pki.bundle.tar.gz) && echo \"\$sums\" &&
if test \"\$sums\" != '$checksums'; then echo \"this node has another snapshot or bundle\"; exit 1; fi" &
    jobs="$jobs $!"
done
all_done

step "7. make the nodes' certificates with the bundle's authority"
# from rke-ha-restore.md, 2, restore etcd database
# stands in for RKE, which extracts the bundle, and for rke up, which makes certificates for the
# nodes in rancher-cluster.yml
for host in m4 m5 m6; do
    firedrill host certify "$host" /opt/rke/etcd-snapshots/pki.bundle.tar.gz &
    jobs="$jobs $!"
done
all_done

step '8. restore the snapshot on every node'
# from rke-ha-restore.md, 2, step 5, rke etcd snapshot-restore
# from here on members start from other data than clients were last told
for host in m4 m5 m6; do
    firedrill host exec "$host" -- etcdutl snapshot restore /opt/rke/etcd-snapshots/snapshot.db \
        --data-dir /var/lib/etcd --name "$host" --initial-advertise-peer-urls "$(url PEER "$host")" \
        --initial-cluster "m4=$FIREDRILL_PEER_URL_m4,m5=$FIREDRILL_PEER_URL_m5,m6=$FIREDRILL_PEER_URL_m6" \
        --initial-cluster-token "$FIREDRILL_CLUSTER_TOKEN"
done

step '9. start etcd on every node'
# from rke-ha-restore.md, 2, step 6, rke up
for host in m4 m5 m6; do
    firedrill host start "$host" \
        --initial-cluster="m4=$FIREDRILL_PEER_URL_m4,m5=$FIREDRILL_PEER_URL_m5,m6=$FIREDRILL_PEER_URL_m6" \
        --initial-cluster-state=new
done

step '10. wait until every member is healthy'
# from rke-ha-restore.md, 2, step 6, rke up
# RKE asks for 90 s, and one healthy node is enough for it
until_ok firedrill host exec m4 -- etcdctl \
    --endpoints="$FIREDRILL_CLIENT_URL_m4,$FIREDRILL_CLIENT_URL_m5,$FIREDRILL_CLIENT_URL_m6" \
    --cacert=/etc/kubernetes/ssl/kube-ca.pem --cert=/etc/kubernetes/ssl/kube-etcd.pem \
    --key=/etc/kubernetes/ssl/kube-etcd-key.pem endpoint health

step '11. point clients at the nodes'
# from rke-ha-restore.md, 2, step 2
# the nodes in rancher-cluster.yml are these
firedrill announce m4 m5 m6

step '12. restart the components'
# from rke-ha-restore.md, 2, step 7
# stands in for docker restart of kube-apiserver, kubelet, kube-controller-manager, kube-scheduler,
# kube-proxy and the network's components
firedrill restart-components
