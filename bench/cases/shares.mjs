// Of each hashing scheduler: what each of 200 equal servers gets, against its fair share.
// SPDX-License-Identifier: MIT
import { randomFillSync } from 'node:crypto'
import { predict } from '../../dist/index.js'
import { serverKey } from '../operations.mjs'

const schedulers = ['sh', 'mh', 'msh', 'maglev', 'hrw']

/** The first hosts of random networks of four (10.1.2.5), as routers have them: their last bits say nothing. */
function clientAddresses(clients) {
  const addresses = randomFillSync(new Uint8Array(4 * clients))
  for (let last = 3; last < addresses.length; last += 4) addresses[last] = (addresses[last] & ~3) | 1
  return addresses
}

/** sh up to Linux 4.17: 256 slots in turn, and the low byte of the product with 0x9e3779b1. */
function formerSh(addresses, servers) {
  const counts = new Array(servers).fill(0)
  for (let last = 3; last < addresses.length; last += 4) counts[((addresses[last] * 0xb1) & 255) % servers]++
  return counts
}

/** predict() chooses as the kernel does, which the kernel tests and bench/schedulers show. */
export function shares({ quick }) {
  const [servers, clients] = [200, quick ? 20_000 : 500_000]
  const list = Array.from({ length: servers }, (_, i) => ({ ...serverKey(i, 1), weight: 1 }))
  const addresses = clientAddresses(clients)
  const ratiosOf = (counts) => counts.map((count) => Number(((count * servers) / clients).toFixed(3)))
  const rows = schedulers.map((scheduler) => {
    const counts = new Array(servers).fill(0)
    for (const index of predict(scheduler, list).indexesOf(addresses)) if (index >= 0) counts[index]++
    return { scheduler, ratios: ratiosOf(counts) }
  })
  rows.unshift({ scheduler: 'sh (to 4.17)', ratios: ratiosOf(formerSh(addresses, servers)) })
  return { servers, clients, rows }
}
