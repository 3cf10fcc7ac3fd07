// Runs inside the test machine: measures schedulers in the kernel and writes what it found as JSON to a file.
// SPDX-License-Identifier: MIT
//
//   node guest.mjs FILE [--quick]
import { execFileSync } from 'node:child_process'
import { cpSync, writeFileSync } from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { costs } from './costs.mjs'
import { memory } from './memory.mjs'
import { placements } from './placements.mjs'

const { positionals, values } = parseArgs({ allowPositionals: true, options: { quick: { type: 'boolean' } } })
const [file] = positionals
const quick = values.quick === true

cpSync(join(process.env.IPVS_TEST_MODULES, 'index'), `/lib/modules/${release()}`, { recursive: true })
for (const name of ['ip_vs', 'ip_vs_msh', 'ip_vs_maglev', 'ip_vs_hrw', 'ip_vs_sh', 'ip_vs_mh'])
  execFileSync('modprobe', [name])
execFileSync('insmod', [process.env.IPVS_PROBE])

// To switch a scheduler the kernel waits for a grace period.
writeFileSync('/sys/kernel/rcu_expedited', '1')

const sizes = quick ? [10, 50] : [10, 50, 200, 1000]
const clients = quick ? 20_000 : 200_000
const rounds = quick ? 1 : 7

const result = {
  kernel: release(),
  clients,
  rounds,
  placements: await placements({ sizes, clients }),
  memory: await memory({ sizes, rounds: quick ? 1 : 3 }),
  ...(await costs({ sizes, rounds })),
}
writeFileSync(file, `${JSON.stringify(result, null, 1)}\n`)
