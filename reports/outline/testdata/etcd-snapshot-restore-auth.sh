#!/bin/sh
# etcd-snapshot-restore-auth: as etcd-snapshot-restore, with authentication: users and roles bind,
# and what becomes of old tokens
#
# after etcd operations guide: disaster recovery, restoring a cluster
#
# Written by firedrill from the scenario's own steps, for a cluster of m1, m2, m3. Make it yours,
# and try it:
#
#     firedrill run etcd-snapshot-restore-auth --runbook ./FILE
#
# What stands in for what the document relies on:
# - a log as long as that of a cluster which has served for long: 6,400 entries that change nothing,
#   before the first client comes
# - an authority that gives new hosts their certificates: its key, in a bundle beside the backups
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

# learn WHAT PATTERN: what the pattern's group is in the first line of standard input that fits.
learn() {
    found=$(sed -nE "s/$2/\\1/p" | sed 1q)
    [ -n "$found" ] || { echo "there is no $1 in what was printed" >&2; exit 1; }
    echo "$found"
}

# backup N: the name of the newest backup for 1, of the one before it for 2, and so on; they are
# listed newest first. etcdutl refuses to restore a damaged one: BACKUP=NAME takes another.
backup() { firedrill backups | awk -v n="$1" '$1 ~ /\.db$/ && ++seen == n { print $1 }'; }
BACKUP=${BACKUP:-$(backup 1)}
[ -n "$BACKUP" ] || { echo "no backup is kept in $FIREDRILL_BACKUPS" >&2; exit 1; }

step '1. order new hosts'
# machine and disk of the others are gone; new ones take their names
firedrill host new m2 m3

step '2. fetch the snapshot to every host'
# from etcd operations guide: disaster recovery, restoring a cluster
# before anything is stopped or moved, in case none is whole
for host in m1 m2 m3; do
    firedrill host cp "$FIREDRILL_BACKUPS/$BACKUP" "$host:/root/snapshot.db" &
    jobs="$jobs $!"
done
all_done

step '3. fetch the bundle of certificates to the new hosts'
# the members take nobody without a certificate of their authority, which is kept beside the backups
for host in m2 m3; do
    firedrill host cp "$FIREDRILL_BACKUPS/pki.bundle.tar.gz" "$host:/root/pki.bundle.tar.gz" &
    jobs="$jobs $!"
done
all_done

step "4. make the new hosts' certificates"
# for etcd, and for an operator's etcdctl, whose certificate is that of the user root
for host in m2 m3; do
    firedrill host certify "$host" /root/pki.bundle.tar.gz &
    jobs="$jobs $!"
done
all_done

step "5. read the snapshot's hash on m1"
# from etcd operations guide: disaster recovery, restoring a cluster
# all members should be restored from the same snapshot
said=$(firedrill host exec m1 -- etcdutl snapshot status /root/snapshot.db --write-out=json)
printf '%s\n' "$said"
snapshots_hash=$(printf '%s\n' "$said" | learn "snapshot's hash" '^.*"hash":([0-9]+).*$')

step "6. compare the snapshot's hash on every host"
# from etcd operations guide: disaster recovery, restoring a cluster
# different snapshots start healthy and differ for ever
for host in m1 m2 m3; do
    firedrill host exec "$host" -- sh -c 'status=$(etcdutl snapshot status /root/snapshot.db --write-out=json) && echo "$status" &&
case "$status" in *'\''"hash":'"$snapshots_hash"','\''*) ;; *) echo "this is another snapshot"; exit 1 ;; esac' &
    jobs="$jobs $!"
done
all_done

step '7. stop etcd on m1'
# a member of the old cluster that serves on takes part in nothing that follows, and clients may
# still reach it
firedrill host exec m1 -- sh -c 'mkdir -p /root && mv /etc/kubernetes/manifests/etcd.yaml /root/etcd.yaml'

step '8. wait until etcd has stopped on m1'
# its data directory is moved next
until_ok firedrill host exec m1 -- sh -c '! pidof etcd'

step '9. move the old data of m1 aside'
# kept, not removed: until the restore is proven it is the last copy of what came after the snapshot
firedrill host exec m1 -- mv /var/lib/etcd /var/lib/etcd.before-restore

step '10. restore the snapshot on every host'
# from etcd operations guide: disaster recovery, restoring a cluster; restoring with revision bump
# from here on members start from other data than clients were last told
for host in m1 m2 m3; do
    firedrill host exec "$host" -- etcdutl snapshot restore /root/snapshot.db \
        --data-dir /var/lib/etcd --name "$host" \
        --initial-advertise-peer-urls "$(url PEER "$host")" \
        --initial-cluster "m1=$FIREDRILL_PEER_URL_m1,m2=$FIREDRILL_PEER_URL_m2,m3=$FIREDRILL_PEER_URL_m3" \
        --initial-cluster-token "$FIREDRILL_CLUSTER_TOKEN-restored" --bump-revision 1000000000 \
        --mark-compacted &
    jobs="$jobs $!"
done
all_done

step '11. start etcd on every host'
# from etcd operations guide: disaster recovery, restoring a cluster
for host in m1 m2 m3; do
    firedrill host start "$host" \
        --initial-cluster="m1=$FIREDRILL_PEER_URL_m1,m2=$FIREDRILL_PEER_URL_m2,m3=$FIREDRILL_PEER_URL_m3" \
        --initial-cluster-token="$FIREDRILL_CLUSTER_TOKEN-restored" --initial-cluster-state=new
done

step '12. wait until every member is healthy'
# from etcd operations guide: disaster recovery, restoring a cluster
until_ok firedrill host exec m1 -- etcdctl \
    --endpoints="$FIREDRILL_CLIENT_URL_m1,$FIREDRILL_CLIENT_URL_m2,$FIREDRILL_CLIENT_URL_m3" \
    --cacert=/etc/etcd/pki/ca.crt --cert=/etc/etcd/pki/root.crt \
    --key=/etc/etcd/pki/root.key endpoint health

step '13. point clients at the new cluster'
# the new members serve at the addresses of the old ones; clients dial anew
firedrill announce m1 m2 m3
