// Memory is short in a scheduler, on a kernel with fault injection: what was there goes on, and all comes right after.
// SPDX-License-Identifier: MIT

import { setTimeout } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { IpvsError } from '../../lib/index.ts'
import { type Faults, faults } from './debug-faults.ts'
import { Director, director } from './schedulers-director.ts'
import { type Ours, ours } from './schedulers-modules.ts'
import { hosts, nameOf, type Server, web } from './schedulers-servers.ts'

const other = { ...web, port: 81 }
const noMemory = { code: 'ENOMEM' }

/** Ends with the test, at the latest: a fault in another test would be a riddle. */
const shortage = (scheduler: Ours, percent: number): Faults => {
  const made = faults(`ip_vs_${scheduler}`, percent)
  onTestFinished(() => void made.end())
  return made
}

/** What a director shows that has had these servers from the first, and memory. */
const fresh = async (scheduler: string, servers: readonly Server[]): Promise<string[]> => {
  const at = await director()
  await at.fill(scheduler, servers)
  return at.tables(scheduler)
}

test.each(ours)('%s: with no memory at all, changes are refused or wait', async (scheduler) => {
  const at = await director()
  const { services, destinations } = at.ipvs
  const servers = hosts(20)
  const added = hosts(21)[20]!
  await at.fill(scheduler, servers)
  await services.add({ ...other, scheduler: 'rr' })
  const before = await at.place(1000)
  const table = at.tables(scheduler)

  const short = shortage(scheduler, 100)
  await expect(services.add({ ...web, port: 82, scheduler })).rejects.toMatchObject(noMemory)
  await expect(services.edit(other, { scheduler })).rejects.toMatchObject(noMemory)
  expect((await services.list()).map(({ port, scheduler }) => [port, scheduler]).sort()).toEqual([
    [80, scheduler],
    [81, 'rr'],
  ])

  const [deleted, drained, heavier] = servers as [Server, Server, Server]
  await destinations.delete(web, deleted)
  await destinations.edit(web, drained, { weight: 0 })
  await destinations.edit(web, heavier, { weight: 500 })
  await destinations.add(web, added)
  const meanwhile = await at.place(1001)
  const gone = [nameOf(deleted), nameOf(drained)]
  for (const [client, server] of meanwhile) {
    expect(gone).not.toContain(server)
    if (!gone.includes(before.get(client)!)) expect(server).toBe(before.get(client))
  }
  // It tries again each second.
  await setTimeout(2500)
  expect(at.pending(scheduler)).toBe(true)
  expect(at.tables(scheduler)).toEqual(table)
  const failed = short.end()

  await at.settled(scheduler)
  const now = [...servers.slice(3), { ...drained, weight: 0 }, { ...heavier, weight: 500 }, added]
  expect(at.tables(scheduler)).toEqual(await fresh(scheduler, now))
  expect([...(await at.place(1002)).values()]).toContain(nameOf(added))
  console.log(`${scheduler}: ${failed} allocations failed`)
  expect(failed).toBeGreaterThan(5)
})

// 32 servers fill the memory that there is for them.
test.each(ours)(
  '%s: a server for which there was no memory comes with the next change',
  async (scheduler) => {
    const at = await director()
    const { destinations } = at.ipvs
    const [first, ...rest] = hosts(32) as [Server, ...Server[]]
    const added = hosts(36).slice(32)
    await at.fill(scheduler, [first, ...rest])
    const short = shortage(scheduler, 100)
    for (const server of added) await destinations.add(web, server)
    await destinations.delete(web, added[0]!)
    expect(new Set((await at.place(1000)).values()).size).toBe(32)
    short.end()
    await destinations.edit(web, first, { weight: 50 })
    await at.settled(scheduler)
    const now = [{ ...first, weight: 50 }, ...rest, ...added.slice(1)]
    expect(at.tables(scheduler)).toEqual(await fresh(scheduler, now))
  },
)

/** The same numbers in each run. */
const random = (seed: number) => {
  let state = seed
  return (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Passes over what failed for want of memory; tells whether it did not. */
const tried = async (doing: Promise<unknown>): Promise<boolean> => {
  try {
    await doing
    return true
  } catch (error) {
    if (error instanceof IpvsError && error.code === 'ENOMEM') return false
    throw error
  }
}

const ROUNDS = 30

test.each(ours)('%s: with memory now and then, no client comes to a deleted server', async (scheduler) => {
  const at = await director()
  const { services, destinations } = at.ipvs
  const all = hosts(60)
  const present = new Map(all.slice(0, 30).map((server) => [nameOf(server), server]))
  const draw = random(ours.indexOf(scheduler) + 1)
  await at.fill(scheduler, [...present.values()])
  const short = shortage(scheduler, 40)
  let bound = 0
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = 0; i < 6; i++) {
      const server = all[draw(all.length)]!
      const name = nameOf(server)
      const weight = draw(4) === 0 ? 0 : 1 + draw(200)
      if (!present.has(name)) {
        await destinations.add(web, { ...server, weight })
        present.set(name, { ...server, weight })
      } else if (draw(2) === 0) {
        await destinations.edit(web, server, { weight })
        present.set(name, { ...server, weight })
      } else {
        await destinations.delete(web, server)
        present.delete(name)
      }
    }
    if (await tried(services.add({ ...other, scheduler }))) {
      bound++
      await tried(services.edit(other, { scheduler: 'rr' }))
      await tried(services.edit(other, { scheduler }))
      await services.delete(other)
    }
    const { taken } = await at.spray({ count: 200, sourcePort: 1000 + round })
    for (const server of (await at.placement(taken, 1000 + round)).values())
      expect(present.get(server)?.weight ?? 0, `${server} in round ${round}`).toBeGreaterThan(0)
  }
  const failed = short.end()
  const [name, server] = [...present][0]!
  await destinations.edit(web, server, { weight: 77 })
  present.set(name, { ...server, weight: 77 })
  await at.settled(scheduler)
  expect(at.tables(scheduler)).toEqual(await fresh(scheduler, [...present.values()]))
  console.log(`${scheduler}: ${failed} allocations failed; ${bound} of ${ROUNDS} services were bound`)
  expect(bound).toBeGreaterThan(0)
  expect(bound).toBeLessThan(ROUNDS)
})

test.each(ours)('%s: directors end while memory is short', async (scheduler) => {
  const first = await director()
  await first.fill(scheduler, hosts(1)) // The module is there …
  // … and asks for memory for each namespace.
  const directors = await Promise.all(Array.from({ length: 8 }, () => Director.begin()))
  try {
    const short = shortage(scheduler, 40)
    for (const { ipvs } of directors) {
      while (!(await tried(ipvs.services.add({ ...web, scheduler }))));
      await Promise.all(hosts(40).map((server) => ipvs.destinations.add(web, server)))
      await ipvs.destinations.delete(web, hosts(1)[0]!)
    }
    await Promise.all(directors.splice(0).map((at) => at.end()))
    await setTimeout(1500)
    expect(short.end()).toBeGreaterThan(10)
  } finally {
    await Promise.all(directors.map((at) => at.end()))
  }
})
