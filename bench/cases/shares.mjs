// Of each hashing scheduler: what each of 200 equal servers gets, against its fair share; counted over random clients.
// SPDX-License-Identifier: MIT
import { randomFillSync } from 'node:crypto'
import { predict } from '../../dist/index.js'
import { serverKey } from '../operations.mjs'

const schedulers = ['sh', 'mh', 'msh', 'maglev', 'hrw']

/** predict() chooses as the kernel does, which the kernel tests and bench/schedulers show. */
export function shares({ quick }) {
  const [servers, clients] = [200, quick ? 20_000 : 500_000]
  const list = Array.from({ length: servers }, (_, i) => ({ ...serverKey(i, 1), weight: 1 }))
  const addresses = randomFillSync(new Uint8Array(4 * clients))
  const rows = schedulers.map((scheduler) => {
    const counts = new Array(servers).fill(0)
    for (const index of predict(scheduler, list).indexesOf(addresses)) if (index >= 0) counts[index]++
    return { scheduler, ratios: counts.map((count) => Number(((count * servers) / clients).toFixed(3))) }
  })
  return { servers, clients, rows }
}
