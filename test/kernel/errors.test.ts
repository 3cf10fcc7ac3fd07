// Every row of the error table, produced by the real kernel.
// SPDX-License-Identifier: MIT

import { execFileSync, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import type { Command, WireMessage } from '../../lib/abi.ts'
import { Channel } from '../../lib/channel.ts'
import { Ipvs, IpvsError, type Reason } from '../../lib/index.ts'
import { destinationToWire } from '../../lib/model/destination.ts'
import { serviceKey, serviceToWire } from '../../lib/model/service.ts'
import { Queue } from '../../lib/queue.ts'
import { namespace, open, since } from './namespace.ts'

const web = { protocol: 'tcp', address: '192.0.2.10', port: 80 } as const
const absent = { protocol: 'tcp', address: '192.0.2.99', port: 80 } as const
const real = { address: '10.0.0.1', port: 80 } as const

const key = serviceKey(web)
const service = serviceToWire(web)
const destination = destinationToWire(key, real)

/** A request as it is written here, past all checks of the client. */
const raw = async (netns: string, command: Command, body: WireMessage, dump = false): Promise<unknown> => {
  const queue = new Queue(await Channel.open({ netns }))
  onTestFinished(() => queue.close())
  return queue.call(
    () => ({ command, body, dump }),
    (replies) => replies,
  )
}

type Row = [command: Command, errno: string, reason: Reason, body: WireMessage]

/** With the service `web` and the real server `real` in the table. */
const rows: Row[] = [
  ['newService', 'EEXIST', 'service-exists', { service }],
  ['newService', 'ENOENT', 'no-such-scheduler', { service: { ...service, port: 81, scheduler: 'nope' } }],
  [
    'newService',
    'ENOENT',
    'no-such-scheduler-or-engine',
    { service: { ...service, port: 81, engine: 'nope' } },
  ],
  ['newService', 'EINVAL', 'invalid', { service: { ...service, port: 81, netmask: undefined } }],
  ['newService', 'EAFNOSUPPORT', 'family-unsupported', { service: { ...service, family: 7 } }],
  ['setService', 'ESRCH', 'no-such-service', { service: serviceToWire(absent) }],
  ['setService', 'ENOENT', 'no-such-scheduler', { service: { ...service, scheduler: 'nope' } }],
  ['setService', 'ENOENT', 'no-such-scheduler-or-engine', { service: { ...service, engine: 'nope' } }],
  ['setService', 'EINVAL', 'invalid', { service: { ...service, flags: undefined } }],
  ['delService', 'ESRCH', 'no-such-service', { service: serviceKey(absent) }],
  ['delService', 'EINVAL', 'invalid', {}],
  ['getService', 'ESRCH', 'no-such-service', { service: serviceKey(absent) }],
  ['getService', 'EINVAL', 'invalid', { service: { family: 2 } }],
  ['getService', 'EAFNOSUPPORT', 'family-unsupported', { service: { ...key, family: 7 } }],
  ['getDest', 'EOPNOTSUPP', 'not-supported', { service: key }],
  ['newDest', 'ESRCH', 'no-such-service', { service: serviceKey(absent), destination }],
  ['newDest', 'EEXIST', 'destination-exists', { service: key, destination }],
  ['newDest', 'ERANGE', 'invalid', { service: key, destination: { ...destination, port: 1, weight: -1 } }],
  [
    'newDest',
    'ERANGE',
    'invalid',
    { service: key, destination: { ...destination, port: 1, lowerThreshold: 1 } },
  ],
  [
    'newDest',
    'EINVAL',
    'invalid',
    { service: key, destination: { ...destination, address: new Uint8Array(4) } },
  ],
  [
    'newDest',
    'EINVAL',
    'invalid',
    { service: key, destination: { ...destination, address: Uint8Array.of(224, 0, 0, 1) } },
  ],
  [
    'newDest',
    'EINVAL',
    'invalid',
    { service: key, destination: { ...destination, port: 1, forwarding: 2, tunnelType: 1 } },
  ],
  [
    'newDest',
    'EINVAL',
    'invalid',
    { service: key, destination: { ...destination, address: new Uint8Array(16), family: 10 } },
  ],
  [
    'newDest',
    'EAFNOSUPPORT',
    'family-unsupported',
    { service: key, destination: { ...destination, family: 7 } },
  ],
  ['setDest', 'ESRCH', 'no-such-service', { service: serviceKey(absent), destination }],
  ['setDest', 'ENOENT', 'no-such-destination', { service: key, destination: { ...destination, port: 1 } }],
  ['setDest', 'ERANGE', 'invalid', { service: key, destination: { ...destination, weight: -1 } }],
  ['setDest', 'EINVAL', 'invalid', { service: key, destination: { ...destination, weight: undefined } }],
  ['delDest', 'ESRCH', 'no-such-service', { service: serviceKey(absent), destination }],
  ['delDest', 'ENOENT', 'no-such-destination', { service: key, destination: { ...destination, port: 1 } }],
  ['newDaemon', 'EINVAL', 'invalid', { daemon: { state: 1, interface: 'lo' } }],
  ['newDaemon', 'EINVAL', 'invalid', { daemon: { state: 3, interface: 'lo', syncId: 0 } }],
  [
    'newDaemon',
    'EINVAL',
    'invalid',
    { daemon: { state: 1, interface: 'lo', syncId: 0, group: Uint8Array.of(10, 0, 0, 1) } },
  ],
  ['newDaemon', 'ENODEV', 'no-such-interface', { daemon: { state: 1, interface: 'nope0', syncId: 0 } }],
  ['delDaemon', 'ESRCH', 'no-such-daemon', { daemon: { state: 1 } }],
  ['delDaemon', 'EINVAL', 'invalid', {}],
  ['setConfig', 'EINVAL', 'invalid', { timeoutTcp: 0xffffffff }],
  ['zero', 'ESRCH', 'no-such-service', { service: serviceKey(absent) }],
  ['setInfo', 'EOPNOTSUPP', 'not-supported', {}],
]

test.each(rows)('%s: %s is %s', async (command, code, reason, body) => {
  const netns = namespace()
  const ipvs = await open(netns.path)
  await ipvs.services.add(web)
  await ipvs.destinations.add(web, real)
  const before = await ipvs.snapshot()
  const error = await raw(netns.path, command, body).catch((e: unknown) => e)
  expect(error).toBeInstanceOf(IpvsError)
  expect(error).toMatchObject({ code, reason, command, errno: expect.any(Number) })
  expect((error as IpvsError).message).toMatch(new RegExp(`^${command}.*: .{8,} \\(${code}\\)`))
  expect(await ipvs.snapshot()).toEqual(before)
})

test('a threshold above INT_MAX is refused since 7.2, and by the client always', async () => {
  const netns = namespace()
  const ipvs = await open(netns.path)
  await ipvs.services.add(web)
  await expect(ipvs.destinations.add(web, { ...real, upperThreshold: 2 ** 31 })).rejects.toThrow(RangeError)
  if (!since('7.2')) return
  const body = { service: key, destination: { ...destination, upperThreshold: 2 ** 31 } }
  await expect(raw(netns.path, 'newDest', body)).rejects.toMatchObject({ code: 'EINVAL', reason: 'invalid' })
})

test('a daemon that runs already', async () => {
  const ipvs = await open()
  await ipvs.daemons.start({ state: 'backup', interface: 'lo' })
  const again = ipvs.daemons.start({ state: 'backup', interface: 'lo' })
  await expect(again).rejects.toMatchObject({ code: 'EEXIST', reason: 'daemon-exists' })
  await ipvs.daemons.stop('backup')
})

test('the kernel lists no real servers of a missing service; the client says that it is missing', async () => {
  const netns = namespace()
  expect(await raw(netns.path, 'getDest', { service: serviceKey(absent) }, true)).toEqual([])
  const ipvs = await open(netns.path)
  await expect(ipvs.destinations.list(absent)).rejects.toMatchObject({ reason: 'no-such-service' })
})

test('with lo down the kernel refuses every IPv4 real server, and the error says so', async () => {
  const ipvs = await open(namespace({ up: false }).path)
  await ipvs.services.add(web)
  const error = await ipvs.destinations.add(web, real).catch((e: unknown) => e)
  expect(error).toMatchObject({ code: 'EINVAL', reason: 'invalid' })
  expect((error as Error).message).toContain('ip link set lo up')
})

test('the kernel says which value a top-level attribute broke', async () => {
  const { path } = namespace()
  // A master daemon with an interface name beyond IFNAMSIZ: nested daemon attributes carry an extended ACK.
  const daemon = { state: 1, interface: 'x'.repeat(40), syncId: 0 }
  const error = await raw(path, 'newDaemon', { daemon }).catch((e: unknown) => e)
  expect(error).toMatchObject({
    command: 'newDaemon',
    kernelMessage: expect.stringMatching(/policy|range|too long/i),
  })
})

const dist = fileURLToPath(new URL('../../dist/index.js', import.meta.url))
const asUser = (command: string, ...args: string[]): string => {
  const script = `import('${dist}').then(async ({ Ipvs }) => {
    const ipvs = await Ipvs.open()
    await ipvs.info().catch((e) => console.log(e.reason, e.code, e.message))
    await ipvs.close()
  })`
  const { stdout, stderr } = spawnSync(command, [...args, process.execPath, '-e', script], {
    encoding: 'utf8',
  })
  return stdout + stderr
}

test('without CAP_NET_ADMIN: not permitted, reading too', () => {
  const printed = asUser('setpriv', '--reuid=65534', '--regid=65534', '--clear-groups')
  expect(printed).toMatch(/^not-permitted EPERM .*CAP_NET_ADMIN in the initial user namespace/)
})

test('root of another user namespace: not permitted, and the error names that', () => {
  const printed = asUser('unshare', '--user', '--map-root-user', '--net')
  expect(printed).toMatch(/^not-permitted EPERM .*initial user namespace/)
})

test('a network namespace that is not there', async () => {
  const error = await Ipvs.open({ netns: '/run/netns/nope' }).catch((e: unknown) => e)
  expect(error).toMatchObject({
    command: 'open',
    code: 'ENOENT',
    reason: 'system',
    subject: expect.stringContaining('nope'),
  })
  const file = await Ipvs.open({ netns: '/etc/passwd' }).catch((e: unknown) => e)
  expect(file).toMatchObject({ command: 'open', code: 'EINVAL', reason: 'system' })
  // Nothing of that moved this thread: what it opens is still the table of its own namespace.
  const own = await Ipvs.open()
  await own.services.add(web)
  expect(execFileSync('ipvsadm', ['-Sn'], { encoding: 'utf8' })).toContain('192.0.2.10:80')
  await own.flush()
  await own.close()
})
