// Runs in the machine that is measured: each case in a process of its own; what they found goes to a file as JSON.
// SPDX-License-Identifier: MIT
//
//   node guest.mjs FILE [--quick] [--only NAME]...     or, for one case:  node guest.mjs FILE --case NAME [--quick]
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Ipvs, IpvsError } from '../dist/index.js'
import { cases } from './cases.mjs'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    case: { type: 'string' },
  },
})
const [file] = positionals
const save = (result) => writeFileSync(file, JSON.stringify(result))

async function runCase(name) {
  const started = performance.now()
  const seconds = () => `${Math.round((performance.now() - started) / 1000)} s`.padStart(6)
  const log = (what) => console.log(`${seconds()}  ${name}: ${what}`)
  save(await cases[name]({ quick: values.quick, log }))
}

/** The result of a case, or undefined when it failed. */
async function inItsOwnProcess(name) {
  const part = join(tmpdir(), `bench-${name}.json`)
  const words = [part, '--case', name, ...(values.quick ? ['--quick'] : [])]
  const child = spawn(process.execPath, [import.meta.filename, ...words], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const [status] = await once(child, 'close')
  if (status === 0) return JSON.parse(readFileSync(part, 'utf8'))
  console.log(`        ${name}: FAILED (status ${status})`)
  return undefined
}

async function runAll(names) {
  // Has the kernel load what the cases use: from here on the module's count of uses is that of services.
  const ipvs = await Ipvs.open()
  await Promise.all([ipvs.services.add({ fwmark: 1, scheduler: 'wlc' }), ipvs.services.delete({ fwmark: 1 })])
  await ipvs.close()
  const results = {}
  for (const name of names) {
    results[name] = await inItsOwnProcess(name)
    if (results[name] === undefined) process.exitCode = 1
  }
  const machine = {
    processors: cpus().length,
    memory: Math.round(totalmem() / 2 ** 20),
    node: process.version,
  }
  save({ kernel: release(), machine, cases: results })
}

try {
  if (values.case === undefined) await runAll(values.only ?? Object.keys(cases))
  else await runCase(values.case)
} catch (error) {
  console.error(error instanceof IpvsError ? `bench: ${error.message}` : error)
  process.exitCode = 1
}
