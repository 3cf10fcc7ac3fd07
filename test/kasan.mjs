// npm run test:kasan: the tests of the schedulers on a kernel that looks for faults, and one of memory shortage.
// SPDX-License-Identifier: MIT
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { build } from '../scripts/build.mjs'
import { main, root } from '../scripts/lib.mjs'
import { setup } from '../scripts/setup.mjs'
import { addCounts, conclude, failed, passed } from './counts.mjs'
import { schedulerModules } from './kmod/modules.mjs'
import { testsInMachine } from './run.mjs'
import { debugKernel } from './vm/debug-kernel.mjs'
import { findKernel } from './vm/kernel.mjs'

const usage = `usage: npm run test:kasan [-- [--modules FOLDER] [--keep-log FILE] [TEST...]]

Builds a kernel with KASAN, lockdep, kmemleak and fault injection (some ten minutes, once), boots it, and runs
there the churn of directors and the tests of memory shortage; or those tests of the schedulers (test/kernel/
schedulers*, debug-*) whose file names contain TEST.

  --modules FOLDER  instead of what test/kmod/modules.mjs builds for that kernel
  --keep-log FILE   writes the kernel's log there
`

/** kmemleak is off by default. A guest that is starved by its host has not locked up. */
const append = 'kmemleak=on workqueue.watchdog_thresh=120'

/** A frame of ours, or one of a module that has been unloaded and has no names any more. */
const oursIn = /ip_?vs|0xffffffffc/

/** What /sys/kernel/debug/kmemleak says, object by object. */
const lost = (report) => report.split(/^(?=unreferenced object)/m).filter((object) => oursIn.test(object))

function leaks(path) {
  if (!existsSync(path)) return failed('kmemleak: no report')
  const objects = lost(readFileSync(path, 'utf8'))
  for (const object of objects.slice(0, 10)) console.log(object)
  return objects.length === 0 ? passed() : failed(`kmemleak: ${objects.length} objects are lost`)
}

async function testOnDebugKernel(argv) {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      modules: { type: 'string' },
      'keep-log': { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  if (values.help) return void process.stdout.write(usage)
  await setup({ for: 'kasan' })
  await build()
  const kernel = await debugKernel()
  const modules = values.modules ?? (await schedulerModules(findKernel(kernel)))
  const folder = mkdtempSync(join(tmpdir(), 'ipvs-kasan-'))
  try {
    const report = join(folder, 'kmemleak')
    const tests = await testsInMachine('debug', {
      kernel,
      append,
      files: positionals.length > 0 ? positionals : ['schedulers-churn', 'debug-'],
      keepLog: values['keep-log'],
      memory: 3072,
      timeout: 2700,
      env: { IPVS_TEST_MODULES: modules, IPVS_TEST_SLOWNESS: '10' },
      shares: [folder],
      wrapper: ['sh', join(root, 'test/kmod/kmemleak.sh'), report],
    })
    return conclude(addCounts(tests, leaks(report)))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

await main(import.meta, testOnDebugKernel)
