#!/bin/sh
# talos-single-node: the only node is lost; a new one is bootstrapped from the latest snapshot
#
# after talos-disaster-recovery.md, Single Control Plane Node Cluster
#
# Written by firedrill from the scenario's own steps, for a cluster of m1. Make it yours, and try
# it:
#
#     firedrill run talos-single-node --runbook ./FILE
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

# saved NAME: what was printed when the backup was taken. The file ends in 32 bytes that are its hash.
saved() {
    firedrill backups | awk -v name="$1" '$1 == name {
        printf "%s: hash %s, revision %s, total keys %s, total size %.0f\n", $1, $5, $3, $4, $6 - 32
    }'
}

step '1. order new nodes'
# from talos-disaster-recovery.md, preparing control plane nodes
firedrill host new m1

step '2. apply the machine configuration'
# from talos-disaster-recovery.md, preparing control plane nodes
# stands in for the backup of the machine configuration
firedrill host exec m1 -- sh -c 'mkdir -p /system/state && echo controlplane > /system/state/machinetype'

step '3. get hold of the latest snapshot'
# from talos-disaster-recovery.md, latest etcd snapshot
# before anything is wiped: without one that is whole there would be nothing to recover from
firedrill host cp "$FIREDRILL_BACKUPS/$BACKUP" m1:/root/db.snapshot
said=$(saved "$BACKUP")
printf '%s\n' "$said"
hash_at_save=$(printf '%s\n' "$said" | learn 'hash at save' '^.*hash ([0-9a-f]+),.*$')
revision_at_save=$(printf '%s\n' "$said" | learn 'revision at save' '^.*revision ([0-9]+),.*$')
total_keys_at_save=$(printf '%s\n' "$said" | learn 'total keys at save' '^.*total keys ([0-9]+),.*$')
total_size_at_save=$(printf '%s\n' "$said" | learn 'total size at save' '^.*total size ([0-9]+).*$')

step '4. make sure that etcd is preparing on every node'
# from talos-disaster-recovery.md, recovering from the backup
# stands in for talosctl service etcd
firedrill host exec m1 -- sh -c 'if pidof etcd; then echo "STATE Running"; exit 1; fi
if test -e /var/lib/etcd && test -n "$(ls -A /var/lib/etcd)"; then echo "STATE Finished, the data directory is not empty"; exit 1; fi
echo "STATE Preparing"'

step '5. hold the snapshot against what was saved'
# from talos-disaster-recovery.md, recovering from the backup
# talosctl bootstrap prints the figures before it restores: they are to be those that the snapshot's
# taking printed
firedrill host exec m1 -- sh -c "info=\$(etcdutl snapshot status /root/db.snapshot) && json=\$(etcdutl snapshot status /root/db.snapshot --write-out=json) &&
echo \"recovering from snapshot: \$info\" &&
case \"\$info\" in \"$hash_at_save, $revision_at_save, $total_keys_at_save, \"*) ;; *) echo \"this is not what was saved\"; exit 1 ;; esac &&
case \"\$json\" in *'\"totalSize\":$total_size_at_save,'*) ;; *) echo \"this has not the size that was saved\"; exit 1 ;; esac"

step '6. bootstrap m1 from the snapshot'
# from talos-disaster-recovery.md, recovering from the backup
# from here on members start from other data than clients were last told
firedrill host exec m1 -- etcdutl snapshot restore /root/db.snapshot --data-dir /var/lib/etcd \
    --name m1 --initial-advertise-peer-urls "$FIREDRILL_PEER_URL_m1" \
    --initial-cluster "m1=$FIREDRILL_PEER_URL_m1" \
    --initial-cluster-token "$FIREDRILL_CLUSTER_TOKEN"

step '7. start etcd on m1'
# from talos-disaster-recovery.md, recovering from the backup
firedrill host start m1 --initial-cluster="m1=$FIREDRILL_PEER_URL_m1" \
    --initial-cluster-state=new

step '8. wait until m1 is healthy'
# from talos-disaster-recovery.md, recovering from the backup
until_ok firedrill host exec m1 -- etcdctl \
    --endpoints="$FIREDRILL_CLIENT_URL_m1" endpoint health

step '9. point clients at m1'
# the control plane endpoint becomes available on this node first
firedrill announce m1

step '10. wait until every member is healthy'
# from talos-disaster-recovery.md, recovering from the backup
until_ok firedrill host exec m1 -- etcdctl \
    --endpoints="$FIREDRILL_CLIENT_URL_m1" endpoint health

step '11. point clients at all nodes'
# the API server of each node uses the etcd of its own node
firedrill announce m1
