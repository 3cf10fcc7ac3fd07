// `ipvs top` without a kernel: lines of a screen, sorting, filters, keys, and which real servers are read when.
// SPDX-License-Identifier: MIT

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { keysOf, press } from '../../lib/cli/top-keys.ts'
import { draw, type Look } from '../../lib/cli/top-lines.ts'
import { isDraining, type TopClient, type TopService, TopTable } from '../../lib/cli/top-table.ts'
import { arrange, sortKeys, type View } from '../../lib/cli/top-view.ts'
import { nameOfStatus } from '../../lib/objects.ts'
import type { Rates } from '../../lib/rates.ts'
import type { DestinationStatus, ServiceKey, ServiceStatus } from '../../lib/types.ts'
import { refusal, server, stats, status } from './table.ts'

const view: View = {
  sort: 'active',
  reverse: false,
  filter: '',
  servers: true,
  offset: 0,
  paused: false,
  typing: false,
}
const look: Look = { columns: 100, rows: 12, colour: false, bars: '#' }
const rates = (cps: number): Rates => ({
  cps,
  inPps: cps * 10,
  outPps: cps * 9,
  inBps: cps * 1e4,
  outBps: cps * 1e5,
})

const topOf = (
  port: number,
  servers: readonly (Partial<DestinationStatus> & { readonly cps?: number })[],
): TopService => {
  const list = servers.map(({ cps, ...settings }, i) => ({
    ...server(`10.0.0.${i + 1}`, settings),
    rates: cps === undefined ? null : rates(cps),
  }))
  const sum = (name: 'activeConns' | 'inactiveConns') => list.reduce((all, one) => all + one[name], 0)
  const cps = servers.reduce((all, one) => all + (one.cps ?? 0), 0)
  const one = status({ port, scheduler: 'wrr' })
  return {
    name: nameOfStatus(one),
    status: one,
    rates: rates(cps),
    servers: {
      list,
      active: sum('activeConns'),
      inactive: sum('inactiveConns'),
      draining: list.filter(isDraining).length,
    },
  }
}

const table: readonly TopService[] = [
  topOf(80, [
    { weight: 10, activeConns: 300, inactiveConns: 40, cps: 12 },
    { weight: 0, activeConns: 150, inactiveConns: 2, cps: 0 },
    { weight: 0, cps: 0 },
  ]),
  topOf(443, [{ weight: 5, activeConns: 900, cps: 1200 }]),
  topOf(53, [{ weight: 1, inactiveConns: 7, forwarding: 'direct-routing' }]),
]

test('a screen', () => {
  const { lines, seen, total, room } = draw({ services: table, view, title: 'ipvs top' }, look)
  expect(lines).toEqual([
    'ipvs top  3 services, 5 real servers, 1 draining, 1350 active connections',
    'SERVICE / REAL SERVER     HOW   WEIGHT  ACTIVE   INACT  CONN/s  B/s IN B/s OUT PKT/s IN active      ',
    '192.0.2.10:443/tcp        wrr              900       0    1.2k   12.0M  120.0M    12.0k ############',
    '  10.0.0.1:80            masq        5     900       0    1.2k   12.0M  120.0M    12.0k ############',
    '192.0.2.10:80/tcp         wrr              450      42    12.0  120.0k    1.2M    120.0 ######',
    '  10.0.0.1:80            masq       10     300      40    12.0  120.0k    1.2M    120.0 ############',
    '  10.0.0.2:80            masq draining     150       2     0.0     0.0     0.0      0.0 ######',
    '  10.0.0.3:80            masq  drained       0       0     0.0     0.0     0.0      0.0',
    '192.0.2.10:53/tcp         wrr                0       7     0.0     0.0     0.0      0.0',
    '  10.0.0.1:80           route        1       0       7       -       -       -        -',
    '',
    'q quit  s sort: active  r reverse  / filter  d servers  space pause  arrows PgUp PgDn',
  ])
  expect({ seen: [...seen], total, room }).toEqual({
    seen: [table[1], table[0], table[2]].map((one) => one!.name),
    total: 8,
    room: 9,
  })
})

const rows = (changes: Partial<View>, size: Partial<Look> = {}): readonly string[] =>
  draw({ services: table, view: { ...view, ...changes }, title: '' }, { ...look, ...size })
    .lines.slice(2, -1)
    .map((line) => line.trim().split(' ')[0]!)
    .filter((word) => word !== '')

test('sorted by each key, and the other way round', () => {
  const order = (changes: Partial<View>) =>
    arrange(table, { ...view, ...changes }).map((one) => one.top.status.port)
  expect(order({ sort: 'active' })).toEqual([443, 80, 53])
  expect(order({ sort: 'inactive' })).toEqual([80, 53, 443])
  expect(order({ sort: 'cps' })).toEqual([443, 80, 53])
  expect(order({ sort: 'bytes', reverse: true })).toEqual([53, 80, 443])
  expect(order({ sort: 'packets' })).toEqual([443, 80, 53])
  expect(order({ sort: 'name' })).toEqual([443, 53, 80])
  expect(rows({ sort: 'inactive', filter: ':80/' })).toEqual([
    '192.0.2.10:80/tcp',
    '10.0.0.1:80',
    '10.0.0.2:80',
    '10.0.0.3:80',
  ])
})

test('a filter finds services by name, real servers by address, and those that drain', () => {
  expect(rows({ filter: ':53/' })).toEqual(['192.0.2.10:53/tcp', '10.0.0.1:80'])
  expect(rows({ filter: '10.0.0.2' })).toEqual(['192.0.2.10:80/tcp', '10.0.0.2:80'])
  expect(rows({ filter: 'draining' })).toEqual(['192.0.2.10:80/tcp', '10.0.0.2:80'])
  expect(rows({ filter: 'drained' })).toEqual(['192.0.2.10:80/tcp', '10.0.0.3:80'])
  expect(rows({ filter: 'nobody' })).toEqual([])
})

test('without real servers, scrolled, and where the output is no terminal', () => {
  expect(rows({ servers: false })).toEqual(['192.0.2.10:443/tcp', '192.0.2.10:80/tcp', '192.0.2.10:53/tcp'])
  expect(rows({ offset: 1 }, { rows: 5 })).toEqual(['10.0.0.1:80', '192.0.2.10:80/tcp'])
  expect(rows({ offset: 4 }, { rows: 5 })).toEqual(['10.0.0.2:80', '10.0.0.3:80'])
  expect(rows({ offset: 99 }, { rows: 5 })).toEqual(['192.0.2.10:53/tcp', '10.0.0.1:80'])
  const { lines } = draw({ services: table, view, title: 'x' }, { ...look, rows: Infinity })
  expect(lines).toHaveLength(2 + 8)
})

test('colours only where they are wanted; eighths of a bar', () => {
  const text = (size: Partial<Look>): string =>
    draw({ services: table, view, title: '' }, { ...look, ...size }).lines.join('\n')
  expect(text({})).not.toContain('\x1b')
  const coloured = text({ colour: true }).replaceAll('\x1b', '^')
  expect(coloured).toMatch(/\^\[33m {2}10\.0\.0\.2:80 .*draining.*\^\[0m/)
  expect(text({ bars: '█▊▌▎' })).toMatch(/150 .* ██████\n/)
})

test('whatever the table, the view and the size: every line fits, and no row is drawn that is not seen', () => {
  const servers = fc.array(
    fc.record({ weight: fc.nat(3), activeConns: fc.nat(2_000_000), cps: fc.nat(1e9) }),
    { maxLength: 9 },
  )
  const services = fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 65535 }), servers), {
    maxLength: 30,
    selector: ([port]) => port,
  })
  const anyView = fc.record({
    sort: fc.constantFrom(...sortKeys),
    reverse: fc.boolean(),
    servers: fc.boolean(),
    offset: fc.nat(200),
    filter: fc.constantFrom('', '1', 'draining'),
  })
  fc.assert(
    fc.property(
      services,
      anyView,
      fc.integer({ min: 20, max: 200 }),
      fc.integer({ min: 4, max: 60 }),
      (all, changes, columns, height) => {
        const state = {
          services: all.map(([port, list]) => topOf(port, list)),
          view: { ...view, ...changes },
          title: 't',
        }
        const { lines, seen, total, room } = draw(state, { ...look, columns, rows: height, bars: '█▊▌▎' })
        expect(lines).toHaveLength(height)
        expect(lines.filter((line) => line.length > columns)).toEqual([])
        const drawn = lines.slice(2, -1).filter((line) => line !== '')
        expect(drawn).toHaveLength(Math.min(total, room))
        expect(seen.size).toBeLessThanOrEqual(Math.max(1, drawn.length))
      },
    ),
  )
})

test('keys', () => {
  expect(keysOf('q\x1b[A\x1b[6~\x1b[1;5C/é\r\x7f\x1b')).toEqual([
    'q',
    'up',
    'page-down',
    '\x1b[1;5C',
    '/',
    'é',
    'enter',
    'erase',
    'escape',
  ])
  const after = (keys: string, from: Partial<View> = {}): View | undefined =>
    keysOf(keys).reduce<View | undefined>((now, key) => now && press(now, key, 10, 25), { ...view, ...from })
  expect(after('q')).toBeUndefined()
  expect(after('\x03')).toBeUndefined()
  expect(after('s')).toMatchObject({ sort: 'inactive' })
  expect(after('s'.repeat(sortKeys.length))).toMatchObject({ sort: 'active' })
  expect(after('rd ')).toMatchObject({ reverse: true, servers: false, paused: true })
  expect(after('jj\x1b[B')).toMatchObject({ offset: 3 })
  expect(after('kk')).toMatchObject({ offset: 0 })
  expect(after('\x1b[6~\x1b[6~')).toMatchObject({ offset: 15 })
  expect(after('G\x1b[A')).toMatchObject({ offset: 14 })
  expect(after('Gg')).toMatchObject({ offset: 0 })
  expect(after('k', { offset: 99 })).toMatchObject({ offset: 14 }) // the table has become shorter
  expect(after('/10.9\x7f0\r')).toMatchObject({ filter: '10.0', typing: false })
  expect(after('/q')).toMatchObject({ filter: 'q', typing: true })
  expect(after('/q\x03')).toBeUndefined()
  expect(after('/q\x1b')).toMatchObject({ filter: '', typing: false })
  expect(after('\x1b', { filter: 'x' })).toMatchObject({ filter: '' })
  expect(after('x\x1b[1;5C')).toEqual(view)
})

/** A client of so many services, which tells whose real servers were asked for. */
const client = (count: number) => {
  const services = Array.from({ length: count }, (_, i): ServiceStatus => status({ port: i + 1 }))
  const asked: number[] = []
  let conns = 0n
  const hidden = new Set<number>()
  const gone = new Set<number>()
  const portOf = (key: ServiceKey): number => key.port!
  const here = (port: number): void => {
    if (gone.has(port)) throw refusal('no-such-service')
  }
  const made: TopClient = {
    snapshot: async () => ({ services: [], stable: true }),
    services: {
      list: async () =>
        services
          .filter(({ port }) => !hidden.has(port!) && !gone.has(port!))
          .map((one) => ({ ...one, stats: stats(conns) })),
      get: async (key) => {
        here(portOf(key))
        return services[portOf(key) - 1]!
      },
    },
    destinations: {
      list: async (key) => {
        here(portOf(key))
        asked.push(portOf(key))
        return [server('10.0.0.1', { activeConns: portOf(key), stats: stats(conns) })]
      },
    },
  }
  return {
    made,
    hidden,
    gone,
    count: (more: bigint) => {
      conns += more
    },
    asked: () => asked.splice(0).sort((a, b) => a - b),
  }
}

const names = (...ports: readonly number[]) => new Set(ports.map((port) => `192.0.2.10:${port}/tcp`))

test('real servers in sight are read each time, the others by turns', async () => {
  const { made, asked } = client(250)
  const reader = new TopTable(made)
  const first = await reader.read(undefined)
  expect(first.map(({ servers }) => servers.active)).toEqual(Array.from({ length: 250 }, (_, i) => i + 1))
  expect(asked()).toHaveLength(250)
  const seen: number[] = []
  for (let turn = 0; turn < 3; turn++) {
    await reader.read(names(7, 8))
    const now = asked()
    expect(now).toEqual(expect.arrayContaining([7, 8]))
    expect(now.length).toBeLessThanOrEqual(102)
    seen.push(...now)
  }
  expect(new Set(seen).size).toBe(250)
  await reader.read(undefined)
  expect(asked()).toHaveLength(250)
})

test('what a list lacks is asked for by name; what is gone goes', async () => {
  const { made, hidden, gone } = client(5)
  const reader = new TopTable(made)
  await reader.read(undefined)
  hidden.add(3)
  gone.add(4)
  const found = await reader.read(names())
  expect(found.map(({ status }) => status.port).sort()).toEqual([1, 2, 3, 5])
})

test('rates from the second reading on', async () => {
  const { made, count } = client(1)
  const reader = new TopTable(made)
  const [before] = await reader.read(undefined)
  expect([before!.rates, before!.servers.list[0]!.rates]).toEqual([null, null])
  count(100n)
  const [after] = await reader.read(undefined)
  expect(after!.rates).toMatchObject({ cps: 50 })
  expect(after!.servers.list[0]!.rates).toMatchObject({ cps: 50 })
})
