#!/bin/sh
# Loads the modules of kmod/ in the test machine: choices, changes, churn, unloading. Needs no host state.
# SPDX-License-Identifier: MIT
#
#   make -C kmod && node test/vm/run.mjs -- sh test/kmod/smoke.sh [FOLDER OF THE MODULES]
set -u
modules=${1:-$(dirname "$0")/../../kmod}
passed=0 failed=0

check() { # WHAT COMMAND...
	what=$1
	shift
	if "$@"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAILED: $what"
	fi
}

load() {
	modprobe ip_vs || exit 1
	for name in msh maglev hrw; do
		check "load $name" insmod "$modules/ip_vs_$name.ko"
	done
}

vip=10.77.0.1:80

# 30 servers 10.1.0.1.. in the order given by `sort` options, alike in each namespace.
fill() { # SCHEDULER SORT-OPTION
	{
		echo "-A -t $vip -s $1"
		seq 1 30 | sort "$2" | while read -r i; do
			echo "-a -t $vip -r 10.1.0.$i:80 -m -w $((i % 3 * 50 + 1))"
		done
	} | ipvsadm -R
}

checksum() { # SCHEDULER
	sleep 0.2
	awk '$1 == "TCP" { print $5, $6, $7 }' "/proc/net/ip_vs_$1"
}

# One SYN from each of 1000 addresses; where they went, sorted by client.
spray() {
	python3 "$(dirname "$0")/spray.py" 10.77.0.1 80 1000
}

namespace() { # COMMAND: in a fresh one, with a route to every client address
	unshare -n sh -ec "
		ip link set lo up
		ip address add 10.77.0.1/32 dev lo
		ip route add local 10.88.0.0/16 dev lo
		ip route add 10.1.0.0/16 dev lo
		$1"
}
