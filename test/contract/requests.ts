// Contract: requests past the checks of the client, and what the kernel says to them.
// SPDX-License-Identifier: MIT

import type { Command, WireDestination, WireMessage, WireService } from '../../lib/abi.ts'
import { destinationToWire } from '../../lib/model/destination.ts'
import { serviceKey, serviceToWire } from '../../lib/model/service.ts'
import { absent, type Case, dns6, gives, justWeb, real, refused, web, webWithReal } from './case.ts'

const key = serviceKey(web)
const service = serviceToWire({ ...web, scheduler: 'wrr' })
const new81 = { ...service, port: 81 }
const six = serviceToWire(dns6)
const destination = destinationToWire(key, real)
const next = { ...destination, port: 81 }
const missing = serviceKey(absent)

type Row = readonly [
  what: string,
  command: Command,
  code: string,
  reason: string,
  body: WireMessage,
  dump?: boolean,
]

const bad = (what: string, body: WireMessage, command: Command = 'newService'): Row => [
  what,
  command,
  'EINVAL',
  'invalid',
  body,
]

const without = <T extends object>(complete: T, name: keyof T): T => ({ ...complete, [name]: undefined })

const incompleteServices = (
  ['family', 'protocol', 'address', 'port', 'scheduler', 'flags', 'timeout', 'netmask'] as const
).flatMap((name): Row[] => [
  bad(`a service without ${name}`, { service: without(new81, name) }),
  bad(`a service without ${name}`, { service: without(service, name) }, 'setService'),
])

const incompleteDestinations = (
  ['address', 'port', 'forwarding', 'weight', 'upperThreshold', 'lowerThreshold'] as const
).flatMap((name): Row[] => [
  bad(`a real server without ${name}`, { service: key, destination: without(next, name) }, 'newDest'),
  bad(`a real server without ${name}`, { service: key, destination: without(destination, name) }, 'setDest'),
])

const services: readonly Row[] = [
  bad('nothing', {}),
  bad('nothing', {}, 'setService'),
  bad('nothing', {}, 'delService'),
  bad('nothing', {}, 'getService'),
  bad('a family only', { service: { family: 2 } }, 'getService'),
  bad('a family only', { service: { family: 2 } }, 'zero'),
  bad('a scheduler’s name of 16 bytes', { service: { ...new81, scheduler: 'x'.repeat(16) } }),
  bad('an engine’s name of 17 bytes', { service: { ...new81, engine: 'x'.repeat(17) } }),
  bad('an IPv6 prefix of 0', { service: { ...six, netmask: 0 } }),
  bad('an IPv6 prefix of 129', { service: { ...six, netmask: 129 } }),
  [
    'an unknown family',
    'newService',
    'EAFNOSUPPORT',
    'family-unsupported',
    { service: { ...new81, family: 7 } },
  ],
  [
    'an unknown family',
    'getService',
    'EAFNOSUPPORT',
    'family-unsupported',
    { service: { ...key, family: 7 } },
  ],
  [
    'an unknown family',
    'delService',
    'EAFNOSUPPORT',
    'family-unsupported',
    { service: { ...key, family: 0 } },
  ],
  [
    'a nameless scheduler',
    'newService',
    'ENOENT',
    'no-such-scheduler',
    { service: { ...new81, scheduler: '' } },
  ],
  [
    'an engine’s name of 16 bytes',
    'newService',
    'ENOENT',
    'no-such-scheduler-or-engine',
    { service: { ...new81, engine: 'x'.repeat(16) } },
  ],
  ['one that is missing', 'setService', 'ESRCH', 'no-such-service', { service: serviceToWire(absent) }],
  ['one that is missing', 'delService', 'ESRCH', 'no-such-service', { service: missing }],
  ['one that is missing', 'zero', 'ESRCH', 'no-such-service', { service: missing }],
]

const server = (more: WireDestination): WireMessage => ({ service: key, destination: { ...next, ...more } })

const destinations: readonly Row[] = [
  bad('no real server', { service: key }, 'newDest'),
  bad('no real server', { service: key }, 'delDest'),
  bad('no service', { destination }, 'delDest'),
  ['a missing service and no real server', 'newDest', 'ESRCH', 'no-such-service', { service: missing }],
  ['a weight below 0', 'newDest', 'ERANGE', 'invalid', server({ weight: -1 })],
  [
    'a weight below 0',
    'setDest',
    'ERANGE',
    'invalid',
    { service: key, destination: { ...destination, weight: -1 } },
  ],
  ['a lower threshold alone', 'newDest', 'ERANGE', 'invalid', server({ lowerThreshold: 1 })],
  ['thresholds crossed', 'newDest', 'ERANGE', 'invalid', server({ upperThreshold: 1, lowerThreshold: 2 })],
  [
    'thresholds crossed, of one that is missing',
    'setDest',
    'ERANGE',
    'invalid',
    server({ lowerThreshold: 2 }),
  ],
  bad('GUE without a port', server({ forwarding: 2, tunnelType: 1 }), 'newDest'),
  bad('GUE without a port, and not even tunneling', server({ tunnelType: 1 }), 'newDest'),
  bad('no address at all', server({ address: new Uint8Array(4) }), 'newDest'),
  bad('multicast', server({ address: Uint8Array.of(224, 0, 0, 1) }), 'newDest'),
  bad('the last multicast address', server({ address: Uint8Array.of(239, 255, 255, 255) }), 'newDest'),
  bad('broadcast', server({ address: Uint8Array.of(255, 255, 255, 255) }), 'newDest'),
  bad(
    'another family, masquerading',
    server({ address: sixteen(0x20), family: 10, forwarding: 0 }),
    'newDest',
  ),
  bad('another family, by itself', server({ address: sixteen(0x20), family: 10 }), 'newDest'),
  bad('no IPv6 address', server({ address: sixteen(0), family: 10, forwarding: 2 }), 'newDest'),
  bad('multicast of IPv6', server({ address: sixteen(0xff), family: 10, forwarding: 2 }), 'newDest'),
  ['an unknown family', 'newDest', 'EAFNOSUPPORT', 'family-unsupported', server({ family: 7 })],
  ['an unknown family', 'delDest', 'EAFNOSUPPORT', 'family-unsupported', server({ family: 7 })],
  [
    'another family',
    'delDest',
    'ENOENT',
    'no-such-destination',
    server({ address: sixteen(0x20), family: 10 }),
  ],
  ['one that is there', 'newDest', 'EEXIST', 'destination-exists', { service: key, destination }],
  [
    'one that is there, by the service’s family',
    'newDest',
    'EEXIST',
    'destination-exists',
    {
      service: key,
      destination: without(destination, 'family'),
    },
  ],
]

function sixteen(first: number): Uint8Array {
  const address = new Uint8Array(16)
  address[0] = first
  return address
}

const others: readonly Row[] = [
  ['not as a list', 'getDest', 'EOPNOTSUPP', 'not-supported', { service: key }],
  ['not as a list', 'getDaemon', 'EOPNOTSUPP', 'not-supported', {}],
  ['as a list', 'getConfig', 'EOPNOTSUPP', 'not-supported', {}, true],
  ['as a list', 'getInfo', 'EOPNOTSUPP', 'not-supported', {}, true],
  ['as a list', 'newService', 'EOPNOTSUPP', 'not-supported', { service: new81 }, true],
  ['a reply', 'setInfo', 'EOPNOTSUPP', 'not-supported', {}],
  bad('a timeout beyond what the kernel can hold', { timeoutTcp: 0xffffffff }, 'setConfig'),
  bad('one bad timeout of three', { timeoutTcp: 5, timeoutTcpFin: 5, timeoutUdp: 0x7fffffff }, 'setConfig'),
  bad('no daemon', {}, 'newDaemon'),
  bad('no daemon', {}, 'delDaemon'),
  bad('a daemon without state', { daemon: { interface: 'lo', syncId: 0 } }, 'newDaemon'),
  bad('a daemon without interface', { daemon: { state: 1, syncId: 0 } }, 'newDaemon'),
  bad('a daemon without id', { daemon: { state: 1, interface: 'lo' } }, 'newDaemon'),
  bad('a daemon of state 3', { daemon: { state: 3, interface: 'lo', syncId: 0 } }, 'newDaemon'),
  bad('a daemon of state 0', { daemon: { state: 0 } }, 'delDaemon'),
  bad(
    'a group that is none',
    { daemon: { state: 1, interface: 'nope0', syncId: 0, group: Uint8Array.of(10, 0, 0, 1) } },
    'newDaemon',
  ),
  bad(
    'an IPv6 group that is none',
    { daemon: { state: 1, interface: 'lo', syncId: 0, group6: sixteen(0x20) } },
    'newDaemon',
  ),
]

const rows = [...services, ...incompleteServices, ...destinations, ...incompleteDestinations, ...others]

const refusals = rows.map(([what, command, code, reason, body, dump]) =>
  refused(`${command}: ${what}`, webWithReal, ({ raw }) => raw(command, body, dump), code, reason),
)

/** A service as it is read after it was added, or set, like this. */
const stored = (what: string, wire: WireService, value: WireService, command: Command = 'newService'): Case =>
  gives(
    `${command}: ${what}`,
    async (subject) => {
      if (command === 'setService') await justWeb(subject)
      await subject.raw(command, { service: wire })
      return (await subject.raw('getService', {}, true)).map((reply) => reply.service)
    },
    [value],
  )

const flags = (value: number, mask = 0xffffffff) => ({ flags: { value, mask } })

const accepted: readonly Case[] = [
  stored('the flag HASHED is the kernel’s own', new81, { ...flags(2) }),
  stored('every flag', { ...new81, ...flags(0xffffffff) }, { ...flags(0xffffffff) }),
  stored('HASHED cannot be cleared', { ...service, ...flags(0) }, { ...flags(2) }, 'setService'),
  stored('flags outside the mask are left alone', { ...new81, ...flags(0xff, 0x8) }, { ...flags(0xa) }),
  stored('a firewall mark of 0', { ...new81, fwmark: 0 }, { protocol: 6, port: 0 }),
  stored(
    'a firewall mark comes before the address',
    { ...new81, fwmark: 9 },
    { fwmark: 9, protocol: undefined },
  ),
  stored('an empty engine is none', { ...new81, engine: '' }, { engine: undefined }),
  stored('any netmask of IPv4', { ...new81, netmask: 0x00ff00ff }, { netmask: 0x00ff00ff }),
  stored(
    'replaced as a whole',
    { ...service, timeout: 77, netmask: 1 },
    { timeout: 77, netmask: 1 },
    'setService',
  ),
  gives(
    'newDest: nothing said of a tunnel',
    async (subject) => {
      await justWeb(subject)
      await subject.raw('newDest', { service: key, destination: { ...destination, forwarding: 2 } })
      await subject.raw('setDest', {
        service: key,
        destination: { ...destination, forwarding: 2, tunnelType: 1, tunnelPort: 9, tunnelFlags: 3 },
      })
      const before = await subject.ipvs.destinations.list(web)
      await subject.raw('setDest', { service: key, destination: { ...destination, forwarding: 2 } })
      return [...before, ...(await subject.ipvs.destinations.list(web))]
    },
    [{ tunnel: { type: 'gue', port: 9, checksum: 'flags-3' } }, { tunnel: { type: 'ipip' } }],
  ),
  gives(
    'newDest: bits of the method beyond its three',
    async (subject) => {
      await justWeb(subject)
      await subject.raw('newDest', { service: key, destination: { ...destination, forwarding: 0xf3 } })
      return subject.ipvs.destinations.list(web)
    },
    [{ forwarding: 'direct-routing' }],
  ),
  gives('getDest: of a service that is missing', ({ raw }) => raw('getDest', { service: missing }, true), []),
  gives('getDest: of nothing', ({ raw }) => raw('getDest', {}, true), []),
  gives('getDest: of half a service', ({ raw }) => raw('getDest', { service: { family: 2 } }, true), []),
  gives(
    'getService: a list is not filtered',
    async (subject) => {
      await justWeb(subject)
      return (await subject.raw('getService', { service: missing }, true)).length
    },
    1,
  ),
  gives(
    'setConfig: nothing and 0 keep what is there',
    async ({ raw, ipvs }) => {
      await raw('setConfig', {})
      await raw('setConfig', { timeoutTcp: 0, timeoutUdp: 44 })
      return ipvs.timeouts()
    },
    { tcp: 900, tcpFin: 120, udp: 44 },
  ),
  gives(
    'newDaemon: an id beyond 8 bits',
    async ({ raw, ipvs }) => {
      await raw('newDaemon', { daemon: { state: 2, interface: 'lo', syncId: 300 } })
      return ipvs.daemons.list()
    },
    [{ syncId: 300 }],
  ),
]

export const requestCases: readonly Case[] = [...refusals, ...accepted]
