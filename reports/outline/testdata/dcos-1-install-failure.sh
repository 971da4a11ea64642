#!/bin/sh
# dcos-1-install-failure: a member fails to start while the cluster is first created; uninstall,
# check the hosts, install again
#
# after dcos-troubleshooting-etcd.md, Scenario 1
#
# Written by firedrill from the scenario's own steps, for a cluster of m1, m2, m3. Make it yours,
# and try it:
#
#     firedrill run dcos-1-install-failure --runbook ./FILE
#
# What stands in for what the document relies on:
# - installing and uninstalling the package: static-pod manifests, and the removal of etcd's data
# - an agent that is not healthy: a file in the place of the directory for data, which uninstalling
#   does not remove
# - the health checks of the DC/OS cluster: a file written and read on each agent, and etcdctl,
#   which tells whether a machine is reached by the refusal of its connection; what else the
#   package's pre-requisites are (its versions, its resources) is not checked
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

step '1. stop etcd on what is left'
# from dcos-troubleshooting-etcd.md, Scenario 1
# stands in for uninstalling the package, which ends what runs
for host in m1 m2 m3; do
    firedrill host exec "$host" -- sh -c 'mkdir -p /root && mv /etc/kubernetes/manifests/etcd.yaml /root/etcd.yaml' &
    jobs="$jobs $!"
done
all_done

step '2. wait until etcd has stopped'
# its data directory is wiped next
for host in m1 m2 m3; do
    until_ok firedrill host exec "$host" -- sh -c '! pidof etcd'
done

step '3. wipe what is left of the old cluster'
# from dcos-troubleshooting-etcd.md, Scenario 1
# stands in for uninstalling the package, which gives the disk back
for host in m1 m2 m3; do
    firedrill host exec "$host" -- rm -rf /var/lib/etcd &
    jobs="$jobs $!"
done
all_done

step '4. repair the disk of m3'
# the agent is not healthy, for its disk holds no directory for data; stands in for whatever mends a
# machine
firedrill host exec m3 -- sh -c 'ls -ld /var/lib
test -d /var/lib || { rm -f /var/lib && mkdir -p /var/lib; }'

step '5. check that each agent is healthy'
# from dcos-troubleshooting-etcd.md, Scenario 1
for host in m1 m2 m3; do
    firedrill host exec "$host" -- sh -c 'f=/var/lib/agent-check
echo written > $f && test "$(cat $f)" = written && rm $f || { echo "the disk takes no file in /var/lib"; exit 1; }
test ! -e /var/lib/etcd || { echo "/var/lib/etcd is left from another installation"; exit 1; }' &
    jobs="$jobs $!"
done
all_done

step '6. check that the agents reach each other'
# from dcos-troubleshooting-etcd.md, Scenario 1
# no etcd runs, so a connection refused is the answer of a machine that is reached; stands in for
# the health checks of the DC/OS cluster
for host in m1 m2 m3; do
    until_ok firedrill host exec "$host" -- sh -c "said=\$(etcdctl --endpoints=$FIREDRILL_CLIENT_URL_m1,$FIREDRILL_CLIENT_URL_m2,$FIREDRILL_CLIENT_URL_m3 --command-timeout=1s endpoint health 2>&1)
for url in $FIREDRILL_CLIENT_URL_m1 $FIREDRILL_CLIENT_URL_m2 $FIREDRILL_CLIENT_URL_m3; do
  case \"\$said\" in *\"dial tcp \${url#*//}: connect: connection refused\"*) echo \"\$url is reached\" ;; *) echo \"\$url is not reached: \$said\"; exit 1 ;; esac
done" &
    jobs="$jobs $!"
done
all_done

step '7. install etcd on every host'
# from dcos-troubleshooting-etcd.md, Scenario 1
# stands in for installing the package, which launches the tasks
for host in m1 m2 m3; do
    firedrill host start "$host" \
        --initial-cluster="m1=$FIREDRILL_PEER_URL_m1,m2=$FIREDRILL_PEER_URL_m2,m3=$FIREDRILL_PEER_URL_m3" \
        --initial-cluster-state=new
done

step '8. wait until every member is healthy'
# stands in for the package's plan, which is complete when its tasks are ready
until_ok firedrill host exec m1 -- etcdctl \
    --endpoints="$FIREDRILL_CLIENT_URL_m1,$FIREDRILL_CLIENT_URL_m2,$FIREDRILL_CLIENT_URL_m3" endpoint health

step '9. point clients at the cluster'
# stands in for the service's name, which stands for every task
firedrill announce m1 m2 m3
