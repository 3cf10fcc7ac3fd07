// What can be observed: the diagnostics channel. (DEBUG=ipvs is in debug.test.ts.)
// SPDX-License-Identifier: MIT

import { tracingChannel } from 'node:diagnostics_channel'
import { expect, test } from 'vitest'
import { Director } from '../../lib/director.ts'
import type { TransactionContext } from '../../lib/index.ts'
import { failure, queueOver, ScriptedSocket } from './script.ts'

const web = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const

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
