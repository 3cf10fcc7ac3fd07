// The messages that come by the thousand, written and read in one go. What they mean stands in abi.ts and nowhere else:
// a test holds every function here equal to the tables there.
// SPDX-License-Identifier: MIT

import {
  type Address,
  AF_INET,
  message,
  type WireDestination,
  type WireMessage,
  type WireService,
  type WireStats64,
} from './abi.js'
import { align4, littleEndian, rate, text, type Writer } from './netlink/attr.js'

const NLA_HEADER = 4
const NESTED = 0x8000
const TYPE = 0x3fff

/** Room for the longest service, and for the longest real server; of a name in UTF-8 more is asked for. */
const ROOM = 256

/** As message.write of abi.ts. */
export const writeMessage = (out: Writer, body: WireMessage): void => {
  const { service, destination } = body
  if (service !== undefined) writeService(out, service)
  if (destination !== undefined) writeDestination(out, destination)
  if (service === undefined || body.daemon !== undefined) {
    const { daemon, timeoutTcp, timeoutTcpFin, timeoutUdp } = body
    message.write(out, { daemon, timeoutTcp, timeoutTcpFin, timeoutUdp })
  }
}

const writeService = (out: Writer, service: WireService): void => {
  const start = out.length
  let view = out.room(ROOM)
  let at = start + NLA_HEADER
  const { family, protocol, address, port, fwmark, scheduler, flags, timeout, netmask, engine } = service
  if (family !== undefined) at = put16(view, at, 1, family, littleEndian)
  if (protocol !== undefined) at = put16(view, at, 2, protocol, littleEndian)
  if (address !== undefined) at = putAddress(view, at, 3, address)
  if (port !== undefined) at = put16(view, at, 4, port, false)
  if (fwmark !== undefined) at = put32(view, at, 5, fwmark)
  if (scheduler !== undefined) {
    at = putText(out, at, 6, scheduler)
    view = out.room(ROOM)
  }
  if (flags !== undefined) {
    head(view, at, 7, 8)
    view.setUint32(at + NLA_HEADER, flags.value, littleEndian)
    view.setUint32(at + NLA_HEADER + 4, flags.mask, littleEndian)
    at += NLA_HEADER + 8
  }
  if (timeout !== undefined) at = put32(view, at, 8, timeout)
  if (netmask !== undefined) at = put32(view, at, 9, netmask)
  if (engine !== undefined) at = putText(out, at, 11, engine)
  finish(out, start, at, 1 | NESTED)
}

const writeDestination = (out: Writer, destination: WireDestination): void => {
  const start = out.length
  const view = out.room(ROOM)
  let at = start + NLA_HEADER
  const { address, port, forwarding, weight, upperThreshold, lowerThreshold, family } = destination
  const { tunnelType, tunnelPort, tunnelFlags } = destination
  if (address !== undefined) at = putAddress(view, at, 1, address)
  if (port !== undefined) at = put16(view, at, 2, port, false)
  if (forwarding !== undefined) at = put32(view, at, 3, forwarding)
  if (weight !== undefined) at = put32(view, at, 4, weight)
  if (upperThreshold !== undefined) at = put32(view, at, 5, upperThreshold)
  if (lowerThreshold !== undefined) at = put32(view, at, 6, lowerThreshold)
  if (family !== undefined) at = put16(view, at, 11, family, littleEndian)
  if (tunnelType !== undefined) at = put8(view, at, 13, tunnelType)
  if (tunnelPort !== undefined) at = put16(view, at, 14, tunnelPort, false)
  if (tunnelFlags !== undefined) at = put16(view, at, 15, tunnelFlags, littleEndian)
  finish(out, start, at, 2 | NESTED)
}

const head = (view: DataView, at: number, id: number, size: number): void => {
  view.setUint16(at, NLA_HEADER + size, littleEndian)
  view.setUint16(at + 2, id, littleEndian)
}

/** The set from `start` to `end` is complete. */
const finish = (out: Writer, start: number, end: number, type: number): void => {
  head(out.view, start, type, end - start - NLA_HEADER)
  out.length = end
}

// Each writes an attribute with its padding, and returns where the next one begins.
const put8 = (view: DataView, at: number, id: number, value: number): number => {
  head(view, at, id, 1)
  view.setUint8(at + NLA_HEADER, value)
  return at + NLA_HEADER + 4
}

const put16 = (view: DataView, at: number, id: number, value: number, little: boolean): number => {
  head(view, at, id, 2)
  view.setUint16(at + NLA_HEADER, value, little)
  return at + NLA_HEADER + 4
}

const put32 = (view: DataView, at: number, id: number, value: number): number => {
  head(view, at, id, 4)
  view.setUint32(at + NLA_HEADER, value, littleEndian)
  return at + NLA_HEADER + 4
}

const putAddress = (view: DataView, at: number, id: number, address: Address): number => {
  const size = typeof address === 'number' ? 4 : address.length
  head(view, at, id, size)
  if (typeof address === 'number') view.setInt32(at + NLA_HEADER, address, false)
  else for (let i = 0; i < size; i++) view.setUint8(at + NLA_HEADER + i, address[i]!)
  return at + NLA_HEADER + align4(size)
}

/** May replace the view. */
const putText = (out: Writer, at: number, id: number, value: string): number => {
  out.length = at + NLA_HEADER
  text.write(out, value)
  const size = out.length - at - NLA_HEADER
  out.room(align4(size) - size)
  head(out.view, at, id, size)
  return at + NLA_HEADER + align4(size)
}

/** As message.read of abi.ts, which is asked when anything is not as the kernels of today send it. */
export const readMessage = (view: DataView, offset: number, length: number): WireMessage =>
  readUsual(view, offset, offset + length) ?? message.read(view, offset, length)

/** Of a message that is not as usual: it is left to the tables, which read everything and name what is wrong. */
type Unusual = undefined

const readUsual = (view: DataView, at: number, end: number): WireMessage | Unusual => {
  const size = end - at < NLA_HEADER ? 0 : view.getUint16(at, littleEndian)
  if (size < NLA_HEADER || at + align4(size) !== end) return undefined // one attribute, and nothing behind it
  const type = view.getUint16(at + 2, littleEndian) & TYPE
  if (type === 1) {
    const service = readService(view, at + NLA_HEADER, at + size)
    return service && { service }
  }
  const destination = type === 2 ? readDestination(view, at + NLA_HEADER, at + size) : undefined
  return destination && { destination }
}

/** Lengths of the attributes by their ids, with the header; 0: any. What the kernel sends beyond them is skipped. */
const destinationSizes = [0, 20, 6, 8, 8, 8, 8, 8, 8, 8, 0, 6, 124, 5, 6, 6]
const destinationNeeds = 0b11_1111_1110
/** The narrow counters are looked at only by the tables: where the wide ones are missing. */
const WIDE = 1 << 12

const readDestination = (view: DataView, at: number, end: number): WireDestination | Unusual => {
  let address = 0
  let port = 0
  let forwarding = 0
  let weight = 0
  let upperThreshold = 0
  let lowerThreshold = 0
  let activeConns = 0
  let inactiveConns = 0
  let persistentConns = 0
  let counters = 0
  let seen = 0
  let family: number | undefined
  let tunnelType: number | undefined
  let tunnelPort: number | undefined
  let tunnelFlags: number | undefined
  for (let size = 0; at < end; at += align4(size)) {
    size = sizeAt(view, at, end, destinationSizes)
    if (size === 0) return undefined
    const payload = at + NLA_HEADER
    const type = view.getUint16(at + 2, littleEndian) & TYPE
    if (type < 32) seen |= 1 << type
    if (type === 1) address = payload
    else if (type === 2) port = view.getUint16(payload, false)
    else if (type === 3) forwarding = view.getUint32(payload, littleEndian)
    else if (type === 4) weight = view.getInt32(payload, littleEndian)
    else if (type === 5) upperThreshold = view.getUint32(payload, littleEndian)
    else if (type === 6) lowerThreshold = view.getUint32(payload, littleEndian)
    else if (type === 7) activeConns = view.getUint32(payload, littleEndian)
    else if (type === 8) inactiveConns = view.getUint32(payload, littleEndian)
    else if (type === 9) persistentConns = view.getUint32(payload, littleEndian)
    else if (type === 11) family = view.getUint16(payload, littleEndian)
    else if (type === 12) counters = payload
    else if (type === 13) tunnelType = view.getUint8(payload)
    else if (type === 14) tunnelPort = view.getUint16(payload, false)
    else if (type === 15) tunnelFlags = view.getUint16(payload, littleEndian)
  }
  const stats64 = (seen & WIDE) === 0 ? undefined : readStats(view, counters)
  if ((seen & destinationNeeds) !== destinationNeeds || stats64 === undefined) return undefined
  return {
    address: addressAt(view, address, family),
    port,
    forwarding,
    weight,
    upperThreshold,
    lowerThreshold,
    activeConns,
    inactiveConns,
    persistentConns,
    stats: undefined,
    family,
    stats64,
    tunnelType,
    tunnelPort,
    tunnelFlags,
  }
}

const serviceSizes = [0, 6, 6, 20, 6, 8, 0, 12, 8, 8, 0, 0, 124]
const serviceNeeds = 0b1_0011_1100_0010

const readService = (view: DataView, at: number, end: number): WireService | Unusual => {
  let family = 0
  let address = 0
  let flags = 0
  let timeout = 0
  let netmask = 0
  let counters = 0
  let seen = 0
  let protocol: number | undefined
  let port: number | undefined
  let fwmark: number | undefined
  let scheduler = ''
  let engine: string | undefined
  for (let size = 0; at < end; at += align4(size)) {
    size = sizeAt(view, at, end, serviceSizes)
    if (size === 0) return undefined
    const payload = at + NLA_HEADER
    const type = view.getUint16(at + 2, littleEndian) & TYPE
    if (type < 32) seen |= 1 << type
    if (type === 1) family = view.getUint16(payload, littleEndian)
    else if (type === 2) protocol = view.getUint16(payload, littleEndian)
    else if (type === 3) address = payload
    else if (type === 4) port = view.getUint16(payload, false)
    else if (type === 5) fwmark = view.getUint32(payload, littleEndian)
    else if (type === 6) scheduler = text.read(view, payload, size - NLA_HEADER)
    else if (type === 7) flags = payload
    else if (type === 8) timeout = view.getUint32(payload, littleEndian)
    else if (type === 9) netmask = view.getUint32(payload, littleEndian)
    else if (type === 11) engine = text.read(view, payload, size - NLA_HEADER)
    else if (type === 12) counters = payload
  }
  const stats64 = (seen & WIDE) === 0 ? undefined : readStats(view, counters)
  if ((seen & serviceNeeds) !== serviceNeeds || stats64 === undefined) return undefined
  return {
    family,
    protocol,
    address: (seen & 8) === 0 ? undefined : addressAt(view, address, family),
    port,
    fwmark,
    scheduler,
    flags: { value: view.getUint32(flags, littleEndian), mask: view.getUint32(flags + 4, littleEndian) },
    timeout,
    netmask,
    stats: undefined,
    engine,
    stats64,
  }
}

/** Length of the attribute; 0 when it does not fit or is not as usual. */
const sizeAt = (view: DataView, at: number, end: number, sizes: readonly number[]): number => {
  if (end - at < NLA_HEADER) return 0
  const size = view.getUint16(at, littleEndian)
  if (size < NLA_HEADER || size > end - at) return 0
  const type = view.getUint16(at + 2, littleEndian) & TYPE
  const usual = type < sizes.length ? sizes[type]! : 0
  return usual === 0 || usual === size ? size : 0
}

const addressAt = (view: DataView, at: number, family: number | undefined): Address =>
  family === AF_INET ? view.getInt32(at, false) : new Uint8Array(view.buffer, view.byteOffset + at, 16)

/** Ten attributes of 64 bits, in the order of their ids. */
const readStats = (view: DataView, at: number): WireStats64 | Unusual => {
  for (let id = 1, header = at; id <= 10; id++, header += 12) {
    if (view.getUint16(header, littleEndian) !== 12 || view.getUint16(header + 2, littleEndian) !== id)
      return undefined
  }
  return {
    conns: wide(view, at + 4),
    inPkts: wide(view, at + 16),
    outPkts: wide(view, at + 28),
    inBytes: wide(view, at + 40),
    outBytes: wide(view, at + 52),
    cps: rate.read(view, at + 64, 8),
    inPps: rate.read(view, at + 76, 8),
    outPps: rate.read(view, at + 88, 8),
    inBps: rate.read(view, at + 100, 8),
    outBps: rate.read(view, at + 112, 8),
  }
}

/** Many counters are zero, and a bigint is an object. */
const wide = (view: DataView, at: number): bigint =>
  view.getUint32(at, littleEndian) === 0 && view.getUint32(at + 4, littleEndian) === 0
    ? 0n
    : view.getBigUint64(at, littleEndian)
