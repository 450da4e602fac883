#!/bin/sh
# Runs a command in a network of its own: 10.99.0.1 on one end of a veth pair, the other end up beside it, and a default
# route, without which Firefox gathers no candidates. ICE needs such an address: browsers do not offer loopback.
#
# The network, and every process that the command leaves behind, end with the command or with this script, however they
# end: the namespaces have no name that could outlive them. Who is not root gets a user namespace for it.
set -eu
if [ "$(id -u)" = 0 ]; then user=; else user="--user --map-root-user"; fi
LAB_ADDRESS=10.99.0.1
export LAB_ADDRESS
# The trailing `exit` keeps the shell as the first process: it reaps what browsers leave behind.
# shellcheck disable=SC2086,SC2016
exec unshare $user --net --pid --fork --kill-child --mount-proc sh -euc '
    ip link set lo up
    ip link add lab0 type veth peer name lab1
    ip link set lab0 addrgenmode none
    ip link set lab1 addrgenmode none
    ip addr add "$LAB_ADDRESS/24" dev lab0
    ip link set lab0 up
    ip link set lab1 up
    ip route add default via 10.99.0.2 dev lab0
    "$@"
    exit' lab "$@"
