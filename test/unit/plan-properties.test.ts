// The planner on random tables: it reaches what is desired, every prefix is safe, nothing else is touched.
// SPDX-License-Identifier: MIT

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Plan, planBetween, type Snapshot } from '../../lib/index.ts'
import { nameOfService } from '../../lib/plan/table.ts'
import { refusesQuiesced } from '../../lib/quiesced.ts'
import { comparable, make, snapshotOf, tables } from './plan-model.ts'

const all = { owns: () => true, prune: true, impact: false } as const
const runs = { numRuns: 400 }

const carriedOut = (before: Snapshot, { changes }: Plan): Snapshot => changes.reduce(make, before)

test('a plan that was carried out leaves the desired table, and nothing to plan', () => {
  fc.assert(
    fc.property(tables, ({ before, after }) => {
      const start = snapshotOf(before)
      const made = planBetween(start, after, all)
      const end = carriedOut(start, made)
      // What the desired table does not name is kept: it is compared with the start, completed by the start.
      expect(planBetween(end, after, all).changes).toEqual([])
      expect(end.services.map(nameOfService).sort()).toEqual(
        snapshotOf(after).services.map(nameOfService).sort(),
      )
    }),
    runs,
  )
})

test('from an empty table, and back to what was there: exactly that', () => {
  fc.assert(
    fc.property(tables, ({ before, after }) => {
      const [first, second] = [snapshotOf(before), snapshotOf(after)]
      const empty = { services: [], stable: true }
      expect(comparable(carriedOut(empty, planBetween(empty, after, all)))).toEqual(comparable(second))
      // A snapshot names everything.
      expect(comparable(carriedOut(second, planBetween(second, first, all)))).toEqual(comparable(first))
      expect(planBetween(first, first, all).changes).toEqual([])
    }),
    runs,
  )
})

/** Servers that take new clients, by service. */
const live = ({ services }: Snapshot): ReadonlyMap<string, ReadonlySet<string>> =>
  new Map(
    services.map((service) => [
      nameOfService(service),
      new Set(
        service.destinations
          .filter(({ weight }) => weight > 0)
          .map(({ address, port }) => `${address} ${port}`),
      ),
    ]),
  )

test('every prefix is safe: a service never has fewer servers than both before and after', () => {
  fc.assert(
    fc.property(tables, ({ before, after }) => {
      const start = snapshotOf(before)
      const { changes } = planBetween(start, after, all)
      const states = [start]
      for (const change of changes) states.push(make(states.at(-1)!, change))
      const [first, last] = [live(start), live(states.at(-1)!)]
      for (const state of states) {
        const now = live(state)
        for (const [name, servers] of first) {
          const wanted = last.get(name)
          if (wanted === undefined) continue // its deletion comes last of all
          if (wanted.size > 0 && servers.size > 0) expect(now.get(name)!.size).toBeGreaterThan(0)
          // Those on both sides serve all the time.
          for (const server of servers) if (wanted.has(server)) expect(now.get(name)).toContain(server)
        }
      }
      for (const [i, change] of changes.entries()) {
        if (change.kind !== 'delete-destination') continue
        const { address, port } = change.destination
        const name = nameOfService(change.service)
        const service = states[i]!.services.find((service) => nameOfService(service) === name)!
        if (refusesQuiesced(service)) continue
        expect(live(states[i]!).get(name)).not.toContain(`${address} ${port}`)
      }
    }),
    runs,
  )
})

test('settings that are not named are kept, and weights where they are to be', () => {
  fc.assert(
    fc.property(
      tables,
      fc.constantFrom(false, true, 'drained' as const),
      ({ before, after }, keepWeights) => {
        const start = snapshotOf(before)
        const end = carriedOut(start, planBetween(start, after, { ...all, keepWeights }))
        const byName = (table: Snapshot) =>
          new Map(table.services.map((service) => [nameOfService(service), service]))
        const [first, last] = [byName(start), byName(end)]
        for (const wanted of after.services) {
          const [was, is] = [first.get(nameOfService(wanted)), last.get(nameOfService(wanted))!]
          if (was === undefined) continue
          for (const field of ['scheduler', 'persistence', 'onePacket'] as const) {
            if (wanted[field] === undefined) expect(is[field]).toEqual(was[field])
          }
          for (const server of wanted.destinations!) {
            const same = ({ address, port }: typeof server): boolean =>
              address === server.address && port === server.port
            const [old, now] = [was.destinations.find(same), is.destinations.find(same)!]
            const kept =
              old !== undefined && (keepWeights === true || (keepWeights === 'drained' && old.weight === 0))
            expect(now.weight).toBe(kept ? old.weight : (server.weight ?? old?.weight ?? 1))
          }
        }
      },
    ),
    runs,
  )
})

test('the order of the desired table is all the same', () => {
  fc.assert(
    fc.property(tables, ({ before, after }) => {
      const start = snapshotOf(before)
      const turned = {
        services: after.services
          .map((service) => ({ ...service, destinations: service.destinations!.toReversed() }))
          .reverse(),
      }
      expect(planBetween(start, turned, all)).toEqual(planBetween(start, after, all))
    }),
    runs,
  )
})

test('what is foreign is in no change, and without prune nothing is deleted', () => {
  fc.assert(
    fc.property(tables, fc.nat(6), ({ before, after }, some) => {
      const start = snapshotOf(before)
      const desired = { services: after.services.slice(0, some) }
      const named = new Set(desired.services.map(nameOfService))
      for (const { service } of planBetween(start, desired, { impact: false }).changes) {
        expect(named).toContain(nameOfService(service))
      }
      const { changes } = planBetween(start, desired, { prune: false, impact: false })
      expect(changes.filter(({ kind }) => /^(delete|quiesce)/.test(kind))).toEqual([])
    }),
    runs,
  )
})

test('a plan survives JSON', () => {
  fc.assert(
    fc.property(tables, ({ before, after }) => {
      const start = snapshotOf(before)
      const made = planBetween(start, after, all)
      const back: Plan = JSON.parse(JSON.stringify(made))
      expect(comparable(carriedOut(start, back))).toEqual(comparable(carriedOut(start, made)))
    }),
    runs,
  )
})
