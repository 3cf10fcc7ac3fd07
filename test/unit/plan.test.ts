// The planner, case by case: what is kept, what changes, what a plan says.
// SPDX-License-Identifier: MIT

import { expect, test } from 'vitest'
import {
  type DesiredTable,
  formatPlan,
  type Plan,
  type PlanOptions,
  planBetween,
  type Snapshot,
} from '../../lib/index.ts'
import { snapshotOf } from './plan-model.ts'

const web = { protocol: 'tcp', address: '192.0.2.10', port: 80 } as const
const server = { address: '10.0.0.1', weight: 5 }
const of = (...services: unknown[]): DesiredTable => ({ services }) as DesiredTable
const planOf = (before: DesiredTable, after: DesiredTable, options?: PlanOptions): Plan =>
  planBetween(snapshotOf(before), after, options)
const kinds = ({ changes }: Plan): string[] => changes.map(({ kind }) => kind)

test('the flags of a hashing scheduler, the spelling of a mask, defaults in full: no change', () => {
  const before = of({
    ...web,
    scheduler: 'sh',
    schedulerFlags: ['port', 'fallback'],
    persistence: { netmask: 24 },
    destinations: [server],
  })
  const after = of({
    ...web,
    scheduler: 'sh',
    schedulerFlags: ['flag-1', 'flag-2'],
    persistence: { timeout: 360, netmask: '255.255.255.0', engine: null },
    onePacket: false,
    destinations: [
      { ...server, port: 80, forwarding: 'direct-routing', upperThreshold: 0, lowerThreshold: 0 },
    ],
  })
  expect(planOf(before, after).changes).toEqual([])
  expect(planOf(after, before).changes).toEqual([])
})

test('what is not named is kept: settings, parts of persistence and tunnel, and all servers where none are listed', () => {
  const tunnel = { type: 'gue', port: 6080, checksum: 'plain' }
  const before = of({
    ...web,
    scheduler: 'sh',
    schedulerFlags: ['port'],
    persistence: { timeout: 100, netmask: 24 },
    destinations: [{ ...server, forwarding: 'tunneling', tunnel, upperThreshold: 9 }],
  })
  expect(planOf(before, of(web)).changes).toEqual([])
  const after = of({
    ...web,
    scheduler: 'rr',
    persistence: { timeout: 50 },
    destinations: [{ address: '10.0.0.1', tunnel: { port: 6081 } }],
  })
  expect(planOf(before, after).changes).toMatchObject([
    {
      kind: 'edit-service',
      before: { scheduler: 'sh', persistence: { timeout: 100, netmask: '255.255.255.0' } },
      after: { scheduler: 'rr', persistence: { timeout: 50, netmask: '255.255.255.0' } },
    },
    { kind: 'edit-destination', before: { tunnel }, after: { tunnel: { ...tunnel, port: 6081 } } },
  ])
  const [edit] = planOf(before, after).changes
  expect(Object.keys(edit!.after!)).toEqual(['scheduler', 'persistence'])
})

test('a status names everything: an engine that it lacks is removed', () => {
  const sip = { protocol: 'udp', address: '192.0.2.10', port: 5060, persistence: { engine: 'sip' } }
  const without = { ...sip, persistence: {} }
  expect(planOf(of(sip), of(without)).changes).toEqual([])
  expect(planBetween(snapshotOf(of(sip)), snapshotOf(of(without))).changes).toMatchObject([
    { kind: 'edit-service', after: { persistence: { engine: null } } },
  ])
})

test('weights that are kept', () => {
  const before = of({
    ...web,
    destinations: [
      { address: '10.0.0.1', weight: 0 },
      { address: '10.0.0.2', weight: 3 },
    ],
  })
  const after = of({
    ...web,
    destinations: ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((address) => ({ address, weight: 7 })),
  })
  expect(kinds(planOf(before, after))).toEqual(['add-destination', 'edit-destination', 'edit-destination'])
  expect(planOf(before, after, { keepWeights: 'drained' }).changes).toMatchObject([
    { destination: { address: '10.0.0.3' }, after: { weight: 7 } },
    { destination: { address: '10.0.0.2' }, after: { weight: 7 } },
  ])
  expect(kinds(planOf(before, after, { keepWeights: true }))).toEqual(['add-destination'])
})

test('the order: what comes before what goes, edits in place', () => {
  const old = { ...web, port: 81 }
  const before = of(
    {
      ...web,
      destinations: [
        { address: '10.0.0.1', weight: 1 },
        { address: '10.0.0.2', weight: 1 },
        { address: '10.0.0.3', weight: 0 },
      ],
    },
    { ...old, destinations: [server] },
  )
  const after = of(
    {
      ...web,
      scheduler: 'rr',
      destinations: [
        { address: '10.0.0.1', weight: 0 },
        { address: '10.0.0.3', weight: 1 },
        { address: '10.0.0.4' },
      ],
    },
    { ...web, port: 82, destinations: [server] },
  )
  expect(formatPlan(planOf(before, after, { owns: () => true, prune: true })).split('\n')).toEqual([
    '+ 192.0.2.10:82/tcp: scheduler wlc',
    '~ 192.0.2.10:80/tcp: scheduler wlc → rr',
    '+ 10.0.0.4:80 of 192.0.2.10:80/tcp: forwarding direct-routing, weight 1',
    '+ 10.0.0.1:82 of 192.0.2.10:82/tcp: forwarding direct-routing, weight 5',
    '~ 10.0.0.3:80 of 192.0.2.10:80/tcp: weight 0 → 1',
    '~ 10.0.0.1:80 of 192.0.2.10:80/tcp: weight 1 → 0',
    '~ 10.0.0.2:80 of 192.0.2.10:80/tcp: weight 1 → 0, quiesced',
    '- 10.0.0.2:80 of 192.0.2.10:80/tcp',
    '- 192.0.2.10:81/tcp with 1 real server',
    '3 to add, 3 to edit, 2 to delete',
  ])
  expect(formatPlan(planOf(after, after))).toBe('no changes')
})

test('a server is quiesced before it is deleted, but not where the scheduler would refuse its clients', () => {
  const steps = (before: object, after: object = {}): string[] =>
    planOf(
      of({ ...web, ...before, destinations: [server, { address: '10.0.0.2' }] }),
      of({ ...web, ...after, destinations: [{ address: '10.0.0.2' }] }),
      { impact: false },
    ).changes.map(({ kind, before }) => `${kind} ${(before as { weight?: number }).weight}`)
  const quiesced = ['quiesce-destination 5', 'delete-destination 0']
  const atOnce = ['delete-destination 5']
  for (const scheduler of ['wlc', 'rr', 'msh', 'maglev', 'hrw', 'lblc']) {
    expect([scheduler, ...steps({ scheduler })]).toEqual([scheduler, ...quiesced])
  }
  for (const scheduler of ['sh', 'mh']) {
    expect(steps({ scheduler, schedulerFlags: ['port'] })).toEqual(atOnce)
    expect(steps({ scheduler, schedulerFlags: ['fallback'] })).toEqual(quiesced)
  }
  expect(steps({ scheduler: 'dh', schedulerFlags: ['flag-1'] })).toEqual(atOnce)
  const made = planOf(
    of({ ...web, scheduler: 'sh', destinations: [server] }),
    of({ ...web, destinations: [] }),
  )
  expect(formatPlan(made).split('\n')[0]).toBe('- 10.0.0.1:80 of 192.0.2.10:80/tcp, at once')
  // What counts is how it is when servers are deleted: services are edited before.
  expect(steps({ scheduler: 'sh' }, { scheduler: 'rr' }).slice(1)).toEqual(quiesced)
  expect(steps({ scheduler: 'rr' }, { scheduler: 'sh' }).slice(1)).toEqual(atOnce)
  expect(steps({ scheduler: 'mh' }, { schedulerFlags: ['fallback'] }).slice(1)).toEqual(quiesced)
})

test('prune: servers by default, services only of owns, nothing', () => {
  const before = of(
    { ...web, destinations: [server, { address: '10.0.0.2', weight: 0 }] },
    { ...web, port: 81 },
  )
  const after = of({ ...web, destinations: [server] })
  expect(kinds(planOf(before, after))).toEqual(['delete-destination'])
  expect(kinds(planOf(before, after, { prune: false }))).toEqual([])
  expect(kinds(planOf(before, after, { owns: () => true }))).toEqual(['delete-destination'])
  expect(kinds(planOf(before, after, { owns: ({ port }) => port === 80, prune: true }))).toEqual([
    'delete-destination',
  ])
  expect(planOf(before, after, { owns: () => true, prune: true }).changes[1]).toEqual({
    kind: 'delete-service',
    service: { ...web, port: 81 },
    before: { scheduler: 'wlc', schedulerFlags: [], persistence: null, onePacket: false, destinations: [] },
    after: null,
  })
})

test('the share of clients that move, for schedulers that go by their address', () => {
  const servers = [1, 2, 3, 4].map((i) => ({ address: `10.0.0.${i}`, weight: 10 }))
  const hrw = { ...web, scheduler: 'hrw', destinations: servers }
  const made = planOf(of(hrw), of({ ...hrw, destinations: servers.slice(1) }))
  expect(made.impacts).toMatchObject([
    { service: web, moved: expect.closeTo(0.25, 5), excess: 0, basis: 'exact' },
  ])
  expect(formatPlan(made)).toContain(
    '192.0.2.10:80/tcp: 25.0 % of the clients get another real server (25.0 % at least)',
  )
  const sh = { ...hrw, scheduler: 'sh' }
  expect(planOf(of(sh), of({ ...sh, destinations: servers.slice(1) })).impacts[0]!.moved).toBeGreaterThan(
    0.25,
  )
  expect(planOf(of(hrw), of({ ...hrw, scheduler: 'msh' })).impacts[0]!.moved).toBeGreaterThan(0.5)
  expect(
    planOf(of(hrw), of({ ...hrw, destinations: servers.map((s) => ({ ...s, upperThreshold: 5 })) })).impacts,
  ).toEqual([])
  const rr = { ...hrw, scheduler: 'rr' }
  expect(planOf(of(rr), of({ ...rr, destinations: servers.slice(1) })).impacts).toEqual([])
  expect(planOf(of(), of(hrw)).impacts).toEqual([])
  const omitted = planOf(of(hrw), of({ ...hrw, destinations: servers.slice(1) }), { impact: false })
  expect(omitted).toMatchObject({ impacts: [], impactsOmitted: 1 })
})

test('what others made in a way that is refused here may stay and be edited; a new fault is refused', () => {
  const odd: Snapshot = {
    stable: true,
    services: [
      {
        ...snapshotOf(of({ ...web, destinations: [server] })).services[0]!,
        destinations: [
          { ...snapshotOf(of({ ...web, destinations: [server] })).services[0]!.destinations[0]!, port: 8080 },
        ],
      },
    ],
  }
  expect(planBetween(odd, odd).changes).toEqual([])
  const weight = of({ ...web, destinations: [{ ...server, port: 8080, weight: 6 }] })
  expect(kinds(planBetween(odd, weight))).toEqual(['edit-destination'])
  const masquerading = of({ ...web, destinations: [{ ...server, port: 8080, forwarding: 'masquerading' }] })
  expect(() =>
    planOf(masquerading, of({ ...web, destinations: [{ ...server, port: 8080, forwarding: 'tunneling' }] })),
  ).toThrow('services[0].destinations[0].port: direct routing and tunneling cannot change the port')
})
