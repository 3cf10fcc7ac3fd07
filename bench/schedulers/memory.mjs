// What a scheduler takes for a service: the memory that is free less when services use it, not rr.
// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { hosts, Service } from './service.mjs'

/** As many as there is patience for: msh fills a table in time proportional to the servers. */
const servicesWith = (count) => (count < 100 ? 400 : count < 500 ? 100 : 60)
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]

/**
 * After RCU has freed what was replaced. Pages that a processor keeps for its next allocation are free, too: MemFree
 * leaves them out.
 */
async function freeBytes() {
  await setTimeout(500)
  const zones = readFileSync('/proc/zoneinfo', 'utf8')
  const pages = [...zones.matchAll(/^ +(?:nr_free_pages|count:) +(\d+)$/gm)]
  return 4096 * pages.reduce((sum, [, count]) => sum + Number(count), 0)
}

export async function memory({ sizes, rounds }) {
  const rows = []
  for (const count of sizes) {
    const services = servicesWith(count)
    await Service.with(async ({ ipvs }) => {
      const keys = Array.from({ length: services }, (_, i) => ({
        protocol: 'tcp',
        address: '192.0.2.10',
        port: 1 + i,
      }))
      await Promise.all(
        keys.flatMap((key) => [
          ipvs.services.add({ ...key, scheduler: 'rr' }),
          ...hosts(count).map((server) => ipvs.destinations.add(key, server)),
        ]),
      )
      const use = async (scheduler) => {
        await Promise.all(keys.map((key) => ipvs.services.edit(key, { scheduler })))
        return freeBytes()
      }
      for (const scheduler of ['sh', 'mh', 'msh', 'maglev', 'hrw']) {
        const differences = []
        for (let i = 0; i < rounds; i++) {
          const free = await use('rr')
          differences.push((free - (await use(scheduler))) / services)
        }
        await use('rr')
        rows.push({ scheduler, servers: count, bytes: Math.round(median(differences)) })
      }
    })
    console.log(`memory: ${count} servers: done`)
  }
  return rows
}
