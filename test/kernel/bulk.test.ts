// Bulk: system calls counted, order kept, each failure in its place, and lost replies owned up to.
// SPDX-License-Identifier: MIT

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { commands, message } from '../../lib/abi.ts'
import { serviceKey } from '../../lib/model/service.ts'
import { Writer } from '../../lib/netlink/attr.ts'
import { familyReply, familyRequest } from '../../lib/netlink/family.ts'
import { frame, NLM_F_ACK, NLM_F_REQUEST, stamp } from '../../lib/netlink/message.ts'
import { openSocket, type TransportError } from '../../lib/netlink/socket.ts'
import { namespace, open } from './namespace.ts'

const script = fileURLToPath(new URL('bulk.mjs', import.meta.url))

/** Runs bulk.mjs under strace; what it printed, and how often its threads called sendmsg. */
const bulk = (
  ...args: string[]
): { sends: number; printed: { calls: number; failures: number; wrong: string[] } } => {
  const counting = ['-f', '--seccomp-bpf', '-qq', '-c', '-U', 'name,calls', '-e', 'trace=sendmsg']
  const { stdout, stderr, status } = spawnSync('strace', [...counting, process.execPath, script, ...args], {
    encoding: 'utf8',
  })
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
  return { sends: Number(/^\s*sendmsg\s+(\d+)/m.exec(stderr)?.[1]), printed: JSON.parse(stdout) }
}

/** Every service is there with its servers, newest first: in the order in which they were added. */
const expectAll = async (path: string): Promise<void> => {
  const ipvs = await open(path)
  const { services } = await ipvs.snapshot()
  expect(services).toHaveLength(2000)
  const arrived = [5, 4, 3, 2, 1].map((i) => `10.0.0.${i}`)
  for (const { destinations } of services) expect(destinations.map(({ address }) => address)).toEqual(arrived)
}

test('12,000 operations take at most 200 sendmsg and arrive in order', async () => {
  const { path } = namespace()
  const { sends, printed } = bulk(path)
  expect(printed).toEqual({ calls: 12_000, failures: 0, wrong: [] })
  // 94 chunks of 128, and one for the number of the family.
  expect(sends).toBeGreaterThanOrEqual(95)
  expect(sends).toBeLessThanOrEqual(200)
  await expectAll(path)
})

test('with every 7th operation invalid exactly those fail, each for its reason', async () => {
  const { path } = namespace()
  const { sends, printed } = bulk(path, '7')
  expect(printed).toEqual({ calls: printed.calls, failures: printed.calls - 12_000, wrong: [] })
  expect(printed.calls).toBeGreaterThan(13_500)
  expect(sends).toBeLessThanOrEqual(200)
  await expectAll(path)
})

test('2,000 calls that all fail: each with its own error, and the client goes on', async () => {
  const ipvs = await open()
  const web = { protocol: 'tcp', address: '192.0.2.10', port: 80 } as const
  const calls = Array.from({ length: 2000 }, (_, i) => ipvs.services.delete({ ...web, port: 1 + i }))
  const settled = await Promise.allSettled(calls)
  const reasons = settled.map((s) => (s.status === 'rejected' ? s.reason.reason : 'ok'))
  expect(new Set(reasons)).toEqual(new Set(['no-such-service']))
  expect((settled[1999] as PromiseRejectedResult).reason.subject).toBe('192.0.2.10:2000/tcp')
  await ipvs.services.add(web)
  expect(await ipvs.services.list()).toHaveLength(1)
})

test('2,000 failing messages in one chunk overflow the default buffer: said, not hidden; the socket goes on', async () => {
  const socket = openSocket(namespace().path, 0)
  const family = familyReply(socket.transactSync(familyRequest('IPVS'), 1, 5000))
  if (!('id' in family)) throw new Error('no family')
  const out = new Writer(1 << 16)
  const starts: number[] = []
  for (let i = 0; i < 2000; i++) {
    starts.push(out.length)
    const service = serviceKey({ protocol: 'tcp', address: '192.0.2.10', port: 1 + i })
    frame(out, commands.delService, 1, (to) => message.write(to, { service }))
  }
  starts.forEach((start, i) => {
    stamp(out.view, start, family.id, NLM_F_REQUEST | (i === 1999 ? NLM_F_ACK : 0), 100 + i)
  })
  const request = out.bytes.subarray(0, out.length)
  const error = (await socket.transact(request, 2000, 5000).catch((e: unknown) => e)) as TransportError
  expect(error).toMatchObject({ errno: 105, syscall: 'recvmsg', sent: 2000 })
  expect(error.replies!.length).toBeGreaterThan(100 * 36)
  expect(familyReply(socket.transactSync(familyRequest('IPVS'), 1, 5000))).toEqual(family)
  socket.close()
})
