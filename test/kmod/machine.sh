#!/bin/sh
# Loads the modules in the test machine: choices, changes, churn with rebuilds pending, unloading.
# SPDX-License-Identifier: MIT
#
#   make -C kmod debug && node test/vm/run.mjs -- sh test/kmod/machine.sh [FOLDER OF THE MODULES] [NAMESPACES]
set -u
here=$(cd "$(dirname "$0")" && pwd)
modules=${1:-$here/../../kmod}
namespaces=${2:-30}
export here
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

equal() { [ -n "$1" ] && [ "$1" = "$2" ] || { echo "$1 -- $2"; false; }; }

modprobe ip_vs || exit 1
modprobe ip_vs_wlc
modprobe ip_vs_mh
for name in msh maglev hrw; do
	check "load $name" insmod "$modules/ip_vs_$name.ko"
done

# A director of its own: every client of 10.88.0.0/16 is local, real servers are beyond the link.
cat > /tmp/director.sh <<'END'
vip=10.77.0.1:80
ip link set lo up
ip address add 10.77.0.1/32 dev lo
ip route add local 10.88.0.0/16 dev lo
ip link add out type dummy && ip link set out up && ip address add 10.1.255.1/16 dev out
fill() { # SCHEDULER SORT-OPTION: 30 servers, 5 hosts x 6 ports, added in that order
	{
		echo "-A -t $vip -s $1"
		seq 0 29 | sort "$2" | while read -r i; do
			echo "-a -t $vip -r 10.1.2.$((i / 6)):$((8000 + i % 6)) -m -w $((i % 3 * 50 + 1))"
		done
	} | ipvsadm -R
	sleep 0.1
}
checksum() { awk '$1 == "TCP" { print $5, $6, $7, $9 }' "/proc/net/ip_vs_$1"; }
placed() { # COUNT: connections of so many clients, and where they went
	python3 "$here/spray.py" 10.77.0.1 80 "$1"
	awk 'NR > 1 && $1 == "TCP" { print $2, $6, $7 }' /proc/net/ip_vs_conn | sort
}
END

in_namespace() { unshare -n sh -c ". /tmp/director.sh; $1"; }

for name in msh maglev hrw; do
	up=$(in_namespace "fill $name -n; checksum $name; placed 1000")
	down=$(in_namespace "fill $name -rn; checksum $name; placed 1000")
	check "$name: the order of servers does not matter" equal "$up" "$down"
	check "$name: no client is refused" equal "$(echo "$up" | grep -c ' ')" 1001
	check "$name: every server with a fair share of ten is used" \
		[ "$(echo "$up" | awk 'NR > 1 { print $2, $3 }' | sort | uniq -c | awk '$1 > 5' | wc -l)" -ge 20 ]
	drained=$(in_namespace "fill $name -n; ipvsadm -e -t \$vip -r 10.1.2.0:8002 -m -w 0; sleep 0.1; placed 1000")
	check "$name: drained, no client is refused" equal "$(echo "$drained" | grep -c ' ')" 1000
	check "$name: drained, the server gets none" equal "0" "$(echo "$drained" | grep -c '0A010200 1F42')"
	deleted=$(in_namespace "fill $name -n; ipvsadm -d -t \$vip -r 10.1.2.0:8002; sleep 0.1; placed 1000")
	check "$name: deleting the drained server moves nobody" equal "$drained" "$deleted"
	back=$(in_namespace "fill $name -n; ipvsadm -e -t \$vip -r 10.1.2.0:8002 -m -w 0
		ipvsadm -d -t \$vip -r 10.1.2.1:8002; ipvsadm -a -t \$vip -r 10.1.2.1:8002 -m -w 101
		ipvsadm -e -t \$vip -r 10.1.2.0:8002 -m -w 101; sleep 0.1; checksum $name")
	check "$name: changes and back lead to the same table" equal "$(echo "$up" | head -1)" "$back"
	down=$(in_namespace "fill $name -n; for p in 0 1 2 3 4 5; do for h in 0 1 2 3 4; do
		ipvsadm -e -t \$vip -r 10.1.2.\$h:800\$p -m -w 0; done; done; sleep 0.1; checksum $name; placed 50")
	check "$name: all drained, all refused" equal "$(echo "$down" | wc -l)" 1
done

# Schedulers switched, servers changed, all with traffic, and namespaces ended with rebuilds pending.
churn() {
	in_namespace '
	{ echo "-A -t $vip -s maglev"
	for s in msh maglev hrw mh wlc; do
		for i in 1 2 3 4 5 6 7 8; do echo "-a -t $vip -r 10.1.1.$i:80 -m -w $i"; done
		for i in 1 2 3; do echo "-e -t $vip -r 10.1.1.$i:80 -m -w $((i * 7))"; done
		echo "-E -t $vip -s $s"
		for i in 1 2 3 4 5; do echo "-d -t $vip -r 10.1.1.$i:80"; done
		for i in 6 7; do echo "-e -t $vip -r 10.1.1.$i:80 -m -w 0"; done
		echo "-E -t $vip -s maglev"
		echo "-d -t $vip -r 10.1.1.6:80"; echo "-d -t $vip -r 10.1.1.7:80"; echo "-d -t $vip -r 10.1.1.8:80"
	done
	for i in 1 2 3 4 5 6 7 8; do echo "-a -t $vip -r 10.1.1.$i:80 -m -w $i"; done
	} > /tmp/rules.$$
	python3 "$here/spray.py" 10.77.0.1 80 300 &
	ipvsadm -R < /tmp/rules.$$ || echo "rules failed"
	cat /proc/net/ip_vs_msh /proc/net/ip_vs_maglev > /dev/null
	ipvsadm -d -t $vip -r 10.1.1.3:80
	kill $! 2> /dev/null
	rm -f /tmp/rules.$$'
}
i=0
while [ $i -lt "$namespaces" ]; do
	churn &
	churn
	wait
	i=$((i + 2))
done > /tmp/churn.log 2>&1
check "churn reports nothing" equal "0" "$(wc -l < /tmp/churn.log)"
head -5 /tmp/churn.log

# Namespaces are taken down by the kernel's own worker, some time later.
unloaded() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		rmmod "ip_vs_$1" 2> /dev/null && return
		sleep 2
	done
	false
}
for name in msh maglev hrw; do
	check "unload $name" unloaded $name
done
check "bad parameters are refused" sh -c "! insmod $modules/ip_vs_maglev.ko table_size=16380 2> /dev/null"
check "the kernel has nothing to say" sh -c '! dmesg | grep -E "WARN|BUG|refcount|use-after"'
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
