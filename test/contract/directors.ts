// Contract: the whole table, daemons, calls made together, and policy on top.
// SPDX-License-Identifier: MIT

import { apply, type Daemon, drain, plan, restore, save, undrain } from '../../lib/index.ts'
import {
  absent,
  type Case,
  dns6,
  gives,
  mark,
  nothing,
  real,
  refused,
  type Subject,
  settled,
  web,
  webWithReal,
} from './case.ts'

const daemonCases: readonly Case[] = [
  ...(
    [
      ['a master by default', { state: 'master', interface: 'eth0' }, { maxLength: 1472, syncId: 0 }],
      [
        'a backup by default',
        { state: 'backup', interface: 'eth0' },
        { maxLength: 1472, port: 8848, ttl: 1 },
      ],
      ['a master on lo', { state: 'master', interface: 'lo' }, { maxLength: 1472 }],
      ['a backup on lo', { state: 'backup', interface: 'lo' }, { maxLength: 65_507 }],
      ['a master of IPv6', { state: 'master', interface: 'eth0', group: 'ff15::1' }, { maxLength: 1452 }],
      ['a master of short messages', { state: 'master', interface: 'eth0', maxLength: 1 }, { maxLength: 1 }],
      [
        'a backup of short messages',
        { state: 'backup', interface: 'eth0', maxLength: 1 },
        { maxLength: 1024 },
      ],
      [
        'a backup of long messages',
        { state: 'backup', interface: 'eth0', maxLength: 65_535 },
        { maxLength: 65_507 },
      ],
      [
        'everything named',
        { state: 'master', interface: 'eth0', syncId: 255, group: '239.1.2.3', port: 9, ttl: 255 },
        { maxLength: 1472 },
      ],
    ] satisfies (readonly [string, Daemon, object])[]
  ).map(([name, daemon, more]) =>
    gives(
      `daemon: ${name}`,
      async ({ ipvs }) => {
        await ipvs.daemons.start(daemon)
        return ipvs.daemons.list()
      },
      [{ ...daemon, ...more }],
    ),
  ),
  refused(
    'daemon: an interface that is not there',
    nothing,
    ({ ipvs }) => ipvs.daemons.start({ state: 'master', interface: 'nope0' }),
    'ENODEV',
    'no-such-interface',
  ),
  refused(
    'daemon: one that runs already',
    ({ ipvs }) => ipvs.daemons.start({ state: 'backup', interface: 'lo' }),
    ({ ipvs }) => ipvs.daemons.start({ state: 'backup', interface: 'eth0', syncId: 3 }),
    'EEXIST',
    'daemon-exists',
  ),
  refused(
    'daemon: one to stop that does not run',
    ({ ipvs }) => ipvs.daemons.start({ state: 'backup', interface: 'lo' }),
    ({ ipvs }) => ipvs.daemons.stop('master'),
    'ESRCH',
    'no-such-daemon',
  ),
  gives(
    'daemon: both, and one of them stopped',
    async ({ ipvs }) => {
      await ipvs.daemons.start({ state: 'backup', interface: 'eth0', syncId: 2 })
      await ipvs.daemons.start({ state: 'master', interface: 'eth0', syncId: 1 })
      const both = await ipvs.daemons.list()
      await ipvs.daemons.stop('backup')
      return [both, await ipvs.daemons.list()]
    },
    [
      [
        { state: 'master', syncId: 1 },
        { state: 'backup', syncId: 2 },
      ],
      [{ state: 'master' }],
    ],
  ),
  refused(
    'daemon: not beside real servers of another family',
    async ({ ipvs }) => {
      await ipvs.services.add(web)
      await ipvs.destinations.add(web, { address: '2001:db8::1', forwarding: 'tunneling' })
    },
    ({ ipvs }) => ipvs.daemons.start({ state: 'master', interface: 'nope0' }),
    'EINVAL',
    'invalid',
  ),
  refused(
    'daemon: no real servers of another family beside it',
    async (subject) => {
      await webWithReal(subject)
      await subject.ipvs.daemons.start({ state: 'backup', interface: 'lo' })
    },
    ({ ipvs }) => ipvs.destinations.add(web, { address: '2001:db8::1', forwarding: 'tunneling' }),
    'EINVAL',
    'invalid',
  ),
  gives(
    'daemon: a real server of another family that went does not count',
    async ({ ipvs }) => {
      const other = { address: '2001:db8::1', forwarding: 'tunneling' } as const
      await ipvs.services.add(web)
      await ipvs.destinations.add(web, other)
      await ipvs.destinations.delete(web, other)
      await ipvs.daemons.start({ state: 'backup', interface: 'lo' })
      return (await ipvs.daemons.list()).length
    },
    1,
  ),
]

const filled = async (subject: Subject): Promise<void> => {
  const { ipvs } = subject
  await webWithReal(subject)
  await Promise.all([
    ipvs.services.add({ ...dns6, persistence: { timeout: 60, netmask: 64 } }),
    ipvs.services.add(mark),
    ipvs.destinations.add(dns6, { address: '2001:db8::1', weight: 2 }),
    ipvs.destinations.add(mark, { address: '10.0.0.9' }),
  ])
}

const tableCases: readonly Case[] = [
  gives('an empty table', ({ ipvs }) => ipvs.snapshot(), { services: [], stable: true }),
  gives('info', ({ ipvs }) => ipvs.info(), { version: '1.2.1' }),
  gives('timeouts by default', ({ ipvs }) => ipvs.timeouts(), { tcp: 900, tcpFin: 120, udp: 300 }),
  gives(
    'timeouts, one after the other',
    async ({ ipvs }) => {
      await ipvs.setTimeouts({ tcp: 7200 })
      await ipvs.setTimeouts({ tcpFin: 1, udp: 2_147_483 })
      return ipvs.timeouts()
    },
    { tcp: 7200, tcpFin: 1, udp: 2_147_483 },
  ),
  refused(
    'timeouts: one that no kernel can hold, of three',
    nothing,
    ({ ipvs }) => ipvs.setTimeouts({ tcp: 1, tcpFin: 1, udp: 0x7fffffff }),
    'EINVAL',
    'invalid',
  ),
  gives(
    'flush',
    async (subject) => {
      await filled(subject)
      await subject.ipvs.flush()
      return subject.ipvs.snapshot()
    },
    { services: [], stable: true },
  ),
  gives(
    'zero, of all and of one',
    async (subject) => {
      await filled(subject)
      await subject.ipvs.services.zero(mark)
      await subject.ipvs.zero()
    },
    undefined,
  ),
  gives(
    'both clients see one table',
    ({ ipvs, sync }) => {
      sync.services.add(web)
      sync.destinations.add(web, real)
      return ipvs.snapshot()
    },
    { services: [{ ...web, destinations: [real] }] },
  ),
  gives(
    'the synchronous client, and what it throws',
    async (subject) => {
      const { sync } = subject
      await filled(subject)
      sync.destinations.edit(web, real, { weight: 0 })
      return [
        await settled(() => sync.services.delete(absent)),
        await settled(() => sync.destinations.add(web, real)),
        sync.destinations.list(web),
        sync.info().version,
        sync.snapshot().services.length,
      ]
    },
    [
      { error: { reason: 'no-such-service' } },
      { error: { reason: 'destination-exists' } },
      [{ weight: 0 }],
      '1.2.1',
      3,
    ],
  ),
  gives(
    '300 calls in one tick, every third of which fails',
    async ({ ipvs }) => {
      await ipvs.services.add(web)
      const add = (i: number) => ipvs.destinations.add(web, { address: `10.0.${i % 3}.${i % 200}` })
      const all = await Promise.all(Array.from({ length: 300 }, (_, i) => settled(() => add(i))))
      return all.filter((one) => 'error' in one).length
    },
    0,
  ),
  gives(
    'edits made together share their readings and keep what is not named',
    async (subject) => {
      const { ipvs } = subject
      await webWithReal(subject)
      await Promise.all([
        ipvs.destinations.edit(web, real, { weight: 4 }),
        ipvs.destinations.edit(web, real, { upperThreshold: 10 }),
        ipvs.destinations.edit(web, real, { lowerThreshold: 5 }),
        ipvs.services.edit(web, { persistence: {} }),
        ipvs.services.edit(web, { schedulerFlags: ['flag-1'] }),
      ])
      return ipvs.destinations.get(web, real)
    },
    { weight: 4, upperThreshold: 10, lowerThreshold: 5, forwarding: 'masquerading' },
  ),
  gives(
    'a service that is added again has none of its old real servers',
    async (subject) => {
      await webWithReal(subject)
      await subject.ipvs.services.delete(web)
      await subject.ipvs.services.add(web)
      return subject.ipvs.destinations.list(web)
    },
    [],
  ),
]

const desired = {
  services: [
    {
      ...web,
      scheduler: 'wlc',
      destinations: [
        { ...real, forwarding: 'masquerading', weight: 9 },
        { address: '10.0.0.2', port: 80, forwarding: 'masquerading' },
      ],
    },
    { ...dns6, protocol: 'tcp', scheduler: 'mh', schedulerFlags: ['port'], destinations: [] },
  ],
} as const

const policyCases: readonly Case[] = [
  gives(
    'plan and apply',
    async (subject) => {
      const { ipvs } = subject
      await filled(subject)
      const made = await plan(ipvs, desired)
      const applied = await apply(ipvs, made)
      return { made, applied, again: (await plan(ipvs, desired)).changes }
    },
    { applied: { complete: true }, again: [] },
  ),
  gives(
    'apply, when others have deleted the service meanwhile',
    async (subject) => {
      const { ipvs } = subject
      await webWithReal(subject)
      const made = await plan(ipvs, desired)
      await ipvs.services.delete(web)
      const { complete, outcomes } = await apply(ipvs, made)
      return { complete, each: outcomes.map(({ status }) => status) }
    },
    { complete: false },
  ),
  gives(
    'save, flush, restore',
    async (subject) => {
      const { ipvs } = subject
      await filled(subject)
      await ipvs.setTimeouts({ udp: 30 })
      const text = await save(ipvs)
      await ipvs.flush()
      await restore(ipvs, text)
      return { text, same: (await save(ipvs)) === text }
    },
    { same: true },
  ),
  gives(
    'restore: a line that is refused, in the middle',
    async ({ ipvs }) => {
      const lines = ['-A -t 192.0.2.10:80 -s rr', '-a -t 192.0.2.10:81 -r 10.0.0.1', '-A -f 3 -s rr']
      return settled(() => restore(ipvs, `${lines.join('\n')}\n`))
    },
    { error: { type: 'RulesError' } },
  ),
  gives(
    'drain of a server without connections, and of one that is not there',
    async (subject) => {
      const { ipvs } = subject
      await webWithReal(subject)
      await ipvs.destinations.add(web, { address: '10.0.0.2', forwarding: 'masquerading' })
      const items = []
      for await (const item of drain(ipvs, web, real, { interval: 1 })) items.push(item)
      const { elapsed, ...last } = items.at(-1)!
      return [last, elapsed < 60_000, await settled(() => undrain(ipvs, web, real, 3))]
    },
    [{ state: 'drained', deleted: true, weightBefore: 3 }, true, {}],
  ),
]

export const directorCases: readonly Case[] = [...tableCases, ...daemonCases, ...policyCases]
