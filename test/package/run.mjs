// npm run test:package: the tarball on this machine, on other platforms, and in the test machine with its schedulers.
// SPDX-License-Identifier: MIT
import { build } from '../../scripts/build.mjs'
import { main } from '../../scripts/lib.mjs'
import { setup } from '../../scripts/setup.mjs'
import { addCounts, conclude, failed, passed } from '../counts.mjs'
import { testsHere } from '../run.mjs'
import { tryInGuest } from './guest.mjs'

await main(import.meta, async () => {
  await setup({ for: 'platforms' })
  await build()
  const here = addCounts(await testsHere('package'), await testsHere('platforms'))
  const name = 'the tarball in the test machine'
  return conclude(addCounts(here, (await tryInGuest()) === 0 ? passed() : failed(name)))
})
