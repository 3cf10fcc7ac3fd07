// sh and mh: what Linux 6.1 was seen to choose, read from /proc/net/ip_vs_conn.
// SPDX-License-Identifier: MIT

import { expect, test } from 'vitest'
import { type PredictableScheduler, predict, type SchedulerFlag } from '../../lib/index.ts'

// 10.1.0.1 to 10.1.0.9 were added in that order, which the kernel lists newest first; 10.1.0.5 was drained where the
// flag is fallback. Clients: 10.88.0.0 to 10.88.0.59 from ports 20000 to 20059. A digit is the server of one.
const seen: readonly [PredictableScheduler, readonly SchedulerFlag[], string][] = [
  ['sh', [], '752851849731721549538528527518518487316215285384285275164984'],
  ['sh', ['port'], '488269258237145825915823714582571488361458257147826925825714'],
  ['sh', ['fallback'], '198871432198871432198871432198871422198871422198771422198771'],
  ['mh', [], '615155384522283814465995522775289755822881318585427585576175'],
  ['mh', ['port'], '427551522834179329155748289546384488344148835852829835582186'],
  ['mh', ['fallback'], '617177384822283814468991722779289718822881318887427881776173'],
]

const servers = (drained: boolean) =>
  [9, 8, 7, 6, 5, 4, 3, 2, 1].map((i) => {
    const weight = 1 + (i % 3)
    const state = drained && i === 5 ? { weight: 0, lastWeight: weight } : { weight }
    return { address: `10.1.0.${i}`, port: 80, ...state }
  })

test.each(seen)('%s with flags %j', (scheduler, schedulerFlags, answers) => {
  const prediction = predict(scheduler, servers(schedulerFlags.includes('fallback')), { schedulerFlags })
  const chosen = Array.from(answers, (_, i) =>
    prediction.destinationOf({ address: `10.88.0.${i}`, port: 20000 + i })!.address.at(-1),
  )
  expect(chosen.join('')).toBe(answers)
})

test('the order of servers does matter', () => {
  for (const scheduler of ['sh', 'mh'] as const) {
    const addresses = new Uint8Array(Uint32Array.from({ length: 1000 }, (_, i) => i).buffer)
    const list = Array.from({ length: 50 }, (_, i) => ({ address: `10.1.${i % 5}.1`, port: 8000 + i }))
    const [forward, backward] = [predict(scheduler, list), predict(scheduler, list.toReversed())]
    expect(backward.indexesOf(addresses).map((i) => 49 - i)).not.toEqual(forward.indexesOf(addresses))
  }
})

test('mh reads the address of a server as one of the family of the service', () => {
  const tunnels = [1, 2, 3].map((i) => ({ address: `2001:db8::${i}`, port: 80 }))
  const [first, second, third] = predict('mh', tunnels, { service: { fwmark: 1 } }).shares
  // All three look alike, so that they take turns along one permutation.
  expect(first).toBe(1365 / 4093)
  expect(second).toBe(1364 / 4093)
  expect(third).toBe(1364 / 4093)
})
