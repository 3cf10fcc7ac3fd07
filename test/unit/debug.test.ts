// DEBUG=ipvs, in a file of its own: the environment is read once, when the client is loaded.
// SPDX-License-Identifier: MIT

import { expect, test, vi } from 'vitest'
import { Director } from '../../lib/director.ts'
import { queueOver, ScriptedSocket } from './script.ts'

vi.hoisted(() => {
  process.env.DEBUG = 'other,ipvs'
})

const web = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const

test('DEBUG=ipvs prints requests and replies, decoded', async () => {
  const printed: string[] = []
  const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => printed.push(String(text)) > 0)
  try {
    const ipvs = new Director(queueOver(new ScriptedSocket(({ command }) => (command === 16 ? 3 : 0))))
    await Promise.allSettled([
      ipvs.services.add({ ...web, scheduler: 'rr' }),
      ipvs.services.zero(web),
      ipvs.flush(),
    ])
  } finally {
    write.mockRestore()
  }
  const text = printed.join('')
  expect(text).toMatch(/^ipvs > newService 192\.0\.2\.1:80\/tcp \{ service: .*scheduler: 'rr'/m)
  expect(text).toMatch(/^ipvs < #2 error 3/m)
  expect(text).toMatch(/^ipvs < #3 done/m)
})
