// apply() against verbs that do as they are told: order, slices, what depends on what, and the wait before deletion.
// SPDX-License-Identifier: MIT

import { setImmediate, setTimeout } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import {
  apply,
  type Destination,
  IpvsError,
  type Plan,
  type PlannedChange,
  planBetween,
  type Reason,
  type Service,
  type Snapshot,
} from '../../lib/index.ts'
import { snapshotOf } from './plan-model.ts'

const web = { protocol: 'tcp', address: '192.0.2.10', port: 80 } as const
const [one, two, three] = [1, 2, 3].map((i) => ({ address: `10.0.0.${i}`, weight: 1 })) as [
  Destination,
  Destination,
  Destination,
]
const empty: Snapshot = { services: [], stable: true }

const failure = (reason: Reason): IpvsError =>
  new IpvsError({ reason, errno: 1, command: 'newDest', explanation: 'as told' })

/** Verbs that succeed, and read a table that only edits change; `overrides` replaces what it answers for. */
const director = (table: Snapshot, overrides: Record<string, (...args: never[]) => unknown> = {}) => {
  const calls: string[] = []
  const verb = (name: string, result: (...args: never[]) => unknown = () => undefined) =>
    vi.fn(async (...args: never[]) => {
      const text = args
        .map((arg: { port?: number; address?: string; signal?: unknown }) => arg?.address ?? '')
        .join(' ')
      calls.push(`${name} ${text}`.trim())
      return await (overrides[name]?.(...args) ?? result(...args))
    })
  const edits = new Map<string, object>()
  const nameOf = (key: Service, { address }: Destination): string => `${key.port} ${address}`
  const find = (key: Service) =>
    table.services.find(({ address, port }) => address === key.address && port === key.port) ??
    Promise.reject(failure('no-such-service'))
  const services = {
    add: verb('add service'),
    edit: verb('edit service'),
    delete: verb('delete service'),
    get: verb('get service', find),
  }
  const destinations = {
    add: verb('add'),
    edit: verb('edit', (key, server, settings) => void edits.set(nameOf(key, server), settings)),
    delete: verb('delete'),
    list: verb('list', async (key) =>
      (await find(key)).destinations.map((server) => ({ ...server, ...edits.get(nameOf(key, server)) })),
    ),
  }
  return { calls, services, destinations } as never as Parameters<typeof apply>[0] & { calls: string[] }
}

const replacing = (): { table: Snapshot; made: Plan } => {
  const table = snapshotOf({ services: [{ ...web, destinations: [one, two] }] })
  return { table, made: planBetween(table, { services: [{ ...web, destinations: [two, three] }] }) }
}

const brief = (outcomes: Awaited<ReturnType<typeof apply>>['outcomes']) =>
  outcomes.map((outcome) => {
    const detail =
      outcome.status === 'skipped'
        ? outcome.reason
        : outcome.status === 'done'
          ? outcome.written
          : outcome.error
    return [outcome.change.kind, outcome.status, detail]
  })

test('add, quiesce, wait, delete', async () => {
  const { table, made } = replacing()
  const at = director(table)
  expect(brief((await apply(at, made)).outcomes)).toEqual([
    ['add-destination', 'done', true],
    ['quiesce-destination', 'done', true],
    ['delete-destination', 'done', true],
  ])
  const [key, server] = ['192.0.2.10', (i: number) => `192.0.2.10 10.0.0.${i}`]
  expect(at.calls).toEqual([
    `add ${server(3)}`,
    `list ${key}`,
    `edit ${server(1)}`,
    `list ${key}`, // its connections
    `list ${key}`, // its weight
    `delete ${server(1)}`,
  ])
})

test('where a server cannot be added, none is taken away', async () => {
  const { table, made } = replacing()
  const error = failure('invalid')
  const at = director(table, { add: () => Promise.reject(error) })
  const result = await apply(at, made)
  expect(result.complete).toBe(false)
  expect(brief(result.outcomes)).toEqual([
    ['add-destination', 'failed', error],
    ['quiesce-destination', 'skipped', 'depends'],
    ['delete-destination', 'skipped', 'depends'],
  ])
  expect(result.outcomes[2]).toMatchObject({
    explanation:
      'not sent, because this was not done: + 10.0.0.3:80 of 192.0.2.10:80/tcp: forwarding direct-routing, weight 1',
  })
})

test('where a service cannot be edited, none is taken away: how depends on its scheduler', async () => {
  const table = snapshotOf({ services: [{ ...web, scheduler: 'rr', destinations: [one, two] }] })
  const made = planBetween(table, { services: [{ ...web, scheduler: 'maglev', destinations: [two] }] })
  const error = failure('no-such-scheduler')
  const { outcomes } = await apply(director(table, { 'edit service': () => Promise.reject(error) }), made)
  expect(brief(outcomes)).toEqual([
    ['edit-service', 'failed', error],
    ['quiesce-destination', 'skipped', 'depends'],
    ['delete-destination', 'skipped', 'depends'],
  ])
})

test('a server that could not be quiesced is not deleted; the other service goes on', async () => {
  const other = { ...web, port: 81 }
  const table = snapshotOf({
    services: [
      { ...web, destinations: [one] },
      { ...other, destinations: [one] },
    ],
  })
  const made = planBetween(table, {
    services: [
      { ...web, destinations: [] },
      { ...other, destinations: [] },
    ],
  })
  const fails = (key: Service) => (key.port === 80 ? Promise.reject(failure('outcome-unknown')) : undefined)
  const { outcomes } = await apply(director(table, { edit: fails as never }), made)
  expect(
    outcomes.map(({ change, status }) => [change.service.port, change.kind.split('-')[0], status]),
  ).toEqual([
    [80, 'quiesce', 'failed'],
    [81, 'quiesce', 'done'],
    [80, 'delete', 'skipped'],
    [81, 'delete', 'done'],
  ])
})

test('what was done by others is done; what exists with other settings is not', async () => {
  const made = planBetween(empty, { services: [{ ...web, destinations: [one, two] }] })
  const refused = () => Promise.reject(failure('destination-exists'))
  const there = snapshotOf({ services: [{ ...web, destinations: [one, { ...two, weight: 9 }] }] })
  const { outcomes } = await apply(director(there, { add: refused }), made)
  expect(brief(outcomes)).toEqual([
    ['add-service', 'done', true],
    ['add-destination', 'done', false],
    ['add-destination', 'failed', expect.objectContaining({ reason: 'destination-exists' })],
  ])
  const gone = replacing()
  const absent = () => Promise.reject(failure('no-such-destination'))
  let lists = 0
  const vanishing = () => (lists++ === 0 ? undefined : [])
  const quiesced = () => [{ ...gone.table.services[0]!.destinations[0]!, weight: 0 }]
  for (const overrides of [
    { list: vanishing, edit: absent },
    { list: quiesced, delete: absent },
  ]) {
    const second = await apply(director(gone.table, overrides), gone.made)
    expect(brief(second.outcomes).slice(1)).toEqual([
      ['quiesce-destination', 'done', false],
      ['delete-destination', 'done', false],
    ])
  }
})

test('a server that somebody brought back is not deleted', async () => {
  const drained = snapshotOf({ services: [{ ...web, destinations: [{ ...one, weight: 0 }, two] }] })
  const made = planBetween(drained, { services: [{ ...web, destinations: [two] }] })
  expect(made.changes.map(({ kind }) => kind)).toEqual(['delete-destination'])
  const { table, made: replacement } = replacing()
  // Before apply(), and between the quiesce and the deletion.
  const before = director(table)
  expect((await apply(before, made)).outcomes).toMatchObject([
    { status: 'skipped', reason: 'changed', explanation: 'weight is 1, the plan deletes it at 0' },
  ])
  const between = director(table, { edit: () => true })
  const { outcomes } = await apply(between, replacement)
  expect(brief(outcomes)).toEqual([
    ['add-destination', 'done', true],
    ['quiesce-destination', 'done', true],
    ['delete-destination', 'skipped', 'changed'],
  ])
  for (const { calls } of [before, between]) {
    expect(calls.filter((call) => call.startsWith('delete'))).toEqual([])
  }
  expect((await apply(director(drained), made)).complete).toBe(true)
})

test('one list that lacks a server is not believed', async () => {
  const { table, made } = replacing()
  let lists = 0
  // The first list of each phase is torn.
  const at = director(table, { list: () => ([0, 2, 3].includes(lists++) ? [] : undefined) })
  expect(brief((await apply(at, made)).outcomes)).toEqual([
    ['add-destination', 'done', true],
    ['quiesce-destination', 'done', true],
    ['delete-destination', 'done', true],
  ])
  expect(lists).toBe(5)
  // Everything is named, so that the client does not read again, and believe that.
  expect(at.destinations.edit).toHaveBeenCalledWith(
    expect.objectContaining(web),
    { address: '10.0.0.1', port: 80 },
    { weight: 0, forwarding: 'direct-routing', upperThreshold: 0, lowerThreshold: 0 },
    { force: true, signal: undefined },
  )
})

test('what was not quiesced because of its scheduler is deleted at once, at the weight that the plan saw', async () => {
  const sh = { ...web, scheduler: 'sh' }
  const table = snapshotOf({ services: [{ ...sh, destinations: [one, two] }] })
  const made = planBetween(table, { services: [{ ...web, destinations: [two] }] }, { impact: false })
  const busy = (weight: number) => () => [{ ...table.services[0]!.destinations[0]!, activeConns: 9, weight }]
  const start = performance.now()
  const at = director(table, { list: busy(1) })
  expect(brief((await apply(at, made, { grace: 60_000 })).outcomes)).toEqual([
    ['delete-destination', 'done', true],
  ])
  expect(performance.now() - start).toBeLessThan(5000)
  expect(at.calls).toEqual(['list 192.0.2.10', 'delete 192.0.2.10 10.0.0.1'])
  expect((await apply(director(table, { list: busy(5) }), made)).outcomes).toMatchObject([
    { reason: 'changed', explanation: 'weight is 5, the plan deletes it at 1' },
  ])
})

test('servers that are to go get the grace to end their connections, and no more', async () => {
  const { table, made } = replacing()
  const busy = (activeConns: number) => [{ ...table.services[0]!.destinations[0]!, weight: 0, activeConns }]
  let left = 4
  const ending = director(table, { list: () => busy(left > 0 ? left-- : 0) })
  expect((await apply(ending, made)).complete).toBe(true)
  expect(ending.calls.filter((call) => call.startsWith('list'))).toHaveLength(6)

  const start = performance.now()
  const endless = director(table, { list: () => busy(1) })
  expect((await apply(endless, made, { grace: 150 })).complete).toBe(true)
  expect(performance.now() - start).toBeGreaterThan(140)
  expect(performance.now() - start).toBeLessThan(1000)

  const atOnce = director(table, { list: () => busy(1) })
  expect((await apply(atOnce, made, { grace: 0 })).complete).toBe(true)
  expect(atOnce.calls.filter((call) => call.startsWith('list'))).toHaveLength(2)
})

test('a signal ends the wait and what would follow; the result tells', async () => {
  const { table, made } = replacing()
  const busy = [{ ...table.services[0]!.destinations[0]!, weight: 0, activeConns: 1 }]
  const controller = new AbortController()
  const running = apply(director(table, { list: () => busy }), made, {
    grace: 60_000,
    signal: controller.signal,
  })
  await setTimeout(30)
  controller.abort()
  expect(brief((await running).outcomes).at(-1)).toEqual(['delete-destination', 'skipped', 'aborted'])
  const none = await apply(director(table), made, { signal: AbortSignal.abort() })
  expect(none.outcomes.map((outcome) => outcome.status === 'skipped' && outcome.reason)).toEqual(
    Array(3).fill('aborted'),
  )
})

test('a large plan goes out in slices, two at a time, and each phase after the one before', async () => {
  const services = Array.from({ length: 2000 }, (_, i) => ({ ...web, port: 1 + i, destinations: [one] }))
  const made = planBetween(empty, { services })
  let [now, most, added, early] = [0, 0, 0, 0]
  const slow = async (): Promise<void> => {
    most = Math.max(most, ++now)
    await setTimeout(1)
    now--
  }
  let turns = 0
  let going = true
  const counting = (async () => {
    for (; going; turns++) await setImmediate()
  })()
  const at = director(empty, {
    'add service': () => slow().then(() => void added++),
    add: () => {
      if (added < 2000) early++
      return slow()
    },
  })
  const { complete } = await apply(at, made)
  going = false
  await counting
  expect(complete).toBe(true)
  expect({ added, early }).toEqual({ added: 2000, early: 0 })
  expect(most).toBeLessThanOrEqual(1024)
  expect(most).toBeGreaterThan(512)
  expect(turns).toBeGreaterThan(4)
})

test('the order of a stored plan does not matter: phases do', async () => {
  const { table, made } = replacing()
  const turned: Plan = { ...made, changes: made.changes.toReversed() }
  const at = director(table)
  const { outcomes } = await apply(at, turned)
  expect(outcomes.map(({ change }) => change)).toEqual(turned.changes)
  expect(at.calls.map((call) => call.split(' ')[0])).toEqual([
    'add',
    'list',
    'edit',
    'list',
    'list',
    'delete',
  ])
})

test('force of the plan is that of its writes; an error that is none of the kernel is kept', async () => {
  const made = planBetween(empty, { services: [{ ...web, port: 0 }] }, { force: true })
  const at = director(empty)
  await apply(at, made)
  expect(at.services.add).toHaveBeenCalledWith(
    expect.objectContaining({ port: 0 }),
    expect.objectContaining({ force: true }),
  )
  const thrown = new RangeError('as told')
  const change = made.changes[0] as PlannedChange
  const refusing = director(empty, { 'add service': () => Promise.reject(thrown) })
  expect((await apply(refusing, made)).outcomes).toEqual([{ status: 'failed', change, error: thrown }])
})

test.each([
  [{ grace: -1 }, 'options.grace: expected an integer'],
  [{ signal: new AbortController() }, 'options.signal: expected an AbortSignal'],
  [{ wait: 1 }, "options: unknown field 'wait'"],
])('options %j are refused', async (options, message) => {
  await expect(apply(director(empty), replacing().made, options as never)).rejects.toThrow(message)
})
