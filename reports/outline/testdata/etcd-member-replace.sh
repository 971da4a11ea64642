#!/bin/sh
# etcd-member-replace: one of three hosts off for good; remove its member, add a learner on a new
# host, promote it; the old one comes back
#
# after etcd operations guide: runtime reconfiguration, replace a failed machine
#
# Written by firedrill from the scenario's own steps, for a cluster of m1, m2, m3. Make it yours,
# and try it:
#
#     firedrill run etcd-member-replace --runbook ./FILE
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

# learn WHAT PATTERN: what the pattern's group is in the first line of standard input that fits.
learn() {
    found=$(sed -nE "s/$2/\\1/p" | sed 1q)
    [ -n "$found" ] || { echo "there is no $1 in what was printed" >&2; exit 1; }
    echo "$found"
}

step '1. check that the other members are healthy'
# from etcd operations guide: runtime reconfiguration, replace a failed machine
# without a quorum no member can be removed or added: that takes a restore
# if this fails the procedure does not apply, and goes no further
firedrill host exec m1 -- etcdctl \
    --endpoints="$FIREDRILL_CLIENT_URL_m1,$FIREDRILL_CLIENT_URL_m2" endpoint health || refuse

step '2. find the member on m3'
# from etcd operations guide: runtime reconfiguration, remove a member
said=$(firedrill host exec m1 -- etcdctl \
    --endpoints="$FIREDRILL_CLIENT_URL_m1,$FIREDRILL_CLIENT_URL_m2" member list)
printf '%s\n' "$said"
id_of_the_lost_m3=$(printf '%s\n' "$said" | learn 'ID of the lost m3' '^([0-9a-f]+), [0-9A-Z_a-z]+, m3, .*$')

step '3. remove the lost member'
# from etcd operations guide: runtime reconfiguration, remove a member
until_ok firedrill host exec m1 -- etcdctl \
    --endpoints="$FIREDRILL_CLIENT_URL_m1,$FIREDRILL_CLIENT_URL_m2" member remove "$id_of_the_lost_m3"

step '4. order a new host'
# from etcd operations guide: runtime reconfiguration, replace a failed machine
# m3 is given up, and its disk with it; a new one, under another name, takes its place
order m4

step '5. add the new member'
# from etcd operations guide: runtime reconfiguration, add a new member
# repeated while etcd refuses because a member has not been connected for its 5 s health interval
said=$(until_ok firedrill host exec m1 -- etcdctl \
    --endpoints="$FIREDRILL_CLIENT_URL_m1,$FIREDRILL_CLIENT_URL_m2" member add m4 --learner \
    --peer-urls="$FIREDRILL_PEER_URL_m4")
printf '%s\n' "$said"
id_of_the_new_m4=$(printf '%s\n' "$said" | learn 'ID of the new m4' '^.*Member +([0-9a-f]+) added.*$')

step '6. start etcd on m4'
# from etcd operations guide: runtime reconfiguration, add a new member
firedrill host start m4 \
    --initial-cluster="m1=$FIREDRILL_PEER_URL_m1,m2=$FIREDRILL_PEER_URL_m2,m4=$FIREDRILL_PEER_URL_m4" \
    --initial-cluster-state=existing

step '7. promote the learner on m4'
# from etcd operations guide: runtime reconfiguration, promote a learner member
# repeated while etcd refuses because the learner is not in sync with the leader
until_ok firedrill host exec m1 -- etcdctl \
    --endpoints="$FIREDRILL_CLIENT_URL_m1,$FIREDRILL_CLIENT_URL_m2" member promote "$id_of_the_new_m4"

step '8. wait until every member is healthy'
# from etcd operations guide: runtime reconfiguration, replace a failed machine
until_ok firedrill host exec m1 -- etcdctl \
    --endpoints="$FIREDRILL_CLIENT_URL_m1,$FIREDRILL_CLIENT_URL_m2,$FIREDRILL_CLIENT_URL_m4" endpoint health

step '9. point clients at all members'
# the new member has an address of its own, and m3 is to be asked by nobody, should it come back
firedrill announce m1 m2 m4
