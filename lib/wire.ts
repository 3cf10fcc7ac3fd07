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
  const start = out.reserve(NLA_HEADER)
  const { family, protocol, address, port, fwmark, scheduler, flags, timeout, netmask, engine } = service
  if (family !== undefined) put16(out, 1, family, littleEndian)
  if (protocol !== undefined) put16(out, 2, protocol, littleEndian)
  if (address !== undefined) putAddress(out, 3, address)
  if (port !== undefined) put16(out, 4, port, false)
  if (fwmark !== undefined) put32(out, 5, fwmark)
  if (scheduler !== undefined) putText(out, 6, scheduler)
  if (flags !== undefined) {
    const at = head(out, 7, 8)
    out.view.setUint32(at, flags.value, littleEndian)
    out.view.setUint32(at + 4, flags.mask, littleEndian)
  }
  if (timeout !== undefined) put32(out, 8, timeout)
  if (netmask !== undefined) put32(out, 9, netmask)
  if (engine !== undefined) putText(out, 11, engine)
  finish(out, start, 1 | NESTED)
}

const writeDestination = (out: Writer, destination: WireDestination): void => {
  const start = out.reserve(NLA_HEADER)
  const { address, port, forwarding, weight, upperThreshold, lowerThreshold, family } = destination
  const { tunnelType, tunnelPort, tunnelFlags } = destination
  if (address !== undefined) putAddress(out, 1, address)
  if (port !== undefined) put16(out, 2, port, false)
  if (forwarding !== undefined) put32(out, 3, forwarding)
  if (weight !== undefined) put32(out, 4, weight)
  if (upperThreshold !== undefined) put32(out, 5, upperThreshold)
  if (lowerThreshold !== undefined) put32(out, 6, lowerThreshold)
  if (family !== undefined) put16(out, 11, family, littleEndian)
  if (tunnelType !== undefined) put8(out, 13, tunnelType)
  if (tunnelPort !== undefined) put16(out, 14, tunnelPort, false)
  if (tunnelFlags !== undefined) put16(out, 15, tunnelFlags, littleEndian)
  finish(out, start, 2 | NESTED)
}

/** Header of an attribute with room for its payload and the padding; returns the offset of the payload. */
const head = (out: Writer, id: number, size: number): number => {
  const at = out.reserve(NLA_HEADER + align4(size))
  out.view.setUint16(at, NLA_HEADER + size, littleEndian)
  out.view.setUint16(at + 2, id, littleEndian)
  return at + NLA_HEADER
}

const finish = (out: Writer, start: number, type: number): void => {
  out.view.setUint16(start, out.length - start, littleEndian)
  out.view.setUint16(start + 2, type, littleEndian)
}

// The offset comes first: making room for it may replace the view.
const put8 = (out: Writer, id: number, value: number): void => {
  const at = head(out, id, 1)
  out.view.setUint8(at, value)
}

const put16 = (out: Writer, id: number, value: number, little: boolean): void => {
  const at = head(out, id, 2)
  out.view.setUint16(at, value, little)
}

const put32 = (out: Writer, id: number, value: number): void => {
  const at = head(out, id, 4)
  out.view.setUint32(at, value, littleEndian)
}

const putAddress = (out: Writer, id: number, address: Address): void => {
  const at = head(out, id, typeof address === 'number' ? 4 : address.length)
  if (typeof address === 'number') out.view.setInt32(at, address, false)
  else out.bytes.set(address, at)
}

const putText = (out: Writer, id: number, value: string): void => {
  const start = out.reserve(NLA_HEADER)
  text.write(out, value)
  const length = out.length - start
  finish(out, start, id)
  out.reserve(align4(length) - length)
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
