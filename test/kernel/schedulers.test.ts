// msh, maglev and hrw: loaded by name, flags, ports, protocols, marks, persistence, servers of the other family.
// SPDX-License-Identifier: MIT

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { ServiceKey } from '../../lib/index.ts'
import { type Clients, type Director, director } from './schedulers-director.ts'
import { loaded, ours, unload } from './schedulers-modules.ts'
import { hosts, hosts6, spreadOf, tunnels, web, web6 } from './schedulers-servers.ts'

test('a service alone loads its scheduler: the client’s, and ipvsadm’s', async () => {
  await unload()
  const at = await director()
  const { ipvs } = at
  for (const scheduler of ours) {
    expect(loaded(`ip_vs_${scheduler}`)).toBe(false)
    await ipvs.services.add({ ...web, scheduler, schedulerFlags: ['port'] })
    expect(loaded(`ip_vs_${scheduler}`)).toBe(true)
    expect(await ipvs.services.get(web)).toMatchObject({ scheduler, schedulerFlags: ['port'] })
    expect(at.ipvsadm('-Sn')).toBe(`-A -t 192.0.2.10:80 -s ${scheduler} -b flag-2\n`)
    await ipvs.services.delete(web)
  }
  await unload()
  for (const scheduler of ours) {
    at.ipvsadm('-A', '-t', '192.0.2.10:80', '-s', scheduler, '-b', 'flag-1,flag-2')
    expect(loaded(`ip_vs_${scheduler}`)).toBe(true)
    expect(await ipvs.services.get(web)).toMatchObject({ scheduler, schedulerFlags: ['fallback', 'port'] })
    at.ipvsadm('-D', '-t', '192.0.2.10:80')
  }
})

test.each(ours)('%s: /proc shows the services of one namespace, with family and mark', async (scheduler) => {
  const [at, other] = [await director(), await director()]
  const { ipvs } = at
  for (const [service, schedulerFlags] of [
    [web, []],
    [web6, ['fallback']],
    [{ fwmark: 7 }, ['port']],
    [{ fwmark: 7, family: 'ipv6' }, ['fallback', 'port']],
  ] as const)
    await ipvs.services.add({ ...service, scheduler, schedulerFlags })
  const file = `ip_vs_${scheduler}`
  const slots = { msh: 32768, maglev: 16381, hrw: 0 }[scheduler]
  const lines = at.read(file).trim().split('\n')
  expect(lines[0]).toBe('Prot Family Service Flags Contract Servers Slots Checksum Builds Pending')
  expect(lines.slice(1).map((line) => line.split(' ').slice(0, 7).join(' '))).toEqual([
    `TCP 4 192.0.2.10:80 - 1 0 ${slots}`,
    `TCP 6 [2001:db8:ffff::10]:80 fallback 1 0 ${slots}`,
    `FWM 4 7 port 1 0 ${slots}`,
    `FWM 6 7 fallback,port 1 0 ${slots}`,
  ])
  expect(other.read(file)).toBe(`${lines[0]}\n`)
  await ipvs.flush()
  expect(at.read(file)).toBe(`${lines[0]}\n`)
})

test('a table that the algorithm or its contract does not allow is refused when the module is loaded', async () => {
  await unload()
  for (const [name, setting] of [
    ['msh', 'slot_bits=7'],
    ['msh', 'slot_bits=21'],
    ['maglev', 'table_size=16380'],
    ['maglev', 'table_size=241'],
    ['maglev', 'table_size=131101'],
  ] as const) {
    expect(() => execFileSync('modprobe', [`ip_vs_${name}`, setting], { stdio: 'pipe' })).toThrow(
      'Invalid argument',
    )
    expect(loaded(`ip_vs_${name}`)).toBe(false)
  }
})

test.each(ours)('%s: who was refused for want of servers is not for a moment longer', async (scheduler) => {
  const at = await director()
  const { services, destinations } = at.ipvs
  await services.add({ ...web, scheduler })
  const setting = `/sys/module/ip_vs_${scheduler}/parameters/rebuild_ms`
  const usual = existsSync(setting) ? readFileSync(setting) : undefined
  if (usual) writeFileSync(setting, '60000')
  try {
    const [server, other] = hosts(2)
    await destinations.add(web, server!)
    expect(await at.spray({ count: 20 })).toMatchObject({ taken: 20, refused: 0 })
    await destinations.edit(web, server!, { weight: 0 })
    expect(await at.spray({ count: 20, sourcePort: 1001 })).toMatchObject({ taken: 0, refused: 20 })
    await destinations.edit(web, server!, { weight: 1 })
    expect(await at.spray({ count: 20, sourcePort: 1002 })).toMatchObject({ taken: 20, refused: 0 })
    await destinations.delete(web, server!)
    await destinations.add(web, other!)
    expect(await at.spray({ count: 20, sourcePort: 1003 })).toMatchObject({ taken: 20, refused: 0 })
    // A second one is only one more.
    await destinations.add(web, server!)
    expect(at.pending(scheduler)).toBe(usual !== undefined)
  } finally {
    if (usual) writeFileSync(setting, usual)
  }
})

type Kind = readonly [name: string, service: ServiceKey, clients: Clients & { from: string }]
const kinds: readonly Kind[] = [
  ['tcp', web, { to: web, from: '198.51.100.1' }],
  ['udp', { ...web, protocol: 'udp' }, { to: { ...web, protocol: 'udp' }, from: '198.51.100.2' }],
  ['sctp', { ...web, protocol: 'sctp' }, { to: { ...web, protocol: 'sctp' }, from: '198.51.100.3' }],
  ['tcp', web6, { to: web6, from: '2001:db8::1' }],
  ['tcp', { fwmark: 7 }, { to: { ...web, address: '192.0.2.99' }, mark: 7, from: '198.51.100.4' }],
]

/** The servers that a hundred new connections of one client reach. */
const reached = async (at: Director, clients: Clients & { from: string }): Promise<ReadonlySet<string>> => {
  expect(await at.spray({ ...clients, count: 100 })).toMatchObject({ taken: 100, refused: 0 })
  const first = clients.sourcePort ?? 1000
  const own = await at.connections(100, {
    where: ({ client: { address, port } }) => address === clients.from && port >= first && port < first + 100,
  })
  expect(own).toHaveLength(100)
  expect(new Set(own.map(({ protocol }) => protocol))).toEqual(new Set([clients.to?.protocol ?? 'tcp']))
  return new Set(own.map(({ server }) => server))
}

test.each(ours)(
  '%s: one client stays, and spreads with the port flag: TCP, UDP, SCTP, IPv6, a mark',
  async (scheduler) => {
    const at = await director()
    for (const [, service, clients] of kinds) {
      await at.fill(scheduler, clients.from.includes(':') ? hosts6() : hosts(), service)
      const [one, ...others] = await reached(at, clients)
      expect(others).toEqual([])
      // Flags change while the service lives. 30 servers, 100 draws: 29 in the mean
      await at.ipvs.services.edit(service, { schedulerFlags: ['port'] })
      expect((await reached(at, { ...clients, sourcePort: 2000 })).size).toBeGreaterThan(20)
      await at.ipvs.services.edit(service, { schedulerFlags: [] })
      expect([...(await reached(at, { ...clients, sourcePort: 3000 }))]).toEqual([one])
    }
  },
)

test.each(ours)('%s: persistence keeps a client where it was, whatever its port', async (scheduler) => {
  const at = await director()
  await at.fill(scheduler, hosts(), web, { schedulerFlags: ['port'], persistence: { netmask: 24 } })
  for (const host of [7, 8, 9])
    await at.spray({ from: `198.51.100.${host}`, count: 30, sourcePort: 1000 * host })
  // The template is a connection of port 0.
  const connections = await at.connections(91)
  expect(connections.filter(({ client }) => client.port === 0)).toMatchObject([
    { client: { address: '198.51.100.0' } },
  ])
  expect(connections).toHaveLength(91)
  expect(new Set(connections.map(({ server }) => server)).size).toBe(1)
})

test.each(ours)('%s: tunnels of the other family are servers like others', async (scheduler) => {
  const [one, other] = [await director(), await director()]
  await one.fill(scheduler, tunnels())
  await other.fill(scheduler, tunnels().toReversed())
  expect(one.tables(scheduler)).toEqual(other.tables(scheduler))
  const placement = await one.place(1000)
  expect(await other.place(1000)).toEqual(placement)
  const { peak, least } = spreadOf(tunnels(), placement.values())
  // 50 clients each in the mean, and 7 the standard deviation
  expect(peak).toBeLessThan(1.5)
  expect(least).toBeGreaterThan(0.5)
})
