// The codec there and back over random models, and what it does with broken replies.
// SPDX-License-Identifier: MIT

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { attributesOf, commands, message, type WireMessage } from '../../lib/abi.ts'
import type { Destination, Service } from '../../lib/index.ts'
import { daemonFromWire, daemonToWire } from '../../lib/model/daemon.ts'
import { destinationFromWire, destinationToWire } from '../../lib/model/destination.ts'
import { serviceFromWire, serviceKey, serviceToWire } from '../../lib/model/service.ts'
import { MalformedError, Writer } from '../../lib/netlink/attr.ts'
import { frame, NLM_F_REQUEST, stamp, walk } from '../../lib/netlink/message.ts'
import { nothingCounted } from '../nothing.ts'
import { daemon, destinationOf, service } from './arbitrary.ts'
import { errorMessage } from './script.ts'

const RUNS = 10_000

/** Encodes a message, frames it as a reply, and reads it back. */
const throughWire = (body: WireMessage): WireMessage => {
  const out = new Writer(16)
  frame(out, commands.newService, 1, (to) => message.write(to, body))
  stamp(out.view, 0, 32, 0, 7)
  let found: WireMessage | undefined
  walk(out.bytes.subarray(0, out.length), (reply, view) => {
    if (reply.kind === 'data') found = attributesOf(reply.command).read(view, reply.offset, reply.length)
  })
  return found!
}

const dotted = (netmask: string | number): string => {
  if (typeof netmask === 'string') return netmask
  const mask = netmask === 0 ? 0 : (0xffffffff << (32 - netmask)) >>> 0
  return [24, 16, 8, 0].map((shift) => (mask >>> shift) & 255).join('.')
}

const namedFlags = ['fallback', 'port', 'flag-3']
const numberedFlags = ['flag-1', 'flag-2', 'flag-3']

/** What the kernel would tell about a service that was added: the defaults written out. */
const expectedService = (input: Service) => {
  const family =
    input.fwmark !== undefined ? (input.family ?? 'ipv4') : input.address.includes(':') ? 'ipv6' : 'ipv4'
  const scheduler = input.scheduler ?? 'wlc'
  const names = ['sh', 'mh', 'msh', 'maglev', 'hrw'].includes(scheduler) ? namedFlags : numberedFlags
  const bits = new Set(
    (input.schedulerFlags ?? []).map((f) => namedFlags.indexOf(f) + 1 || numberedFlags.indexOf(f) + 1),
  )
  const { timeout = 360, netmask = family === 'ipv6' ? 128 : 32, engine } = input.persistence ?? {}
  return {
    ...(input.fwmark !== undefined
      ? { fwmark: input.fwmark }
      : { protocol: input.protocol, address: input.address, port: input.port }),
    family,
    scheduler,
    schedulerFlags: names.filter((_, i) => bits.has(i + 1)),
    persistence: input.persistence
      ? { timeout, netmask: family === 'ipv6' ? netmask : dotted(netmask), ...(engine ? { engine } : {}) }
      : null,
    onePacket: input.onePacket ?? false,
    stats: nothingCounted,
  }
}

test(`${RUNS} services: what is written is read back`, () => {
  fc.assert(
    fc.property(service, (input) => {
      const wire = throughWire({ service: serviceToWire(input) }).service!
      expect(serviceFromWire(wire)).toEqual(expectedService(input))
      // What was read can be written again, and means the same.
      expect(
        serviceFromWire(throughWire({ service: serviceToWire(serviceFromWire(wire) as Service) }).service!),
      ).toEqual(expectedService(input))
    }),
    { numRuns: RUNS },
  )
})

const expectedTunnel = ({ forwarding, tunnel }: Destination) => {
  if (forwarding !== 'tunneling') return {}
  if (tunnel === undefined || tunnel.type === 'ipip') return { tunnel: { type: 'ipip' } }
  return { tunnel: { checksum: 'none', ...tunnel } }
}

test(`${RUNS} real servers: what is written is read back`, () => {
  const cases = fc
    .record({ of: fc.constantFrom('ipv4', 'ipv6'), other: fc.boolean(), port: fc.nat(0xffff) })
    .chain(({ of, other, port }) =>
      fc.record({
        key: fc.constant(
          serviceKey({ protocol: 'tcp', address: of === 'ipv4' ? '192.0.2.1' : '2001:db8::1', port }),
        ),
        family: fc.constant(other ? (of === 'ipv4' ? 'ipv6' : 'ipv4') : of),
        input: destinationOf(other ? (of === 'ipv4' ? 'ipv6' : 'ipv4') : of, port),
      }),
    )
  fc.assert(
    fc.property(cases, ({ key, family, input }) => {
      const wire = throughWire({ service: key, destination: destinationToWire(key, input) }).destination!
      expect(destinationFromWire(wire, key.family!)).toEqual({
        ...input,
        ...expectedTunnel(input),
        family,
        activeConns: 0,
        inactiveConns: 0,
        persistentConns: 0,
        stats: nothingCounted,
      })
    }),
    { numRuns: RUNS },
  )
})

test(`${RUNS} daemons: what is written is read back`, () => {
  fc.assert(
    fc.property(daemon, (input) => {
      expect(daemonFromWire(throughWire({ daemon: daemonToWire(input) }).daemon!)).toEqual({
        syncId: 0,
        ...input,
      })
    }),
    { numRuns: RUNS },
  )
})

test('64-bit counters come through whole', () => {
  const all = (1n << 64n) - 1n
  const stats64 = {
    conns: all,
    inPkts: 1n << 32n,
    outPkts: (1n << 53n) + 1n,
    inBytes: all,
    outBytes: 0n,
    cps: 1,
    inPps: 2,
    outPps: 3,
    inBps: 4,
    outBps: 5,
  }
  const narrow = {
    ...stats64,
    conns: 9,
    inPkts: 9,
    outPkts: 9,
    cps: 9,
    inPps: 9,
    outPps: 9,
    inBps: 9,
    outBps: 9,
  }
  const { stats } = serviceFromWire(throughWire({ service: { stats64, stats: narrow } }).service!)
  expect(stats).toEqual({ ...stats64, cps: 1, inPps: 2, outPps: 3, inBps: 4, outBps: 5 })
  // A kernel before 4.1 has the narrow ones only.
  expect(serviceFromWire(throughWire({ service: { stats: narrow } }).service!).stats).toMatchObject({
    conns: 9n,
    inBytes: all,
    cps: 9,
  })
})

test('unknown attributes are skipped', () => {
  const out = new Writer(64)
  frame(out, commands.newService, 1, (to) => {
    message.write(to, { timeoutTcp: 5 })
    const at = to.reserve(12) // an attribute of type 99 with 6 bytes and its padding
    to.view.setUint16(at, 10, true)
    to.view.setUint16(at + 2, 99, true)
    message.write(to, { timeoutUdp: 6 })
  })
  stamp(out.view, 0, 32, NLM_F_REQUEST, 1)
  walk(out.bytes.subarray(0, out.length), (reply, view) => {
    expect(reply.kind === 'data' && message.read(view, reply.offset, reply.length)).toMatchObject({
      timeoutTcp: 5,
      timeoutUdp: 6,
    })
  })
  expect.assertions(1)
})

test.each([
  ['a length of zero', (v: DataView) => v.setUint16(20, 0, true), 'attribute length 0'],
  ['a length past the end', (v: DataView) => v.setUint16(20, 400, true), 'attribute length 400'],
  [
    'an integer of a wrong size',
    (v: DataView) => v.setUint16(24, 5, true),
    'service: family: expected 2 bytes',
  ],
  ['a message past the end', (v: DataView) => v.setUint32(0, 4096, true), 'message length 4096'],
  ['a message of no length', (v: DataView) => v.setUint32(0, 0, true), 'message length 0'],
])('%s is a MalformedError', (_, spoil, text) => {
  const out = new Writer(64)
  frame(out, commands.newService, 1, (to) => message.write(to, { service: { family: 2, protocol: 6 } }))
  stamp(out.view, 0, 32, 0, 1)
  const bytes = out.bytes.slice(0, out.length)
  spoil(new DataView(bytes.buffer))
  expect(() =>
    walk(bytes, (reply, view) => {
      if (reply.kind === 'data') message.read(view, reply.offset, reply.length)
    }),
  ).toThrow(expect.objectContaining({ name: 'MalformedError', message: expect.stringContaining(text) }))
})

const MUTATIONS = 1_000_000

test(`${MUTATIONS} mutated replies throw nothing but MalformedError, and end`, { timeout: 120_000 }, () => {
  const seeds = seedReplies()
  let state = 0x2545f491
  const random = (below: number): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
  let malformed = 0
  let visited = 0
  for (let i = 0; i < MUTATIONS; i++) {
    const bytes = seeds[random(seeds.length)]!.slice()
    for (let changes = 1 + random(4); changes > 0; changes--) bytes[random(bytes.length)] = random(256)
    const cut = random(8) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes
    try {
      walk(cut, (reply, view) => {
        visited++
        if (reply.kind === 'data') decode(attributesOf(reply.command).read(view, reply.offset, reply.length))
      })
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error
      malformed++
    }
  }
  // Both happen a lot, or the mutations test nothing.
  expect(malformed).toBeGreaterThan(MUTATIONS / 20)
  expect(visited).toBeGreaterThan(MUTATIONS / 2)
})

/** Everything that the client makes of a reply. */
const decode = ({ service: svc, destination, daemon: d }: WireMessage): void => {
  if (svc !== undefined) serviceFromWire(svc)
  if (destination !== undefined) destinationFromWire(destination, 2)
  if (d !== undefined) daemonFromWire(d)
}

const seedReplies = (): Uint8Array[] => {
  const reply = (command: number, body: WireMessage): Uint8Array => {
    const out = new Writer(512)
    frame(out, command, 1, (to) => attributesOf(command).write(to, body))
    stamp(out.view, 0, 32, 2, 1)
    return out.bytes.slice(0, out.length)
  }
  const stats64 = { conns: 1n, inPkts: 2n, outPkts: 3n, inBytes: 4n, outBytes: 5n, cps: 6, inPps: 7 }
  const stats = { conns: 1, inPkts: 2, outPkts: 3, inBytes: 4n, outBytes: 5n }
  const web = serviceToWire({
    protocol: 'tcp',
    address: '192.0.2.1',
    port: 80,
    persistence: { engine: 'sip' },
  })
  const sixth = serviceToWire({ protocol: 'udp', address: '2001:db8::1', port: 53, scheduler: 'sh' })
  const gue = { type: 'gue', port: 6080, checksum: 'remote' } as const
  const dest = destinationToWire(web, { address: '10.0.0.1', forwarding: 'tunneling', tunnel: gue })
  const extended = Buffer.concat([
    errorMessage(1, 22),
    Buffer.from([9, 0, 1, 0, 110, 111, 33, 33, 0, 0, 0, 0]),
  ])
  extended.writeUInt32LE(extended.length, 0)
  extended.writeUInt16LE(0x300, 6)
  const all = [
    reply(commands.newService, { service: { ...web, stats, stats64 } }),
    reply(commands.newService, { service: { ...sixth, stats, stats64 } }),
    reply(commands.newDest, { destination: { ...dest, stats, stats64, activeConns: 3 } }),
    reply(commands.newDaemon, {
      daemon: daemonToWire({ state: 'master', interface: 'eth0', group: 'ff02::1', ttl: 3 }),
    }),
    reply(commands.setInfo, { version: 0x10201, connectionTableSize: 4096 }),
    reply(commands.setConfig, { timeoutTcp: 900, timeoutTcpFin: 120, timeoutUdp: 300 }),
    errorMessage(1, 3),
    new Uint8Array(extended),
  ]
  return [...all, Buffer.concat(all)]
}
