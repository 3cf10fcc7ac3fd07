// Nanoseconds of one choice on this machine itself: predict() runs the same source as the modules.
// SPDX-License-Identifier: MIT
import { randomFillSync } from 'node:crypto'
import { predict } from '../../dist/index.js'
import { hosts } from './service.mjs'

const schedulers = ['sh', 'mh', 'msh', 'maglev', 'hrw']

export function lookups(quick) {
  const clients = quick ? 10_000 : 200_000
  const rounds = quick ? 1 : 9
  const addresses = randomFillSync(new Uint8Array(4 * clients))
  return (quick ? [10, 50] : [10, 50, 200, 1000]).flatMap((count) => {
    const predictions = schedulers.map((scheduler) => predict(scheduler, hosts(count)))
    const runs = schedulers.map(() => [])
    for (let i = 0; i < rounds; i++) {
      for (const [j, prediction] of predictions.entries()) {
        const start = performance.now()
        prediction.indexesOf(addresses)
        runs[j].push(((performance.now() - start) * 1e6) / clients)
      }
    }
    return schedulers.map((scheduler, j) => {
      const sorted = runs[j].sort((a, b) => a - b)
      const [least, median, most] = [sorted[0], sorted[rounds >> 1], sorted.at(-1)]
      return { scheduler, servers: count, median, least, most, runs: rounds }
    })
  })
}
