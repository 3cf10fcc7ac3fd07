// Agreement of two directors, what a change moves, shares by weight: counted over many clients, in the kernel.
// SPDX-License-Identifier: MIT
import { hosts, nameOf, ports, Service, shuffled, web } from './service.mjs'

const schedulers = ['sh', 'mh', 'msh', 'maglev', 'hrw']

/** The fraction of clients for which this holds. */
function fraction(before, after, holds) {
  let count = 0
  for (let i = 0; i < before.length; i++) if (holds(before[i], after[i])) count++
  return count / before.length
}

/** Gives each scheduler's placement of the clients to `body`; it sees the servers when all are there. */
const eachPlacement = (servers, clients, body) =>
  Service.with(async (service) => {
    await service.fill('rr', servers)
    for (const scheduler of schedulers) {
      await service.use(scheduler)
      body(scheduler, service.place(clients).servers)
    }
  })

/** Of each scheduler, the fraction of clients that two directors send to the same server. */
async function agreement(servers, clients) {
  const placed = {}
  const result = {}
  await eachPlacement(servers, clients, (scheduler, where) => {
    placed[scheduler] = where
  })
  await eachPlacement(shuffled(servers), clients, (scheduler, where) => {
    result[scheduler] = fraction(placed[scheduler], where, (a, b) => a === b && a !== 0)
  })
  return result
}

/** A service whose clients are counted before and after each change of one of its servers. */
const changing = (scheduler, servers, clients, body) =>
  Service.with(async (service) => {
    await service.fill('rr', servers)
    await service.use(scheduler)
    let last = service.place(clients).servers
    /** Of all clients those that move; of these those that need not; and those that no server takes now. */
    const step = async (change, needless) => {
      await service.change(scheduler, change)
      const next = service.place(clients).servers
      const result = {
        moved: fraction(last, next, (a, b) => a !== b),
        excess: fraction(last, next, (a, b) => a !== b && needless(a, b)),
        refused: fraction(last, next, (_, b) => b === 0),
      }
      last = next
      return result
    }
    const subject = servers[Math.floor(servers.length * 0.4)]
    return body(step, subject, nameOf(subject))
  })

async function changes(scheduler, count, clients) {
  // With equal weights sh does best if all are 1: a weight is a number of slots to it.
  const equal = await changing(scheduler, hosts(count, one), clients, async (step, subject, name) => {
    const notFrom = (a) => a !== name
    return {
      remove: await step((all) => all.delete(web, subject), notFrom),
      add: await step(
        (all) => all.add(web, subject),
        (_, b) => b !== name,
      ),
      drain: await step((all) => all.edit(web, subject, { weight: 0 }), notFrom),
      // Clients that the drain refused have to go somewhere.
      delete: await step(
        (all) => all.delete(web, subject),
        (a) => a !== 0,
      ),
    }
  })
  const reweight = await changing(scheduler, hosts(count), clients, (step, subject, name) =>
    step(
      (all) => all.edit(web, subject, { weight: 99 }),
      (a) => a !== name,
    ),
  )
  return { ...equal, reweight }
}

const one = () => 1

/** Pseudo-random, always the same. */
const random100 = (i) => 1 + ((Math.imul(i + 1, 0x9e3779b1) >>> 7) % 100)

const weights = {
  equal: one,
  'one 1000, others 1': (i) => (i === 0 ? 1000 : 1),
  'random 1..100': random100,
  'one 99, others 100': (i) => (i === 0 ? 99 : 100),
}

/** Of each server what it got against what its weight would give it: the most, the least, and how many got nothing. */
function spread(servers, placed) {
  const counts = new Map(servers.map((server) => [nameOf(server), 0]))
  for (const name of placed) counts.set(name, counts.get(name) + 1)
  const total = servers.reduce((sum, { weight }) => sum + weight, 0)
  const ratios = servers.map(
    (server) => (counts.get(nameOf(server)) * total) / (server.weight * placed.length),
  )
  return {
    peak: Math.max(...ratios),
    least: Math.min(...ratios),
    starved: ratios.filter((ratio) => ratio === 0).length,
  }
}

/** What chance alone makes of it: each client drawn by weight. */
function fairDraw(servers, clients) {
  const ends = []
  for (const { weight } of servers) ends.push((ends.at(-1) ?? 0) + weight)
  const names = servers.map(nameOf)
  return Float64Array.from({ length: clients }, () => {
    const at = Math.random() * ends.at(-1)
    let low = 0
    let high = ends.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if (ends[middle] > at) high = middle
      else low = middle + 1
    }
    return names[low]
  })
}

/** Of each scheduler, and of chance, by the name of the weights. */
async function shares(count, clients) {
  const result = Object.fromEntries([...schedulers, 'fair draw'].map((name) => [name, {}]))
  for (const [name, weightOf] of Object.entries(weights)) {
    const servers = hosts(count, weightOf)
    await eachPlacement(servers, clients, (scheduler, where) => {
      result[scheduler][name] = spread(servers, where)
    })
    result['fair draw'][name] = spread(servers, fairDraw(servers, clients))
  }
  return result
}

export async function placements({ sizes, clients }) {
  const rows = []
  for (const count of sizes) {
    const onHosts = await agreement(hosts(count, one), clients)
    const onPorts = await agreement(ports(count), clients)
    const spreads = await shares(count, clients)
    for (const scheduler of schedulers) {
      rows.push({
        scheduler,
        servers: count,
        agreement: { hosts: onHosts[scheduler], 'hosts x 10 ports': onPorts[scheduler] },
        ...(await changes(scheduler, count, clients)),
        shares: spreads[scheduler],
      })
    }
    rows.push({ scheduler: 'fair draw', servers: count, shares: spreads['fair draw'] })
    console.log(`placements: ${count} servers: done`)
  }
  return rows
}
