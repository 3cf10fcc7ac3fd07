#!/bin/sh
# Installs the schedulers in the test machine, with `ipvs dkms` and with dpkg, uses them, and removes them.
# SPDX-License-Identifier: MIT
#
# Run by dkms.mjs in a folder with node_modules/ipvs and deb/; the argument is the path of node.
set -u
node=$1
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' node_modules/ipvs/kmod/dkms.conf)
release=$(uname -r)
start=$(date +%s)
passed=0 failed=0
# No terminal, no questions; a scheduler is loaded by the kernel itself, which calls /sbin/modprobe.
export DEBIAN_FRONTEND=noninteractive PATH=$PATH:/usr/sbin:/sbin

ipvs() { "$node" node_modules/ipvs/dist/cli/main.js "$@"; }
since() { echo "[$(($(date +%s) - start)) s] $*"; }

check() { # WHAT COMMAND...
	what=$1
	shift
	if "$@"; then
		passed=$((passed + 1))
		since "ok: $what"
	else
		failed=$((failed + 1))
		since "FAILED: $what"
	fi
}

# quietly COMMAND...: what it prints is shown when it fails, and kept in /tmp/said.
quietly() { "$@" > /tmp/said 2>&1 || { cat /tmp/said; false; }; }
refused() { if "$@" > /tmp/said 2>&1; then false; else [ $? -eq "$status" ]; fi; }
says() { grep -q -- "$1" /tmp/said || { cat /tmp/said; false; }; }
loaded() { grep -q "^ip_vs_$1 " /proc/modules; }
unload() { rmmod ip_vs_msh ip_vs_maglev ip_vs_hrw 2> /dev/null; ! loaded msh && ! loaded maglev && ! loaded hrw; }

# The three places, and the kernel's index of modules.
traces() {
	ls -d /usr/src/ipvs-schedulers* /var/lib/dkms/ipvs-schedulers* 2> /dev/null
	find "/lib/modules/$release" -name 'ip_vs_msh*' -o -name 'ip_vs_maglev*' -o -name 'ip_vs_hrw*'
	grep -hoE 'ip_vs_(msh|maglev|hrw)' "/lib/modules/$release/modules.dep" /proc/modules
}
nothing() { [ -z "$(traces)" ] || { traces; false; }; }

# Real servers in namespaces of their own; the clients are many local addresses of the director.
ip address add 10.0.0.1/32 dev lo
ip route add local 10.88.0.0/16 dev lo
cat > /tmp/server.py <<'PY'
import socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("", 80))
s.listen(200)
print("ready", flush=True)
while True:
    c, _ = s.accept()
    c.sendall(sys.argv[1].encode())
    c.close()
PY
cat > /tmp/clients.py <<'PY'
import collections, socket
answers = collections.Counter()
for i in range(200):
    s = socket.socket()
    s.settimeout(5)
    s.setsockopt(socket.SOL_IP, 15, 1)  # IP_FREEBIND
    s.bind(("10.88.%d.%d" % (i // 250, i % 250 + 1), 0))
    s.connect(("10.0.0.1", 80))
    answers[s.recv(10).decode()] += 1
    s.close()
print(" ".join("%s=%d" % pair for pair in sorted(answers.items())))
raise SystemExit(not (sorted(answers) == ["1", "2"] and sum(answers.values()) == 200 and min(answers.values()) >= 60))
PY
for i in 1 2; do
	ip netns add "rs$i"
	ip link add "rs$i" type veth peer name eth0 netns "rs$i"
	ip address add "10.1.$i.1/24" dev "rs$i"
	ip link set "rs$i" up
	ip -n "rs$i" link set lo up
	ip -n "rs$i" link set eth0 up
	ip -n "rs$i" address add "10.1.$i.2/24" dev eth0
	ip -n "rs$i" route add default via "10.1.$i.1"
	ip netns exec "rs$i" python3 /tmp/server.py "$i" > "/tmp/server$i" &
	servers="${servers-} $!"
done
for i in 1 2; do until grep -q ready "/tmp/server$i"; do sleep 0.5; done; done

# ipvsadm names a scheduler; nobody else loads it.
use_all() { # WHO
	for name in msh maglev hrw; do
		check "$1: nothing is loaded before" unload
		check "$1: ipvsadm -A -s $name" ipvsadm -A -t 10.0.0.1:80 -s $name
		check "$1: ... has loaded ip_vs_$name" loaded $name
		ipvsadm -a -t 10.0.0.1:80 -r 10.1.1.2:80 -m
		ipvsadm -a -t 10.0.0.1:80 -r 10.1.2.2:80 -m
		sleep 0.2
		check "$1: $name balances 200 connections over two servers" python3 /tmp/clients.py
		ipvsadm -C
	done
}

check 'nothing is there in the beginning' nothing
status=2
check 'a misspelt command is refused' refused ipvs dkms instal
check '... with the one that was meant' says 'did you mean install?'
status=1
check 'a kernel that is not there is refused' refused ipvs dkms install --kernel 1.2.3-none
check '... by its name' says 'kernel 1.2.3-none is not installed'

# DKMS would build the sources that it knows.
sources=/usr/src/ipvs-schedulers-$version
make -s -C node_modules/ipvs/kmod dkms-source
echo '#error these are others' >> "$sources/load.h"
check 'other sources of this version are registered' quietly dkms add "ipvs-schedulers/$version"
check 'ipvs dkms install' quietly ipvs dkms install
cat /tmp/said
check '... takes its own sources' eval "says 'had other sources' && cmp node_modules/ipvs/kmod/load.h $sources/load.h"
check '... has loaded all three' eval 'loaded msh && loaded maglev && loaded hrw'
check '... of this version' [ "$(cat /sys/module/ip_vs_msh/version)" = "$version" ]
check '... where DKMS puts them' [ "$(ls "/lib/modules/$release/updates/dkms" | wc -l)" = 3 ]
use_all dkms

ipvsadm -A -t 10.0.0.1:80 -s maglev
check 'ipvs dkms status' quietly ipvs dkms status
cat /tmp/said
check '... says that it is up to date' says '^up to date'
check '... as JSON' quietly ipvs dkms status --json
check '... with the same' says '"upToDate":true'
check 'remove is refused while a service uses a module' refused ipvs dkms remove
check '... and the service is named' says 'ip_vs_maglev is used by TCP 10.0.0.1:80'
check '... and nothing is removed' eval 'loaded maglev && modinfo ip_vs_msh > /dev/null'
ipvsadm -C
check 'ipvs dkms install again' quietly ipvs dkms install
check '... builds nothing' says "is installed for $release"
check 'ipvs dkms remove' quietly ipvs dkms remove
cat /tmp/said
check '... leaves nothing' nothing
check '... and IPVS itself in place' grep -q '^ip_vs ' /proc/modules

since "dpkg -i $(basename deb/*.deb)"
check 'dpkg -i' quietly dpkg -i deb/*.deb
check '... has built and installed the modules' eval 'dkms status ipvs-schedulers | grep installed'
check 'ipvs dkms install leaves it to the package' refused ipvs dkms install
check '... and says so' says 'apt-get purge ipvs-schedulers-dkms'
use_all deb
unload
check 'apt-get purge' quietly apt-get purge -y ipvs-schedulers-dkms
check '... leaves nothing' nothing

kill $servers
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
