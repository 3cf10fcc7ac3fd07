// Direct routing and tunneling, IPv4 and IPv6, set up with vip and realServer alone: traffic, silence, and no trace after undo.
// SPDX-License-Identifier: MIT

import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { type Forwarding, realServer, vip } from '../../lib/index.ts'
import { ask, lan, serve } from './lan.ts'
import { type Namespace, namespace, open } from './namespace.ts'

const families = [
  { family: 'ipv4', address: '192.0.2.80', server: (i: number) => `192.0.2.${i}` },
  { family: 'ipv6', address: '2001:db8::80', server: (i: number) => `2001:db8::${i}` },
] as const
const methods = ['direct-routing', 'tunneling'] as const
const numbers = { client: 2, director: 11, one: 21, two: 22 } as const

/** Their first devices are in every namespace from then on. */
beforeAll(() => {
  execFileSync('modprobe', ['-a', 'ipip', 'ip6_tunnel'])
})

/**
 * Addresses, links and settings of a namespace, as text. A tunnel device that was up once keeps a queue, which is none, and
 * IPv6, which an IPv4 tunnel did not have before.
 */
const everything = (netns: Namespace): string =>
  netns.exec(
    'sh',
    '-c',
    `{ ip address; ip -details link; } | sed 's/qdisc noop /qdisc noqueue /; s/ addrgenmode [a-z0-9]*//'
     grep -r . /proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf 2> /dev/null | grep -v ipv6/conf/tunl0/ | sort`,
  )

const distribute = async (
  director: Namespace,
  address: string,
  servers: readonly string[],
  forwarding: Forwarding,
) => {
  const ipvs = await open(director.path)
  const service = { protocol: 'tcp', address, port: 80 } as const
  await ipvs.services.add({ ...service, scheduler: 'rr' })
  for (const server of servers) await ipvs.destinations.add(service, { address: server, forwarding })
}

const setups = families.flatMap((one) => methods.map((forwarding) => ({ ...one, forwarding })))

test.each(setups)(
  '$forwarding, $family: traffic, and nobody but the director is found under the VIP',
  async (setup) => {
    const { family, address, server, forwarding } = setup
    const { machines, capture } = await lan(numbers)
    const { client, director, one, two } = machines
    const servers = { one, two }
    // The modules of tunnels are loaded by the first that asks; their devices then stay in every namespace.
    const spare = namespace()
    await realServer.set(address, { netns: spare.path, forwarding })
    const before = [one, two, director].map(everything)

    await vip.add(address, { netns: director.path, interface: 'eth0' })
    for (const { path } of [one, two]) await realServer.set(address, { netns: path, forwarding })
    await distribute(director, address, [server(21), server(22)], forwarding)
    await Promise.all(Object.entries(servers).map(([name, netns]) => serve(netns, name)))

    const seen = await capture()
    for (const machine of [client, one, two, director]) machine.exec('ip', 'neighbour', 'flush', 'all')
    expect(ask(client, address, 4).toSorted()).toEqual(['one', 'one', 'two', 'two'])
    const [question, answer] =
      family === 'ipv4'
        ? (['arp-request', 'arp-reply'] as const)
        : (['solicitation', 'advertisement'] as const)
    await seen.until(({ what, port }) => what === answer && port === 'director')
    await sleep(200)
    const about = seen.lines.filter(({ source, target }) => source === address || target === address)
    expect(about.filter(({ what, port }) => what === question && port === 'client').length).toBeGreaterThan(0)
    // The director answers; the servers, who asked for the client in order to reply, never named the VIP.
    expect(new Set(about.filter(({ what }) => what === answer).map(({ port }) => port))).toEqual(
      new Set(['director']),
    )
    expect(seen.lines.some(({ what, port }) => what === question && port === 'one')).toBe(true)
    expect(about.filter(({ port }) => port !== 'client' && port !== 'director')).toEqual([])

    for (const { path } of [one, two]) await realServer.undo(address, { netns: path })
    await vip.remove(address, { netns: director.path })
    expect([one, two, director].map(everything)).toEqual(before)
  },
)

test('the capture would see a real server that answers: a control without the helper', async () => {
  const { machines, capture } = await lan({ client: 2, director: 11, naive: 21 })
  const { client, director, naive } = machines
  for (const { address } of families) {
    await vip.add(address, { netns: director.path, interface: 'eth0' })
    naive.exec('ip', 'address', 'add', address, 'dev', 'lo')
  }
  const seen = await capture()
  for (const { address } of families) ask(client, address, 1)
  await seen.until(({ what, target }) => what === 'advertisement' && target === families[1].address)
  await sleep(200)
  const answers = (what: string, address: string) =>
    seen.lines
      .filter((one) => one.what === what && (one.source === address || one.target === address))
      .map(({ port }) => port)
      .toSorted()
  expect(answers('arp-reply', families[0].address)).toEqual(['director', 'naive'])
  // IPv6 is answered only on the interface that has the address, and `lo` is another one.
  expect(answers('advertisement', families[1].address)).toEqual(['director'])
})

test('set and undo count VIPs, mend what is missing, and leave alone what others have set since', async () => {
  const netns = namespace()
  const { path } = netns
  for (const name of ['eth0', 'eth1', 'eth2']) netns.exec('ip', 'link', 'add', name, 'type', 'veth')
  const conf = (name: string): string =>
    netns.read(`/proc/sys/net/ipv4/conf/${name}/arp_ignore`).trim() +
    netns.read(`/proc/sys/net/ipv4/conf/${name}/arp_announce`).trim()
  netns.exec('sysctl', '-qw', 'net.ipv4.conf.eth1.arp_ignore=2', 'net.ipv4.conf.eth1.arp_announce=1')
  const before = everything(netns)
  await realServer.set('192.0.2.80', { netns: path, interfaces: ['eth0', 'eth1'] })
  expect(['all', 'lo', 'eth0', 'eth1', 'eth2'].map(conf)).toEqual(['00', '00', '12', '22', '00'])
  await realServer.set('192.0.2.81', { netns: path, interfaces: ['eth0', 'eth1'], forwarding: 'tunneling' })
  await realServer.set('2001:db8::80', { netns: path, forwarding: 'tunneling' })
  expect(await realServer.status({ netns: path })).toEqual({
    vips: [
      { address: '192.0.2.80', family: 'ipv4' },
      { address: '192.0.2.81', family: 'ipv4' },
      { address: '2001:db8::80', family: 'ipv6' },
    ],
    interfaces: [
      { name: 'eth0', arpIgnore: 1, arpAnnounce: 2, before: { arpIgnore: 0, arpAnnounce: 0 } },
      { name: 'eth1', arpIgnore: 2, arpAnnounce: 2, before: { arpIgnore: 2, arpAnnounce: 1 } },
    ],
    tunnels: [
      { name: 'tunl0', up: true, before: 'down' },
      { name: 'ip6tnl0', up: true, before: 'down' },
    ],
  })
  // Again, after somebody has undone a part: nothing is forgotten.
  netns.exec('sysctl', '-qw', 'net.ipv4.conf.eth0.arp_ignore=0')
  await realServer.set('192.0.2.80', { netns: path, interfaces: ['eth0', 'eth1'] })
  expect(conf('eth0')).toBe('12')
  await realServer.undo('192.0.2.80', { netns: path })
  expect(['eth0', 'eth1'].map(conf)).toEqual(['12', '22'])
  await realServer.undo('192.0.2.81', { netns: path })
  expect(['eth0', 'eth1'].map(conf)).toEqual(['00', '21'])
  expect((await realServer.status({ netns: path })).tunnels).toEqual([
    { name: 'ip6tnl0', up: true, before: 'down' },
  ])
  await realServer.undo('2001:db8::80', { netns: path })
  expect(everything(netns)).toBe(before)
  await expect(realServer.undo('2001:db8::80', { netns: path })).rejects.toMatchObject({
    name: 'IpvsError',
    reason: 'no-such-address',
  })

  // An administrator's own value, set meanwhile, stays.
  await realServer.set('192.0.2.80', { netns: path })
  netns.exec('sysctl', '-qw', 'net.ipv4.conf.eth0.arp_ignore=8')
  await realServer.undo('192.0.2.80', { netns: path })
  expect(conf('eth0')).toBe('80')
  expect(netns.exec('ip', '-o', 'link')).not.toContain('ipvs-rs')
})

test('what an interrupted call left is put back', async () => {
  const netns = namespace()
  const { path } = netns
  netns.exec('ip', 'link', 'add', 'eth0', 'type', 'veth')
  await realServer.set('192.0.2.80', { netns: path, forwarding: 'tunneling' })
  await realServer.undo('192.0.2.80', { netns: path })
  const before = everything(netns)
  // As if it had ended before the address was there …
  await realServer.set('192.0.2.80', { netns: path, forwarding: 'tunneling' })
  netns.exec('ip', 'address', 'delete', '192.0.2.80/32', 'dev', 'ipvs-rs')
  expect(await realServer.undo('192.0.2.80', { netns: path })).toEqual({
    vips: [],
    interfaces: [],
    tunnels: [],
  })
  expect(everything(netns)).toBe(before)
  // … or just after it had made the device.
  netns.exec('ip', 'link', 'add', 'ipvs-rs', 'type', 'dummy')
  await realServer.undo('192.0.2.80', { netns: path })
  expect(everything(netns)).toBe(before)
})

test('calls at the same time do not take from each other', async () => {
  const netns = namespace()
  const { path } = netns
  netns.exec('ip', 'link', 'add', 'eth0', 'type', 'veth')
  await realServer.set('192.0.2.80', { netns: path, forwarding: 'tunneling' })
  await realServer.undo('192.0.2.80', { netns: path })
  const before = everything(netns)
  const vips = ['192.0.2.80', '192.0.2.81', '2001:db8::80', '2001:db8::81']
  await Promise.all(vips.map((each) => realServer.set(each, { netns: path, forwarding: 'tunneling' })))
  const { vips: bound, tunnels } = await realServer.status({ netns: path })
  expect(bound.map(({ address }) => address).toSorted()).toEqual(vips)
  expect(tunnels.map((tunnel) => tunnel.before)).toEqual(['down', 'down'])
  await Promise.all(vips.map((each) => realServer.undo(each, { netns: path })))
  expect(everything(netns)).toBe(before)
})

test('a tunnel that was made goes again: with the last VIP, and where nothing can be noted', async () => {
  const only = '/proc/sys/net/core/fb_tunnels_only_for_init_net'
  const usual = readFileSync(only, 'utf8')
  writeFileSync(only, '1')
  onTestFinished(() => writeFileSync(only, usual))
  const netns = namespace()
  const { path } = netns
  netns.exec('ip', 'link', 'add', 'eth0', 'type', 'veth')
  const before = everything(netns)
  const tunneling = { netns: path, forwarding: 'tunneling' } as const
  expect((await realServer.set('192.0.2.80', tunneling)).tunnels).toEqual([
    { name: 'tunl0', up: true, before: 'absent' },
  ])
  await realServer.undo('192.0.2.80', { netns: path })
  expect(everything(netns)).toBe(before)
  // Another name of an interface is in the way of the device.
  netns.exec('ip', 'link', 'property', 'add', 'dev', 'eth0', 'altname', 'ipvs-rs')
  const taken = everything(netns)
  await expect(realServer.set('192.0.2.80', tunneling)).rejects.toMatchObject({
    reason: 'interface-exists',
  })
  expect(everything(netns)).toBe(taken)
})

test('what cannot be is refused, and nothing is changed', async () => {
  const netns = namespace()
  const { path } = netns
  await realServer.set('192.0.2.80', { netns: path, forwarding: 'tunneling' })
  await realServer.undo('192.0.2.80', { netns: path })
  const before = everything(netns)
  const refused = async (promise: Promise<unknown>, error: object) => {
    await expect(promise).rejects.toMatchObject(error)
    expect(everything(netns)).toBe(before)
  }
  const address = '192.0.2.80'
  await refused(realServer.set('192.0.2.', { netns: path }), {
    name: 'RangeError',
    message: /^vip: not an IPv4/,
  })
  await refused(realServer.set('224.0.0.1', { netns: path }), { message: expect.stringContaining('unicast') })
  await refused(realServer.set(address, { netns: path, forwarding: 'masquerading' as 'tunneling' }), {
    message: expect.stringMatching(/^forwarding: expected direct-routing, tunneling/),
  })
  await refused(realServer.set(address, { netns: path, interfaces: ['eth9'] }), {
    reason: 'no-such-interface',
  })
  // Half way: IPv6 is off where the address would go, after the tunnel was set up.
  netns.exec('sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1')
  const off = everything(netns)
  await expect(
    realServer.set('2001:db8::80', { netns: path, forwarding: 'tunneling' }),
  ).rejects.toMatchObject({ command: 'newAddress', reason: 'family-unsupported', code: 'EACCES' })
  expect(everything(netns)).toBe(off)
  netns.exec('sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=0')
  // Someone else's device of that name.
  netns.exec('ip', 'link', 'add', 'ipvs-rs', 'alias', 'mine', 'type', 'dummy')
  netns.exec('ip', 'link', 'set', 'ipvs-rs', 'alias', 'mine')
  for (const call of [realServer.set, realServer.undo])
    await expect(call(address, { netns: path })).rejects.toMatchObject({ reason: 'interface-exists' })
  expect(netns.exec('ip', 'link', 'show', 'ipvs-rs')).toContain('mine')
})
