// npm run bench: measures the client beside its rivals, and writes results, tables, plots and a part of the README.
// SPDX-License-Identifier: MIT
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { build } from '../scripts/build.mjs'
import { cache, main, Problem, root } from '../scripts/lib.mjs'
import { setup as setupMachine } from '../scripts/setup.mjs'
import { runInVm } from '../test/vm/run.mjs'
import { cases, hostCases } from './cases.mjs'
import { setup } from './setup.mjs'

const usage = `usage: npm run bench [-- --quick] [-- --only NAME] [-- --host]

Measures the client beside ipvsadm, keepalived, firewall rules and a minimal C program, in the test machine, and
writes results.json, RESULTS.md and plots here and a table in the README. Takes about 20 minutes.

  --quick      everything once and small, in a few minutes; writes nothing
  --only NAME  ${Object.keys(cases).join(', ')} codec or shares; may be repeated; writes nothing
  --draw       measures nothing: makes tables and plots of the results that are there
  --host       on this host's own kernel, in new network namespaces (as root, where there is IPVS)
`

const guest = join(import.meta.dirname, 'guest.mjs')

async function inMachine(words, folder, quick) {
  const { status } = await runInVm({
    command: [process.execPath, guest, ...words],
    cwd: root,
    cpus: Math.min(2, cpus().length),
    memory: 3072,
    shares: [folder],
    timeout: quick ? 600 : 3000,
  })
  return status
}

async function onHost(words) {
  if (process.getuid() !== 0) throw new Problem('bench: --host needs root')
  const child = spawn('unshare', ['-n', process.execPath, guest, ...words], { cwd: root, stdio: 'inherit' })
  const [status] = await once(child, 'close')
  return status
}

/** What the cases found, and the status of the worst. */
async function measure(names, { quick, host }) {
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'bench-'))
  try {
    const file = join(folder, 'results.json')
    const words = [file, ...(quick ? ['--quick'] : []), ...names.flatMap((name) => ['--only', name])]
    const status = host ? await onHost(words) : await inMachine(words, folder, quick)
    const found = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
    return { status, found }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()

const describe = ({ quick, host, only }) => ({
  date: new Date().toISOString().slice(0, 10),
  commit: git('describe', '--always', '--dirty'),
  command: [
    ...['npm run bench', ...(quick || host || only ? ['--'] : []), ...(host ? ['--host'] : [])],
    ...[...(quick ? ['--quick'] : []), ...(only ?? []).flatMap((name) => ['--only', name])],
  ].join(' '),
  ground: host ? 'this host' : 'an emulated machine (QEMU, no KVM)',
})

/** Fails before the measurement and not after it. */
async function findReport() {
  const report = await import('./report/write.mjs')
  report.checkMarkers()
  return report
}

async function tablesOf(results) {
  const { tables } = await import('./report/tables.mjs')
  return tables(results)
}

async function bench(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      quick: { type: 'boolean', default: false },
      host: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true },
      draw: { type: 'boolean', default: false },
      help: { type: 'boolean' },
    },
  })
  if (values.help) return void process.stdout.write(usage)
  const known = [...Object.keys(cases), ...Object.keys(hostCases)]
  const names = values.only ?? known
  for (const name of names) if (!known.includes(name)) throw new Problem(usage)
  if (values.draw) {
    const report = await findReport()
    await report.write(report.saved())
    return 0
  }
  await setupMachine({ for: 'demo' })
  await setup()
  await build()
  const writes = !values.quick && values.only === undefined
  const report = writes ? await findReport() : undefined
  const inGuest = names.filter((name) => Object.hasOwn(cases, name))
  const { status, found } =
    inGuest.length > 0 ? await measure(inGuest, values) : { status: 0, found: { cases: {} } }
  if (found === undefined) throw new Problem(`bench: no measurement (status ${status})`)
  for (const name of names)
    if (Object.hasOwn(hostCases, name)) found.cases[name] = await hostCases[name](values)
  const results = { ...describe(values), ...found }
  report?.save(results)
  process.stdout.write(await tablesOf(results))
  if (status !== 0) throw new Problem(`bench: FAILED (status ${status})`)
  await report?.write(results)
  return 0
}

await main(import.meta, bench)
