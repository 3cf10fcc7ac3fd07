// npm run test:kernels: the kernel tests on the oldest and the newest kernel that the mirror has, and the stock one.
// SPDX-License-Identifier: MIT
import { build } from '../scripts/build.mjs'
import { main } from '../scripts/lib.mjs'
import { setup } from '../scripts/setup.mjs'
import { addCounts, conclude, noCounts } from './counts.mjs'
import { kernelTests } from './run.mjs'
import { fetchKernel } from './vm/kernels.mjs'

async function runAll(argv) {
  const names = argv.length > 0 ? argv : ['5.10', '7.x']
  await setup({ for: 'test' })
  await build()
  const kernels = []
  for (const name of names) kernels.push({ name, folder: await fetchKernel(name) })
  let total = noCounts
  for (const { name, folder } of kernels) {
    const counts = await kernelTests({ kernel: folder })
    console.log(`${name}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
    total = addCounts(total, counts)
  }
  return conclude(total)
}

await main(import.meta, runAll)
