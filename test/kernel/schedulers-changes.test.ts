// What a change of the servers moves: a drain refuses nobody, and nothing moves that need not.
// SPDX-License-Identifier: MIT

import { expect, test } from 'vitest'
import { director } from './schedulers-director.ts'
import { ours } from './schedulers-modules.ts'
import { hosts, moved, nameOf, type Server, spreadOf, web } from './schedulers-servers.ts'

// Counts are small: to read /proc/net/ip_vs_conn takes a time that grows with their square.

const percent = (count: number, of: number): string => `${((100 * count) / of).toFixed(3)} %`

const servers: readonly Server[] = hosts().map((server, i) => ({ ...server, weight: 50 * (1 + (i % 3)) }))

test.each(ours)('%s: a drain refuses nobody, and its delete moves nobody else', async (scheduler) => {
  const at = await director()
  const { destinations } = at.ipvs
  const clients = { count: 10_000 }
  await at.fill(scheduler, servers)
  const before = await at.place(1000, clients)
  const { peak, least, chi2 } = spreadOf(servers, before.values())
  // A table's slots, of which clients share some, add to the noise of the clients
  expect(chi2).toBeLessThan(2.5)

  const drained = servers[13]!
  await destinations.edit(web, drained, { weight: 0 })
  // Before a table without it is there, too.
  const atOnce = await at.place(1001, { count: 1000 })
  expect([...atOnce.values()]).not.toContain(nameOf(drained))
  await at.settled(scheduler)
  const after = await at.place(1002, clients)
  const left = servers.filter((server) => server !== drained)
  const evicted = [...before.keys()].filter((client) => before.get(client) === nameOf(drained))
  const spread = spreadOf(
    left,
    evicted.map((client) => after.get(client)!),
  )
  const others = moved(before, after).count - evicted.length
  console.log(
    `${scheduler}: ${before.size} clients, 30 servers of weights 50, 100, 150: peak/mean ${peak.toFixed(2)}, ` +
      `least ${least.toFixed(2)}, chi2/df ${chi2.toFixed(2)}; drain: ${evicted.length} clients go to ` +
      `the others by weight: peak/mean ${spread.peak.toFixed(2)}, chi2/df ${spread.chi2.toFixed(2)}; ` +
      `of the other clients ${percent(others, before.size)} move`,
  )
  expect(evicted.length).toBeGreaterThan(250)
  expect(spread.chi2).toBeLessThan(2.5)
  expect(others).toBeLessThanOrEqual(scheduler === 'maglev' ? 0.011 * before.size : 0)

  await destinations.delete(web, drained)
  const deletedAtOnce = await at.place(1003, { count: 1000 })
  expect([...deletedAtOnce.values()]).not.toContain(nameOf(drained))
  await at.settled(scheduler)
  expect(await at.place(1004, clients)).toEqual(after)

  await destinations.add(web, drained)
  await at.settled(scheduler)
  expect(await at.place(1005, clients)).toEqual(before)
})

test.each(ours)('%s: one server less or more moves its own share', async (scheduler) => {
  const at = await director()
  const fifty = hosts(50)
  const removed = fifty[20]!
  await at.fill(scheduler, fifty)
  const before = await at.place(1000, { count: 20_000 })
  await at.ipvs.destinations.delete(web, removed)
  await at.settled(scheduler)
  const after = await at.place(1001, { count: 20_000 })
  const share = [...before.values()].filter((name) => name === nameOf(removed)).length
  const excess = moved(before, after).count - share
  console.log(
    `${scheduler}: one of 50 removed: ${percent(share, before.size)} must move, ${percent(excess, before.size)} besides`,
  )
  expect(share).toBeGreaterThan(300)
  expect(excess).toBeLessThanOrEqual(scheduler === 'maglev' ? 0.011 * before.size : 0)
})

const reweighted = async (scheduler: string) => {
  const at = await director()
  const fifty = hosts(50)
  const changed = fifty[20]!
  await at.fill(scheduler, fifty)
  const before = await at.place(1000, { count: 20_000 })
  await at.ipvs.destinations.edit(web, changed, { weight: 99 })
  await at.settled(scheduler)
  const result = moved(before, await at.place(1001, { count: 20_000 }))
  console.log(`${scheduler}: one weight of 50 from 100 to 99 moves ${percent(result.count, before.size)}`)
  return { ...result, fraction: result.count / before.size, changed: nameOf(changed) }
}

test.each(ours)('%s: a weight of 99 instead of 100 moves next to nobody', async (scheduler) => {
  const { fraction, from, to, changed } = await reweighted(scheduler)
  expect(fraction).toBeGreaterThan(0)
  if (scheduler === 'maglev') {
    expect(fraction).toBeLessThan(0.003)
  } else {
    // What must move is 0.02 %, 4 of these clients
    expect(fraction).toBeLessThan(0.0006)
    expect([...from]).toEqual([changed])
    expect([...to]).not.toContain(changed)
  }
})

// Shows that this way of measuring sees it.
test('mh, in tree: it moves a third of them', async () => {
  expect((await reweighted('mh')).fraction).toBeGreaterThan(0.1)
})
