// What can be observed: the diagnostics channel, and DEBUG=ipvs.
// SPDX-License-Identifier: MIT

import { tracingChannel } from 'node:diagnostics_channel'
import { afterEach, expect, test, vi } from 'vitest'
import { Director } from '../../lib/director.ts'
import type { TransactionContext } from '../../lib/index.ts'
import { failure, queueOver, ScriptedSocket } from './script.ts'

const web = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const

afterEach(() => vi.unstubAllEnvs())

test('each transaction is published, with its requests and what came of it', async () => {
  const seen: [string, TransactionContext][] = []
  const note = (event: string) => (context: unknown) => seen.push([event, context as TransactionContext])
  const subscribers = {
    start: note('start'),
    end: note('end'),
    asyncStart: note('asyncStart'),
    asyncEnd: note('asyncEnd'),
    error: note('error'),
  }
  const channel = tracingChannel('ipvs:transaction')
  channel.subscribe(subscribers)
  try {
    const socket = new ScriptedSocket(() => 0)
    const ipvs = new Director(queueOver(socket))
    await Promise.all([ipvs.services.add(web), ipvs.zero()])
    expect(seen.map(([event]) => event)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd'])
    const context = seen[3]![1]
    expect(context.requests.map(({ command }) => command)).toEqual(['newService', 'zero'])
    expect(context.bytes.length).toBeGreaterThan(60)
    expect(context.result).toBeInstanceOf(Uint8Array)
    seen.length = 0
    socket.transact = async () => {
      throw failure(105, 'recvmsg', { sent: 1 })
    }
    await expect(ipvs.zero()).rejects.toMatchObject({ reason: 'outcome-unknown' })
    expect(seen.map(([event]) => event)).toEqual(['start', 'end', 'error', 'asyncStart', 'asyncEnd'])
    expect(seen[2]![1].error).toMatchObject({ errno: 105 })
  } finally {
    channel.unsubscribe(subscribers)
  }
})

test('DEBUG=ipvs prints requests and replies, decoded', async () => {
  vi.stubEnv('DEBUG', 'other,ipvs')
  vi.resetModules()
  const printed: string[] = []
  const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => printed.push(String(text)) > 0)
  try {
    const fresh = {
      ...(await import('../../lib/director.ts')),
      ...(await import('../../lib/queue.ts')),
      ...(await import('../../lib/channel.ts')),
    }
    const socket = new ScriptedSocket(({ command }) => (command === 16 ? 3 : 0))
    const ipvs = new fresh.Director(new fresh.Queue(new fresh.Channel(socket, socket, 1000)))
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
