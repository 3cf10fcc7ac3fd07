// Prediction against the known answers of kmod/vectors.def, and what must hold for any servers.
// SPDX-License-Identifier: MIT

import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hashing } from '../../lib/hashing.ts'
import { type PredictableDestination, type PredictableScheduler, predict } from '../../lib/index.ts'

const vectors = readFileSync(new URL('../../kmod/vectors.def', import.meta.url), 'utf8')

/** The arguments of every vector of one kind. */
const rows = (kind: string): bigint[][] =>
  [...vectors.matchAll(new RegExp(`^IPVS_VECTOR_${kind}\\(([^)]*)\\)`, 'gm'))].map(([, list]) =>
    list!.split(',').map((number) => BigInt(number.trim().replace(/ULL$/, ''))),
  )

const hex = (number: bigint): string => number.toString(16).padStart(16, '0')
const mask = (1n << 64n) - 1n

/** ipvs_sum(). */
const add = (sum: bigint, word: bigint): bigint => {
  const product = ((sum ^ word) * 0x9e3779b97f4a7c15n) & mask
  return product ^ (product >> 32n)
}

/** Numbers that sums are made of, in the order of the servers as vectors.def lists them. */
const sumOf = (choices: Int32Array): bigint =>
  choices.reduce((sum, choice) => add(sum, choice < 0 ? 0xffffn : BigInt(choice)), 0n)

const weightRules = [
  () => 1,
  (i: number) => 1 + (i % 10),
  (i: number, count: number) => (i === count >> 1 ? 1000 : 1),
  (i: number, count: number) => (i === count >> 1 ? 99 : 100),
  (i: number) => i % 4,
] as const

const serversOf = (
  family: number,
  count: number,
  rule: number,
): Required<Pick<PredictableDestination, 'address' | 'port' | 'weight'>>[] =>
  Array.from({ length: count }, (_, i) => ({
    address:
      family === 4 ? `10.0.${i >> 8}.${i & 255}` : `2001:db8:0:${i.toString(16)}::${(i ^ 0x5a).toString(16)}`,
    port: 80 + (i % 3),
    weight: weightRules[rule]!(i, count),
  }))

/** 192.0.2.0, 192.1.2.1, 192.2.2.2, ... */
const clients = (() => {
  const view = new DataView(new ArrayBuffer(4000))
  for (let i = 0; i < 1000; i++) view.setUint32(4 * i, 0xc0000200 + i * 0x10001)
  return new Uint8Array(view.buffer)
})()

test('the contract is the one that these tests know', () => {
  expect(rows('CONTRACT')).toEqual([[1n]])
})

test('keys, clients and slots', () => {
  const keys = rows('KEY')
  expect(keys.length).toBeGreaterThan(10)
  for (const [seed, family, a0, a1, a2, a3, port, , id] of keys) {
    const ids = new BigUint64Array(1)
    hashing().ids(0, seed!, Uint32Array.from([family, a0, a1, a2, a3, port].map(Number)), ids)
    expect(ids[0]).toBe(id)
  }
})

test('slots of msh', () => {
  const slots = Uint16Array.from({ length: 1 << 20 }, (_, i) => i & 0x3ff)
  const high = Uint16Array.from({ length: 1 << 20 }, (_, i) => i >> 10)
  const ids = new BigUint64Array(1024)
  const weights = new Uint32Array(1024)
  for (const [seed, family, a0, a1, a2, a3, port, , , slot] of rows('KEY')) {
    const width = family === 4n ? 4 : 16
    const view = new DataView(new ArrayBuffer(16))
    for (const [i, word] of [a0, a1, a2, a3].entries()) view.setUint32(4 * i, Number(word))
    const client = new Uint8Array(view.buffer).subarray(0, width)
    const of = (table: Uint16Array): number => {
      const choice = new Int32Array(1)
      hashing().choose(
        1,
        seed!,
        ids,
        weights,
        new Uint8Array(),
        table,
        client,
        width,
        Uint16Array.of(Number(port)),
        choice,
      )
      return choice[0]!
    }
    expect(of(high) * 1024 + of(slots)).toBe(Number(slot))
  }
})

test.each(rows('TABLE'))(
  'table of scheduler %d, seed %d, IPv%d, %d servers, weights %d, %d slots',
  (...row) => {
    const [kind, seed, family, count, rule, size, checksum, choices] = row
    const scheduler = (['hrw', 'msh', 'maglev'] as const)[Number(kind)]!
    const servers = serversOf(Number(family), Number(count), Number(rule))
    const prediction = predict(scheduler, servers, {
      seed: seed!,
      tableSize: size === 0n ? undefined : Number(size),
      service: { fwmark: 1 }, // clients are IPv4 in every vector
    })
    expect(prediction.checksum).toBe(hex(checksum!))
    expect(prediction.tableSize).toBe(Number(size))
    expect(sumOf(prediction.indexesOf(clients))).toBe(choices)
  },
)

const schedulers: readonly PredictableScheduler[] = ['msh', 'maglev', 'hrw', 'sh', 'mh']
const ours = fc.constantFrom<PredictableScheduler>('msh', 'maglev', 'hrw')
const weights = fc.oneof(
  fc.constant(0),
  fc.integer({ min: 1, max: 200 }),
  fc.integer({ min: 1, max: 2 ** 31 - 1 }),
)
const servers = fc.uniqueArray(
  fc.record({
    address: fc.oneof(fc.ipV4(), fc.ipV6()),
    port: fc.nat(0xffff),
    weight: weights,
    overloaded: fc.boolean(),
  }),
  {
    maxLength: 20,
    selector: ({ address, port }) =>
      `${new URL(`http://${address.includes(':') ? `[${address}]` : address}`).hostname} ${port}`,
  },
)
const small = (scheduler: PredictableScheduler) =>
  scheduler === 'maglev' ? 509 : scheduler === 'msh' ? 512 : undefined
const service = { fwmark: 1 } as const

test('the order of servers does not matter', () => {
  fc.assert(
    fc.property(ours, servers, fc.bigInt(0n, mask), (scheduler, list, seed) => {
      const options = { seed, tableSize: small(scheduler), service }
      const forward = predict(scheduler, list, options)
      const backward = predict(scheduler, list.toReversed(), options)
      expect(backward.checksum).toBe(forward.checksum)
      expect(backward.shares.toReversed()).toEqual(forward.shares)
      const last = list.length - 1
      expect(backward.indexesOf(clients).map((index) => (index < 0 ? -1 : last - index))).toEqual(
        forward.indexesOf(clients),
      )
    }),
    { numRuns: 30 },
  )
})

test('shares add up to 1 and are what clients get', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...schedulers),
      servers,
      fc.constantFrom<readonly 'fallback'[]>([], ['fallback']),
      (scheduler, list, schedulerFlags) => {
        const prediction = predict(scheduler, list, { schedulerFlags, service, tableSize: small(scheduler) })
        const { shares, refused } = prediction
        expect(shares.reduce((sum, share) => sum + share, refused)).toBeCloseTo(1, 9)
        const counts = new Array(list.length + 1).fill(0)
        for (const index of prediction.indexesOf(clients)) counts[index < 0 ? list.length : index]++
        for (const [i, share] of [...shares, refused].entries()) {
          expect(Math.abs(counts[i] / 1000 - share)).toBeLessThan(0.1)
          if (share === 0) expect(counts[i]).toBe(0)
        }
        for (const [i, { weight, overloaded }] of list.entries()) {
          if (weight === 0 || overloaded) expect(shares[i]).toBe(0)
        }
      },
    ),
    { numRuns: 60 },
  )
})

test('shares follow weights', () => {
  const list = [1, 2, 3, 0, 94].map((weight, i) => ({ address: `10.0.0.${i}`, port: 80, weight }))
  expect(predict('hrw', list).shares).toEqual([0.01, 0.02, 0.03, 0, 0.94])
  for (const [i, share] of predict('maglev', list).shares.entries()) {
    expect(share).toBeCloseTo(list[i]!.weight / 100, 3)
  }
  for (const [i, share] of predict('msh', list, { tableSize: 1 << 20 }).shares.entries()) {
    expect(share).toBeCloseTo(list[i]!.weight / 100, 2)
  }
})

test('without servers every client is refused', () => {
  for (const scheduler of schedulers) {
    const prediction = predict(scheduler, [])
    expect(prediction.refused).toBe(1)
    expect(prediction.shares).toEqual([])
    expect(prediction.destinationOf({ address: '192.0.2.1' })).toBeNull()
    const drained = predict(scheduler, [{ address: '10.0.0.1', port: 80, weight: 0 }], {
      schedulerFlags: ['fallback'],
    })
    expect(drained.refused).toBe(1)
    expect(drained.destinationOf({ address: '192.0.2.1' })).toBeNull()
  }
})

test('one client and many are answered alike, with ports and in both families', () => {
  for (const scheduler of schedulers) {
    for (const family of [4, 6]) {
      const list = serversOf(family, 20, 1)
      const prediction = predict(scheduler, list, { schedulerFlags: ['port'] })
      const addresses = family === 4 ? clients : clients.subarray(0, 4000)
      const count = addresses.length / (family === 4 ? 4 : 16)
      const ports = Uint16Array.from({ length: count }, (_, i) => 1024 + 7 * i)
      const indexes = prediction.indexesOf(addresses, ports)
      for (let i = 0; i < count; i += 17) {
        const words = Array.from(
          addresses.subarray(i * (addresses.length / count), (i + 1) * (addresses.length / count)),
        )
        const address =
          family === 4
            ? words.join('.')
            : Array.from({ length: 8 }, (_, k) =>
                ((words[2 * k]! << 8) | words[2 * k + 1]!).toString(16),
              ).join(':')
        expect(prediction.destinationOf({ address, port: ports[i]! })).toBe(list[indexes[i]!])
      }
      expect(new Set(prediction.indexesOf(addresses, new Uint16Array(count)))).not.toEqual(
        new Set(indexes.subarray(0, 1)),
      )
    }
  }
})

test('a million clients in one call', () => {
  const addresses = new Uint8Array(new Uint32Array(1_000_000).map((_, i) => Math.imul(i, 0x9e3779b1)).buffer)
  for (const scheduler of schedulers) {
    const indexes = predict(scheduler, serversOf(4, 50, 0)).indexesOf(addresses)
    expect(indexes.length).toBe(1_000_000)
    expect(new Set(indexes).size).toBeGreaterThan(40)
  }
})
