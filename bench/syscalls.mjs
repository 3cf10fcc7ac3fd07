// How many messages are sent and received for a load, counted by strace in runs that are not timed.
// SPDX-License-Identifier: MIT
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Namespace } from './namespace.mjs'
import { ipvsadmRules } from './operations.mjs'
import { floorProgram } from './setup.mjs'

const sending = ['sendmsg', 'sendto']
const receiving = ['recvmsg', 'recvfrom']

/** Calls of each kind, from the table of strace -c. */
function read(file) {
  const count = (names) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter((words) => names.includes(words.at(-1)))
      .reduce((sum, words) => sum + Number(words[3]), 0)
  return { sends: count(sending), receives: count(receiving) }
}

/**
 * Both of the set-up, which asks for the family's number, and of the load. Node takes long to start under strace:
 * `brief` leaves its programs out.
 */
export async function callsOf(operations, { brief }) {
  const folder = mkdtempSync(join(tmpdir(), 'syscalls-'))
  const [rules, table] = [join(folder, 'rules'), join(folder, 'table')]
  writeFileSync(rules, `${ipvsadmRules(operations).join('\n')}\n`)
  const script = (name, ...words) => [process.execPath, join(import.meta.dirname, 'rivals', name), ...words]
  const scripts = {
    client: script('client.mjs', 'load', operations),
    'npm netlink, 128 at once': script('netlink.mjs', operations, 128),
  }
  const rivals = {
    'floor, batched': [floorProgram, 'fill', operations],
    'floor, one by one': [floorProgram, 'each', operations],
    'ipvsadm -R': ['sh', '-c', `ipvsadm -R < ${rules}`],
    ...(brief ? {} : scripts),
  }
  const results = []
  for (const [rival, words] of Object.entries(rivals)) {
    const filter = [
      '-f',
      '--seccomp-bpf',
      '-c',
      '-o',
      table,
      '-e',
      `trace=${[...sending, ...receiving].join()}`,
    ]
    await Namespace.with((namespace) => namespace.run('strace', ...filter, ...words))
    results.push({ rival, operations, ...read(table) })
  }
  rmSync(folder, { recursive: true })
  return results
}
