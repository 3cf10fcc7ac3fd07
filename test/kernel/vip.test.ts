// vip.add, remove, list, announce: against what `ip` says, and a VIP that moves between two directors.
// SPDX-License-Identifier: MIT

import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { realServer, vip } from '../../lib/index.ts'
import { lan, Peer, serve } from './lan.ts'
import { type Namespace, namespace, open } from './namespace.ts'
import { slowness } from './slowness.ts'

/** The addresses of an interface as `ip` has them. */
const addressesOf = (netns: Namespace, name: string) => {
  const [link] = JSON.parse(netns.exec('ip', '-json', 'address', 'show', 'dev', name))
  return link.addr_info as readonly Record<string, unknown>[]
}

test('add, list and remove, as `ip` sees them', async () => {
  const netns = namespace()
  const { path } = netns
  netns.exec('ip', 'link', 'add', 'eth0', 'type', 'veth')
  netns.exec('ip', 'address', 'add', '198.51.100.1/24', 'dev', 'eth0')
  const before = netns.exec('ip', 'address')
  const on = { netns: path, interface: 'eth0' }
  expect(await vip.add('192.0.2.80', on)).toEqual({
    address: '192.0.2.80',
    family: 'ipv4',
    prefix: 32,
    interface: 'eth0',
  })
  await vip.add('2001:DB8:0::80', on)
  await vip.add('2001:db8:1::80', { ...on, prefix: 64 })
  const [, four] = addressesOf(netns, 'eth0')
  expect(four).toMatchObject({ local: '192.0.2.80', prefixlen: 32, scope: 'global' })
  const six = addressesOf(netns, 'eth0').filter(({ family }) => family === 'inet6')
  expect(six.find(({ prefixlen }) => prefixlen === 128)).toMatchObject({
    local: '2001:db8::80',
    nodad: true,
    deprecated: true,
    preferred_life_time: 0,
    valid_life_time: 4294967295,
  })
  const wide = six.find(({ prefixlen }) => prefixlen === 64)
  expect(wide).toMatchObject({ local: '2001:db8:1::80', nodad: true })
  expect(wide).not.toHaveProperty('deprecated')
  expect((await vip.list({ netns: path })).map(({ address }) => address)).toEqual([
    '192.0.2.80',
    '2001:db8::80',
  ])
  expect(
    (await vip.list({ netns: path, all: true })).map(({ address, prefix }) => `${address}/${prefix}`),
  ).toEqual(['198.51.100.1/24', '192.0.2.80/32', '2001:db8:1::80/64', '2001:db8::80/128'])
  await expect(vip.add('192.0.2.80', on)).rejects.toMatchObject({
    name: 'IpvsError',
    reason: 'address-exists',
    code: 'EEXIST',
    command: 'newAddress',
    subject: '192.0.2.80/32 on eth0',
  })
  expect(await vip.remove('192.0.2.80', { netns: path })).toMatchObject({ prefix: 32, interface: 'eth0' })
  await vip.remove('2001:db8::80', on)
  await vip.remove('2001:db8:1::80', on)
  expect(netns.exec('ip', 'address')).toBe(before)
  await expect(vip.remove('192.0.2.80', { netns: path })).rejects.toMatchObject({ reason: 'no-such-address' })
})

test('a dummy device is made on request, and goes with its last address', async () => {
  const netns = namespace()
  const { path } = netns
  const before = netns.exec('ip', 'address')
  const on = { netns: path, interface: 'vips' }
  await expect(vip.add('192.0.2.80', on)).rejects.toMatchObject({ reason: 'no-such-interface' })
  await vip.add('192.0.2.80', { ...on, create: true })
  await vip.add('2001:db8::80', { ...on, create: true })
  expect(netns.exec('ip', '-details', 'link', 'show', 'vips')).toMatch(/,UP.*dummy/s)
  await vip.remove('192.0.2.80', { netns: path })
  expect(await vip.list({ netns: path })).toMatchObject([{ address: '2001:db8::80', interface: 'vips' }])
  await vip.remove('2001:db8::80', { netns: path })
  expect(netns.exec('ip', 'address')).toBe(before)
  // One that somebody else has made stays.
  netns.exec('ip', 'link', 'add', 'vips', 'type', 'dummy')
  await vip.add('192.0.2.80', { ...on, create: true })
  await vip.remove('192.0.2.80', { netns: path })
  expect(netns.exec('ip', '-o', 'link', 'show', 'vips')).toContain('UP')
})

test('calls at the same time make one dummy device', async () => {
  const netns = namespace()
  const { path } = netns
  const before = netns.exec('ip', 'address')
  const addresses = ['192.0.2.80', '192.0.2.81', '2001:db8::80', '2001:db8::81']
  const on = { netns: path, interface: 'vips', create: true }
  await Promise.all(addresses.map((address) => vip.add(address, on)))
  expect((await vip.list({ netns: path })).map(({ address }) => address).toSorted()).toEqual(addresses)
  // What fails takes nothing from the others.
  const outcomes = await Promise.allSettled([vip.add('192.0.2.80', on), vip.add('192.0.2.82', on)])
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled'])
  await Promise.all([...addresses, '192.0.2.82'].map((address) => vip.remove(address, { netns: path })))
  expect(netns.exec('ip', 'address')).toBe(before)
})

test('a device whose first address is refused does not stay', async () => {
  const netns = namespace()
  netns.exec('sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1')
  const before = netns.exec('ip', 'address')
  const on = { netns: netns.path, interface: 'vips', create: true }
  await expect(vip.add('2001:db8::80', on)).rejects.toMatchObject({ reason: 'family-unsupported' })
  expect(netns.exec('ip', 'address')).toBe(before)
})

test('what cannot be is refused by its name, and nothing is changed', async () => {
  const netns = namespace()
  const { path } = netns
  netns.exec('ip', 'link', 'add', 'eth0', 'type', 'veth')
  netns.exec('sysctl', '-qw', 'net.ipv6.conf.eth0.disable_ipv6=1')
  const before = netns.exec('ip', 'address')
  const on = { netns: path, interface: 'eth0' }
  const faults: readonly (readonly [promise: () => Promise<unknown>, error: object])[] = [
    [
      () => vip.add('192.0.2', on),
      { name: 'RangeError', message: expect.stringMatching(/^address: not an IPv4/) },
    ],
    [
      () => vip.add('fe80::1', on),
      { message: expect.stringMatching(/^address: .* others can reach, got fe80/) },
    ],
    [() => vip.add('ff02::1', on), { name: 'RangeError', message: expect.stringContaining('unicast') }],
    [
      () => vip.add('192.0.2.80', { ...on, prefix: 33 }),
      { message: expect.stringMatching(/^prefix: .*1\.\.32/) },
    ],
    [
      () => vip.add('192.0.2.80', { netns: path, interface: 'a/b' }),
      { message: expect.stringMatching(/^interface: /) },
    ],
    [
      () => vip.add('192.0.2.80', { ...on, dev: 'x' } as typeof on),
      { message: expect.stringContaining('unknown field') },
    ],
    [
      () => vip.add('192.0.2.80', { ...on, announce: { count: 0 } }),
      { message: expect.stringMatching(/^announce\.count/) },
    ],
    // eth0 is down, and so nobody would hear.
    [
      () => vip.add('192.0.2.80', { ...on, announce: true }),
      { command: 'announce', reason: 'interface-down' },
    ],
    [
      () => vip.add('192.0.2.80', { netns: path, interface: 'lo', announce: true }),
      { command: 'announce', reason: 'not-supported' },
    ],
    [() => vip.add('2001:db8::80', on), { reason: 'family-unsupported', code: 'EACCES' }],
    [() => vip.announce('192.0.2.80', { netns: path }), { command: 'announce', reason: 'no-such-address' }],
    [() => vip.list({ netns: '/no/such/file' }), { command: 'open', code: 'ENOENT' }],
  ]
  for (const [call, error] of faults) await expect(call()).rejects.toMatchObject(error)
  expect(netns.exec('ip', 'address')).toBe(before)
})

test('an announcement: gratuitous ARP in both forms, and advertisements that override', async () => {
  const { machines, capture } = await lan({ one: 11 })
  const seen = await capture()
  const on = { netns: machines.one.path, interface: 'eth0', announce: { count: 2, interval: 10 } }
  await vip.add('192.0.2.80', on)
  await vip.add('2001:db8::80', on)
  machines.one.exec('sysctl', '-qw', 'net.ipv6.conf.eth0.forwarding=1')
  await vip.announce('2001:db8::80', { netns: on.netns, count: 1 })
  const fits = ({ what, source }: { what: string; source: string }) =>
    (what.startsWith('arp') || what === 'advertisement') && source.endsWith('80')
  await seen.until(({ flags }) => flags === 0xa0)
  const arp = { port: 'one', source: '192.0.2.80', target: '192.0.2.80' }
  const advertised = { port: 'one', what: 'advertisement', source: '2001:db8::80', target: '2001:db8::80' }
  expect(seen.lines.filter(fits)).toEqual([
    { ...arp, what: 'arp-request' },
    { ...arp, what: 'arp-reply' },
    { ...arp, what: 'arp-request' },
    { ...arp, what: 'arp-reply' },
    { ...advertised, flags: 0x20 },
    { ...advertised, flags: 0x20 },
    { ...advertised, flags: 0xa0 },
  ])
})

test.each(['192.0.2.80', '2001:db8::80'])(
  'an announcement moves %s to another director in under a second',
  async (address) => {
    const { machines } = await lan({ client: 2, first: 11, second: 12, one: 21, two: 22 })
    const { client, first, second, one, two } = machines
    const server = (i: number) => address.replace(/80$/, `${i}`)
    // Each director has a server of its own, which tells who has passed a connection on.
    for (const [director, netns, name, number] of [
      [first, one, 'one', 21],
      [second, two, 'two', 22],
    ] as const) {
      const ipvs = await open(director.path)
      const service = { protocol: 'tcp', address, port: 80 } as const
      await ipvs.services.add(service)
      await ipvs.destinations.add(service, { address: server(number), forwarding: 'direct-routing' })
      await realServer.set(address, { netns: netns.path })
      await serve(netns, name)
    }
    await vip.add(address, { netns: first.path, interface: 'eth0', announce: true })
    const answers = await new Peer<[time: number, name: string]>(client, 'poll', address).ready()
    await answers.until(([, name]) => name === 'one')

    // The first director is gone, from one moment to the next. Without an announcement the client goes on sending to it.
    first.exec('ip', 'link', 'set', 'eth0', 'down')
    await vip.add(address, { netns: second.path, interface: 'eth0' })
    await sleep(2000)
    expect(answers.lines.filter(([, name]) => name === 'two')).toEqual([])

    const start = Date.now()
    await vip.announce(address, { netns: second.path })
    const moved = await answers.until(([, name]) => name === 'two')
    const took = moved![0] - start
    console.log(`${address} moved ${took.toFixed(0)} ms after the announcement began`)
    expect(took).toBeLessThan(1000 * slowness)
    expect(took).toBeGreaterThan(0)
  },
)
