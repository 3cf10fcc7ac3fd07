// npm run test:kernels: the kernel tests on the oldest and the newest kernel that the mirror has, and the stock one.
// SPDX-License-Identifier: MIT
import { build } from '../scripts/build.mjs'
import { main } from '../scripts/lib.mjs'
import { setup } from '../scripts/setup.mjs'
import { addCounts, noCounts } from './counts.mjs'
import { kernelTests } from './run.mjs'
import { fetchKernel } from './vm/kernels.mjs'

async function runAll(argv) {
  const names = argv.length > 0 ? argv : ['5.10', '7.x']
  await setup({ for: 'test' })
  await build()
  const kernels = []
  for (const name of names) kernels.push({ name, folder: await fetchKernel(name) })
  let total = noCounts
  const rows = []
  for (const { name, folder } of kernels) {
    console.log(`\n── kernel ${name} ${'─'.repeat(50)}`)
    const counts = await kernelTests({ kernel: folder })
    rows.push(`${name}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
    total = addCounts(total, counts)
  }
  for (const reason of total.reasons) console.log(`FAILED: ${reason}`)
  console.log(`\n${rows.join('\n')}\n\n${total.passed} passed, ${total.failed} failed`)
  return total.failed === 0 && total.passed > 0 ? 0 : 1
}

await main(import.meta, runAll)
