// Order, batching, failures, abort and close of the asynchronous client, over a scripted socket.
// SPDX-License-Identifier: MIT

import { expect, test, vi } from 'vitest'
import { commands, message } from '../../lib/abi.ts'
import { Director } from '../../lib/director.ts'
import { IpvsError } from '../../lib/index.ts'
import { NLM_F_ACK, NLM_F_DUMP } from '../../lib/netlink/message.ts'
import { answer, failure, parse, queueOver, type Script, ScriptedSocket } from './script.ts'

const web = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
const server = (i: number) => ({ address: `10.0.${i >> 8}.${i & 255}` })

const open = (script: Script = () => 0) => {
  const socket = new ScriptedSocket(script)
  const queue = queueOver(socket)
  return { socket, queue, ipvs: new Director(queue) }
}

const reasons = (settled: PromiseSettledResult<unknown>[]): string[] =>
  settled.map((s) =>
    s.status === 'fulfilled' ? 'ok' : s.reason instanceof IpvsError ? s.reason.reason : String(s.reason),
  )

test('calls of one tick go out together, in order, with an ACK for every 128th and the last', async () => {
  const { socket, ipvs } = open()
  await Promise.all(Array.from({ length: 300 }, (_, i) => ipvs.destinations.add(web, server(i))))
  expect(socket.transactions).toHaveLength(1)
  const sent = socket.messages
  expect(sent.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 300 }, (_, i) => i + 1))
  expect(sent.flatMap(({ flags }, i) => (flags & NLM_F_ACK ? [i] : []))).toEqual([127, 255, 299])
  expect(Buffer.from(sent[299]!.payload).includes(Buffer.from([10, 0, 1, 43]))).toBe(true)
})

test('what is called while an exchange is in flight goes out in the next', async () => {
  const { socket, ipvs } = open()
  const first = ipvs.services.add(web)
  await Promise.resolve().then(() => Promise.resolve())
  const rest = [ipvs.zero(), ipvs.zero(), ipvs.flush()]
  await Promise.all([first, ...rest])
  expect(socket.transactions.map((messages) => messages.map(({ command }) => command))).toEqual([
    [commands.newService],
    [commands.zero, commands.zero, commands.flush],
  ])
})

test('each failure rejects its own promise', async () => {
  const { ipvs } = open(({ sequence }) => (sequence % 7 === 0 ? 17 : 0))
  const settled = await Promise.allSettled(
    Array.from({ length: 500 }, (_, i) => ipvs.destinations.add(web, server(i))),
  )
  expect(reasons(settled)).toEqual(
    Array.from({ length: 500 }, (_, i) => ((i + 1) % 7 === 0 ? 'destination-exists' : 'ok')),
  )
  const error = (settled[6] as PromiseRejectedResult).reason as IpvsError
  expect(error).toMatchObject({
    code: 'EEXIST',
    errno: -17,
    command: 'newDest',
    subject: '10.0.0.6:80 of 192.0.2.1:80/tcp',
  })
  expect(error.message).toBe(
    'newDest 10.0.0.6:80 of 192.0.2.1:80/tcp: the service has this real server already (EEXIST)',
  )
})

test('lost replies: earlier chunks are known, the broken one only where it failed, later ones were not sent', async () => {
  const { socket, ipvs } = open()
  const error = failure(105, 'recvmsg', { sent: 256 })
  socket.transact = async (request) => {
    const replies = answer(request, ({ sequence }) => (sequence === 5 || sequence === 130 ? 17 : 0))
    // The ACK of the second chunk is what got lost, and the third chunk never left.
    const kept: Buffer[] = []
    for (let i = 0; i < replies.length; i += 36) {
      const sequence = Buffer.from(replies).readUInt32LE(i + 8)
      if (sequence < 256) kept.push(Buffer.from(replies.subarray(i, i + 36)))
    }
    throw Object.assign(error, { replies: Buffer.concat(kept) })
  }
  const settled = await Promise.allSettled(
    Array.from({ length: 300 }, (_, i) => ipvs.destinations.add(web, server(i))),
  )
  expect(reasons(settled)).toEqual(
    Array.from({ length: 300 }, (_, i) => {
      if (i === 4 || i === 129) return 'destination-exists'
      return i < 128 ? 'ok' : i < 256 ? 'outcome-unknown' : 'not-sent'
    }),
  )
  expect((settled[200] as PromiseRejectedResult).reason).toMatchObject({ code: 'ENOBUFS', errno: -105 })
})

test('a send that fails says that nothing was sent, and the client stays usable', async () => {
  const { socket, ipvs } = open()
  const { transact } = socket
  socket.transact = async () => {
    throw failure(90, 'sendmsg', { sent: 0 })
  }
  await expect(ipvs.zero()).rejects.toMatchObject({ reason: 'not-sent', code: 'EMSGSIZE' })
  socket.transact = transact
  await ipvs.zero()
})

test('a malformed reply is its own reason', async () => {
  const { socket, ipvs } = open()
  socket.transact = async (request) => {
    const reply = Buffer.from(answer(request, () => 0))
    return Buffer.concat([
      Buffer.from([24, 0, 0, 0, 32, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 15, 1, 0, 0, 3, 0, 1, 0]),
      reply,
    ])
  }
  await expect(ipvs.info()).rejects.toMatchObject({ reason: 'malformed-reply' })
})

test('an unexpected error of the socket settles every call', async () => {
  const { socket, ipvs } = open()
  socket.transact = async () => {
    throw new Error('broken')
  }
  expect(reasons(await Promise.allSettled([ipvs.zero(), ipvs.info(), ipvs.services.list()]))).toEqual(
    Array(3).fill('Error: broken'),
  )
})

test('AbortSignal drops what was not sent, and nothing else', async () => {
  const { socket, ipvs } = open()
  const controller = new AbortController()
  const { signal } = controller
  const calls = [
    ipvs.services.add(web),
    ipvs.services.delete(web, { signal }),
    ipvs.zero(),
    ipvs.services.list({ signal }),
    ipvs.flush({ signal }),
  ]
  controller.abort()
  expect(reasons(await Promise.allSettled(calls))).toEqual([
    'ok',
    'AbortError: This operation was aborted',
    'ok',
    'AbortError: This operation was aborted',
    'AbortError: This operation was aborted',
  ])
  expect(socket.messages.map(({ command }) => command)).toEqual([commands.newService, commands.zero])
  await expect(ipvs.zero({ signal })).rejects.toThrow('aborted')
})

test('thousands of calls share one signal without a warning of a leak', async () => {
  const { ipvs } = open()
  const warnings: Error[] = []
  const note = (warning: Error) => void warnings.push(warning)
  process.on('warning', note)
  const { signal } = new AbortController()
  await Promise.all(Array.from({ length: 3000 }, (_, i) => ipvs.destinations.add(web, server(i), { signal })))
  await Promise.all(Array.from({ length: 30 }, () => ipvs.services.list({ signal })))
  await new Promise(setImmediate)
  process.off('warning', note)
  expect(warnings).toEqual([])
})

test('an aborted task that still waits in the line rejects at once', async () => {
  const { socket, ipvs } = open()
  const comeBack = socket.hold()
  const controller = new AbortController()
  const first = ipvs.zero()
  await new Promise(setImmediate)
  const list = ipvs.services.list({ signal: controller.signal })
  controller.abort()
  await expect(list).rejects.toThrow('aborted')
  comeBack()
  await first
})

test('an abort after the write of an edit was sent tells how it went', async () => {
  const { socket, ipvs } = open()
  const controller = new AbortController()
  const { transact } = socket
  socket.transact = (request, count) => {
    controller.abort()
    return transact.call(socket, request, count)
  }
  const all = { forwarding: 'masquerading', weight: 1, upperThreshold: 0, lowerThreshold: 0 } as const
  await ipvs.destinations.edit(web, server(1), all, { signal: controller.signal })
  expect(socket.messages.map(({ command }) => command)).toEqual([commands.setDest])
})

test('both daemons stopped together: each has its own look at what is left', async () => {
  const { socket, ipvs } = open()
  await Promise.all([ipvs.daemons.stop('master'), ipvs.daemons.stop('backup')])
  expect(socket.messages.map(({ command }) => command)).toEqual([
    commands.delDaemon,
    commands.getDaemon,
    commands.delDaemon,
    commands.getDaemon,
  ])
})

test('replies that break off in the middle: what was not answered is unknown, never a success', async () => {
  const { socket, ipvs } = open()
  socket.transact = async (request) => {
    const replies = answer(request, ({ sequence }) => (sequence === 5 || sequence === 250 ? 3 : 0))
    const spoiled = Buffer.from(replies)
    spoiled.writeUInt32LE(7, 36) // the length of the second message, the ACK of the first chunk
    return spoiled
  }
  const settled = await Promise.allSettled(Array.from({ length: 300 }, () => ipvs.services.delete(web)))
  expect(reasons(settled)).toEqual(
    Array.from({ length: 300 }, (_, i) => (i === 4 ? 'no-such-service' : 'outcome-unknown')),
  )
})

test('an error whose explanation cannot be read is still that error', async () => {
  const { socket, ipvs } = open()
  socket.transact = async (request) => {
    const reply = Buffer.from(answer(request, () => 3))
    reply.writeUInt16LE(0x300, 6) // claims an extended ACK behind a capped request
    return Buffer.concat([reply.subarray(0, 36), Buffer.from([1, 0, 1, 0])]).fill(40, 0, 1)
  }
  await expect(ipvs.services.delete(web)).rejects.toMatchObject({ reason: 'no-such-service' })
})

test('a reading without its object is malformed, not made up', async () => {
  const { ipvs } = open()
  await expect(ipvs.services.get(web)).rejects.toMatchObject({ reason: 'malformed-reply' })
  await expect(ipvs.info()).rejects.toMatchObject({ reason: 'malformed-reply', command: 'getInfo' })
})

test('an abort after sending changes nothing', async () => {
  const { socket, ipvs } = open()
  const controller = new AbortController()
  const { transact } = socket
  socket.transact = (request, count) => {
    controller.abort()
    return transact.call(socket, request, count)
  }
  await ipvs.zero({ signal: controller.signal })
})

test('edits that leave nothing to be read go out together, in order', async () => {
  const { socket, ipvs } = open()
  const all = { forwarding: 'masquerading', upperThreshold: 0, lowerThreshold: 0 } as const
  await Promise.all([
    ...Array.from({ length: 50 }, (_, i) => ipvs.destinations.edit(web, server(i), { ...all, weight: 3 })),
    ipvs.destinations.edit(web, server(7), { ...all, weight: 4 }),
  ])
  expect(socket.transactions.map((messages) => messages.length)).toEqual([51])
  const weights = socket.messages.map(
    ({ payload }) =>
      message.read(new DataView(payload.buffer, payload.byteOffset), 0, payload.length).destination?.weight,
  )
  expect(weights).toEqual([...Array.from({ length: 50 }, () => 3), 4])
})

test('readings that editors have in common are made once', async () => {
  const { socket, ipvs } = open(({ command }) => (command === commands.getService ? 3 : 0))
  const edits = Array.from({ length: 50 }, (_, i) => ipvs.destinations.edit(web, server(i), { weight: 3 }))
  expect(new Set(reasons(await Promise.allSettled(edits)))).toEqual(new Set(['no-such-service']))
  expect(socket.messages.map(({ command }) => command)).toEqual([commands.getService, commands.getDest])
})

test('whatever was called first takes effect first', async () => {
  const { socket, ipvs } = open()
  const all = { forwarding: 'masquerading', weight: 1, upperThreshold: 0, lowerThreshold: 0 } as const
  await Promise.allSettled([
    ipvs.destinations.add(web, server(1)),
    ipvs.destinations.edit(web, server(1), all),
    ipvs.services.list(),
    ipvs.destinations.delete(web, server(1)),
  ])
  expect(socket.messages.map(({ command }) => command)).toEqual([
    commands.newDest,
    commands.setDest,
    commands.getService,
    commands.delDest,
  ])
})

test('stopping a daemon needs no ACK: the list behind it ends the exchange', async () => {
  const { socket, ipvs } = open()
  await ipvs.daemons.stop('master')
  expect(
    socket.messages.map(({ command, flags }) => [command, flags & NLM_F_ACK, flags & NLM_F_DUMP]),
  ).toEqual([
    [commands.delDaemon, 0, 0],
    [commands.getDaemon, 0, NLM_F_DUMP],
  ])
})

test('wrong arguments reject the promise and send nothing', async () => {
  const { socket, ipvs } = open()
  await expect(ipvs.services.add({ ...web, port: 65536 })).rejects.toThrow(RangeError)
  await expect(ipvs.services.edit(web, { scheduler: '' })).rejects.toThrow(RangeError)
  await new Promise(setImmediate)
  expect(socket.transactions).toEqual([])
})

test('close lets earlier calls finish; later ones fail with closed', async () => {
  const { socket, queue, ipvs } = open()
  const before = ipvs.zero()
  const closing = queue.close()
  await expect(ipvs.zero()).rejects.toMatchObject({ reason: 'closed', code: 'ERR_IPVS_CLOSED' })
  await expect(ipvs.services.list()).rejects.toMatchObject({ reason: 'closed', command: 'getService' })
  await closing
  expect(socket.closed).toBe(true)
  await before
  await queue.close()
})

test('a kernel that does not come back is not waited for without end', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    const { socket, ipvs } = open()
    const comeBack = socket.hold()
    const calls = Promise.allSettled([ipvs.zero(), ipvs.services.list(), ipvs.flush()])
    await new Promise(setImmediate)
    await vi.advanceTimersByTimeAsync(2000)
    expect(reasons(await calls)).toEqual(['outcome-unknown', 'not-sent', 'not-sent'])
    await expect(ipvs.zero()).rejects.toMatchObject({ reason: 'not-sent' })
    comeBack()
    await new Promise(setImmediate)
    await new Promise(setImmediate)
    await ipvs.zero()
  } finally {
    vi.useRealTimers()
  }
})

test('a family that came back under another number is asked for again, once', async () => {
  const { socket, ipvs } = open()
  let family = 40
  socket.transact = async (request) => {
    const [message] = parse(request)
    socket.transactions.push(parse(request))
    if (message!.type === 16) {
      const reply = Buffer.alloc(28)
      reply.writeUInt32LE(28, 0)
      reply.writeUInt16LE(16, 4)
      reply.writeUInt32LE(1, 8)
      reply.writeUInt16LE(6, 20)
      reply.writeUInt16LE(1, 22)
      reply.writeUInt16LE(family, 24)
      return Buffer.concat([reply, answer(request, () => 0)])
    }
    return answer(request, ({ type, command }) => (type === family && command !== commands.delDest ? 0 : 2))
  }
  await ipvs.zero()
  family = 41
  await ipvs.zero()
  expect(socket.messages.map(({ type }) => type)).toEqual([0, 16, 40, 40, 16, 41])
  // The number is right, so ENOENT is about the destination.
  await expect(ipvs.destinations.delete(web, server(1))).rejects.toMatchObject({
    reason: 'no-such-destination',
  })
})
