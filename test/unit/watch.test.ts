// Watch against scripted snapshots: what counts as a change, rates, the period, and the end.
// SPDX-License-Identifier: MIT

import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { tableChanges } from '../../lib/changes.ts'
import { nextPoint } from '../../lib/pause.ts'
import { type Gauge, measure } from '../../lib/rates.ts'
import type { Snapshot, SnapshotService } from '../../lib/types.ts'
import { type WatchClient, type WatchedTable, watch } from '../../lib/watch.ts'
import { refusal, server, service, stats } from './table.ts'

const [a, b, c] = ['10.0.0.1', '10.0.0.2', '10.0.0.3'] as const

const summary = (before: readonly SnapshotService[], after: readonly SnapshotService[]) =>
  tableChanges(before, after).map((change) => {
    const of = 'destination' in change ? ` ${change.destination.address}` : ''
    const fields = 'fields' in change ? change.fields.map(({ field }) => ` ${field}`).join('') : ''
    return `${change.type} ${change.service.port ?? change.service.fwmark}${of}${fields}`
  })

test('settings are changes, counters and connections are none', () => {
  const before = [service([server(a), server(b)])]
  const busy = { activeConns: 9, inactiveConns: 9, persistentConns: 9, stats: stats(9n, 9n) }
  expect(summary(before, [service([server(b, busy), server(a, busy)], { stats: stats(1n) })])).toEqual([])
  expect(summary(before, [service([server(a, { weight: 0, upperThreshold: 7 }), server(b)])])).toEqual([
    `destination-changed 80 ${a} weight upperThreshold`,
  ])
  expect(summary(before, [service([server(b), server(c)])])).toEqual([
    `destination-added 80 ${c}`,
    `destination-removed 80 ${a}`,
  ])
  const persistence = { timeout: 300, netmask: '255.255.255.255' }
  expect(summary([service([], { persistence })], [service([], { persistence: { ...persistence } })])).toEqual(
    [],
  )
  expect(summary(before, [service([server(a), server(b)], { scheduler: 'rr', persistence })])).toEqual([
    'service-changed 80 scheduler persistence',
  ])
})

test('values before and after', () => {
  const tunnel = { type: 'gue', port: 6080, checksum: 'none' } as const
  const [change] = tableChanges(
    [service([server(a)])],
    [service([server(a, { forwarding: 'tunneling', tunnel })])],
  )
  expect(change).toMatchObject({
    fields: [
      { field: 'forwarding', before: 'masquerading', after: 'tunneling' },
      { field: 'tunnel', before: undefined, after: tunnel },
    ],
  })
  expect(change!.service).not.toHaveProperty('destinations')
})

test('a service that comes or goes brings its servers', () => {
  const mark = { protocol: undefined, address: undefined, port: undefined, fwmark: 7 }
  const [v4, v6] = [service([server(a)], mark), service([server(b)], { ...mark, family: 'ipv6' })]
  expect(summary([], [v4])).toEqual(['service-added 7', `destination-added 7 ${a}`])
  expect(summary([v4, v6], [v6])).toEqual([`destination-removed 7 ${a}`, 'service-removed 7'])
})

test('the changes from one table to another turn it into that one', () => {
  const table = fc.dictionary(
    fc.constantFrom('80', '81', '82'),
    fc.dictionary(fc.constantFrom(a, b, c), fc.integer({ min: 0, max: 2 })),
  )
  const build = (tables: Record<string, Record<string, number>>) =>
    Object.entries(tables).map(([port, servers]) =>
      service(
        Object.entries(servers).map(([address, weight]) => server(address, { weight })),
        { port: Number(port) },
      ),
    )
  fc.assert(
    fc.property(table, table, (from, to) => {
      const result = structuredClone(from)
      for (const change of tableChanges(build(from), build(to))) {
        const port = String(change.service.port)
        if (change.type === 'service-added') result[port] = {}
        else if (change.type === 'service-removed') delete result[port]
        else if (change.type === 'destination-removed') delete result[port]![change.destination.address]
        else if ('destination' in change)
          result[port]![change.destination.address] = change.destination.weight
      }
      expect(result).toEqual(to)
    }),
  )
})

/** The rates of packets at readings `[milliseconds, packets]`. */
const readings = (...points: readonly (readonly [number, number])[]) => {
  let gauge: Gauge | undefined
  return points.map(([at, packets]) => {
    gauge = measure(gauge, stats(0n, BigInt(packets)), at)
    return gauge.rates?.inPps ?? null
  })
}

test('rates over the measured interval', () => {
  expect(readings([0, 5], [4000, 45], [8000, 45], [18000, 145])).toEqual([null, 10, 0, 10])
  const gauge = measure(measure(undefined, stats(), 0), stats(8n, 16n), 4000)
  expect(gauge.rates).toEqual({ cps: 2, inPps: 4, outPps: 0, inBps: 400, outBps: 0 })
})

test('counters that stand still for less than the kernel takes to add them up are no silence', () => {
  const steady = [0, 500, 1000, 1500, 2000, 2500, 3000, 3500, 4000]
  // The kernel adds 20 packets up at 900 ms and at 2900 ms.
  const seen = readings(...steady.map((at) => [at, at < 900 ? 0 : at < 2900 ? 20 : 40] as const))
  expect(seen).toEqual([null, null, 10, 10, 10, 10, 10, 10, 10])
  // Then nothing more comes.
  expect(readings([0, 0], [2000, 20], [4000, 20], [6000, 20], [6500, 40]).slice(1)).toEqual([10, 10, 0, 10])
})

test('counters that were set back are no rate, least of all a negative one', () => {
  expect(readings([0, 100], [2000, 120], [4000, 5], [6000, 25])).toEqual([null, 10, null, 10])
})

test('rates are finite and never negative', () => {
  const point = fc.tuple(fc.integer({ min: 1, max: 5000 }), fc.nat(1000))
  fc.assert(
    fc.property(fc.array(point), (points) => {
      let now = 0
      const times = points.map(([gap, packets]) => {
        now += gap
        return [now, packets] as const
      })
      for (const rate of readings(...times)) {
        expect(rate === null || (Number.isFinite(rate) && rate >= 0)).toBe(true)
      }
    }),
  )
})

test('points of a period: none twice, none added up, missed ones left out', () => {
  expect(nextPoint(0, 3, 100)).toBe(1)
  expect(nextPoint(1, 99.7, 100)).toBe(2) // the timer was early
  expect(nextPoint(1, 730, 100)).toBe(8)
})

const client = (snapshots: readonly Snapshot[], rest: Partial<WatchClient> = {}): WatchClient => {
  let at = 0
  return {
    snapshot: async () => snapshots[Math.min(at++, snapshots.length - 1)]!,
    services: { get: () => Promise.reject(refusal('no-such-service')) },
    destinations: { list: () => Promise.reject(refusal('no-such-service')) },
    ...rest,
  }
}

const take = async (count: number, from: AsyncIterable<WatchedTable>): Promise<WatchedTable[]> => {
  const items: WatchedTable[] = []
  for await (const item of from) if (items.push(item) === count) break
  return items
}

const table = (...services: SnapshotService[]): Snapshot => ({ services, stable: true })
const torn = (...services: SnapshotService[]): Snapshot => ({ services, stable: false })

test('the table first, then what changed', async () => {
  const [first, second, third] = await take(
    3,
    watch(client([table(service([server(a)])), table(service([server(a, { weight: 3 })]))]), { interval: 1 }),
  )
  expect(first).toMatchObject({ changes: [], stable: true, elapsed: 0, services: [{ rates: null }] })
  expect(second!.changes).toMatchObject([{ fields: [{ field: 'weight', before: 1, after: 3 }] }])
  expect(second!.elapsed).toBeGreaterThan(0)
  expect(second!.services[0]!.destinations[0]).toMatchObject({ address: a, rates: null })
  expect(third!.changes).toEqual([])
})

test('what a torn snapshot lacks counts as removed only when asking for it says so', async () => {
  const [one, two, three] = [80, 81, 82].map((port) => service([server(a), server(b)], { port })) as [
    SnapshotService,
    SnapshotService,
    SnapshotService,
  ]
  // Port 80 was only missed; of 81 a server was missed, another is gone; 82 is gone.
  const lacking = torn({ ...two, destinations: [] })
  const asked: unknown[] = []
  const partly = client([table(one, two, three), lacking], {
    services: {
      get: async ({ port }) => {
        asked.push(port)
        if (port === 80) return one
        throw refusal('no-such-service')
      },
    },
    destinations: {
      list: async ({ port }) => {
        if (port === 82) throw refusal('no-such-service')
        return port === 80 ? one.destinations : [server(b)]
      },
    },
  })
  const [, second] = await take(2, watch(partly, { interval: 1 }))
  expect(second!.stable).toBe(false)
  expect(asked).toEqual([80, 82])
  expect(second!.changes.map(({ type, service }) => `${type} ${service.port}`)).toEqual([
    'destination-removed 81',
    'destination-removed 82',
    'destination-removed 82',
    'service-removed 82',
  ])
  expect(second!.services.map(({ port }) => port)).toEqual([81, 80])
})

test('a stable snapshot costs nothing more', async () => {
  const [, second] = await take(2, watch(client([table(service([server(a)])), table()]), { interval: 1 }))
  expect(second!.changes.map(({ type }) => type)).toEqual(['destination-removed', 'service-removed'])
})

test('readings keep the period, do not overlap, and skip what was missed', async () => {
  let inside = 0
  let most = 0
  const starts: number[] = []
  const slow = client([], {
    snapshot: async () => {
      starts.push(performance.now())
      most = Math.max(most, ++inside)
      await sleep(starts.length === 3 ? 260 : 5)
      inside--
      return table()
    },
  })
  await take(7, watch(slow, { interval: 100 }))
  expect(most).toBe(1)
  // A timer of a busy machine is late, and may be a little early.
  const points = starts.map((start) => Math.floor((start - starts[0]! + 10) / 100))
  expect(points).toEqual([0, 1, 2, 5, 6, 7, 8])
})

test('ends when the signal aborts: before, while waiting, while reading', async () => {
  expect(await take(9, watch(client([table()]), { signal: AbortSignal.abort() }))).toEqual([])
  const waiting = new AbortController()
  const items = take(9, watch(client([table()]), { interval: 60_000, signal: waiting.signal }))
  await sleep(20)
  waiting.abort()
  expect(await items).toHaveLength(1)
  const signal = AbortSignal.timeout(20)
  const stuck = client([], {
    snapshot: () => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  })
  expect(await take(9, watch(stuck, { signal }))).toEqual([])
})

test('what the client throws comes through', async () => {
  const broken = client([], { snapshot: () => Promise.reject(refusal('outcome-unknown')) })
  await expect(take(1, watch(broken))).rejects.toMatchObject({ reason: 'outcome-unknown' })
})

test('wrong options are refused at the call', () => {
  expect(() => watch(client([]), { interval: 0 })).toThrow(
    'options.interval: expected an integer 1..2147483647',
  )
  expect(() => watch(client([]), { period: 5 } as object)).toThrow("options: unknown field 'period'")
})
