// What is refused before anything is sent: each error names the field and the rule.
// SPDX-License-Identifier: MIT

import { expect, test } from 'vitest'
import { Director } from '../../lib/director.ts'
import type { Daemon, Destination, Persistence, Service, ServiceKey } from '../../lib/index.ts'
import { queueOver, ScriptedSocket } from './script.ts'

const web = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
const dns = { protocol: 'udp', address: '192.0.2.1', port: 53 } as const
const six = { protocol: 'tcp', address: '2001:db8::1', port: 80 } as const
const real = { address: '10.0.0.1' } as const

const socket = new ScriptedSocket(() => 0)
const ipvs = new Director(queueOver(socket))

/** Wrong on purpose, also for the compiler. */
const wrong = (value: unknown) => value as never

const refused = async (call: Promise<unknown>, type: typeof TypeError | typeof RangeError, text: string) => {
  const before = socket.transactions.length
  await expect(call).rejects.toThrow(type)
  await expect(call).rejects.toThrow(text)
  expect(socket.transactions).toHaveLength(before)
}

const badServices: [Service, typeof TypeError | typeof RangeError, string][] = [
  [wrong(undefined), TypeError, 'service: expected an object, got undefined'],
  [{ ...web, protocol: wrong('icmp') }, TypeError, 'protocol: expected tcp, udp, sctp; got'],
  [{ ...web, address: 'localhost' }, RangeError, 'address: not an IPv4 or IPv6 address'],
  [{ ...web, address: 'fe80::1%eth0' }, RangeError, 'address: not an IPv4 or IPv6 address without a zone'],
  [{ ...web, address: wrong(1) }, TypeError, 'address: expected an IP address in text'],
  [{ ...web, port: 65536 }, RangeError, 'port: expected an integer 0..65535, got 65536'],
  [{ ...web, port: wrong('80') }, TypeError, "port: expected a number, got '80'"],
  [{ ...web, port: 80.5 }, RangeError, 'port: expected an integer'],
  [{ ...web, port: Number.NaN }, RangeError, 'port: expected an integer'],
  [{ fwmark: 0 }, RangeError, 'fwmark: expected an integer 1..4294967295'],
  [{ fwmark: 2 ** 32 }, RangeError, 'fwmark: expected an integer'],
  [wrong({ fwmark: 1, port: 80 }), TypeError, 'port: a service with fwmark has none'],
  [{ fwmark: 1, family: wrong('inet') }, TypeError, 'family: expected ipv4, ipv6'],
  [{ ...web, scheduler: '' }, RangeError, 'scheduler: expected 1..15 bytes'],
  [{ ...web, scheduler: 'x'.repeat(16) }, RangeError, 'scheduler: expected 1..15 bytes'],
  [{ ...web, scheduler: 'r r' }, RangeError, 'scheduler: white space'],
  [wrong({ ...web, schedular: 'rr' }), TypeError, "unknown field 'schedular'; did you mean scheduler?"],
  [wrong({ ...web, weight: 1 }), TypeError, "unknown field 'weight'; known: protocol, address"],
  [{ ...web, schedulerFlags: wrong('port') }, TypeError, 'schedulerFlags: expected an array'],
  [{ ...web, schedulerFlags: wrong(['flag-4']) }, TypeError, 'schedulerFlags: expected fallback, port'],
  [{ ...web, schedulerFlags: ['port'] }, TypeError, 'schedulerFlags: wlc gives flag-1 and flag-2 no names'],
  [{ ...web, family: 'ipv6' }, RangeError, 'family: 192.0.2.1 is not of ipv6'],
  [{ ...web, onePacket: wrong(1) }, TypeError, 'onePacket: expected true or false'],
  [{ ...web, persistence: wrong(300) }, TypeError, 'persistence: expected an object'],
  [
    { ...web, persistence: { timeout: 0 } },
    RangeError,
    'persistence.timeout: expected an integer 1..4294967',
  ],
  [{ ...web, persistence: { timeout: 4_294_968 } }, RangeError, 'persistence.timeout: expected an integer'],
  [{ ...web, persistence: { netmask: 33 } }, RangeError, 'persistence.netmask: expected an integer 0..32'],
  [{ ...web, persistence: { netmask: 'ffff::' } }, RangeError, 'persistence.netmask: expected a dotted mask'],
  [{ ...six, persistence: { netmask: 0 } }, RangeError, 'persistence.netmask: expected an integer 1..128'],
  [{ ...six, persistence: { netmask: '255.0.0.0' } }, TypeError, 'persistence.netmask: expected a number'],
  [
    { ...web, persistence: { engine: 'x'.repeat(16) } },
    RangeError,
    'persistence.engine: expected 1..15 bytes',
  ],
  [{ ...web, persistence: wrong({ netMask: 24 }) }, TypeError, 'did you mean netmask?'],
]

test.each(badServices)('service %j', async (service, type, text) => {
  await refused(ipvs.services.add(service, { force: true }), type, text)
})

/** Accepted by the kernel, served by nobody: refused unless forced. */
const useless: [Service, string][] = [
  [{ ...web, protocol: 'protocol-1' }, 'protocol: only tcp, udp and sctp'],
  [{ ...web, address: '0.0.0.0' }, 'address: no packet is sent to the unspecified address'],
  [{ ...web, address: '224.0.0.1' }, 'address: IPVS balances neither multicast nor broadcast'],
  [{ ...six, address: 'ff02::1' }, 'address: IPVS balances neither multicast nor broadcast'],
  [{ ...web, address: '255.255.255.255' }, 'address: IPVS balances neither multicast nor broadcast'],
  [{ ...six, address: '::ffff:192.0.2.1' }, 'address: ::ffff:0:0/96 is not seen on the wire'],
  [{ ...web, port: 0 }, 'port: 0 (every port) needs persistence'],
  [{ ...web, onePacket: true }, 'onePacket: only UDP'],
  [{ ...web, persistence: { netmask: 0 } }, 'persistence.netmask: 0 sends every client to one server'],
  [{ ...web, persistence: { engine: 'sip' } }, 'persistence.engine: sip reads UDP only'],
]

test.each(useless)('useless service %j', async (service, text) => {
  await refused(ipvs.services.add(service), RangeError, text)
  await refused(ipvs.services.add(service), RangeError, '{ force: true } sends it')
  await ipvs.services.add(service, { force: true })
})

test.each<Service>([
  { ...web, port: 0, persistence: {} },
  { ...dns, onePacket: true },
  { fwmark: 1, onePacket: true },
  { ...dns, persistence: { engine: 'sip' } },
  { fwmark: 4294967295, family: 'ipv6', persistence: { engine: 'sip', netmask: 1 } },
])('fine: service %j', async (service) => {
  await ipvs.services.add(service)
})

const badDestinations: [ServiceKey, Destination, typeof TypeError | typeof RangeError, string][] = [
  [web, { address: '10.0.0' }, RangeError, 'address: not an IPv4 or IPv6 address'],
  [web, { ...real, port: -1 }, RangeError, 'port: expected an integer 0..65535, got -1'],
  [web, { ...real, weight: -1 }, RangeError, 'weight: expected an integer 0..2147483647, got -1'],
  [web, { ...real, weight: 2 ** 31 }, RangeError, 'weight: expected an integer 0..2147483647'],
  [web, { ...real, upperThreshold: 2 ** 31 }, RangeError, 'upperThreshold: expected an integer'],
  [web, { ...real, lowerThreshold: 1 }, RangeError, 'lowerThreshold: 1 is above upperThreshold 0'],
  [web, { ...real, upperThreshold: 5, lowerThreshold: 6 }, RangeError, 'lowerThreshold: 6 is above'],
  [
    web,
    { ...real, forwarding: wrong('nat') },
    TypeError,
    'forwarding: expected masquerading, local, tunneling',
  ],
  [web, { ...real, forwarding: wrong('toString') }, TypeError, 'forwarding: expected masquerading'],
  [web, wrong({ ...real, wieght: 1 }), TypeError, "unknown field 'wieght'; did you mean weight?"],
  [
    web,
    { address: '2001:db8::5' },
    RangeError,
    'address: another family than the service needs forwarding tunneling',
  ],
  [web, { address: '0.0.0.0' }, RangeError, 'address: a real server needs a unicast address'],
  [web, { address: '224.1.1.1' }, RangeError, 'address: a real server needs a unicast address'],
  [web, { address: '255.255.255.255' }, RangeError, 'address: a real server needs a unicast address'],
  [web, { ...real, tunnel: { type: 'gre' } }, RangeError, 'tunnel: only with forwarding tunneling'],
  [web, { ...real, forwarding: 'tunneling', tunnel: { type: 'gue' } }, RangeError, 'tunnel.port: gue needs'],
  [web, { ...real, forwarding: 'tunneling', tunnel: { port: 1 } }, RangeError, 'the other types have none'],
  [
    web,
    { ...real, forwarding: 'tunneling', tunnel: { checksum: 'plain' } },
    RangeError,
    'ipip has no checksum',
  ],
  [
    web,
    { ...real, forwarding: 'tunneling', tunnel: { type: 'gre', checksum: 'remote' } },
    RangeError,
    'remote offload is for gue',
  ],
  [web, { ...real, tunnel: { type: wrong('vxlan') } }, TypeError, 'tunnel.type: expected ipip, gue, gre'],
  [
    web,
    { ...real, tunnel: { type: 'gue', port: 0 } },
    RangeError,
    'tunnel.port: expected an integer 1..65535',
  ],
]

test.each(badDestinations)('real server of %j: %j', async (service, destination, type, text) => {
  await refused(ipvs.destinations.add(service, destination, { force: true }), type, text)
})

test.each([
  [web, { ...real, port: 8080, forwarding: 'direct-routing' }],
  [web, { ...real, port: 8080, forwarding: 'tunneling' }],
  [web, { ...real, forwarding: 'method-5' }],
  [web, { ...real, forwarding: 'tunneling', tunnel: { type: 'type-9' } }],
] as const)('useless real server of %j: %j', async (service, destination) => {
  await refused(ipvs.destinations.add(service, destination), RangeError, '{ force: true } sends it')
  await ipvs.destinations.add(service, destination, { force: true })
})

test('edits are checked before anything is read', async () => {
  await refused(ipvs.services.edit(web, wrong({ port: 1 })), TypeError, "settings: unknown field 'port'")
  await refused(ipvs.services.edit(web, wrong(null)), TypeError, 'settings: expected an object')
  await refused(ipvs.destinations.edit(web, real, { weight: 1.5 }), RangeError, 'weight')
  await refused(ipvs.destinations.edit(web, real, wrong({ address: '1.2.3.4' })), TypeError, 'unknown field')
})

test.each<[Daemon, typeof TypeError | typeof RangeError, string]>([
  [{ state: wrong('slave'), interface: 'eth0' }, TypeError, 'state: expected master, backup'],
  [{ state: 'master', interface: 'x'.repeat(16) }, RangeError, 'interface: expected 1..15 bytes'],
  [{ state: 'master', interface: 'eth0', syncId: 256 }, RangeError, 'syncId: expected an integer 0..255'],
  [
    { state: 'master', interface: 'eth0', group: '10.0.0.1' },
    RangeError,
    'group: 10.0.0.1 is not a multicast',
  ],
  [{ state: 'master', interface: 'eth0', port: 0 }, RangeError, 'port: expected an integer 1..65535'],
  [{ state: 'master', interface: 'eth0', ttl: 256 }, RangeError, 'ttl: expected an integer 1..255'],
  [{ state: 'master', interface: 'eth0', maxLength: 0 }, RangeError, 'maxLength: expected an integer'],
])('daemon %j', async (daemon, type, text) => {
  await refused(ipvs.daemons.start(daemon), type, text)
})

test('timeouts', async () => {
  await refused(ipvs.setTimeouts({ tcp: 0 }), RangeError, 'tcp: expected an integer 1..2147483647')
  await refused(ipvs.setTimeouts(wrong({ tcpfin: 1 })), TypeError, 'did you mean tcpFin?')
})

test('an engine or netmask of a persistence that is no object fails', async () => {
  await refused(
    ipvs.services.edit(web, { persistence: wrong([]) as Persistence }),
    TypeError,
    'persistence: expected',
  )
})

test.each<[ServiceKey, Destination]>([
  [{ fwmark: 1 }, { ...real, port: 8080 }], // a mark has no port that direct routing would have to keep
  [web, { ...real, port: 0, forwarding: 'masquerading' }],
  [{ ...web, port: 0 }, real],
])('fine: real server of %j: %j', async (service, destination) => {
  await ipvs.destinations.add(service, destination)
})

test('options', async () => {
  await refused(
    ipvs.zero(wrong({ signal: new AbortController() })),
    TypeError,
    'options.signal: expected an AbortSignal',
  )
  await refused(
    ipvs.services.list(wrong({ signal: 1 })),
    TypeError,
    'options.signal: expected an AbortSignal',
  )
  await refused(ipvs.zero(wrong(null)), TypeError, 'options: expected an object, got null')
  await refused(ipvs.services.add(web, wrong({ forse: true })), TypeError, 'did you mean force?')
  await refused(
    ipvs.services.add(web, { force: wrong(1) }),
    TypeError,
    'options.force: expected true or false',
  )
})
