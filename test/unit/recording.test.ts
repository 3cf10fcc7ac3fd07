// A recording: calls are checked when they are made, and sent later in their order; failures are known by their place.
// SPDX-License-Identifier: MIT

import { expect, test } from 'vitest'
import { commands } from '../../lib/abi.ts'
import { Director } from '../../lib/director.ts'
import { type Player, Recording } from '../../lib/recording.ts'
import type { IpvsSync } from '../../lib/sync.ts'
import { queueOver, ScriptedSocket, type Seen } from './script.ts'

const ENOENT = 2
const web = (host: number) => ({ protocol: 'tcp', address: `192.0.2.${host}`, port: 80 }) as const

const record = (make: (director: IpvsSync) => void): Recording => {
  const recording = new Recording()
  make(new Director(recording as unknown as Player) as unknown as IpvsSync)
  return recording
}

const seenBy = (socket: ScriptedSocket): string[] =>
  socket.messages.map(
    ({ command }) => Object.entries(commands).find(([, number]) => number === command)?.[0] ?? '?',
  )

test('calls and operations take effect in the order in which they were recorded', async () => {
  const socket = new ScriptedSocket(() => 0)
  const recording = record((director) => {
    director.services.add(web(1))
    director.destinations.add(web(1), { address: '10.0.0.1' })
    director.daemons.stop('master')
    director.services.delete(web(1))
  })
  expect(socket.messages).toEqual([])
  expect(await recording.play(queueOver(socket), { goOn: false })).toEqual({ made: 4, failed: [] })
  expect(seenBy(socket)).toEqual(['newService', 'newDest', 'delDaemon', 'getDaemon', 'delService'])
})

test('a wrong argument is found at once, and is not recorded', async () => {
  const socket = new ScriptedSocket(() => 0)
  const recording = record((director) => {
    expect(() => director.services.add({ ...web(1), port: 70_000 })).toThrow('port: expected an integer')
    director.services.add(web(2))
  })
  expect(await recording.play(queueOver(socket), { goOn: false })).toMatchObject({ made: 1 })
})

test('past a failure, or not; operations beside each other, too', async () => {
  const refuse = ({ command }: Seen): number => (command === commands.getService ? ENOENT : 0)
  const edits = record((director) => {
    director.services.add(web(1))
    for (const host of [2, 3]) director.services.edit(web(host), { scheduler: 'rr' })
    director.services.add(web(4))
  })
  const played = await edits.play(queueOver(new ScriptedSocket(refuse)), { goOn: true })
  expect(played.made).toBe(4)
  expect(played.failed).toMatchObject([
    { place: 1, error: { code: 'ENOENT' } },
    { place: 2, error: { code: 'ENOENT' } },
  ])
  const stopped = record((director) => {
    for (let host = 1; host < 250; host++) {
      director.services.add(web(host))
      director.services.delete(web(host))
      director.services.zero(web(host))
    }
  })
  const socket = new ScriptedSocket(({ sequence }) => (sequence === 3 ? ENOENT : 0))
  expect(await stopped.play(queueOver(socket), { goOn: false })).toMatchObject({
    made: 512,
    failed: [{ place: 2 }],
  })
  expect(socket.messages.length).toBe(512)
})

test('operations, too, are made so many at a time', async () => {
  const many = record((director) => {
    for (let port = 1; port <= 1000; port++) director.services.edit({ ...web(1), port }, { scheduler: 'rr' })
  })
  const { made, failed } = await many.play(queueOver(new ScriptedSocket(() => ENOENT)), { goOn: false })
  expect([made, failed.length]).toEqual([512, 512])
})

test('other calls neither join it nor are overtaken', async () => {
  const socket = new ScriptedSocket(() => 0)
  const queue = queueOver(socket)
  const director = new Director(queue)
  const before = director.services.delete(web(1))
  const playing = record((recorder) => recorder.services.add(web(2))).play(queue, { goOn: false })
  const after = director.services.zero(web(3))
  await Promise.all([before, playing, after])
  expect(socket.transactions.map(({ length }) => length)).toEqual([1, 1, 1])
  expect(seenBy(socket)).toEqual(['delService', 'newService', 'zero'])
})

test('a client that was closed', async () => {
  const queue = queueOver(new ScriptedSocket(() => 0))
  await queue.close()
  const recording = record((director) => {
    director.services.add(web(1))
    director.services.add(web(2))
  })
  const { failed } = await recording.play(queue, { goOn: false })
  expect(failed).toMatchObject([{ error: { reason: 'closed' } }, { error: { reason: 'closed' } }])
})
