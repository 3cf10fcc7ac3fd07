// Worker threads terminated with work in flight, and clients that nobody closed.
// SPDX-License-Identifier: MIT

import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { Ipvs } from '../../lib/index.ts'
import { namespace } from './namespace.ts'
import { patience } from './slowness.ts'

test('20 workers terminated at random moments, 10 rounds: no crash, no descriptor left', {
  timeout: 300_000 * patience,
}, () => {
  const script = fileURLToPath(new URL('workers.mjs', import.meta.url))
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [script, namespace().path], {
    encoding: 'utf8',
  })
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' })
  const { before, after } = JSON.parse(stdout)
  expect(after).toBeLessThanOrEqual(before)
})

test('a thousand clients opened and closed leave no descriptor', async () => {
  const { path } = namespace()
  await (await Ipvs.open({ netns: path })).close()
  const descriptors = () => readdirSync('/proc/self/fd').length
  const before = descriptors()
  for (let i = 0; i < 1000; i++) {
    const ipvs = await Ipvs.open({ netns: path })
    await Promise.all([ipvs.close(), ipvs.close()])
  }
  // What other tests of this process have left behind may end meanwhile.
  expect(descriptors()).toBeLessThanOrEqual(before)
})
