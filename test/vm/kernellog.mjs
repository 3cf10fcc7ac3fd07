// Finds the kernel's complaints in its log. Any one of them fails a run, whatever the command said.
// SPDX-License-Identifier: MIT

/** Patterns of what a sound kernel never says. 7.x writes "WARNING: file:line at", earlier ones "WARNING: CPU:". */
const complaints = [
  /\bWARNING: /,
  /\bBUG: |\bBUG \S+ \(|\bkernel BUG at\b/,
  /\bOops\b|Kernel panic|general protection fault|unable to handle (kernel|page)/i,
  /possible (recursive locking|circular locking|irq lock inversion|deadlock)/,
  /inconsistent lock state|suspicious RCU usage|scheduling while atomic|sleeping function called/,
  /refcount_t:|list_(add|del) corruption|Bad page (state|map)|double free/,
  /unregister_netdevice: waiting/,
  /blocked for more than \d+ seconds|soft lockup|hard LOCKUP|rcu.*detected (expedited )?stall/,
  /\b(KASAN|UBSAN|KCSAN|KFENCE): |ODEBUG:|kmemleak: \d+ new|leaked reference/,
  // Checks that have ended: what comes after would not be found.
  /register non-static key|turning off the locking correctness|kmemleak: .*(disabled|pool empty)/,
]

/** The line that init writes when the command starts: what the kernel says while booting is not ours. */
const start = 'vm: command'

/** Lines that complain, each with the lines after it that belong to it (the call trace). */
export function findComplaints(log, context = 25) {
  const lines = log.split('\n')
  const found = []
  for (let i = lines.findIndex((line) => line.endsWith(start)) + 1; i < lines.length; i++) {
    if (!complaints.some((pattern) => pattern.test(lines[i]))) continue
    const trace = lines.slice(i, i + context)
    const end = trace.findIndex((line) => line.includes('end trace') || line.trim() === '')
    found.push(...(end < 0 ? trace : trace.slice(0, end + 1)))
    i += (end < 0 ? trace.length : end + 1) - 1
  }
  return found
}
