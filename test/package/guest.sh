#!/bin/sh
# Uses the installed package in the test machine: a client in two ways, npx, the schedulers by `ipvs dkms install`.
# SPDX-License-Identifier: MIT
#
# Run by guest.mjs in a project that has the package; bin/ has node and nothing else.
set -u
passed=0 failed=0
whole=$PATH:/usr/sbin:/sbin

check() { # WHAT COMMAND...
	what=$1
	shift
	if "$@" > /tmp/said 2>&1; then
		passed=$((passed + 1))
		echo "ok: $what"
	else
		failed=$((failed + 1))
		echo "FAILED: $what"
		cat /tmp/said
	fi
}
# says WORDS COMMAND...: blanks count as one.
says() {
	words=$1
	shift
	"$@" > /tmp/output 2>&1 && tr -s ' ' < /tmp/output | grep -q -- "$words" || { cat /tmp/output; false; }
}
loaded() { for name; do grep -q "^ip_vs_$name " /proc/modules || return 1; done; }

PATH=$PWD/bin
check 'there is neither compiler nor shell in PATH' eval '! command -v cc && ! command -v sh'
check 'import: a client adds' node add.mjs
check 'require: a client edits' node edit.cjs
PATH=$whole

check 'ipvsadm sees what they did' says '10.0.0.2:80 Masq 7 ' ipvsadm -Ln
check 'npx ipvs -Ln' says '10.0.0.2:80 Masq 7 ' npx ipvs -Ln
ipvsadm -C
check 'npx ipvs dkms install' says 'installed ipvs-schedulers .*, and loaded' npx ipvs dkms install
check '... has loaded all three' loaded msh maglev hrw
check 'a service uses one' npx ipvs -A -t 192.0.2.10:80 -s maglev
check '... as ipvsadm says' says '192.0.2.10:80 maglev' ipvsadm -Ln
ipvsadm -C
rmmod ip_vs_msh ip_vs_maglev ip_vs_hrw

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
