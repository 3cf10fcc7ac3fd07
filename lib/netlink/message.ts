// Netlink messages, generic ones and others: framing of requests, the walk over replies, errors and their extended ACK.
// SPDX-License-Identifier: MIT

import { align4, littleEndian, MalformedError, set, text, u32, type Writer } from './attr.js'

/** nlmsghdr (16 bytes) and genlmsghdr (4 bytes) come before the attributes. */
export const HEADER = 16
export const GENERIC_HEADER = 4

/** Flags and types of <linux/netlink.h>. */
export const NLM_F_REQUEST = 0x1
export const NLM_F_ACK = 0x4
export const NLM_F_DUMP = 0x300
export const NLM_F_EXCL = 0x200
export const NLM_F_CREATE = 0x400
const NLM_F_DUMP_INTR = 0x10
const NLM_F_CAPPED = 0x100
const NLM_F_ACK_TLVS = 0x200
const NLMSG_ERROR = 2
const NLMSG_DONE = 3
const NLMSG_MIN_TYPE = 16

/** Begins a message, whose attributes are appended next; returns what `end` needs. */
export const begin = (out: Writer, command: number, version: number): number => {
  const start = out.reserve(HEADER + GENERIC_HEADER)
  out.bytes[start + HEADER] = command
  out.bytes[start + HEADER + 1] = version
  return start
}

/** Ends a message; type, flags and sequence number are filled in later by `stamp`. */
export const end = (out: Writer, start: number): void =>
  out.view.setUint32(start, out.length - start, littleEndian)

/** Both, with the attributes between them. */
export const frame = (out: Writer, command: number, version: number, body: (out: Writer) => void): void => {
  const start = begin(out, command, version)
  body(out)
  end(out, start)
}

/** Completes the header of the message at `offset`. */
export const stamp = (
  view: DataView,
  offset: number,
  type: number,
  flags: number,
  sequence: number,
): void => {
  view.setUint16(offset + 4, type, littleEndian)
  view.setUint16(offset + 6, flags, littleEndian)
  view.setUint32(offset + 8, sequence, littleEndian)
}

/** What the extended ACK (NETLINK_EXT_ACK, Linux 4.12) says beyond the errno. */
export const extendedAck = set({
  message: [1, text],
  /** Offset of the offending attribute from the start of the request. */
  offset: [2, u32],
  missingType: [5, u32],
  missingNest: [6, u32],
})
export type ExtendedAck = ReturnType<typeof extendedAck.read>

/** One message of a reply. Data carries its range in the buffer; the end of an exchange carries an errno. */
export type Reply =
  | {
      readonly kind: 'data'
      readonly sequence: number
      /** Generic netlink: the family's number; rtnetlink: what kind of message it is. */
      readonly type: number
      /** The first byte behind the header: the command of generic netlink. */
      readonly command: number
      readonly offset: number
      readonly length: number
    }
  | {
      readonly kind: 'end'
      readonly sequence: number
      readonly errno: number
      readonly extendedAck?: ExtendedAck
    }

/**
 * Walks a buffer of messages, calling `visit` for each; throws MalformedError where the framing is broken. `fixed` is
 * the length of what stands between header and attributes of data.
 */
export const walk = (
  buffer: Uint8Array,
  visit: (reply: Reply, view: DataView) => void,
  fixed = GENERIC_HEADER,
): void => {
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength)
  walkView(view, buffer.length, (reply) => visit(reply, view), fixed)
}

/** The same in the first `end` bytes of a view. */
export const walkView = (
  view: DataView,
  end: number,
  visit: (reply: Reply) => void,
  fixed = GENERIC_HEADER,
): void => {
  let offset = 0
  while (offset < end) {
    const left = end - offset
    if (left < HEADER) throw new MalformedError(`${left} stray bytes after a message`)
    const length = view.getUint32(offset, littleEndian)
    if (length < HEADER || length > left)
      throw new MalformedError(`message length ${length} with ${left} bytes left`)
    const reply = replyAt(view, offset, length, fixed)
    if (reply !== undefined) visit(reply)
    offset += align4(length)
  }
}

const replyAt = (view: DataView, start: number, length: number, fixed: number): Reply | undefined => {
  const type = view.getUint16(start + 4, littleEndian)
  const flags = view.getUint16(start + 6, littleEndian)
  const sequence = view.getUint32(start + 8, littleEndian)
  const offset = start + HEADER
  const left = length - HEADER
  if (type >= NLMSG_MIN_TYPE) {
    if (left < fixed) throw new MalformedError(`reply of ${length} bytes lacks a header of ${fixed}`)
    return {
      kind: 'data',
      sequence,
      type,
      command: view.getUint8(offset),
      offset: offset + fixed,
      length: left - fixed,
    }
  }
  if (type === NLMSG_DONE) {
    // A dump that failed on the way says so in the payload of its end.
    return { kind: 'end', sequence, errno: left >= 4 ? -view.getInt32(offset, littleEndian) || 0 : 0 }
  }
  if (type !== NLMSG_ERROR) return undefined // NLMSG_NOOP and what else is not ours
  if (left < 4) throw new MalformedError(`error message of ${length} bytes`)
  const errno = -view.getInt32(offset, littleEndian) || 0
  if ((flags & NLM_F_ACK_TLVS) === 0) return { kind: 'end', sequence, errno }
  // NLM_F_CAPPED: only the header of our request is quoted; else the whole of it stands before the attributes.
  const quoted = (flags & NLM_F_CAPPED) !== 0 || left < 8 ? HEADER : view.getUint32(offset + 4, littleEndian)
  return { kind: 'end', sequence, errno, ...explanation(view, offset + 4, left - 4, quoted) }
}

/** True when the kernel says that what it listed changed meanwhile: the list may lack something. */
export const isInterrupted = (replies: Uint8Array): boolean => {
  const view = new DataView(replies.buffer, replies.byteOffset, replies.byteLength)
  for (
    let at = 0;
    at + HEADER <= replies.length;
    at += align4(Math.max(view.getUint32(at, littleEndian), HEADER))
  )
    if ((view.getUint16(at + 6, littleEndian) & NLM_F_DUMP_INTR) !== 0) return true
  return false
}

/** The extended ACK behind the quoted request. One that cannot be read is left out: the errno counts. */
const explanation = (
  view: DataView,
  offset: number,
  length: number,
  quoted: number,
): { readonly extendedAck?: ExtendedAck } => {
  if (quoted > length) return {}
  const skipped = Math.min(align4(quoted), length)
  try {
    return { extendedAck: extendedAck.read(view, offset + skipped, length - skipped) }
  } catch (error) {
    if (error instanceof MalformedError) return {}
    throw error
  }
}
