// Drain against a scripted table: when it waits, when it deletes, and how it says that it ended.
// SPDX-License-Identifier: MIT

import { expect, test } from 'vitest'
import { type DrainClient, type DrainOptions, type DrainProgress, drain, undrain } from '../../lib/drain.ts'
import type { DestinationStatus, ServiceStatus } from '../../lib/types.ts'
import { refusal, server, status, web } from './table.ts'

type Reading = Partial<DestinationStatus> | 'absent' | 'no-service'

/** Each list gives the next reading of 10.0.0.1, the last one for ever; the first is what get() finds. */
const client = (readings: readonly Reading[], service: Partial<ServiceStatus> = {}) => {
  const calls: string[] = []
  let at = 0
  let weight = 5
  const own = (reading: Reading): DestinationStatus | undefined => {
    if (typeof reading === 'string') return undefined
    return server('10.0.0.1', { weight, ...reading })
  }
  const fake: DrainClient = {
    services: { get: async () => status(service) },
    timeouts: async () => ({ tcp: 900, tcpFin: 120, udp: 300 }),
    destinations: {
      get: async (_service, _key, options) => {
        options?.signal?.throwIfAborted()
        calls.push('get')
        const found = own(readings[0]!)
        if (found === undefined) throw refusal('no-such-destination')
        return found
      },
      list: async () => {
        calls.push('list')
        const reading = readings[Math.min(++at, readings.length - 1)]!
        if (reading === 'no-service') throw refusal('no-such-service')
        const found = own(reading)
        return [server('10.0.0.2'), ...(found ? [found] : [])]
      },
      edit: async (_service, _key, settings) => {
        calls.push(`weight ${settings.weight}`)
        weight = settings.weight!
      },
      delete: async () => {
        calls.push('delete')
        if (readings.at(-1) === 'absent') throw refusal('no-such-destination')
      },
    },
  }
  return { fake, calls }
}

const all = async (progress: AsyncIterable<DrainProgress>): Promise<DrainProgress[]> => {
  const items: DrainProgress[] = []
  for await (const item of progress) items.push(item)
  return items
}

const key = { address: '10.0.0.1' }
const run = async (
  readings: readonly Reading[],
  options: DrainOptions = {},
  service?: Partial<ServiceStatus>,
) => {
  const { fake, calls } = client(readings, service)
  const items = await all(drain(fake, web, key, { interval: 1, ...options }))
  return { items, calls, last: items.at(-1)!, states: items.map(({ state, left }) => `${state} ${left}`) }
}

test('quiesces, waits for the last connection, looks twice, deletes', async () => {
  const { states, calls, last } = await run([
    { activeConns: 2 },
    { activeConns: 2 },
    { activeConns: 1, inactiveConns: 1 },
    { inactiveConns: 1 },
    {},
    {},
  ])
  expect(states).toEqual(['waiting 2', 'waiting 2', 'waiting 1', 'waiting 0', 'drained 0'])
  expect(calls).toEqual(['get', 'weight 0', 'list', 'list', 'list', 'list', 'list', 'delete'])
  expect(last).toMatchObject({ weightBefore: 5, deleted: true, notes: [] })
  expect(last.elapsed).toBeGreaterThan(0)
})

test('a connection that was scheduled while the weight was set is seen', async () => {
  const { states } = await run([{}, {}, { activeConns: 1 }, {}, {}])
  expect(states).toEqual(['waiting 0', 'waiting 1', 'waiting 0', 'drained 0'])
})

test.each([
  ['no-active', 1],
  ['no-connections', 2],
  ['no-templates', 3],
] as const)('until %s', async (until, steps) => {
  const all = { activeConns: 1, inactiveConns: 10, persistentConns: 100 }
  const { states } = await run([all, all, { ...all, activeConns: 0 }, { persistentConns: 100 }, {}, {}], {
    until,
  })
  expect(states.filter((state) => !state.endsWith(' 0'))).toHaveLength(steps)
  expect(states.at(-1)).toBe('drained 0')
})

test('after a crash it goes on, and does not know the weight of before', async () => {
  const { calls, last } = await run([{ weight: 0 }, { weight: 0 }, { weight: 0 }])
  expect(calls).toEqual(['get', 'list', 'list', 'delete'])
  expect(last).toMatchObject({ state: 'drained', weightBefore: null, deleted: true })
})

test.each([
  ['never', true],
  ['at-deadline', false],
  ['always', false],
] as const)('the deadline passes, keep %s', async (keep, deleted) => {
  const { last, calls } = await run([{ activeConns: 3 }], { deadline: 30, keep, interval: 1000 })
  expect(last).toMatchObject({ state: 'deadline', left: 3, deleted })
  expect(last.elapsed).toBeGreaterThanOrEqual(29)
  expect(last.elapsed).toBeLessThan(900) // it does not wait for the next point of the interval
  expect(calls.includes('delete')).toBe(deleted)
  expect(last.notes.map(({ code }) => code)).toEqual(deleted ? ['connections-cut'] : [])
})

test('a deadline that has passed deletes at once, after the weight was set', async () => {
  for (const deadline of [0, new Date(0)]) {
    const { states, calls } = await run([{ activeConns: 3 }], { deadline })
    expect(states).toEqual(['deadline 3'])
    expect(calls).toEqual(['get', 'weight 0', 'list', 'delete'])
  }
})

test.each([
  ['never', true],
  ['at-deadline', true],
  ['always', false],
] as const)('drained, keep %s', async (keep, deleted) => {
  const { last, calls } = await run([{}], { keep })
  expect(last).toMatchObject({ state: 'drained', left: 0, deleted })
  expect(calls.includes('delete')).toBe(deleted)
})

test('a server that only a torn list lacks is not gone', async () => {
  const { states } = await run([{ activeConns: 1 }, 'absent', 'absent', { activeConns: 1 }, {}, {}])
  expect(states).toEqual(['waiting 1', 'waiting 0', 'drained 0'])
})

test('somebody deletes the server, the service, or is faster at the end', async () => {
  const busy = { activeConns: 1 }
  expect((await run([busy, busy, 'absent'])).states).toEqual(['waiting 1', 'gone 1'])
  expect((await run([busy, busy, 'no-service'])).states).toEqual(['waiting 1', 'gone 1'])
  const late = await run([{}, {}, {}, 'absent'])
  expect(late.last).toMatchObject({ state: 'gone', deleted: false })
  expect(late.calls.at(-1)).toBe('delete')
})

test('somebody gives it a weight: nothing is deleted', async () => {
  const { states, calls, last } = await run([{}, { activeConns: 1 }, { weight: 7 }], {}, { scheduler: 'sh' })
  expect(states).toEqual(['waiting 1', 'restored 0'])
  expect(calls).not.toContain('delete')
  expect(last).toMatchObject({ deleted: false, notes: [] })
})

test('the signal ends a long wait at once, and the server stays', async () => {
  const { fake, calls } = client([{ activeConns: 1 }])
  const controller = new AbortController()
  const items: DrainProgress[] = []
  for await (const item of drain(fake, web, key, { interval: 60_000, signal: controller.signal })) {
    items.push(item)
    setTimeout(() => controller.abort(), 5)
  }
  expect(items.map(({ state }) => state)).toEqual(['waiting', 'aborted'])
  expect(items[1]).toMatchObject({ weightBefore: 5, deleted: false, left: 1 })
  expect(calls).toEqual(['get', 'weight 0', 'list'])
})

test('aborted in the very moment in which nothing is left, it does not delete', async () => {
  const { fake, calls } = client([{}])
  const controller = new AbortController()
  const { list } = fake.destinations
  const late: DrainClient = {
    ...fake,
    destinations: {
      ...fake.destinations,
      list: (...args) => {
        if (calls.includes('list')) controller.abort()
        return list(...args)
      },
    },
  }
  const items = await all(drain(late, web, key, { interval: 1, signal: controller.signal }))
  expect(items.map(({ state }) => state)).toEqual(['waiting', 'aborted'])
  expect(calls).not.toContain('delete')
})

test('aborted before anything was changed it throws the reason', async () => {
  const { fake, calls } = client([{}])
  const reason = new Error('no')
  await expect(all(drain(fake, web, key, { signal: AbortSignal.abort(reason) }))).rejects.toBe(reason)
  expect(calls).toEqual([])
})

test('whoever stops iterating leaves the server quiesced', async () => {
  const { fake, calls } = client([{ activeConns: 1 }, { activeConns: 1 }, {}])
  for await (const { left } of drain(fake, web, key, { interval: 1 })) if (left === 0) break
  expect(calls).toEqual(['get', 'weight 0', 'list', 'list'])
})

test('what is not there to begin with is an error, and so is what goes wrong on the way', async () => {
  await expect(run(['absent'])).rejects.toMatchObject({ reason: 'no-such-destination' })
  const { fake } = client([{ activeConns: 1 }])
  const broken: DrainClient = {
    ...fake,
    destinations: { ...fake.destinations, list: () => Promise.reject(refusal('outcome-unknown')) },
  }
  await expect(all(drain(broken, web, key))).rejects.toMatchObject({ reason: 'outcome-unknown' })
})

test('wrong options are refused at the call', () => {
  const { fake, calls } = client([{}])
  const refused = (options: object) => {
    try {
      drain(fake, web, key, options as DrainOptions)
    } catch (error) {
      return String(error)
    }
    return 'taken'
  }
  expect(refused({ until: 'active' })).toBe(
    "TypeError: options.until: expected no-active, no-connections, no-templates; got 'active'",
  )
  expect(refused({ keep: true })).toContain('options.keep: expected never, at-deadline, always')
  expect(refused({ deadline: -1 })).toContain('options.deadline: expected an integer 0..')
  expect(refused({ deadline: new Date('x') })).toBe('RangeError: options.deadline: an invalid Date')
  expect(refused({ interval: 0 })).toContain('options.interval: expected an integer 1..2147483647')
  expect(refused({ intervall: 5 })).toContain('did you mean interval?')
  expect(refused({ signal: new AbortController() })).toContain('options.signal: expected an AbortSignal')
  expect(refused({ sysctls: { expire: true } })).toContain("options.sysctls: unknown field 'expire'")
  expect(calls).toEqual([])
})

test('undrain wants a weight that serves', async () => {
  const { fake, calls } = client([{ weight: 0 }])
  await expect(undrain(fake, web, key, 0)).rejects.toThrow('weight: expected an integer 1..2147483647, got 0')
  expect(calls).toEqual([])
  await undrain(fake, web, key, 9)
  expect(calls).toEqual(['weight 9'])
})

const codes = (items: readonly DrainProgress[]) => items[0]!.notes.map(({ code }) => code)
const text = (items: readonly DrainProgress[]) => items[0]!.notes.map(({ text }) => text).join('\n')

test('persistence is told with what is known of the sysctl', async () => {
  const persistence = { timeout: 300, netmask: '255.255.255.255' }
  const reading = [{ persistentConns: 2 }]
  const unknown = await run(reading, {}, { persistence })
  expect(codes(unknown.items)).toEqual(['persistent-clients'])
  expect(text(unknown.items)).toContain(
    '2 persistence templates: their clients keep coming to this server (unless',
  )
  const off = await run(reading, { sysctls: { expire_quiescent_template: 0 } }, { persistence })
  expect(text(off.items)).toContain('keep coming to this server (net.ipv4.vs.expire_quiescent_template is 0)')
  const on = await run(reading, { sysctls: { expire_quiescent_template: 1 } }, { persistence })
  expect(text(on.items)).toContain('go elsewhere with their next connection')
  expect(text(on.items)).toContain("a template ends 300 s after its client's last connection")
  expect(codes((await run([{}], {}, { persistence })).items)).toEqual([])
})

test('flows of UDP, hashes without fallback, reused ports', async () => {
  const udp = await run([{ inactiveConns: 1 }], { until: 'no-active' }, { protocol: 'udp' })
  expect(codes(udp.items)).toEqual(['datagrams'])
  expect(text(udp.items)).toContain('end 300 s after their last packet')
  expect(udp.last.notes.map(({ code }) => code)).toEqual(['datagrams', 'connections-cut'])
  for (const scheduler of ['sh', 'mh', 'dh']) {
    expect(codes((await run([{}], {}, { scheduler })).items)).toEqual(['scheduler-refuses'])
  }
  for (const scheduler of ['wlc', 'msh', 'maglev', 'hrw', 'rr']) {
    expect(codes((await run([{}], {}, { scheduler })).items)).toEqual([])
  }
  expect(codes((await run([{}], {}, { scheduler: 'sh', schedulerFlags: ['fallback'] })).items)).toEqual([])
  expect(codes((await run([{}], { sysctls: { conn_reuse_mode: 0 } })).items)).toEqual(['port-reuse'])
  expect(codes((await run([{}], { sysctls: { conn_reuse_mode: 1 } })).items)).toEqual([])
})

test('the last server with a weight is said to be so, and what becomes of cut connections', async () => {
  const { fake } = client([{ activeConns: 1 }])
  const alone: DrainClient = {
    ...fake,
    destinations: {
      ...fake.destinations,
      list: async () => [server('10.0.0.1', { weight: 0, activeConns: 4 })],
    },
  }
  for (const [expire_nodest_conn, fate] of [
    [1, 'end at once (net.ipv4.vs.expire_nodest_conn is 1)'],
    [0, 'dropped until the entries time out (net.ipv4.vs.expire_nodest_conn is 0)'],
    [undefined, "of the director's network namespace they end at once"],
  ] as const) {
    const items = await all(
      drain(alone, web, key, { interval: 1, deadline: 5, sysctls: { expire_nodest_conn } }),
    )
    expect(codes(items)).toEqual(['last-server'])
    expect(items.at(-1)!.notes).toMatchObject([{ code: 'connections-cut' }])
    expect(items.at(-1)!.notes[0]!.text).toContain(`deleted with 4 active and 0 inactive connections`)
    expect(items.at(-1)!.notes[0]!.text).toContain(fate)
  }
})
