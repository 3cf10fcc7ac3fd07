// Real packets through masquerading services: the client counts as ipvsadm and /proc do.
// SPDX-License-Identifier: MIT

import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import type { Ipvs, SnapshotService, Stats } from '../../lib/index.ts'
import { nothingCounted } from '../nothing.ts'
import { counterLines, listing, procLines } from './ipvsadm.ts'
import { type Namespace, namespace, open } from './namespace.ts'

const web = { protocol: 'tcp', address: '192.0.2.10', port: 80 } as const
const dns = { protocol: 'udp', address: '192.0.2.10', port: 53 } as const
const web6 = { protocol: 'tcp', address: '2001:db8::1', port: 80 } as const
const [one, two, six] = ['10.0.0.1', '10.0.0.2', '2001:db8::a']

/** Client, director and real servers are one namespace: IPVS takes what is sent locally, too. */
const director = async (): Promise<{ netns: Namespace; ipvs: Ipvs }> => {
  const netns = namespace()
  for (const address of [web.address, one, two])
    netns.exec('ip', 'address', 'add', `${address}/32`, 'dev', 'lo')
  for (const address of [web6.address, six])
    netns.exec('ip', 'address', 'add', `${address}/128`, 'dev', 'lo', 'nodad')
  const ipvs = await open(netns.path)
  const masquerading = { forwarding: 'masquerading' } as const
  await Promise.all([
    ipvs.services.add({ ...web, scheduler: 'rr' }),
    ipvs.destinations.add(web, { ...masquerading, address: one, port: 8080 }),
    ipvs.destinations.add(web, { ...masquerading, address: two, port: 8080 }),
    ipvs.services.add({ ...dns, scheduler: 'rr', persistence: {} }),
    ipvs.destinations.add(dns, { ...masquerading, address: one, port: 5353 }),
    ipvs.services.add({ ...web6, scheduler: 'rr' }),
    ipvs.destinations.add(web6, { ...masquerading, address: six, port: 8080 }),
  ])
  return { netns, ipvs }
}

const traffic = {
  listen: [
    { protocol: 'tcp', host: one, port: 8080 },
    { protocol: 'tcp', host: two, port: 8080 },
    { protocol: 'udp', host: one, port: 5353 },
    { protocol: 'tcp', host: six, port: 8080 },
  ],
  talk: [
    { protocol: 'tcp', to: { host: web.address, port: 80 }, connections: 6, messages: 3, bytes: 5000 },
    { protocol: 'udp', to: { host: dns.address, port: 53 }, connections: 2, messages: 5, bytes: 100 },
    { protocol: 'tcp', to: { host: web6.address, port: 80 }, connections: 1, messages: 1, bytes: 10 },
  ],
}

/** Longer than the 2 s in which the kernel adds its per-processor counters up; until then readers see the old sums. */
const ESTIMATION = 3000

/** Sends traffic and waits until all of it shows: until a whole period has changed nothing. */
const sendTraffic = async (netns: Namespace, ipvs: Ipvs): Promise<readonly SnapshotService[]> => {
  const echo = fileURLToPath(new URL('echo.mjs', import.meta.url))
  netns.exec(process.execPath, echo, JSON.stringify(traffic))
  for (let before: readonly string[] = []; ; ) {
    await setTimeout(ESTIMATION)
    const { services } = await ipvs.snapshot()
    const after = counterLines(services)
    if (services.every(({ stats }) => stats.conns > 0n) && after.join() === before.join()) return services
    before = after
  }
}

const find = (
  services: readonly SnapshotService[],
  { protocol, address }: typeof web | typeof dns | typeof web6,
) => services.find((service) => service.protocol === protocol && service.address === address)!

type Counter = 'conns' | 'inPkts' | 'outPkts' | 'inBytes' | 'outBytes'
const counterNames = ['conns', 'inPkts', 'outPkts', 'inBytes', 'outBytes'] as const
const counted = (stats: Stats) =>
  Object.fromEntries(counterNames.map((name) => [name, stats[name]])) as Record<Counter, bigint>
const sum = (all: readonly { readonly stats: Stats }[]) =>
  Object.fromEntries(
    counterNames.map((name) => [name, all.reduce((total, { stats }) => total + stats[name], 0n)]),
  )
const none = counted(nothingCounted)

/** The first line of numbers of /proc/net/ip_vs_stats: totals of the namespace, in hexadecimal. */
const totals = (netns: Namespace) => {
  const numbers = netns.read('/proc/net/ip_vs_stats').split('\n')[2]!.trim().split(/\s+/)
  return Object.fromEntries(counterNames.map((name, i) => [name, BigInt(`0x${numbers[i]}`)]))
}

/**
 * Of a real server, ipvsadm 1.31 reads the 64-bit counters with its parser for 32-bit ones, so that it shows
 * connections and packets modulo 2^32 and their rates, too: its fault. It takes hours to count that far here,
 * hence only small numbers are compared.
 */
test('the client counts as ipvsadm and /proc do, and that is what was sent', async () => {
  const { netns, ipvs } = await director()
  const services = await sendTraffic(netns, ipvs)
  const { counters, proc } = listing(netns)
  expect(counters).toEqual(counterLines(services))
  expect(proc).toEqual(procLines(services)) // holds the connections that are still in the table
  expect(sum(services)).toEqual(totals(netns))
  for (const service of services) expect(counted(service.stats)).toEqual(sum(service.destinations))

  // Two sockets of one client; every datagram has headers of 20 and 8 bytes and comes back as long as it went.
  const datagrams = find(services, dns)
  expect(datagrams.stats).toMatchObject({
    conns: 2n,
    inPkts: 10n,
    outPkts: 10n,
    inBytes: 1280n,
    outBytes: 1280n,
  })
  const stream = find(services, web)
  expect(stream.stats.conns).toBe(6n)
  expect(stream.stats.inBytes).toBeGreaterThan(6n * 3n * 5000n)
  expect(stream.stats.outBytes).toBeGreaterThan(6n * 3n * 5000n)
  expect(stream.destinations.map(({ stats }) => stats.conns)).toEqual([3n, 3n]) // rr
  expect(find(services, web6).stats.conns).toBe(1n)

  // UDP connections never count as active. The template that makes the service persistent is one more.
  const [server] = datagrams.destinations
  const listed = netns.ipvsadm('-Ln', '--persistent-conn', '-u', `${dns.address}:${dns.port}`)
  const numbers = /-> 10\.0\.0\.1:5353\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)/.exec(listed)!.slice(1).map(Number)
  expect(numbers).toEqual([1, 1, 0, 2])
  expect([server!.weight, server!.persistentConns, server!.activeConns, server!.inactiveConns]).toEqual(
    numbers,
  )
})

test('zero resets one service or all, as ipvsadm shows; ipvsadm -Z resets, as the client shows', async () => {
  const { netns, ipvs } = await director()
  const before = await sendTraffic(netns, ipvs)
  await ipvs.services.zero(web)
  const after = (await ipvs.snapshot()).services
  const zeroed = find(after, web)
  expect([zeroed, ...zeroed.destinations].map(({ stats }) => counted(stats))).toEqual([none, none, none])
  expect(counted(find(after, dns).stats)).toEqual(counted(find(before, dns).stats))
  expect(listing(netns).counters).toEqual(counterLines(after))
  expect(totals(netns)).not.toEqual(none)

  netns.ipvsadm('-Z', '-u', `${dns.address}:${dns.port}`)
  expect(counted(find((await ipvs.snapshot()).services, dns).stats)).toEqual(none)
  expect((await ipvs.services.get(web6)).stats.conns).toBe(1n)

  await ipvs.zero()
  const { services } = await ipvs.snapshot()
  expect(listing(netns).counters).toEqual(counterLines(services))
  for (const service of services) expect(counted(service.stats)).toEqual(none)
  expect(totals(netns)).toEqual(none)
})
