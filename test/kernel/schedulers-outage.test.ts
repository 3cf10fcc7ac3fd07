// Servers that cannot take a client: down, overloaded, or all of them so; with and without the fallback flag.
// SPDX-License-Identifier: MIT

import { expect, test } from 'vitest'
import { director } from './schedulers-director.ts'
import { ours } from './schedulers-modules.ts'
import { hosts, nameOf, type Server, spreadOf, web } from './schedulers-servers.ts'

const none = { taken: 0, refused: 1000 }

test.each(ours)(
  '%s: with no server left, clients are refused, until there is one again',
  async (scheduler) => {
    const at = await director()
    const { destinations, services } = at.ipvs
    const servers = hosts(200)
    await services.add({ ...web, scheduler })
    expect(await at.spray()).toMatchObject(none) // none yet
    await at.ipvs.services.delete(web)
    await at.fill(scheduler, servers)
    const up = await at.spray({ sourcePort: 1001 })
    expect(up).toMatchObject({ taken: 1000, refused: 0 })

    await Promise.all(servers.map((server) => destinations.edit(web, server, { weight: 0 })))
    expect(await at.spray({ sourcePort: 1002 })).toMatchObject(none) // perhaps with a table of the past
    await at.settled(scheduler)
    const down = await at.spray({ sourcePort: 1003 })
    expect(down).toMatchObject(none)
    await services.edit(web, { schedulerFlags: ['fallback'] })
    expect(await at.spray({ sourcePort: 1004 })).toMatchObject(none)

    await destinations.edit(web, servers[7]!, { weight: 1 })
    await at.settled(scheduler)
    const last = await at.place(1005)
    expect(new Set(last.values())).toEqual(new Set([nameOf(servers[7]!)]))

    await Promise.all(servers.map((server) => destinations.delete(web, server)))
    expect(await at.spray({ sourcePort: 1006 })).toMatchObject(none)
    await at.settled(scheduler)
    expect(await at.spray({ sourcePort: 1007 })).toMatchObject(none)
  },
)

/** Each is overloaded by a second connection. */
const limited = (servers: readonly Server[]): Server[] =>
  servers.map((server) => ({ ...server, upperThreshold: 1 }))

test.each(ours)(
  '%s: the clients of an overloaded server are refused; with fallback others take them',
  async (scheduler) => {
    const at = await director()
    const servers = hosts()
    await at.fill(scheduler, servers)
    const before = await at.place(1000, { count: 3000 })
    const full = servers[11]!
    await at.ipvs.destinations.edit(web, full, { upperThreshold: 1 })
    const own = [...before.values()].filter((name) => name === nameOf(full)).length
    expect(own).toBeGreaterThan(50)

    // The kernel sees the overload at the next connection of that server, which is the last one.
    const refusing = await at.spray({ count: 3000, sourcePort: 1001 })
    expect(refusing.refused).toBeGreaterThanOrEqual(own - 1)
    expect(refusing.refused).toBeLessThanOrEqual(own)
    const kept = await at.placement(refusing.taken, 1001)
    expect(kept.size).toBe(refusing.taken)
    for (const [client, server] of kept) expect(server).toBe(before.get(client))

    await at.ipvs.services.edit(web, { schedulerFlags: ['fallback'] })
    const after = await at.place(1002, { count: 3000 })
    const evicted = [...before.keys()].filter((client) => before.get(client) === nameOf(full))
    for (const [client, server] of after)
      if (before.get(client) !== nameOf(full)) expect(server).toBe(before.get(client))
    const left = servers.filter((server) => server !== full)
    const { chi2, peak } = spreadOf(
      left,
      evicted.map((client) => after.get(client)!),
    )
    console.log(
      `${scheduler}: ${own} clients of an overloaded server fall back on 29: peak/mean ${peak.toFixed(2)}`,
    )
    expect(chi2).toBeLessThan(2.5)
  },
)

test('sh, in tree, does the same without the flag', async () => {
  const at = await director()
  const servers = hosts(8, 1)
  await at.fill('sh', servers)
  const before = await at.place(1000)
  const full = servers[3]!
  await at.ipvs.destinations.edit(web, full, { upperThreshold: 1 })
  const own = [...before.values()].filter((name) => name === nameOf(full)).length
  const { refused } = await at.spray({ sourcePort: 1001 })
  expect(own - refused).toBeLessThanOrEqual(1)
  expect(refused).toBeGreaterThan(50)
})

test.each(ours)('%s: with every server overloaded, a packet costs bounded work', async (scheduler) => {
  const at = await director()
  const servers = limited(hosts(1000))
  await at.fill(scheduler, servers, web, { schedulerFlags: ['fallback'] })
  // Each takes one: all of them are found.
  const filling = await at.spray({ count: 3000 })
  expect(filling).toMatchObject({ taken: 1000, refused: 2000 })
  expect(new Set((await at.placement(1000, 1000)).values()).size).toBe(1000)
  const { refused, seconds } = await at.spray({ count: 2000, sourcePort: 1001 })
  expect(refused).toBe(2000)
  console.log(
    `${scheduler}: 1000 overloaded servers: ${((seconds / refused) * 1e6).toFixed(0)} us for a packet to be refused`,
  )
  // One pass over the servers. In-tree mh would hash 4093 times; a loop without end would not end.
  expect(seconds / refused).toBeLessThan(0.005)
})
