// reconcile() on a table in memory: news, drift, failures, and a clean end.
// SPDX-License-Identifier: MIT

import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import {
  type DesiredTable,
  IpvsError,
  type ReconcileRound,
  reconcile,
  type Service,
  type Snapshot,
} from '../../lib/index.ts'
import { snapshotOf } from './plan-model.ts'

const web = { protocol: 'tcp', address: '192.0.2.10', port: 80 } as const
const tableOf = (...ports: number[]): DesiredTable => ({ services: ports.map((port) => ({ ...web, port })) })

/** As much of a director as services without real servers take; `fail` decides about each snapshot. */
class Memory {
  table: Snapshot = { services: [], stable: true }
  fail: () => Error | undefined = () => undefined
  readonly services = {
    add: async (service: Service) => {
      this.table = {
        stable: true,
        services: [...this.table.services, ...snapshotOf({ services: [service] }).services],
      }
    },
  }
  readonly snapshot = async (): Promise<Snapshot> => {
    await setTimeout(1)
    const error = this.fail()
    if (error !== undefined) throw error
    return this.table
  }
  get ports(): (number | undefined)[] {
    return this.table.services.map(({ port }) => port)
  }
}

const run = (memory: Memory, ...rest: [Parameters<typeof reconcile>[1], Parameters<typeof reconcile>[2]?]) =>
  reconcile(memory as never, ...rest)

const failure = new IpvsError({
  reason: 'not-permitted',
  errno: 1,
  command: 'getService',
  explanation: 'as told',
})

/** A source that is pushed. */
const source = () => {
  let wake: () => void = () => undefined
  const waiting: DesiredTable[] = []
  let closed = false
  return {
    push: (table: DesiredTable) => {
      waiting.push(table)
      wake()
    },
    get closed() {
      return closed
    },
    [Symbol.asyncIterator]: () => ({
      next: async (): Promise<IteratorResult<DesiredTable>> => {
        while (waiting.length === 0) {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
        return { done: false, value: waiting.shift()! }
      },
      return: async (): Promise<IteratorResult<DesiredTable>> => {
        closed = true
        return { done: true, value: undefined }
      },
    }),
  }
}

const every = async (rounds: AsyncIterable<ReconcileRound>): Promise<ReconcileRound[]> => {
  const found: ReconcileRound[] = []
  for await (const round of rounds) found.push(round)
  return found
}

const next = async (rounds: AsyncGenerator<ReconcileRound, void>): Promise<ReconcileRound> => {
  const { value } = await rounds.next()
  if (value === undefined) throw new Error('it has ended')
  return value
}

test('one table, no period: one complete round, and the end', async () => {
  const memory = new Memory()
  const rounds = await every(run(memory, [tableOf(80, 81)], { period: 0 }))
  expect(rounds).toMatchObject([
    { number: 1, cause: 'source', error: null, next: null, result: { complete: true } },
  ])
  expect(memory.ports).toEqual([80, 81])
})

test('nothing happens before it is iterated, and without a table nothing at all', async () => {
  const memory = new Memory()
  run(memory, [tableOf(80)])
  await setTimeout(20)
  expect(memory.ports).toEqual([])
  expect(await every(run(memory, []))).toEqual([])
})

test('drift is repaired once in a period', async () => {
  const memory = new Memory()
  const rounds = run(memory, [tableOf(80)], { period: 40 })
  const first = await next(rounds)
  expect(first.next).toBeGreaterThanOrEqual(36)
  expect(first.next).toBeLessThanOrEqual(40)
  memory.table = { services: [], stable: true }
  const start = performance.now()
  expect(await next(rounds)).toMatchObject({
    number: 2,
    cause: 'period',
    plan: { changes: [{ kind: 'add-service' }] },
  })
  expect(performance.now() - start).toBeGreaterThan(30)
  expect(memory.ports).toEqual([80])
  expect(await next(rounds)).toMatchObject({ number: 3, cause: 'period', plan: { changes: [] } })
  await rounds.return()
})

test('a new table is applied at once, and of several only the last', async () => {
  const memory = new Memory()
  const tables = source()
  const rounds = run(memory, tables, { period: 60_000 })
  tables.push(tableOf(80))
  expect(await next(rounds)).toMatchObject({ number: 1, cause: 'source' })
  for (const port of [81, 82, 83]) tables.push(tableOf(port))
  await setTimeout(5)
  expect(await next(rounds)).toMatchObject({ number: 2, cause: 'source' })
  expect(memory.ports).toEqual([80, 83])
  await rounds.return()
  expect(tables.closed).toBe(true)
})

test('after errors it waits longer each time, with jitter, and a success or a new table begins anew', async () => {
  const memory = new Memory()
  let failures = 5
  memory.fail = () => (failures-- > 0 ? failure : undefined)
  const tables = source()
  tables.push(tableOf(80))
  const rounds = run(memory, tables, { backoff: { first: 16, longest: 64 }, period: 50 })
  for (const [cause, longest] of [
    ['source', 16],
    ['retry', 32],
    ['retry', 64],
    ['retry', 64],
  ] as const) {
    const round = await next(rounds)
    expect(round).toMatchObject({ cause, plan: null, result: null, error: failure })
    expect(round.next).toBeLessThanOrEqual(longest)
    expect(round.next).toBeGreaterThanOrEqual(longest / 2)
  }
  tables.push(tableOf(81))
  const fresh = await next(rounds)
  expect(fresh).toMatchObject({ cause: 'source', error: failure })
  expect(fresh.next).toBeLessThanOrEqual(16)
  expect(await next(rounds)).toMatchObject({ cause: 'retry', error: null, result: { complete: true } })
  expect(memory.ports).toEqual([81])
  expect(await next(rounds)).toMatchObject({ cause: 'period' })
  await rounds.return()
})

test('a table that is wrong is a round with an error; the next one is taken', async () => {
  const memory = new Memory()
  const tables = source()
  tables.push(tableOf(80, 80))
  const rounds = run(memory, tables)
  expect((await next(rounds)).error).toEqual(
    new RangeError('services[1]: 192.0.2.10:80/tcp is services[0] already'),
  )
  tables.push(tableOf(80))
  expect(await next(rounds)).toMatchObject({ cause: 'source', error: null })
  await rounds.return()
})

test('the signal ends it cleanly: while it waits, and in the middle of a round', async () => {
  for (const [period, delay] of [
    [60_000, 20],
    [1, 0],
  ] as const) {
    const memory = new Memory()
    const tables = source()
    tables.push(tableOf(80))
    const controller = new AbortController()
    const rounds = run(memory, tables, { period, signal: controller.signal })
    await next(rounds)
    const ending = rounds.next()
    await setTimeout(delay)
    controller.abort()
    const last = await ending
    if (!last.done) expect((await rounds.next()).done).toBe(true)
    expect(tables.closed).toBe(true)
  }
  expect(await every(run(new Memory(), [tableOf(80)], { signal: AbortSignal.abort() }))).toEqual([])
})

test('a source that never ends and never waits lets others run', async () => {
  const memory = new Memory()
  const endless = function* () {
    for (;;) yield tableOf(80)
  }
  const promised = async function* () {
    yield* endless()
  }
  for (const source of [endless(), promised()]) {
    const rounds = await every(run(memory, source, { signal: AbortSignal.timeout(100) }))
    expect(rounds[0]).toMatchObject({ cause: 'source', result: { complete: true } })
  }
  expect(memory.ports).toEqual([80])
})

test('what the source throws comes out after its last table; a closed client ends it', async () => {
  const memory = new Memory()
  const broken = async function* () {
    yield tableOf(80)
    throw new Error('as told')
  }
  const rounds = run(memory, broken())
  expect(await next(rounds)).toMatchObject({ result: { complete: true } })
  await expect(rounds.next()).rejects.toThrow('as told')
  memory.fail = () =>
    new IpvsError({ reason: 'closed', errno: 0, command: 'getService', explanation: 'as told' })
  await expect(run(memory, [tableOf(80)]).next()).rejects.toMatchObject({ reason: 'closed' })
})

test.each([
  [{ period: -1 }, 'options.period: expected an integer 0..'],
  [{ backoff: { first: 0 } }, 'options.backoff.first: expected an integer 1..'],
  [{ backoff: { first: 10, longest: 5 } }, 'options.backoff.longest: expected an integer 10..'],
  [{ perod: 5 }, "options: unknown field 'perod'"],
  [{ prune: true }, 'options.prune: true needs options.owns'],
  [{ grace: -1 }, 'options.grace: expected an integer'],
  [{ signal: {} }, 'options.signal: expected an AbortSignal'],
  [{ backoff: { jitter: 1 } }, "options.backoff: unknown field 'jitter'"],
])('options %j are refused at once', (options, message) => {
  expect(() => run(new Memory(), [], options as never)).toThrow(message)
  expect(() => run(new Memory(), 7 as never)).toThrow('source: expected an iterable')
})
