#!/bin/sh
# talos-quorum-restorable: one of three nodes lost, quorum kept: no recovery, the node is replaced
#
# after talos-disaster-recovery.md, Recovery
#
# Written by firedrill from the scenario's own steps, for a cluster of m1, m2, m3. Make it yours,
# and try it:
#
#     firedrill run talos-quorum-restorable --runbook ./FILE
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

# url PEER|CLIENT HOST: where other members, or clients, reach the etcd on a host.
url() { eval "echo \"\$FIREDRILL_$1_URL_$(echo "$2" | tr - _)\""; }

# learn WHAT PATTERN: what the pattern's group is in the first line of standard input that fits.
learn() {
    found=$(sed -nE "s/$2/\\1/p" | sed 1q)
    [ -n "$found" ] || { echo "there is no $1 in what was printed" >&2; exit 1; }
    echo "$found"
}

step '1. list the members on m1'
# from talos-disaster-recovery.md, recovery
said=$(firedrill host exec m1 -- sh -c 'list=$(etcdctl --endpoints='"$FIREDRILL_CLIENT_URL_m1"' member list --consistency=s) && echo "$list"')
printf '%s\n' "$said"
member_list=$said

step '2. compare the members on the other nodes'
# from talos-disaster-recovery.md, recovery
# if this fails the procedure does not apply, and goes no further
firedrill host exec m2 -- sh -c "list=\$(etcdctl --endpoints=$FIREDRILL_CLIENT_URL_m2 member list --consistency=s) && echo \"\$list\" &&
if test \"\$list\" != '$member_list'; then echo \"this node lists other members than m1\"; exit 1; fi" || refuse

step '3. check that the quorum can be restored'
# from talos-disaster-recovery.md, recovery
# if this fails the procedure does not apply, and goes no further
for host in m1 m2; do
    firedrill host exec "$host" -- etcdctl --endpoints="$(url CLIENT "$host")" get quorum \
        --keys-only || refuse
done

step '4. check that the other members are healthy'
# from etcd operations guide: runtime reconfiguration, replace a failed machine
# without a quorum no member can be removed or added: that takes a restore
# if this fails the procedure does not apply, and goes no further
firedrill host exec m1 -- etcdctl \
    --endpoints="$FIREDRILL_CLIENT_URL_m1,$FIREDRILL_CLIENT_URL_m2" endpoint health || refuse

step '5. find the member on m3'
# from etcd operations guide: runtime reconfiguration, remove a member
said=$(firedrill host exec m1 -- etcdctl \
    --endpoints="$FIREDRILL_CLIENT_URL_m1,$FIREDRILL_CLIENT_URL_m2" member list)
printf '%s\n' "$said"
id_of_the_lost_m3=$(printf '%s\n' "$said" | learn 'ID of the lost m3' '^([0-9a-f]+), [0-9A-Z_a-z]+, m3, .*$')

step '6. remove the lost member'
# from etcd operations guide: runtime reconfiguration, remove a member
until_ok firedrill host exec m1 -- etcdctl \
    --endpoints="$FIREDRILL_CLIENT_URL_m1,$FIREDRILL_CLIENT_URL_m2" member remove "$id_of_the_lost_m3"

step '7. order a new host'
# from talos-disaster-recovery.md, recovery, restoring quorum
# machine and disk of m3 are gone; a new one takes its name
firedrill host new m3

step '8. add the new member'
# from etcd operations guide: runtime reconfiguration, add a new member
# repeated while etcd refuses because a member has not been connected for its 5 s health interval
said=$(until_ok firedrill host exec m1 -- etcdctl \
    --endpoints="$FIREDRILL_CLIENT_URL_m1,$FIREDRILL_CLIENT_URL_m2" member add m3 --learner \
    --peer-urls="$FIREDRILL_PEER_URL_m3")
printf '%s\n' "$said"
id_of_the_new_m3=$(printf '%s\n' "$said" | learn 'ID of the new m3' '^.*Member +([0-9a-f]+) added.*$')

step '9. start etcd on m3'
# from etcd operations guide: runtime reconfiguration, add a new member
firedrill host start m3 \
    --initial-cluster="m1=$FIREDRILL_PEER_URL_m1,m2=$FIREDRILL_PEER_URL_m2,m3=$FIREDRILL_PEER_URL_m3" \
    --initial-cluster-state=existing

step '10. promote the learner on m3'
# from etcd operations guide: runtime reconfiguration, promote a learner member
# repeated while etcd refuses because the learner is not in sync with the leader
until_ok firedrill host exec m1 -- etcdctl \
    --endpoints="$FIREDRILL_CLIENT_URL_m1,$FIREDRILL_CLIENT_URL_m2" member promote "$id_of_the_new_m3"

step '11. wait until every member is healthy'
# from etcd operations guide: runtime reconfiguration, replace a failed machine
until_ok firedrill host exec m1 -- etcdctl \
    --endpoints="$FIREDRILL_CLIENT_URL_m1,$FIREDRILL_CLIENT_URL_m2,$FIREDRILL_CLIENT_URL_m3" endpoint health

step '12. point clients at all members'
# the new member serves at the address of the old one; clients dial it anew
firedrill announce m1 m2 m3
