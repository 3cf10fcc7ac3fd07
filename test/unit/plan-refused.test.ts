// What plan() and apply() refuse, with the place of the fault, before anything is sent.
// SPDX-License-Identifier: MIT

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import {
  apply,
  type DesiredTable,
  type Plan,
  type PlanOptions,
  plan,
  planBetween,
  type Snapshot,
} from '../../lib/index.ts'
import { knowsScheduler } from '../../lib/plan/schedulers.ts'
import { snapshotOf } from './plan-model.ts'

const web = { protocol: 'tcp', address: '192.0.2.10', port: 80 } as const
const server = { address: '10.0.0.1', weight: 5 }
const empty: Snapshot = { services: [], stable: true }
const of = (...services: unknown[]): DesiredTable => ({ services }) as DesiredTable

test.each<[string, DesiredTable, string]>([
  ['no object', null as never, 'desired: expected an object, got null'],
  ['no list', {} as never, 'desired.services: expected an array'],
  [
    'an unknown field',
    { ...of(), service: [] } as never,
    "desired: unknown field 'service'; did you mean services?",
  ],
  ['a service that is none', of(web, 'web'), "services[1]: expected an object, got 'web'"],
  [
    'a misspelt setting',
    of({ ...web, schedular: 'rr' }),
    "services[0]: unknown field 'schedular'; did you mean scheduler?",
  ],
  ['a wrong port', of({ ...web, port: 65536 }), 'services[0].port: expected an integer 0..65535, got 65536'],
  [
    'servers that are no list',
    of({ ...web, destinations: {} }),
    'services[0].destinations: expected an array',
  ],
  [
    'a misspelt setting of a server',
    of({ ...web, destinations: [server, { address: '10.0.0.2', wieght: 1 }] }),
    "services[0].destinations[1]: unknown field 'wieght'; did you mean weight?",
  ],
  [
    'a negative weight',
    of(web, { ...web, port: 81, destinations: [{ ...server, weight: -1 }] }),
    'services[1].destinations[0].weight: expected an integer 0..2147483647, got -1',
  ],
  [
    'a service named twice',
    of({ protocol: 'tcp', address: '2001:db8::1', port: 80 }, web, {
      protocol: 'tcp',
      address: '2001:DB8:0::0.0.0.1',
      port: 80,
    }),
    'services[2]: [2001:db8::1]:80/tcp is services[0] already',
  ],
  [
    'a server named twice',
    of({ ...web, destinations: [server, { address: '10.0.0.2' }, { address: '10.0.0.1', port: 80 }] }),
    'services[0].destinations[2]: 10.0.0.1:80 is services[0].destinations[0] already',
  ],
  [
    'direct routing to another port',
    of({ ...web, destinations: [{ ...server, port: 8080 }] }),
    'services[0].destinations[0].port: direct routing and tunneling cannot change the port, which is 80 at the service',
  ],
  [
    'tunneling to another port',
    of({ ...web, destinations: [{ ...server, port: 8080, forwarding: 'tunneling' }] }),
    'services[0].destinations[0].port: direct routing and tunneling cannot change the port',
  ],
  [
    'another family without a tunnel',
    of({ ...web, destinations: [{ address: '2001:db8::1', forwarding: 'masquerading' }] }),
    'services[0].destinations[0].address: another family than the service needs forwarding tunneling',
  ],
  [
    'a family that the address is not of',
    of({ ...web, family: 'ipv6' }),
    'services[0].family: 192.0.2.10 is not of ipv6',
  ],
  [
    'every port without persistence',
    of({ ...web, port: 0 }),
    'services[0].port: 0 (every port) needs persistence',
  ],
  [
    'flags of a scheduler without names',
    of({ ...web, schedulerFlags: ['port'] }),
    'services[0].schedulerFlags: wlc gives',
  ],
])('%s is refused with its place', (_, desired, message) => {
  expect(() => planBetween(empty, desired)).toThrow(message)
})

test.each<[PlanOptions, string]>([
  [{ owns: 'all' as never }, 'options.owns: expected a function'],
  [{ prune: true }, 'options.prune: true needs options.owns'],
  [{ prune: 'services' as never }, "options.prune: expected true or false, got 'services'"],
  [{ keepWeights: 'zero' as never }, 'options.keepWeights: expected true or false'],
  [{ impact: -1 }, 'options.impact: expected an integer 0..'],
  [{ dryRun: true } as never, "options: unknown field 'dryRun'"],
])('options %j are refused', (options, message) => {
  expect(() => planBetween(empty, of(), options)).toThrow(message)
})

test('a desired service that is foreign is refused; owns is asked with the usual spelling', () => {
  const seen: unknown[] = []
  const owns = (service: object): boolean => seen.push(service) > 1
  const desired = of({ protocol: 'tcp', address: '2001:DB8::0001', port: 80 })
  expect(() => planBetween(empty, desired, { owns })).toThrow('services[0]: [2001:db8::1]:80/tcp is foreign')
  expect(seen).toEqual([{ protocol: 'tcp', address: '2001:db8::1', port: 80 }])
})

test('what is wrong by itself is said before the kernel is asked; a signal reaches the snapshot', async () => {
  const asked: unknown[] = []
  const director = {
    snapshot: async (options: unknown) => {
      asked.push(options)
      return empty
    },
  } as never
  await expect(plan(director, of(web, web))).rejects.toThrow(
    'services[1]: 192.0.2.10:80/tcp is services[0] already',
  )
  await expect(plan(director, of(web), { prune: true })).rejects.toThrow('options.prune')
  expect(asked).toEqual([])
  const { signal } = new AbortController()
  expect((await plan(director, of(web), { signal })).changes).toHaveLength(1)
  expect(asked).toEqual([{ signal }])
})

test('a scheduler that is known to be missing is refused unless forced; one that may be there is not', () => {
  const desired = of(web, { ...web, port: 81, scheduler: 'wrrr' })
  const message = 'services[1].scheduler: this host has no module ip_vs_wrrr'
  expect(() => planBetween(empty, desired, {}, (name) => name !== 'wrrr')).toThrow(message)
  expect(planBetween(empty, desired, { force: true }, () => false).changes).toHaveLength(2)
  expect(planBetween(empty, desired, {}, () => undefined).changes).toHaveLength(2)
  // What is in the table is there.
  expect(planBetween(snapshotOf(desired), desired, {}, () => false).changes).toEqual([])
})

test('what this host has is told from its files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ipvs-plan-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const modules = join(folder, 'modules')
  mkdirSync(modules)
  const loaded = join(folder, 'loaded')
  writeFileSync(loaded, 'ip_vs_maglev 16384 0 - Live 0x0\nip_vs 200704 2 ip_vs_maglev, Live 0x0\n')
  const asked = ['rr', 'wrr', 'sh', 'maglev', 'my-own', 'other', 'none', 'r', 'rrr'] as const
  const answers = () => asked.map(knowsScheduler(modules, loaded))
  expect(answers()).toEqual([
    undefined,
    undefined,
    undefined,
    true,
    undefined,
    undefined,
    true,
    undefined,
    undefined,
  ])
  writeFileSync(
    join(modules, 'modules.dep'),
    'kernel/net/netfilter/ipvs/ip_vs_rr.ko.xz: kernel/net/netfilter/ipvs/ip_vs.ko.xz\n',
  )
  writeFileSync(join(modules, 'modules.builtin'), 'kernel/net/netfilter/ipvs/ip_vs_wrr.ko\n')
  writeFileSync(
    join(modules, 'modules.alias'),
    'alias ip_vs_sh ip_vs_hashes\nalias ip_vs_my_own ip_vs_hashes\n',
  )
  expect(answers()).toEqual([true, true, true, true, true, false, true, false, false])
})

test.each<[string, unknown, string]>([
  ['no plan', undefined, 'plan: expected an object'],
  ['another version', { version: 2, changes: [], force: false }, 'plan.version: expected 1'],
  ['no changes', { version: 1, force: false }, 'plan.changes: expected an array'],
  [
    'an unknown kind',
    { version: 1, force: false, changes: [{ kind: 'flush' }] },
    'plan.changes[0].kind: expected add-service',
  ],
  [
    'a change without its server',
    {
      version: 1,
      force: false,
      changes: [{ kind: 'delete-destination', service: web, before: {}, after: null }],
    },
    'plan.changes[0]: expected an object, got undefined',
  ],
  [
    'a deletion that does not say of what',
    {
      version: 1,
      force: false,
      changes: [
        {
          kind: 'delete-destination',
          service: web,
          destination: { address: '10.0.0.1', port: 80 },
          after: null,
        },
      ],
    },
    'plan.changes[0].before: expected an object, got undefined',
  ],
  [
    'a wrong setting',
    {
      version: 1,
      force: false,
      changes: [{ kind: 'add-service', service: web, before: null, after: { scheduler: 3 } }],
    },
    'plan.changes[0].scheduler: expected a string',
  ],
])('apply refuses %s before anything is sent', async (_, made, message) => {
  const director = new Proxy({}, { get: () => expect.fail('nothing may be sent') }) as never
  await expect(apply(director, made as Plan)).rejects.toThrow(message)
})
