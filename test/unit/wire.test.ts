// The straight-line writers and readers beside the tables that say what they mean.
// SPDX-License-Identifier: MIT

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { message, type WireMessage } from '../../lib/abi.ts'
import { destinationFromWire, destinationToWire } from '../../lib/model/destination.ts'
import { serviceFromWire, serviceToWire } from '../../lib/model/service.ts'
import { Writer } from '../../lib/netlink/attr.ts'
import { readMessage, writeMessage } from '../../lib/wire.ts'
import { destinationOf, service } from './arbitrary.ts'

const written = (body: WireMessage, write: (out: Writer, body: WireMessage) => void): Uint8Array => {
  const out = new Writer(8)
  write(out, body)
  return out.bytes.slice(0, out.length)
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length)

const pairs = fc.record({
  of: service,
  server: fc.constantFrom('ipv4' as const, 'ipv6' as const).chain((family) => destinationOf(family, 80)),
})
const counter = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const rate = fc.nat(2 ** 31 - 1)
const stats64 = fc.record({
  ...{ conns: counter, inPkts: counter, outPkts: counter, inBytes: counter, outBytes: counter },
  ...{ cps: rate, inPps: rate, outPps: rate, inBps: rate, outBps: rate },
})
const u32 = fc.nat(2 ** 31 - 1)

test('requests are the bytes that the tables give', () => {
  fc.assert(
    fc.property(pairs, fc.boolean(), ({ of, server }, identity) => {
      const whole = serviceToWire(of)
      const { family, protocol, address, port, fwmark } = whole
      const body = {
        service: identity ? { family, protocol, address, port, fwmark } : whole,
        ...(identity ? { destination: destinationToWire(whole, server) } : {}),
      }
      expect(written(body, writeMessage)).toEqual(written(body, message.write))
    }),
    { numRuns: 5000 },
  )
})

test.each<WireMessage>([
  {},
  { timeoutTcp: 1, timeoutTcpFin: 2, timeoutUdp: 3 },
  { daemon: { state: 1, interface: 'lo', syncId: 3 } },
])('%j, too', (body) => {
  expect(written(body, writeMessage)).toEqual(written(body, message.write))
})

/** 16 bytes, as the kernel sends them. */
const padded = (address: unknown): Uint8Array => {
  const bytes = new Uint8Array(16)
  if (typeof address === 'number') new DataView(bytes.buffer).setInt32(0, address, false)
  else bytes.set(address as Uint8Array)
  return bytes
}

/** Messages as the kernel sends them. */
const replies = fc
  .record({
    pair: pairs,
    readings: fc.record({ stats64, activeConns: u32, inactiveConns: u32, persistentConns: u32 }),
    narrow: fc.boolean(),
  })
  .map(({ pair: { of, server }, readings: { stats64: counters, ...conns }, narrow }) => {
    const wire = serviceToWire(of)
    const destination = destinationToWire(wire, server)
    const stats = narrow ? { conns: 1 } : undefined
    return [
      {
        service: {
          ...wire,
          address: wire.address === undefined ? undefined : padded(wire.address),
          stats,
          stats64: counters,
        },
      },
      {
        destination: {
          ...destination,
          address: padded(destination.address),
          ...conns,
          stats,
          stats64: counters,
        },
      },
    ] as const
  })

const outcome = (read: () => WireMessage): unknown => {
  try {
    const { service: found, destination } = read()
    return [found && serviceFromWire(found), destination && destinationFromWire(destination, 2)]
  } catch (error) {
    return String(error)
  }
}

test('replies mean what the tables read in them', () => {
  fc.assert(
    fc.property(replies, (bodies) => {
      for (const body of bodies) {
        const view = viewOf(written(body, message.write))
        const read = readMessage(view, 0, view.byteLength)
        const { stats64: counters } = read.service ?? read.destination ?? {}
        expect(counters).toEqual(Object.values(body)[0]!.stats64)
        expect((read.service ?? read.destination)?.stats).toBeUndefined() // by the quick way
        expect(outcome(() => read)).toEqual(outcome(() => message.read(view, 0, view.byteLength)))
      }
    }),
    { numRuns: 5000 },
  )
})

test('what is not as usual is read, or refused, by the tables', () => {
  fc.assert(
    fc.property(replies, fc.nat(), fc.nat(255), fc.nat(), (bodies, place, byte, cut) => {
      for (const body of bodies) {
        const bytes = written(body, message.write)
        bytes[place % bytes.length] = byte
        const length = bytes.length - (cut % 3 === 0 ? cut % bytes.length : 0)
        const view = viewOf(bytes)
        const expected = outcome(() => message.read(view, 0, length))
        // Narrow counters beside whole wide ones are not looked at.
        if (String(expected).includes(': stats: ')) continue
        expect(outcome(() => readMessage(view, 0, length))).toEqual(expected)
      }
    }),
    { numRuns: 20_000 },
  )
})
