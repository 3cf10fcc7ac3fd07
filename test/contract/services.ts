// Contract: virtual services.
// SPDX-License-Identifier: MIT

import type { Service, ServiceKey, ServiceSettings } from '../../lib/index.ts'
import { inTreeSchedulers } from '../../lib/testing/options.ts'
import { absent, type Case, dns6, gives, justWeb, mark, nothing, refused, web, webWithReal } from './case.ts'

const keys: readonly (readonly [string, ServiceKey])[] = [
  ['TCP over IPv4', web],
  ['UDP over IPv4', { ...web, protocol: 'udp' }],
  ['SCTP over IPv4', { ...web, protocol: 'sctp' }],
  ['TCP over IPv6', { ...dns6, protocol: 'tcp' }],
  ['UDP over IPv6', dns6],
  ['a firewall mark', mark],
  ['a firewall mark over IPv6', { ...mark, family: 'ipv6' }],
  ['the largest firewall mark', { fwmark: 0xffffffff }],
]

const perKey = keys.flatMap(([name, key]): Case[] => [
  gives(
    `${name}: added, then read`,
    async ({ ipvs }) => {
      await ipvs.services.add({ ...key, scheduler: 'rr' })
      return [await ipvs.services.get(key), await ipvs.services.list()]
    },
    [{ ...key, scheduler: 'rr', persistence: null, onePacket: false }, [{ ...key }]],
  ),
  refused(
    `${name}: added twice`,
    ({ ipvs }) => ipvs.services.add(key),
    ({ ipvs }) => ipvs.services.add({ ...key, scheduler: 'rr' }),
    'EEXIST',
    'service-exists',
  ),
  gives(
    `${name}: deleted, and gone`,
    async ({ ipvs }) => {
      await ipvs.services.add(key)
      await ipvs.services.delete(key)
      return ipvs.services.list()
    },
    [],
  ),
])

const verbs = {
  get: ({ ipvs }) => ipvs.services.get(absent),
  edit: ({ ipvs }) => ipvs.services.edit(absent, { scheduler: 'rr' }),
  delete: ({ ipvs }) => ipvs.services.delete(absent),
  zero: ({ ipvs }) => ipvs.services.zero(absent),
} satisfies Record<string, Case['run']>

const missing = Object.entries(verbs).map(([verb, run]) =>
  refused(`${verb} of a service that is not there`, webWithReal, run, 'ESRCH', 'no-such-service'),
)

/** Not every distribution builds twos. */
const everywhere = inTreeSchedulers.filter((scheduler) => scheduler !== 'twos')

const schedulers = [...everywhere, 'none'].map((scheduler) =>
  gives(
    `scheduler ${scheduler}`,
    async ({ ipvs }) => {
      await ipvs.services.add({ ...web, scheduler })
      return ipvs.services.get(web)
    },
    { scheduler },
  ),
)

/** Settings to add a service with, and what is read back. */
const settings: readonly (readonly [string, Service, object, force?: boolean])[] = [
  ['persistence by default', { ...web, persistence: {} }, { timeout: 360, netmask: '255.255.255.255' }],
  [
    'persistence with time and mask',
    { ...web, persistence: { timeout: 1, netmask: 24 } },
    { timeout: 1, netmask: '255.255.255.0' },
  ],
  [
    'the longest persistence that every kernel can hold',
    { ...web, persistence: { timeout: 4_294_967 } },
    { timeout: 4_294_967 },
  ],
  ['persistence over IPv6', { ...dns6, persistence: { netmask: 64 } }, { timeout: 360, netmask: 64 }],
  ['persistence of a mark', { ...mark, persistence: { netmask: '255.255.0.0' } }, { netmask: '255.255.0.0' }],
  ['an engine', { ...web, protocol: 'udp', persistence: { engine: 'sip' } }, { engine: 'sip' }],
  ['a netmask of 0', { ...web, persistence: { netmask: 0 } }, { netmask: '0.0.0.0' }, true],
  ['every port', { ...web, port: 0, persistence: { timeout: 5 } }, { timeout: 5 }],
]

const persistent = settings.map(([name, service, persistence, force]) =>
  gives(
    name,
    async ({ ipvs }) => {
      await ipvs.services.add(service, { force })
      return ipvs.services.get(service)
    },
    { persistence },
  ),
)

const flags = (
  [
    ['no flags', { schedulerFlags: [] }],
    ['flag 1', { schedulerFlags: ['flag-1'] }],
    ['flags 2 and 3', { schedulerFlags: ['flag-2', 'flag-3'] }],
    ['the flags of sh by name', { scheduler: 'sh', schedulerFlags: ['fallback', 'port'] }],
    ['the flags of mh by name', { scheduler: 'mh', schedulerFlags: ['fallback'] }],
    ['one packet', { onePacket: true }],
  ] satisfies (readonly [string, ServiceSettings])[]
).map(([name, given]) =>
  gives(
    name,
    async ({ ipvs }) => {
      await ipvs.services.add({ ...web, protocol: 'udp', ...given })
      return ipvs.services.get({ ...web, protocol: 'udp' })
    },
    given,
  ),
)

/** What the kernel stores without a word, though it can hardly serve it. */
const forced = (
  [
    ['port 0 without persistence', { ...web, port: 0 }],
    ['a protocol that is never looked up', { ...web, protocol: 'protocol-1' }],
    ['protocol 0', { ...web, protocol: 'protocol-0' }],
    ['the unspecified address', { ...web, address: '0.0.0.0' }],
    ['a multicast address', { ...web, address: '224.0.0.9' }],
    ['the broadcast address', { ...web, address: '255.255.255.255' }],
    ['a mapped address', { ...web, address: '::ffff:192.0.2.1' }],
    ['one packet of TCP', { ...web, onePacket: true }],
    ['SIP over TCP', { ...web, persistence: { engine: 'sip' } }],
  ] satisfies (readonly [string, Service])[]
).map(([name, service]) =>
  gives(
    `forced: ${name}`,
    async ({ ipvs }) => {
      await ipvs.services.add(service, { force: true })
      return ipvs.services.list()
    },
    [{ address: service.address, port: service.port, protocol: service.protocol }],
  ),
)

const flagged = { ...web, protocol: 'udp', scheduler: 'sh', schedulerFlags: ['fallback'] } as const

/** Of a service with everything set: settings to change, and what is read back. */
const edits = (
  [
    ['the scheduler alone', { scheduler: 'mh' }, { scheduler: 'mh', schedulerFlags: ['fallback'] }],
    ['to no scheduler', { scheduler: 'none' }, { scheduler: 'none', persistence: { engine: 'sip' } }],
    ['the flags alone', { schedulerFlags: ['port'] }, { schedulerFlags: ['port'], onePacket: true }],
    ['no flags', { schedulerFlags: [] }, { schedulerFlags: [], onePacket: true }],
    ['the time alone', { persistence: { timeout: 9 } }, { persistence: { timeout: 9, engine: 'sip' } }],
    [
      'the mask alone',
      { persistence: { netmask: 8 } },
      { persistence: { timeout: 50, netmask: '255.0.0.0' } },
    ],
    ['persistence off', { persistence: null }, { persistence: null, schedulerFlags: ['fallback'] }],
    ['one packet off', { onePacket: false }, { onePacket: false, persistence: { timeout: 50 } }],
    ['nothing', {}, { ...flagged, onePacket: true, persistence: { timeout: 50, engine: 'sip' } }],
  ] satisfies (readonly [string, ServiceSettings, object])[]
).map(([name, change, value]) =>
  gives(
    `edit: ${name}`,
    async ({ ipvs }) => {
      const persistence = { timeout: 50, netmask: 24, engine: 'sip' }
      await ipvs.services.add({ ...flagged, onePacket: true, persistence })
      await ipvs.destinations.add(flagged, { address: '10.0.0.1' })
      await ipvs.services.edit(flagged, change)
      return ipvs.services.get(flagged)
    },
    value,
  ),
)

const alone: readonly Case[] = [
  gives(
    'an engine is taken away',
    async ({ ipvs }) => {
      const sip = { ...web, protocol: 'udp', persistence: { engine: 'sip' } } as const
      await ipvs.services.add(sip)
      await ipvs.services.edit(sip, { persistence: { engine: null } })
      return (await ipvs.services.get(sip)).persistence
    },
    { timeout: 360, netmask: '255.255.255.255' },
  ),
  gives(
    'edit makes a service persistent',
    async ({ ipvs }) => {
      await ipvs.services.add(web)
      await ipvs.services.edit(web, { persistence: { timeout: 7 } })
      return ipvs.services.get(web)
    },
    { scheduler: 'wlc', persistence: { timeout: 7, netmask: '255.255.255.255' } },
  ),
  refused(
    'a scheduler that nobody has',
    nothing,
    ({ ipvs }) => ipvs.services.add({ ...web, scheduler: 'nope' }),
    'ENOENT',
    'no-such-scheduler',
  ),
  refused(
    'a scheduler that nobody has, on edit',
    webWithReal,
    ({ ipvs }) => ipvs.services.edit(web, { scheduler: 'nope' }),
    'ENOENT',
    'no-such-scheduler',
  ),
  refused(
    'an engine that nobody has',
    nothing,
    ({ ipvs }) => ipvs.services.add({ ...web, protocol: 'udp', persistence: { engine: 'nope' } }),
    'ENOENT',
    'no-such-scheduler-or-engine',
  ),
  refused(
    'an engine that nobody has, on edit',
    justWeb,
    ({ ipvs }) => ipvs.services.edit(web, { persistence: { engine: 'nope' } }, { force: true }),
    'ENOENT',
    'no-such-scheduler-or-engine',
  ),
  refused(
    'a service that exists, with a scheduler that does not',
    justWeb,
    ({ ipvs }) => ipvs.services.add({ ...web, scheduler: 'nope' }),
    'EEXIST',
    'service-exists',
  ),
  gives(
    'one mark, two families; one port, two protocols',
    async ({ ipvs }) => {
      const six = { ...mark, family: 'ipv6' } as const
      const udp = { ...web, protocol: 'udp' } as const
      await Promise.all([mark, six, web, udp].map((key) => ipvs.services.add(key)))
      await ipvs.services.edit(six, { scheduler: 'rr' })
      return Promise.all([mark, six, web, udp].map(async (key) => (await ipvs.services.get(key)).scheduler))
    },
    ['wlc', 'rr', 'wlc', 'wlc'],
  ),
]

export const serviceCases: readonly Case[] = [
  ...perKey,
  ...missing,
  ...schedulers,
  ...persistent,
  ...flags,
  ...forced,
  ...edits,
  ...alone,
]
