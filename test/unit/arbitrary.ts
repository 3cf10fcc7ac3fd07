// Random services, real servers and daemons, as a user may write them.
// SPDX-License-Identifier: MIT

import fc from 'fast-check'
import { formatAddress } from '../../lib/address.ts'
import type { Daemon, Destination, Service } from '../../lib/index.ts'

const port = fc.integer({ min: 1, max: 0xffff })
const addressOf = (family: 'ipv4' | 'ipv6') =>
  family === 'ipv4'
    ? fc
        .tuple(fc.integer({ min: 1, max: 223 }), fc.nat(255), fc.nat(255), fc.nat(255))
        .map((b) => b.join('.'))
    : fc
        .uint8Array({ minLength: 15, maxLength: 15 })
        .map((bytes) => formatAddress(Uint8Array.from([0x20, ...bytes]), 10))
const family = fc.constantFrom('ipv4', 'ipv6')
const name = fc.stringMatching(/^[a-z][a-z0-9_-]{0,14}$/)

const persistence = (of: 'ipv4' | 'ipv6') =>
  fc.record(
    {
      timeout: fc.integer({ min: 1, max: 4_294_967 }),
      netmask:
        of === 'ipv6'
          ? fc.integer({ min: 1, max: 128 })
          : fc.oneof(
              fc.integer({ min: 1, max: 32 }),
              fc
                .integer({ min: 1, max: 0xffffffff })
                .map((m) => [24, 16, 8, 0].map((s) => (m >>> s) & 255).join('.')),
            ),
      engine: name.filter((engine) => engine !== 'sip'),
    },
    { requiredKeys: [] },
  )

const settings = (of: 'ipv4' | 'ipv6') =>
  fc.record(
    {
      scheduler: fc.oneof(fc.constantFrom('rr', 'wrr', 'sh', 'mh', 'maglev', 'none'), name),
      schedulerFlags: fc.uniqueArray(fc.constantFrom('flag-1', 'flag-2', 'flag-3')),
      named: fc.uniqueArray(fc.constantFrom('fallback', 'port')),
      persistence: fc.oneof(fc.constant(null), persistence(of)),
    },
    { requiredKeys: [] },
  )

export const service: fc.Arbitrary<Service> = family.chain((of) =>
  fc
    .tuple(
      fc.oneof(
        fc.record({ protocol: fc.constantFrom('tcp', 'udp', 'sctp'), address: addressOf(of), port }),
        fc.record({ fwmark: fc.integer({ min: 1, max: 0xffffffff }), family: fc.constant(of) }),
      ),
      settings(of),
      fc.boolean(),
    )
    .map(([key, { named, ...rest }, onePacket]) => {
      // Only some schedulers name their flags.
      if (named !== undefined && ['sh', 'mh', 'maglev'].includes(rest.scheduler ?? '')) {
        return { ...key, ...rest, schedulerFlags: named } as Service
      }
      const datagrams = !('protocol' in key) || key.protocol === 'udp'
      return { ...key, ...rest, ...(datagrams ? { onePacket } : {}) } as Service
    }),
)

export const destinationOf = (of: 'ipv4' | 'ipv6', servicePort: number): fc.Arbitrary<Destination> =>
  fc
    .tuple(
      addressOf(of),
      port,
      fc.constantFrom('masquerading', 'tunneling', 'direct-routing', 'local', 'bypass'),
      fc.nat(0x7fffffff),
      fc.tuple(fc.nat(0x7fffffff), fc.nat(0x7fffffff)).map((pair) => pair.sort((a, b) => a - b)),
      fc.oneof(
        fc.constant(undefined),
        fc.constant({ type: 'ipip' as const }),
        fc.record({ type: fc.constant('gre' as const), checksum: fc.constantFrom('none', 'plain') }),
        fc.record({
          type: fc.constant('gue' as const),
          port,
          checksum: fc.constantFrom('none', 'plain', 'remote'),
        }),
      ),
    )
    .map(([address, own, forwarding, weight, [lower, upper], tunnel]) => ({
      address,
      port: forwarding === 'masquerading' ? own : servicePort,
      forwarding,
      weight,
      upperThreshold: upper!,
      lowerThreshold: lower!,
      ...(forwarding === 'tunneling' && tunnel !== undefined ? { tunnel } : {}),
    }))

export const daemon: fc.Arbitrary<Daemon> = fc.record(
  {
    state: fc.constantFrom('master', 'backup'),
    interface: name,
    syncId: fc.nat(255),
    maxLength: port,
    group: fc.oneof(
      fc
        .tuple(fc.integer({ min: 224, max: 239 }), fc.nat(255), fc.nat(255), fc.nat(255))
        .map((b) => b.join('.')),
      fc
        .uint8Array({ minLength: 15, maxLength: 15 })
        .map((bytes) => formatAddress(Uint8Array.from([0xff, ...bytes]), 10)),
    ),
    port,
    ttl: fc.integer({ min: 1, max: 255 }),
  },
  { requiredKeys: ['state', 'interface'] },
)
