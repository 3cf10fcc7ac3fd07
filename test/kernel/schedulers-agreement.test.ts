// Two directors that learned their servers in different order send every client to the same one.
// SPDX-License-Identifier: MIT

import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { type Director, director } from './schedulers-director.ts'
import { ours } from './schedulers-modules.ts'
import { hosts, hosts6, moved, ports, type Server, uneven, web, web6 } from './schedulers-servers.ts'

const COUNT = 1000

const services = [
  { name: '30 hosts', to: web, servers: hosts() },
  { name: '5 hosts x 10 ports', to: { ...web, port: 81 }, servers: ports() },
  { name: '30 hosts, IPv6', to: web6, servers: hosts6() },
] as const

const inOrders = async (scheduler: string): Promise<readonly [Director, Director]> => {
  const pair = [await director(), await director()] as const
  for (const { to, servers } of services) {
    await pair[0].fill(scheduler, uneven(servers), to)
    await pair[1].fill(scheduler, uneven(servers).toReversed(), to)
  }
  return pair
}

/** How many of a thousand clients of each service both directors send to the same server. */
const agreed = async (
  pair: readonly [Director, Director],
  sourcePort: number,
): Promise<readonly number[]> => {
  const counts: number[] = []
  for (const [i, { to }] of services.entries()) {
    const [one, other] = await Promise.all(
      pair.map((at) => at.place(sourcePort + i, { to, count: COUNT, seed: 1 + i })),
    )
    counts.push(COUNT - moved(one!, other!).count)
  }
  return counts
}

const all = services.map(() => COUNT)

/** What each of the thousand clients of a service gets, in few characters. */
const digest = (placement: ReadonlyMap<string, string>): string =>
  createHash('sha256')
    .update(
      [...placement]
        .map((pair) => pair.join(' '))
        .sort()
        .join('\n'),
    )
    .digest('hex')
    .slice(0, 16)

/** The same on every kernel. */
const known = {
  msh: ['3f3d77cab9d59d89', '716d72d3188a3180', '513159bdebce6cb1'],
  maglev: ['75bce568396f4652', 'b9322a4b0d6d34d4', '75e08e9672f27520'],
  hrw: ['1e0a34ba3a2ee548', 'cb648703b415aec3', 'e51ec485ed7bfc9f'],
} as const

test.each(ours)('%s: directors with other kernels choose as this one', async (scheduler) => {
  const at = await director()
  const digests: string[] = []
  for (const [i, { to, servers }] of services.entries()) {
    await at.fill(scheduler, uneven(servers), to)
    digests.push(digest(await at.place(1000 + i, { to, count: COUNT, seed: 1 + i })))
  }
  expect(digests).toEqual(known[scheduler])
})

test.each(ours)(
  '%s: they agree on every client, also after a drain, a delete and a return',
  async (scheduler) => {
    const pair = await inOrders(scheduler)
    const same = async (sourcePort: number): Promise<readonly string[]> => {
      for (const at of pair) await at.settled(scheduler)
      const [one, other] = pair.map((at) => at.tables(scheduler))
      expect(one).toHaveLength(services.length)
      expect(one).toEqual(other)
      expect(await agreed(pair, sourcePort)).toEqual(all)
      return one!
    }
    const eachService = async (
      change: (at: Director, to: (typeof services)[number]['to'], server: Server) => unknown,
    ) => {
      for (const at of pair) for (const { to, servers } of services) await change(at, to, uneven(servers)[7]!)
    }
    const full = await same(1000)
    await eachService((at, to, server) => at.ipvs.destinations.edit(to, server, { weight: 0 }))
    const drained = await same(1100)
    for (const i of services.keys()) expect(drained[i]).not.toBe(full[i])
    // To a hash scheduler a server without weight is none.
    await eachService((at, to, server) => at.ipvs.destinations.delete(to, server))
    expect(await same(1200)).toEqual(drained)
    await eachService((at, to, server) => at.ipvs.destinations.add(to, server))
    expect(await same(1300)).toEqual(full)
  },
)

// Shows that this way of measuring tells directors that disagree.
test.each(['sh', 'mh'])('%s, in tree: they disagree', async (scheduler) => {
  const counts = await agreed(await inOrders(scheduler), 1000)
  for (const [i, { name }] of services.entries())
    console.log(`${scheduler}, ${name}: two directors agree on ${counts[i]} of ${COUNT} clients`)
  for (const count of counts) expect(count).toBeLessThan(COUNT)
})
