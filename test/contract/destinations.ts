// Contract: real servers.
// SPDX-License-Identifier: MIT

import type { Destination, DestinationSettings, ServiceKey } from '../../lib/index.ts'
import {
  absent,
  type Case,
  dns6,
  gives,
  justWeb,
  mark,
  real,
  refused,
  type Subject,
  web,
  webWithReal,
} from './case.ts'

const most = 0x7fffffff

/** Real servers to add, and what is read back beyond what was given. */
const kinds: readonly (readonly [string, ServiceKey, Destination, object?])[] = [
  ['masquerading to another port', web, { ...real, port: 8080, forwarding: 'masquerading' }],
  ['masquerading to the packet’s port', web, { ...real, port: 0, forwarding: 'masquerading' }],
  ['direct routing, by default', web, { address: '10.0.0.1' }, { port: 80, forwarding: 'direct-routing' }],
  ['local', web, { ...real, forwarding: 'local' }],
  ['bypass', web, { ...real, forwarding: 'bypass' }],
  ['tunneling', web, { ...real, forwarding: 'tunneling' }, { tunnel: { type: 'ipip' } }],
  ['GUE', web, { ...real, forwarding: 'tunneling', tunnel: { type: 'gue', port: 6080 } }],
  [
    'GUE with remote checksums',
    web,
    { ...real, forwarding: 'tunneling', tunnel: { type: 'gue', port: 1, checksum: 'remote' } },
  ],
  ['GRE', web, { ...real, forwarding: 'tunneling', tunnel: { type: 'gre', checksum: 'plain' } }],
  ['weight 0', web, { ...real, weight: 0 }],
  ['a weight beyond 16 bits', web, { ...real, weight: 65_536 }],
  ['the largest weight', web, { ...real, weight: most }],
  ['an upper threshold', web, { ...real, upperThreshold: 9 }, { lowerThreshold: 0 }],
  ['both thresholds', web, { ...real, upperThreshold: 9, lowerThreshold: 9 }],
  ['the largest thresholds', web, { ...real, upperThreshold: most, lowerThreshold: most }],
  ['of a mark', mark, { address: '10.0.0.1' }, { port: 0 }],
  ['over IPv6', dns6, { address: '2001:db8::1' }, { port: 53, family: 'ipv6' }],
  ['IPv6 behind IPv4', web, { address: '2001:db8::1', forwarding: 'tunneling' }, { family: 'ipv6' }],
  ['IPv4 behind IPv6', dns6, { address: '10.0.0.1', forwarding: 'tunneling' }, { family: 'ipv4' }],
  ['the loopback address', web, { address: '127.0.0.1' }],
  ['a link-local address of IPv4', web, { address: '169.254.0.1' }],
  ['an address of class E', web, { address: '240.0.0.1' }],
  ['the loopback address of IPv6', dns6, { address: '::1' }],
  ['a unique local address', dns6, { address: 'fd00::1' }],
  ['a site-local address', dns6, { address: 'fec0::1' }],
  ['NAT64', dns6, { address: '64:ff9b::1' }],
  ['an IPv4-compatible address', dns6, { address: '::10.0.0.1' }, { address: '::a00:1' }],
]

const added = kinds.map(([name, service, destination, more]) =>
  gives(
    `real server: ${name}`,
    async ({ ipvs }) => {
      await ipvs.services.add(service)
      await ipvs.destinations.add(service, destination)
      return ipvs.destinations.list(service)
    },
    [{ weight: 1, ...destination, activeConns: 0, ...more }],
  ),
)

const forced = (
  [
    ['direct routing to another port', { ...real, port: 81 }],
    ['a method that nobody has defined', { ...real, forwarding: 'method-5' }],
    ['a tunnel that nobody has defined', { ...real, forwarding: 'tunneling', tunnel: { type: 'type-9' } }],
  ] satisfies (readonly [string, Destination])[]
).map(([name, destination]) =>
  gives(
    `real server, forced: ${name}`,
    async (subject) => {
      await justWeb(subject)
      await subject.ipvs.destinations.add(web, destination, { force: true })
      return subject.ipvs.destinations.list(web)
    },
    [destination],
  ),
)

const unusable = (
  [
    ['the broadcast address of lo', web, '127.255.255.255'],
    ['a link-local address of IPv6', dns6, 'fe80::1'],
    ['a mapped address', dns6, '::ffff:10.0.0.1'],
  ] as const
).map(([name, service, address]) =>
  refused(
    `real server: ${name}`,
    ({ ipvs }) => ipvs.services.add(service),
    ({ ipvs }) => ipvs.destinations.add(service, { address }),
    'EINVAL',
    'invalid',
  ),
)

const verbs = {
  add: ({ ipvs }) => ipvs.destinations.add(absent, real),
  edit: ({ ipvs }) => ipvs.destinations.edit(absent, real, { weight: 1 }),
  'edit of everything': ({ ipvs }) => ipvs.destinations.edit(absent, real, everything),
  delete: ({ ipvs }) => ipvs.destinations.delete(absent, real),
  get: ({ ipvs }) => ipvs.destinations.get(absent, real),
  list: ({ ipvs }) => ipvs.destinations.list(absent),
} satisfies Record<string, Case['run']>

const everything = {
  forwarding: 'masquerading',
  weight: 2,
  upperThreshold: 0,
  lowerThreshold: 0,
} satisfies DestinationSettings

const withoutService = Object.entries(verbs).map(([verb, run]) =>
  refused(
    `real server: ${verb}, of a service that is not there`,
    webWithReal,
    run,
    'ESRCH',
    'no-such-service',
  ),
)

const other = { ...real, port: 81 }
const withoutServer = Object.entries({
  edit: ({ ipvs }) => ipvs.destinations.edit(web, other, { weight: 1 }),
  'edit of everything': ({ ipvs }) => ipvs.destinations.edit(web, other, everything),
  delete: ({ ipvs }) => ipvs.destinations.delete(web, other),
  get: ({ ipvs }) => ipvs.destinations.get(web, other),
} satisfies Record<string, Case['run']>).map(([verb, run]) =>
  refused(`real server that is not there: ${verb}`, webWithReal, run, 'ENOENT', 'no-such-destination'),
)

const gue = { forwarding: 'tunneling', tunnel: { type: 'gue', port: 6080, checksum: 'plain' } } as const
const full = { ...real, ...gue, weight: 5, upperThreshold: 100, lowerThreshold: 50 } as const

const edits = (
  [
    ['the weight alone', { weight: 0 }, { ...full, weight: 0 }],
    ['the upper threshold alone', { upperThreshold: 60 }, { ...full, upperThreshold: 60 }],
    ['no thresholds', { upperThreshold: 0, lowerThreshold: 0 }, { upperThreshold: 0, lowerThreshold: 0 }],
    ['the port of the tunnel', { tunnel: { port: 7 } }, { tunnel: { ...gue.tunnel, port: 7 }, weight: 5 }],
    ['to GRE', { tunnel: { type: 'gre' } }, { tunnel: { type: 'gre', checksum: 'none' } }],
    ['to IPIP', { tunnel: { type: 'ipip' } }, { tunnel: { type: 'ipip' } }],
    ['out of the tunnel', { forwarding: 'masquerading' }, { forwarding: 'masquerading', weight: 5 }],
    ['everything', everything, everything],
  ] satisfies (readonly [string, DestinationSettings, object])[]
).map(([name, change, value]) =>
  gives(
    `real server, edit: ${name}`,
    async (subject) => {
      await justWeb(subject)
      await subject.ipvs.destinations.add(web, full)
      await subject.ipvs.destinations.edit(web, real, change)
      return subject.ipvs.destinations.get(web, real)
    },
    value,
  ),
)

const addresses = (count: number): string[] => Array.from({ length: count }, (_, i) => `10.0.1.${i + 1}`)
const many = async ({ ipvs }: Subject, count: number): Promise<void> => {
  await Promise.all(addresses(count).map((address) => ipvs.destinations.add(web, { address })))
}

const alone: readonly Case[] = [
  refused(
    'real server: added twice',
    webWithReal,
    ({ ipvs }) => ipvs.destinations.add(web, { ...real, weight: 9 }),
    'EEXIST',
    'destination-exists',
  ),
  gives(
    'real servers are listed newest first',
    async (subject) => {
      await justWeb(subject)
      await many(subject, 5)
      return (await subject.ipvs.destinations.list(web)).map(({ address }) => address)
    },
    addresses(5).reverse(),
  ),
  gives(
    'the same address with several ports, and in several services',
    async ({ ipvs }) => {
      const udp = { ...web, protocol: 'udp' } as const
      await Promise.all([web, udp].map((key) => ipvs.services.add(key)))
      const ports = [1, 2, 3]
      const masquerading = { ...real, forwarding: 'masquerading' } as const
      await Promise.all(ports.map((port) => ipvs.destinations.add(web, { ...masquerading, port })))
      await ipvs.destinations.add(udp, masquerading)
      await ipvs.destinations.delete(web, { ...real, port: 2 })
      return [await ipvs.destinations.list(web), await ipvs.destinations.list(udp)]
    },
    [[{ port: 3 }, { port: 1 }], [{ port: 80 }]],
  ),
  gives(
    'deleted, and added again: it comes back as it is added',
    async (subject) => {
      await webWithReal(subject)
      await subject.ipvs.destinations.delete(web, real)
      await subject.ipvs.destinations.add(web, { ...real, ...gue, weight: 8 })
      return subject.ipvs.destinations.list(web)
    },
    [{ ...real, ...gue, weight: 8 }],
  ),
  gives(
    'an edit does not change the order',
    async (subject) => {
      await justWeb(subject)
      await many(subject, 3)
      await subject.ipvs.destinations.edit(web, { address: '10.0.1.1' }, { weight: 7 })
      return (await subject.ipvs.destinations.list(web)).map(({ weight }) => weight)
    },
    [1, 1, 7],
  ),
  gives(
    'a dump of 200 real servers',
    async (subject) => {
      await justWeb(subject)
      await many(subject, 200)
      return (await subject.ipvs.destinations.list(web)).length
    },
    200,
  ),
  gives(
    'an IPv4 service has an IPv6 server of the same port, and both are told apart',
    async ({ ipvs }) => {
      await ipvs.services.add(web)
      await ipvs.destinations.add(web, { address: '10.0.0.1', forwarding: 'tunneling' })
      await ipvs.destinations.add(web, { address: 'a00:1::', forwarding: 'tunneling' })
      await ipvs.destinations.delete(web, { address: '10.0.0.1' })
      return ipvs.destinations.list(web)
    },
    [{ address: 'a00:1::', family: 'ipv6' }],
  ),
]

export const destinationCases: readonly Case[] = [
  ...added,
  ...forced,
  ...unusable,
  ...withoutService,
  ...withoutServer,
  ...edits,
  ...alone,
]
