// predict() names the server that the kernel chooses, for each of a thousand clients.
// SPDX-License-Identifier: MIT

import { expect, test } from 'vitest'
import {
  type PredictableDestination,
  type PredictableScheduler,
  type PredictOptions,
  predict,
} from '../../lib/index.ts'
import { type Clients, type Director, director } from './schedulers-director.ts'
import { isOurs, ours } from './schedulers-modules.ts'
import {
  hosts,
  hosts6,
  nameOf,
  ports,
  type Server,
  tunnels,
  uneven,
  web,
  web6,
} from './schedulers-servers.ts'

const all = [...ours, 'sh', 'mh'] as const
type Service = Omit<typeof web | typeof web6, 'address'> & { readonly address: string }
type Known = PredictableDestination & { readonly port: number }

/** What the client reads, in the kernel's order; and of one server what only an observer knows. */
const known = async (
  { ipvs }: Director,
  service: Service,
  of?: Server,
  more: Pick<PredictableDestination, 'lastWeight' | 'overloaded'> = {},
): Promise<readonly Known[]> => {
  const list = await ipvs.destinations.list(service)
  return list.map((server) => (of && nameOf(server) === nameOf(of) ? { ...server, ...more } : server))
}

/** Opens connections, each of which must come where it is predicted to come; tells how many are refused, as predicted. */
const refusedOf = async (
  at: Director,
  scheduler: PredictableScheduler,
  destinations: readonly Known[],
  options: PredictOptions & { readonly service: Service },
  clients: Clients & { readonly sourcePort: number },
): Promise<number> => {
  const { service } = options
  await at.settled(scheduler)
  const prediction = predict(scheduler, destinations, options)
  if (isOurs(scheduler)) {
    const line = at.tables(scheduler).find((line) => line.includes(` ${nameOf(service)} `))!
    expect(line.split(' ')[7]).toBe(prediction.checksum)
  }
  const { taken, refused } = await at.spray({ ...clients, to: service })
  expect(taken + refused).toBe(1000)
  const connections = await at.connections(taken, {
    sourcePort: clients.from === undefined ? clients.sourcePort : undefined,
    where: (connection) => connection.service.address === service.address,
  })
  expect(connections).toHaveLength(taken)
  const wrong = connections.filter(({ client, server }) => {
    const predicted = prediction.destinationOf(client)
    return predicted === null || nameOf(predicted) !== server
  })
  expect(wrong).toEqual([])
  return refused
}

const services: readonly (readonly [Service, readonly Server[]])[] = [
  [web, uneven(hosts())],
  [{ ...web, address: '192.0.2.11' }, uneven(ports())],
  [web6, uneven(hosts6())],
]

test.each(all)('%s: hosts, ports, IPv6; drained, deleted, back', async (scheduler) => {
  const at = await director()
  const { destinations } = at.ipvs
  for (const [service, servers] of services) {
    const server = servers[7]!
    await at.fill(scheduler, servers, service)
    const refused = async (sourcePort: number, lastWeight = 0) =>
      refusedOf(at, scheduler, await known(at, service, server, { lastWeight }), { service }, { sourcePort })
    expect(await refused(1000)).toBe(0)
    await destinations.edit(service, server, { weight: 0 })
    const drained = await refused(1001, server.weight)
    if (isOurs(scheduler)) expect(drained).toBe(0)
    await destinations.delete(service, server)
    expect(await refused(1002)).toBe(0)
    await destinations.add(service, server)
    expect(await refused(1003)).toBe(0)
  }
})

test.each(all)('%s: the ports of one client', async (scheduler) => {
  const at = await director()
  for (const [service, servers] of services) {
    const options = { service, schedulerFlags: ['port'] } as const
    await at.fill(scheduler, servers, service, { schedulerFlags: options.schedulerFlags })
    const from = service === web6 ? '2001:db8::9' : '198.51.100.9'
    const list = await known(at, service)
    expect(await refusedOf(at, scheduler, list, options, { from, sourcePort: 10_000 })).toBe(0)
  }
})

test.each(ours)('%s: tunnels of both families', async (scheduler) => {
  const at = await director()
  await at.fill(scheduler, tunnels())
  const list = await known(at, web)
  expect(await refusedOf(at, scheduler, list, { service: web }, { sourcePort: 1000 })).toBe(0)
})

test.each(all)('%s: an overloaded server, without fallback and with it', async (scheduler) => {
  const at = await director()
  const servers = hosts(8, 1)
  await at.fill(scheduler, servers)
  await at.place(1000)
  await at.ipvs.destinations.edit(web, servers[3]!, { upperThreshold: 1 })
  await at.spray({ sourcePort: 1001 }) // Its next connection makes it overloaded.
  const list = await known(at, web, servers[3], { overloaded: true })
  expect(await refusedOf(at, scheduler, list, { service: web }, { sourcePort: 1002 })).toBeGreaterThan(50)
  const options = { service: web, schedulerFlags: ['fallback'] } as const
  await at.ipvs.services.edit(web, { schedulerFlags: options.schedulerFlags })
  expect(await refusedOf(at, scheduler, list, options, { sourcePort: 1003 })).toBe(0)
})

// The client is where the packet within went, and IPVS looks at it from the other side.
test.each(ours)('%s: an ICMP error comes to the server of the connection it is about', async (scheduler) => {
  const at = await director()
  at.sysctl('schedule_icmp', 1)
  for (const [service, servers] of services) {
    const options = { service, schedulerFlags: ['port'] } as const
    await at.fill(scheduler, servers, service, { schedulerFlags: options.schedulerFlags })
    const from = service === web6 ? '2001:db8::9' : '198.51.100.9'
    const prediction = predict(scheduler, await known(at, service), options)
    await at.spray({ to: { ...service, protocol: 'icmp' }, from, count: 100, sourcePort: 20_000 })
    const connections = await at.connections(100, {
      where: (connection) => connection.service.address === service.address,
    })
    expect(connections).toHaveLength(100)
    expect(new Set(connections.map(({ client }) => client.port)).size).toBe(100)
    for (const { client, server } of connections) {
      expect(client.address).toBe(from)
      expect(server).toBe(nameOf(prediction.destinationOf(client)!))
    }
  }
})
