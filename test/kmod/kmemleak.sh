#!/bin/sh
# kmemleak.sh REPORT COMMAND...: runs it, then writes to REPORT what the kernel has lost meanwhile.
# SPDX-License-Identifier: MIT
#
# Counted is what two scans find unchanged and without a pointer to it, and what is older than 5 seconds.

leaks=/sys/kernel/debug/kmemleak
report=$1
shift
echo scan > $leaks && echo clear > $leaks || exit 1

"$@"
status=$?

# What is freed after a grace period, or by the workers that take down namespaces, is no leak.
sleep 10
echo scan > $leaks && sleep 6 && echo scan > $leaks && cat $leaks > "$report.new" && mv "$report.new" "$report"
exit $status
