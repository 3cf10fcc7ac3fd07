// What changes and new connections cost: each scheduler in turn, round after round, in the same machine.
// SPDX-License-Identifier: MIT
import { hosts, Service, web } from './service.mjs'

const schedulers = ['wlc', 'rr', 'sh', 'mh', 'msh', 'maglev', 'hrw']

const figures = (list) => {
  const sorted = [...list].sort((a, b) => a - b)
  return { median: sorted[sorted.length >> 1], least: sorted[0], most: sorted.at(-1), runs: sorted.length }
}

/** Milliseconds to add so many servers, and until the scheduler uses all of them. */
const loadOnce = (scheduler, count) =>
  Service.with(async (service) => {
    await service.ipvs.services.add({ ...web, scheduler })
    const servers = hosts(count)
    const start = performance.now()
    await Promise.all(servers.map((server) => service.ipvs.destinations.add(web, server)))
    const answered = performance.now() - start
    await service.settled(scheduler)
    return { answered, settled: performance.now() - start }
  })

async function loading(count, rounds) {
  const runs = Object.fromEntries(schedulers.map((name) => [name, []]))
  for (let i = 0; i < rounds; i++)
    for (const scheduler of schedulers) runs[scheduler].push(await loadOnce(scheduler, count))
  return schedulers.map((scheduler) => ({
    scheduler,
    servers: count,
    answered: figures(runs[scheduler].map(({ answered }) => answered)),
    settled: figures(runs[scheduler].map(({ settled }) => settled)),
  }))
}

/** Nanoseconds of a call: as it is; with every server overloaded and the fallback flag; with every weight 0. */
export async function scheduling(count, rounds) {
  const runs = Object.fromEntries(schedulers.map((name) => [name, { up: [], overloaded: [], drained: [] }]))
  const hashing = schedulers.slice(2)
  const inTurn = (list, state, clients, options) =>
    Service.with(async (service) => {
      await service.fill('rr', hosts(count))
      for (let i = 0; i < rounds; i++) {
        for (const scheduler of list) {
          await service.use(scheduler, state === 'up' ? [] : ['fallback'])
          service.place(256) // Warms up.
          if (state === 'drained') {
            const drain = (all) =>
              Promise.all(hosts(count).map((server) => all.edit(web, server, { weight: 0 })))
            await service.change(scheduler, drain)
          }
          const { nanoseconds, servers } = service.place(clients, { seed: 1000 * i, ...options })
          runs[scheduler][state].push(nanoseconds)
          const refused = servers.filter((name) => name === 0).length
          if (state === 'up' ? refused > 0 : refused < clients)
            throw new Error(`${scheduler}, ${state}: ${refused} of ${clients} refused`)
          if (state === 'drained')
            await service.change('rr', (all) =>
              Promise.all(hosts(count).map((server) => all.edit(web, server, { weight: 100 }))),
            )
        }
      }
    })
  await inTurn(schedulers, 'up', 50_000)
  await inTurn(hashing, 'overloaded', 2_000, { down: true })
  await inTurn(hashing, 'drained', 2_000)
  return schedulers.map((scheduler) => {
    const entries = Object.entries(runs[scheduler]).filter(([, list]) => list.length > 0)
    return {
      scheduler,
      servers: count,
      ...Object.fromEntries(entries.map(([state, list]) => [state, figures(list)])),
    }
  })
}

export async function costs({ sizes, rounds }) {
  const load = []
  const schedule = []
  for (const count of sizes) {
    schedule.push(...(await scheduling(count, rounds)))
    console.log(`costs: schedule() with ${count} servers: done`)
  }
  load.push(...(await loading(sizes.at(-1), rounds)))
  console.log('costs: loading: done')
  return { schedule, load }
}
