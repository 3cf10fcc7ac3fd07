// ipvs/testing: an IPVS in memory as users have it, where there is no addon.
// SPDX-License-Identifier: MIT

import { constants } from 'node:os'
import { expect, onTestFinished, test, vi } from 'vitest'
import { commands } from '../../lib/abi.ts'
import { errnos } from '../../lib/errno.ts'
import {
  apply,
  type DrainProgress,
  drain,
  Ipvs,
  IpvsError,
  plan,
  reconcile,
  restore,
  save,
  watch,
} from '../../lib/index.ts'
import { set, u32, Writer } from '../../lib/netlink/attr.ts'
import { frame, NLM_F_ACK, NLM_F_REQUEST, stamp } from '../../lib/netlink/message.ts'
import { inTreeSchedulers, type MemoryOptions, memoryIpvs } from '../../lib/testing/index.ts'
import { behaviourOf } from '../../lib/testing/options.ts'
import { MemorySocket } from '../../lib/testing/socket.ts'

vi.mock('../../lib/addon.ts', () => ({
  addon: () => {
    throw Object.assign(new Error('there is no addon'), { code: 'ERR_IPVS_ADDON' })
  },
}))

/** Not where lines are counted: Node.js loads what was built for that by itself, and knows no mocks. */
const isMocked = process.env.NODE_V8_COVERAGE === undefined

const web = { protocol: 'tcp', address: '192.0.2.10', port: 80 } as const
const one = { address: '10.0.0.1', port: 80 } as const
const two = { address: '10.0.0.2', port: 80 } as const
const masquerading = { forwarding: 'masquerading' } as const

const filled = async (options?: MemoryOptions) => {
  const memory = memoryIpvs(options)
  const ipvs = await memory.open()
  await ipvs.services.add({ ...web, scheduler: 'wrr' })
  await ipvs.destinations.add(web, { ...one, ...masquerading })
  await ipvs.destinations.add(web, { ...two, ...masquerading })
  return { memory, ipvs }
}

test.runIf(isMocked)('the addon is really not there', async () => {
  await expect(Ipvs.open()).rejects.toThrow('there is no addon')
})

test('clients share a table; another IPVS has another', async () => {
  const { memory, ipvs } = await filled()
  const [second, sync] = [await memory.open(), memory.openSync()]
  sync.destinations.delete(web, one)
  expect(await second.destinations.list(web)).toMatchObject([two])
  expect((await second.snapshot()).services).toEqual((await ipvs.snapshot()).services)
  await second.close()
  await expect(second.info()).rejects.toMatchObject({ reason: 'closed' })
  expect(sync.services.list().length).toBe(1)
  expect((await (await memoryIpvs().open()).snapshot()).services).toEqual([])
})

test('the order of services is not that in which they were added', async () => {
  const ipvs = await memoryIpvs().open()
  const marks = [1, 2, 3, 4, 5, 6, 7, 8]
  for (const fwmark of marks) await ipvs.services.add({ fwmark })
  const listed = (await ipvs.services.list()).map(({ fwmark }) => fwmark)
  expect(listed).not.toEqual(marks)
  expect(listed.toSorted()).toEqual(marks)
})

test('connections decide when a drain is over', async () => {
  const { memory, ipvs } = await filled()
  memory.setConnections(web, one, { active: 2, inactive: 1, persistent: 4 })
  const seen: DrainProgress[] = []
  for await (const item of drain(ipvs, web, one, { interval: 1 })) {
    seen.push(item)
    if (seen.length === 1) memory.setConnections(web, one, { active: 0 })
    if (seen.length === 2) memory.setConnections(web, one, { inactive: 0 })
  }
  // The last reading once more, when the server was deleted.
  expect([...new Set(seen.map(({ left }) => left))]).toEqual([3, 1, 0])
  expect(seen.at(-1)).toMatchObject({ state: 'drained', deleted: true, persistentConns: 4 })
  expect(await ipvs.destinations.list(web)).toMatchObject([two])
})

test('counters are added to, rates are set, both are set to zero', async () => {
  const { memory, ipvs } = await filled()
  memory.count(web, one, { conns: 2n ** 33n, inBytes: 10n, cps: 5 })
  memory.count(web, one, { conns: 1n, inBytes: 10n, cps: 3 })
  memory.count(web, two, { conns: 1n })
  const counted = { conns: 2n ** 33n + 1n, inBytes: 20n, cps: 3, outPkts: 0n }
  expect((await ipvs.destinations.get(web, one)).stats).toMatchObject(counted)
  expect((await ipvs.services.get(web)).stats).toMatchObject({ ...counted, conns: 2n ** 33n + 2n })
  await ipvs.services.zero(web)
  expect((await ipvs.destinations.get(web, one)).stats).toMatchObject({ conns: 0n, inBytes: 0n, cps: 0 })
})

test('a real server that comes back has its counters, unless its service is another', async () => {
  const { memory, ipvs } = await filled()
  memory.count(web, one, { conns: 7n })
  memory.setConnections(web, one, { active: 1 })
  await ipvs.destinations.delete(web, one)
  await ipvs.destinations.add(web, { ...one, ...masquerading, weight: 5 })
  const back = await ipvs.destinations.get(web, one)
  expect(back).toMatchObject({ weight: 5, activeConns: 1, stats: { conns: 7n } })
  await ipvs.flush()
  await ipvs.services.add(web)
  await ipvs.destinations.add(web, one)
  expect((await ipvs.destinations.get(web, one)).stats.conns).toBe(0n)
})

test('watch sees traffic', async () => {
  const { memory, ipvs } = await filled()
  const rows: unknown[] = []
  for await (const { services } of watch(ipvs, { interval: 5 })) {
    rows.push(services[0]?.destinations.find(({ address }) => address === one.address)?.stats.conns)
    if (rows.length === 3) break
    memory.count(web, one, { conns: 3n })
  }
  expect(rows).toEqual([0n, 3n, 6n])
})

test('a command is refused as often as that, and nothing is changed', async () => {
  const { memory, ipvs } = await filled()
  memory.refuse('setDest', 'ENOMEM', 2)
  const edit = () => ipvs.destinations.edit(web, one, { weight: 9 })
  for (let i = 0; i < 2; i++)
    await expect(edit()).rejects.toMatchObject({ code: 'ENOMEM', reason: 'out-of-memory' })
  expect(await ipvs.destinations.get(web, one)).toMatchObject({ weight: 1 })
  await edit()
  expect(await ipvs.destinations.get(web, one)).toMatchObject({ weight: 9 })
  memory.refuse('getDest', 'EBUSY', Infinity)
  for (let i = 0; i < 3; i++) await expect(ipvs.snapshot()).rejects.toMatchObject({ code: 'EBUSY' })
})

test('a lost reply: the change was made, or was not', async () => {
  const { memory, ipvs } = await filled()
  memory.loseReply('setDest')
  memory.loseReply('delDest', { carriedOut: false })
  const unknown = { reason: 'outcome-unknown', code: 'ETIMEDOUT' }
  await expect(ipvs.destinations.edit(web, one, { weight: 9 })).rejects.toMatchObject(unknown)
  await expect(ipvs.destinations.delete(web, one)).rejects.toMatchObject(unknown)
  expect(await ipvs.destinations.get(web, one)).toMatchObject({ weight: 9 })
  const sync = memory.openSync()
  memory.loseReply('flush', { carriedOut: false })
  expect(() => sync.flush()).toThrow(IpvsError)
  expect(sync.services.list().length).toBe(1)
})

test('what was to be sent behind a lost reply was not sent', async () => {
  const memory = memoryIpvs()
  const ipvs = await memory.open()
  memory.loseReply('newService')
  const calls = Array.from({ length: 300 }, (_, i) => ipvs.services.add({ fwmark: i + 1 }))
  const reasons = (await Promise.allSettled(calls)).map((one) =>
    one.status === 'rejected' ? (one.reason as IpvsError).reason : 'done',
  )
  const [first, rest] = [reasons.slice(0, 128), reasons.slice(128)]
  expect(new Set(first)).toEqual(new Set(['outcome-unknown']))
  expect(new Set(rest)).toEqual(new Set(['not-sent']))
  expect((await ipvs.services.list()).length).toBe(128)
})

test('apply says what became of each change when some are refused', async () => {
  const { memory, ipvs } = await filled()
  memory.refuse('newDest', 'ENOMEM')
  const destinations = ['10.0.0.1', '10.0.0.3', '10.0.0.4'].map((address) => ({ address, port: 80 }))
  const made = await plan(ipvs, { services: [{ ...web, destinations }] })
  const { complete, outcomes } = await apply(ipvs, made)
  expect(complete).toBe(false)
  expect(outcomes.filter(({ status }) => status === 'failed').length).toBe(1)
  expect(await (await apply(ipvs, await plan(ipvs, { services: [{ ...web, destinations }] }))).complete).toBe(
    true,
  )
})

test('reconcile puts right what others change', async () => {
  const { ipvs } = await filled()
  const desired = { services: [{ ...web, destinations: [{ ...one, ...masquerading, weight: 4 }] }] }
  const rounds: number[] = []
  for await (const { error } of reconcile(ipvs, [desired], { period: 1, grace: 0 })) {
    expect(error).toBeNull()
    rounds.push((await ipvs.destinations.get(web, one)).weight)
    if (rounds.length === 2) break
    await ipvs.destinations.edit(web, one, { weight: 0 })
  }
  expect(rounds).toEqual([4, 4])
})

test('save and restore carry a table to another IPVS', async () => {
  const { ipvs } = await filled()
  await ipvs.daemons.start({ state: 'master', interface: 'eth0', syncId: 3 })
  const text = await save(ipvs)
  const other = await memoryIpvs().open()
  await restore(other, text)
  expect(await save(other)).toBe(text)
})

test('the schedulers are those that were named, whatever this host has', async () => {
  const desired = { services: [{ ...web, scheduler: 'maglev', destinations: [] }] }
  const line = '-A -t 192.0.2.10:80 -s maglev\n'
  const without = await memoryIpvs().open()
  await expect(without.services.add(desired.services[0]!)).rejects.toMatchObject({
    reason: 'no-such-scheduler',
  })
  await expect(plan(without, desired)).rejects.toThrow(/scheduler/)
  await expect(restore(without, line)).rejects.toThrow(/scheduler/)
  const having = await memoryIpvs({ schedulers: [...inTreeSchedulers, 'maglev'] }).open()
  expect((await apply(having, await plan(having, desired))).complete).toBe(true)
  await restore(having, line, { clear: true })
  expect(await having.services.get(web)).toMatchObject({ scheduler: 'maglev' })
  expect(() => memoryIpvs({ schedulers: [] }).openSync().services.add(web)).toThrow(/scheduler/)
})

test('surroundings: not permitted, not available, no IPv6, lo down, other interfaces', async () => {
  const user = await memoryIpvs({ permitted: false }).open()
  await expect(user.info()).rejects.toMatchObject({ code: 'EPERM', reason: 'not-permitted' })
  await expect(user.snapshot()).rejects.toMatchObject({ reason: 'not-permitted' })
  const none = memoryIpvs({ available: false })
  await expect(none.open()).rejects.toMatchObject({ code: 'ENOENT', reason: 'ipvs-unavailable' })
  expect(() => none.openSync()).toThrow(IpvsError)
  const four = await memoryIpvs({ ipv6: false }).open()
  const six = four.services.add({ ...web, address: '2001:db8::1' })
  await expect(six).rejects.toMatchObject({ reason: 'family-unsupported' })
  const group = four.daemons.start({ state: 'master', interface: 'eth0', group: 'ff15::1' })
  await expect(group).rejects.toThrow('a daemon of IPv6 where there is no IPv6')
  await expect(filled({ loopback: false })).rejects.toMatchObject({ code: 'EINVAL', reason: 'invalid' })
  const { ipvs } = await filled({ interfaces: { bond0: 9000 }, connectionTableSize: 77 })
  await ipvs.daemons.start({ state: 'backup', interface: 'bond0' })
  expect(await ipvs.daemons.list()).toMatchObject([{ maxLength: 8972 }])
  await expect(ipvs.daemons.start({ state: 'master', interface: 'eth0' })).rejects.toMatchObject({
    code: 'ENODEV',
  })
  expect(await ipvs.info()).toEqual({ version: '1.2.1', connectionTableSize: 77 })
})

test.runIf(isMocked)(
  'what moves clients can be planned, though not predicted without the addon',
  async () => {
    const ipvs = await memoryIpvs().open()
    await ipvs.services.add({ ...web, scheduler: 'sh' })
    await ipvs.destinations.add(web, { ...one, ...masquerading })
    const desired = { services: [{ ...web, scheduler: 'sh', destinations: [one, two] }] }
    const made = await ipvs.plan(desired)
    expect(made).toMatchObject({ changes: [{ kind: 'add-destination' }], impacts: [] })
    expect((await ipvs.apply(made)).complete).toBe(true)
  },
)

test('wrong arguments are named, and nothing is done', async () => {
  const { memory, ipvs } = await filled()
  const wrong = (options: object) => () => memoryIpvs(options as MemoryOptions)
  expect(wrong({ scheduler: ['rr'] })).toThrow(/did you mean schedulers/)
  expect(wrong({ schedulers: 'rr' })).toThrow(/schedulers: expected an array/)
  expect(wrong({ engines: [''] })).toThrow(/engines/)
  expect(wrong({ interfaces: { eth0: 0 } })).toThrow(/interfaces.eth0/)
  expect(wrong({ ipv6: 1 })).toThrow(/ipv6/)
  expect(() => memory.setConnections({ ...web, port: 81 }, one, {})).toThrow('no service 192.0.2.10:81/tcp')
  expect(() => memory.setConnections(web, { ...one, port: 81 }, {})).toThrow(
    'no real server 10.0.0.1 port 81',
  )
  expect(() => memory.setConnections(web, one, { active: 3, inactive: -1 })).toThrow(/inactive/)
  expect(() => memory.setConnections(web, one, { actve: 1 } as object)).toThrow(/did you mean active/)
  expect(() => memory.count(web, one, { conns: 1n, cps: 2n as unknown as number })).toThrow(/stats.cps/)
  expect(() => memory.count(web, one, { cps: 12.5 })).toThrow(/stats.cps/)
  expect(() => memory.count(web, one, { conns: -1n })).toThrow('stats.conns: expected 0 or more')
  expect(() => memory.refuse('addDest' as 'newDest', 'ENOMEM')).toThrow(/command/)
  expect(() => memory.refuse('newDest', 'ENOSUCH' as 'ENOENT')).toThrow(/errno/)
  expect(() => memory.loseReply('newDest', { times: 0 })).toThrow(/times/)
  const { activeConns, stats } = await ipvs.destinations.get(web, one)
  expect([activeConns, stats.conns]).toEqual([0, 0n])
})

const top = set({ timeoutTcp: [4, u32], unknown: [7, u32], service: [1, set({ unknown: [99, u32] })] })
const FAMILY = 32

/** One message, as no client of this package would send it. */
const send = (command: number, body: Parameters<typeof top.write>[1], type = FAMILY, flags = NLM_F_ACK) => {
  const out = new Writer(64)
  frame(out, command, 1, (inner) => top.write(inner, body))
  stamp(out.view, 0, type, NLM_F_REQUEST | flags, 1)
  const socket = new MemorySocket(behaviourOf({}, () => undefined))
  return () => socket.transactSync(out.bytes.subarray(0, out.length), 1, 0)
}

test('what is not modelled is refused by name', async () => {
  const code = expect.objectContaining({ code: 'ERR_IPVS_NOT_MODELLED' })
  const refused = (call: () => unknown, text: string) => {
    expect(call).toThrow(text)
    expect(call).toThrow(code)
  }
  refused(send(99, {}), 'command 99')
  refused(send(commands.setConfig, { unknown: 1 }), 'top-level attribute 7')
  refused(send(commands.getService, { service: { unknown: 1 } }), 'attribute 99 of a service')
  refused(send(commands.setConfig, { timeoutTcp: 3_000_000 }), 'timeoutTcp of 3000000 s')
  refused(send(7, {}, 16), 'controller command 7')
  refused(send(commands.flush, {}, FAMILY, 0), 'asks for no reply')
  expect(send(commands.setConfig, { timeoutTcp: 1 })().length).toBe(36)
})

test('on a system that is not Linux, errors have the names that they have on Linux', async () => {
  const platform = Object.getOwnPropertyDescriptor(process, 'platform')!
  onTestFinished(() => {
    Object.defineProperty(process, 'platform', platform)
    vi.resetModules()
  })
  Object.defineProperty(process, 'platform', { ...platform, value: 'darwin' })
  vi.resetModules()
  const elsewhere = await import('../../lib/testing/index.ts')
  const ipvs = await elsewhere.memoryIpvs({ ipv6: false }).open()
  const six = ipvs.services.add({ ...web, address: '2001:db8::1' })
  await expect(six).rejects.toMatchObject({ code: 'EAFNOSUPPORT', reason: 'family-unsupported' })
  await expect(ipvs.services.delete(web)).rejects.toMatchObject({ code: 'ESRCH' })
})

test('errnos are those of Linux', () => {
  if (process.platform === 'linux') expect(constants.errno).toMatchObject(errnos)
  expect(Object.keys(errnos).length).toBeGreaterThan(20)
})
