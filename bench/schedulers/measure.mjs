// npm run bench:schedulers: our schedulers beside the kernel's own, in the test machine; writes results and tables.
// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { build } from '../../scripts/build.mjs'
import { cache, main, Problem, root, run } from '../../scripts/lib.mjs'
import { setup } from '../../scripts/setup.mjs'
import { schedulerModules } from '../../test/kmod/modules.mjs'
import { findKernel } from '../../test/vm/kernel.mjs'
import { runInVm } from '../../test/vm/run.mjs'
import { lookups } from './lookups.mjs'
import { readme, tables } from './tables.mjs'

const usage = `usage: npm run bench:schedulers [-- --quick]

Measures agreement, movement, shares, memory and cost of sh, mh, msh, maglev and hrw, and writes results.json and
RESULTS.md here and the tables of the README. Takes about 15 minutes; --quick measures everything once, with few servers and clients, and writes
nothing.
`

/** What the README says between its markers, anew. */
function rewriteReadme(text) {
  const file = join(root, 'README.md')
  const old = readFileSync(file, 'utf8')
  const [begin, end] = [
    '<!-- schedulers: written by npm run bench:schedulers -->\n',
    '<!-- schedulers: end -->',
  ]
  if (!old.includes(begin) || !old.includes(end)) throw new Problem(`${file} lacks a marker`)
  const [before, rest] = old.split(begin)
  writeFileSync(file, `${before}${begin}${text}${rest.slice(rest.indexOf(end))}`)
}

/** In `folder`: kprobes and the network's headers are all it needs. */
async function buildProbe({ release }, folder) {
  for (const name of ['probe.c', 'Kbuild']) cpSync(join(import.meta.dirname, name), join(folder, name))
  await run('make', ['-C', `/lib/modules/${release}/build`, `M=${folder}`, 'modules'])
  return join(folder, 'probe.ko')
}

async function measure(folder, quick) {
  const kernel = findKernel()
  const file = join(folder, 'results.json')
  const { status } = await runInVm({
    command: [process.execPath, join(import.meta.dirname, 'guest.mjs'), file, ...(quick ? ['--quick'] : [])],
    cwd: root,
    env: {
      IPVS_PROBE: await buildProbe(kernel, folder),
      IPVS_TEST_MODULES: await schedulerModules(kernel),
    },
    cpus: Math.min(2, cpus().length),
    shares: [folder],
    timeout: quick ? 240 : 3000,
  })
  if (status !== 0) throw new Problem(`the measurement failed (status ${status})`)
  return JSON.parse(readFileSync(file, 'utf8'))
}

await main(import.meta, async (argv) => {
  const { values } = parseArgs({
    args: argv,
    options: { quick: { type: 'boolean', default: false }, help: { type: 'boolean' } },
  })
  if (values.help) return void process.stdout.write(usage)
  await setup({ for: 'test' })
  await build()
  const folder = mkdtempSync(join(cache, 'bench-'))
  try {
    const measured = {
      date: new Date().toISOString().slice(0, 10),
      commit: execFileSync('git', ['describe', '--always', '--dirty'], {
        cwd: root,
        encoding: 'utf8',
      }).trim(),
      processors: cpus().length,
      ...(await measure(folder, values.quick)),
      lookups: lookups(values.quick),
    }
    const text = tables(measured)
    process.stdout.write(text)
    if (values.quick) return
    writeFileSync(join(import.meta.dirname, 'results.json'), `${JSON.stringify(measured, null, 1)}\n`)
    writeFileSync(join(import.meta.dirname, 'RESULTS.md'), text)
    rewriteReadme(readme(measured))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
