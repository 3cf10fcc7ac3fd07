// What went over the sockets while a case ran, byte by byte, without what differs from one kernel to the next.
// SPDX-License-Identifier: MIT

import { expect } from 'vitest'
import { commands } from '../../lib/abi.ts'
import { HEADER, NLM_F_DUMP } from '../../lib/netlink/message.ts'
import type { OpenSocket, Socket } from '../../lib/netlink/socket.ts'

const NLMSG_ERROR = 2
const CONTROLLER = 16
const TYPE = 4
const FLAGS = 6
const SEQUENCE = 8
const PORT = 12

/** What was sent in one transaction and what came back, levelled. */
interface Transaction {
  readonly sent: Buffer
  readonly came: Buffer
}

/** Copies without the numbers that the kernel gives to families and ports, and with sequence numbers from 0. */
const levelled = (bytes: Uint8Array): Buffer => {
  const copy = Buffer.from(bytes)
  const first = copy.length === 0 ? 0 : copy.readUInt32LE(SEQUENCE)
  for (let at = 0; at < copy.length; at += (copy.readUInt32LE(at) + 3) & ~3) {
    level(copy, at, first)
    if (copy.readUInt16LE(at + TYPE) === NLMSG_ERROR) level(copy, at + HEADER + 4, first)
  }
  return copy
}

const level = (bytes: Buffer, at: number, first: number): void => {
  if (bytes.readUInt16LE(at + TYPE) > CONTROLLER) bytes.writeUInt16LE(0xffff, at + TYPE)
  bytes.writeUInt32LE(bytes.readUInt32LE(at + SEQUENCE) - first, at + SEQUENCE)
  bytes.writeUInt32LE(0, at + PORT)
}

const messagesIn = (bytes: Buffer): readonly Buffer[] => {
  const found: Buffer[] = []
  for (let at = 0; at < bytes.length; at += (found.at(-1)!.length + 3) & ~3)
    found.push(bytes.subarray(at, at + bytes.readUInt32LE(at)))
  return found
}

const isServiceDump = (request: Buffer): boolean =>
  (request.readUInt16LE(FLAGS) & NLM_F_DUMP) === NLM_F_DUMP && request[HEADER] === commands.getService

/** Without its place among those that were sent with it. */
const hex = (message: Buffer): string => {
  const copy = Buffer.from(message).fill(0, SEQUENCE, PORT)
  if (copy.readUInt16LE(TYPE) === NLMSG_ERROR) copy.fill(0, HEADER + 4 + SEQUENCE, HEADER + 4 + PORT)
  return copy.toString('hex')
}

/**
 * Each request with the replies to it. What is asked of each service of a list is asked in the order of that list,
 * which is the kernel's own: so requests are sorted, and so are the services of a list, but not its real servers.
 */
const exchangesIn = ({ sent, came }: Transaction): readonly string[] => {
  const replies = messagesIn(came)
  const exchanges = messagesIn(sent).map((request) => {
    const sequence = request.readUInt32LE(SEQUENCE)
    const own = replies.filter((reply) => reply.readUInt32LE(SEQUENCE) === sequence).map(hex)
    if (isServiceDump(request)) own.sort()
    return [hex(request), ...own].join(' ')
  })
  return exchanges.toSorted()
}

const same = (a: Transaction, b: Transaction | undefined): boolean =>
  b !== undefined && a.sent.equals(b.sent) && a.came.equals(b.came)

/** Fails where anything was sent or answered otherwise, beyond what has no order. */
export const expectSame = (here: readonly Transaction[], there: readonly Transaction[]): void => {
  expect(here.length).toBe(there.length)
  for (const [i, transaction] of here.entries()) {
    if (!same(transaction, there[i])) expect(exchangesIn(transaction)).toEqual(exchangesIn(there[i]!))
  }
}

/** The controller's answer about the family differs in what IPVS does not look at. */
const isAboutFamily = (sent: Buffer): boolean => sent.readUInt16LE(TYPE) === CONTROLLER

/** Notes what goes over the sockets that are opened through it. */
export class Recorder {
  #transactions: Transaction[] = []

  over(opener: OpenSocket): OpenSocket {
    return (netns, receiveSize) => this.#recording(opener(netns, receiveSize))
  }

  /** What was noted since the last time. */
  take(): readonly Transaction[] {
    const taken = this.#transactions
    this.#transactions = []
    return taken
  }

  #recording(socket: Socket): Socket {
    const note = (request: Uint8Array, replies: Uint8Array): Uint8Array => {
      const sent = levelled(request)
      if (!isAboutFamily(sent)) this.#transactions.push({ sent, came: levelled(replies) })
      return replies
    }
    return {
      transact: async (request, count, deadline) =>
        note(request, await socket.transact(request, count, deadline)),
      transactSync: (request: Uint8Array, count: number, deadline: number) =>
        note(request, socket.transactSync(request, count, deadline)),
      close: () => socket.close(),
    }
  }
}
