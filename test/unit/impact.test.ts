// Which clients a change moves: exactly where it can be counted, and no more than must where that is promised.
// SPDX-License-Identifier: MIT

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { impact, type PredictableScheduler, predict } from '../../lib/index.ts'

const serversOf = (count: number, weight: (i: number) => number = () => 1) =>
  Array.from({ length: count }, (_, i) => ({
    address: `10.0.${i >> 8}.${i & 255}`,
    port: 80,
    weight: weight(i),
  }))

const fifty = serversOf(50, (i) => 1 + (i % 5))
const without = fifty.filter((_, i) => i !== 7)
const name = (server: { address: string } | null): string => server?.address ?? 'none'

test.each(['msh', 'hrw'] as const)('%s: one server less moves its clients and no others', (scheduler) => {
  const before = predict(scheduler, fifty)
  const { moved, minimum, excess, basis, moves } = impact(before, predict(scheduler, without))
  expect(basis).toBe('exact')
  expect(moved).toBeCloseTo(before.shares[7]!, 12)
  expect(minimum).toBeCloseTo(moved, 12)
  expect(excess).toBe(0)
  expect(moves.every(({ from, to }) => from === fifty[7] && to !== null && to !== fifty[7])).toBe(true)
  expect(moves.reduce((sum, { fraction }) => sum + fraction, 0)).toBeCloseTo(moved, 12)
  expect(moves.map(({ fraction }) => fraction)).toEqual(
    moves.map(({ fraction }) => fraction).toSorted((a, b) => b - a),
  )
})

test.each(['msh', 'hrw'] as const)(
  '%s: drained first, the same clients move, and deleting moves nobody',
  (scheduler) => {
    const drained = fifty.map((server, i) => (i === 7 ? { ...server, weight: 0 } : server))
    const [before, between, after] = [fifty, drained, without].map((list) => predict(scheduler, list))
    expect(impact(before!, between!).moved).toBe(impact(before!, after!).moved)
    expect(impact(between!, after!)).toEqual({ moved: 0, minimum: 0, excess: 0, basis: 'exact', moves: [] })
  },
)

test('a weight of 99 instead of 100 moves a trifle, but not with mh', () => {
  const hundred = serversOf(50, () => 100)
  const tweaked = hundred.map((server, i) => (i === 7 ? { ...server, weight: 99 } : server))
  const moved = (scheduler: PredictableScheduler): number =>
    impact(predict(scheduler, hundred), predict(scheduler, tweaked)).moved
  expect(moved('hrw')).toBeCloseTo(0.02 - 99 / 4999, 12)
  expect(moved('msh')).toBeLessThan(0.001)
  expect(moved('maglev')).toBeLessThan(0.003)
  expect(moved('mh')).toBeGreaterThan(0.2)
})

test('hrw: what is computed from weights is what clients do', () => {
  const weight = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 10 }))
  const server = fc.record({ weight, overloaded: fc.boolean() })
  const list = fc.array(fc.tuple(server, server), { minLength: 2, maxLength: 8 })
  const flags = fc.constantFrom<readonly 'fallback'[]>([], ['fallback'])
  fc.assert(
    fc.property(list, flags, fc.nat(7), (pairs, schedulerFlags, left) => {
      const side = (which: 0 | 1) =>
        serversOf(pairs.length).map((base, i) => ({ ...base, ...pairs[i]![which] }))
      const before = predict('hrw', side(0).slice(1), { schedulerFlags })
      const after = predict(
        'hrw',
        side(1).filter((_, i) => i !== left),
        { schedulerFlags },
      )
      const computed = impact(before, after)
      const addresses = new Uint8Array(Uint32Array.from({ length: 20_000 }, (_, i) => i).buffer)
      const counted = impact(before, after, { clients: { addresses } })
      expect(counted.basis).toBe('clients')
      expect(counted.moved).toBeGreaterThan(computed.moved - 0.02)
      expect(counted.moved).toBeLessThan(computed.moved + 0.02)
      expect(computed.excess).toBeCloseTo(computed.moved - computed.minimum, 9)
      const fraction = new Map(
        computed.moves.map((move) => [`${name(move.from)} ${name(move.to)}`, move.fraction]),
      )
      for (const move of counted.moves) {
        const expected = fraction.get(`${name(move.from)} ${name(move.to)}`) ?? 0
        expect(Math.abs(move.fraction - expected)).toBeLessThan(0.02)
      }
    }),
    { numRuns: 40 },
  )
})

test('another scheduler, seed or table is sampled', () => {
  const before = predict('sh', fifty)
  const { moved, minimum, basis } = impact(before, predict('msh', fifty))
  expect(basis).toBe('sample')
  expect(moved).toBeGreaterThan(0.9)
  expect(minimum).toBeLessThan(moved)
  const same = predict('maglev', fifty)
  expect(impact(same, predict('maglev', fifty, { seed: 1n })).basis).toBe('sample')
  expect(impact(same, predict('maglev', fifty, { tableSize: 4093 })).basis).toBe('sample')
  expect(impact(same, predict('maglev', fifty, { schedulerFlags: ['port'] })).basis).toBe('sample')
  expect(impact(same, predict('maglev', fifty)).moved).toBe(0)
})

test('the sample says what counting slots says', () => {
  for (const scheduler of ['sh', 'mh', 'msh', 'maglev'] as const) {
    const exact = impact(predict(scheduler, fifty), predict(scheduler, without))
    // An overloaded server that has no clients makes those of maglev and mh be looked at one by one.
    const idle = { address: '10.9.9.9', port: 80, weight: 0, overloaded: true }
    const schedulerFlags = ['fallback'] as const
    const sampled = impact(
      predict(scheduler, [...fifty, idle], { schedulerFlags }),
      predict(scheduler, [...without, idle], { schedulerFlags }),
    )
    if (scheduler === 'maglev' || scheduler === 'mh') expect(sampled.basis).toBe('sample')
    if (scheduler !== 'sh') expect(Math.abs(sampled.moved - exact.moved)).toBeLessThan(0.003)
  }
})

test('clients that are refused count as moved', () => {
  const drained = fifty.map((server, i) =>
    i === 7 ? { ...server, weight: 0, lastWeight: server.weight } : server,
  )
  const before = predict('mh', fifty)
  const { moved, minimum, moves } = impact(before, predict('mh', drained))
  expect(moved).toBe(before.shares[7])
  expect(minimum).toBe(moved)
  expect(moves).toEqual([{ from: fifty[7], to: null, fraction: moved }])
  expect(impact(predict('mh', drained), before).moves).toEqual([
    { from: null, to: fifty[7], fraction: moved },
  ])
})

test('arguments that do not fit are refused', () => {
  const four = predict('msh', fifty)
  const six = predict('msh', [{ address: '2001:db8::1', port: 80 }])
  expect(() => impact(four, six)).toThrow('after: the clients are ipv6, those before are ipv4')
  // @ts-expect-error: no prediction
  expect(() => impact(four, {})).toThrow('after: expected what predict() returns')
  // @ts-expect-error: not an option
  expect(() => impact(four, four, { client: 1 })).toThrow('did you mean clients?')
  expect(() => impact(four, four, { clients: { addresses: new Uint8Array(3) } })).toThrow(
    'no whole ipv4 addresses',
  )
})
