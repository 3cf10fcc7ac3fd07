// A socket whose kernel is in memory: messages in, acknowledgements, errors and dumps out, as netlink frames them.
// SPDX-License-Identifier: MIT

import { type Command, commandName, commands, FAMILY_NAME, FAMILY_VERSION } from '../abi.js'
import { type Errno, errnos } from '../errno.js'
import { align4, littleEndian, set, text, u16, u32, Writer } from '../netlink/attr.js'
import { begin, end, GENERIC_HEADER, HEADER, NLM_F_ACK, NLM_F_DUMP, stamp } from '../netlink/message.js'
import type { Socket, TransportError } from '../netlink/socket.js'
import { attributesIn, notModelled } from './attributes.js'
import type { Commands, Result } from './commands.js'

/** <linux/netlink.h>, <linux/genetlink.h>. */
const NLMSG_ERROR = 2
const NLMSG_DONE = 3
const NLM_F_MULTI = 0x2
const NLM_F_CAPPED = 0x100
const CONTROLLER = 16
const CTRL_CMD_NEWFAMILY = 1
const CTRL_CMD_GETFAMILY = 3
const CTRL_VERSION = 2
const family = set({ name: [2, text], id: [1, u16], version: [3, u32], headerSize: [4, u32], most: [5, u32] })
const FAMILY_ID = 32
const TOP_LEVEL_ATTRIBUTES = 6

/** What happens to a command instead of its being carried out and answered. */
export type Fault =
  | { readonly kind: 'refused'; readonly errno: Errno }
  | { readonly kind: 'reply-lost'; readonly carriedOut: boolean }

/** What the socket asks whoever holds the table. */
export interface Behaviour {
  readonly commands: Commands
  /** With CAP_NET_ADMIN. */
  readonly permitted: boolean
  readonly available: boolean
  /** Takes one fault that awaits this command, if there is one of this kind. */
  fault<K extends Fault['kind']>(kind: K, command: Command): Extract<Fault, { kind: K }> | undefined
}

interface Message {
  readonly type: number
  readonly dump: boolean
  readonly acknowledged: boolean
  readonly sequence: number
  readonly command: number
  readonly header: Uint8Array
  readonly payload: Uint8Array
}

/** Chunks, each of which the kernel is handed by itself: up to a message with NLM_F_ACK or NLM_F_DUMP. */
const chunksIn = (request: Uint8Array): readonly (readonly Message[])[] => {
  const view = new DataView(request.buffer, request.byteOffset, request.byteLength)
  const chunks: Message[][] = []
  let chunk: Message[] = []
  for (let at = 0; at < request.length; at += align4(view.getUint32(at, littleEndian))) {
    const flags = view.getUint16(at + 6, littleEndian)
    const dump = (flags & NLM_F_DUMP) === NLM_F_DUMP
    const acknowledged = (flags & NLM_F_ACK) !== 0
    chunk.push({
      type: view.getUint16(at + 4, littleEndian),
      dump,
      acknowledged,
      sequence: view.getUint32(at + 8, littleEndian),
      command: view.getUint8(at + HEADER),
      header: request.subarray(at, at + HEADER),
      payload: request.subarray(at + HEADER + GENERIC_HEADER, at + view.getUint32(at, littleEndian)),
    })
    if (!dump && !acknowledged) continue
    chunks.push(chunk)
    chunk = []
  }
  if (chunk.length > 0) throw notModelled('a request that asks for no reply at its end')
  return chunks
}

export class MemorySocket implements Socket {
  readonly #behaviour: Behaviour

  constructor(behaviour: Behaviour) {
    this.#behaviour = behaviour
  }

  async transact(request: Uint8Array): Promise<Uint8Array> {
    return this.#exchange(request)
  }

  transactSync(request: Uint8Array, count: number, deadline: number): Uint8Array
  transactSync(request: Uint8Array, count: number, deadline: number, into: Uint8Array): Uint8Array | number
  transactSync(request: Uint8Array, _: number, __: number, into?: Uint8Array): Uint8Array | number {
    const replies = this.#exchange(request)
    if (into === undefined || replies.length > into.length) return replies
    into.set(replies)
    return replies.length
  }

  close(): void {}

  #exchange(request: Uint8Array): Uint8Array {
    const out = new Writer(1024)
    let sent = 0
    for (const chunk of chunksIn(request)) {
      const lost = this.#losesReplies(chunk)
      const before = out.length
      if (lost?.carriedOut !== false) for (const message of chunk) this.#answer(out, message)
      sent += chunk.length
      if (lost !== undefined) throw noReply(sent, out.bytes.slice(0, before))
    }
    return out.bytes.slice(0, out.length)
  }

  #losesReplies(chunk: readonly Message[]) {
    for (const { type, command } of chunk) {
      const name = type === FAMILY_ID ? commandName(command) : undefined
      const fault = name && this.#behaviour.fault('reply-lost', name)
      if (fault !== undefined) return fault
    }
    return undefined
  }

  #answer(out: Writer, message: Message): void {
    const result = this.#resultOf(out, message)
    if (typeof result === 'string') {
      acknowledge(out, message, errnos[result])
      return
    }
    for (const { command, write } of result) {
      respond(out, message, commands[command], FAMILY_VERSION, write)
    }
    if (message.dump) finishDump(out, message)
    else if (message.acknowledged) acknowledge(out, message, 0)
  }

  #resultOf(out: Writer, message: Message): Result {
    if (message.type === CONTROLLER) return this.#control(out, message)
    const { available, permitted, commands } = this.#behaviour
    if (!available || message.type !== FAMILY_ID) return 'ENOENT'
    const command = commandName(message.command)
    if (command === undefined) throw notModelled(`command ${message.command}`)
    if (!commands.offers(command, message.dump)) return 'EOPNOTSUPP'
    if (!permitted) return 'EPERM'
    const refused = this.#behaviour.fault('refused', command)
    return refused?.errno ?? commands.carryOut(command, message.dump, message.payload)
  }

  /** The controller of generic netlink, which tells the number of a family. */
  #control(out: Writer, message: Message): Result {
    if (message.command !== CTRL_CMD_GETFAMILY) throw notModelled(`controller command ${message.command}`)
    const name = Buffer.from(attributesIn(message.payload).get(2) ?? []).toString()
    if (!this.#behaviour.available || name !== `${FAMILY_NAME}\0`) return 'ENOENT'
    respond(out, message, CTRL_CMD_NEWFAMILY, CTRL_VERSION, (body) =>
      family.write(body, {
        name: FAMILY_NAME,
        id: FAMILY_ID,
        version: FAMILY_VERSION,
        headerSize: 0,
        most: TOP_LEVEL_ATTRIBUTES,
      }),
    )
    return []
  }
}

const respond = (
  out: Writer,
  { type, dump, sequence }: Message,
  command: number,
  version: number,
  write: (out: Writer) => void,
): void => {
  const start = begin(out, command, version)
  write(out)
  end(out, start)
  stamp(out.view, start, type, dump ? NLM_F_MULTI : 0, sequence)
}

/** NLMSG_ERROR with the header of the request; 0 is success. */
const acknowledge = (out: Writer, { header, sequence }: Message, errno: number): void => {
  const start = out.reserve(HEADER + 4 + HEADER)
  out.view.setInt32(start + HEADER, -errno, littleEndian)
  out.bytes.set(header, start + HEADER + 4)
  end(out, start)
  stamp(out.view, start, NLMSG_ERROR, NLM_F_CAPPED, sequence)
}

const finishDump = (out: Writer, { sequence }: Message): void => {
  const start = out.reserve(HEADER + 4)
  end(out, start)
  stamp(out.view, start, NLMSG_DONE, NLM_F_MULTI, sequence)
}

const noReply = (sent: number, replies: Uint8Array): TransportError =>
  Object.assign(new Error('the reply was lost, as it was told to be'), {
    errno: errnos.ETIMEDOUT,
    syscall: 'poll',
    sent,
    replies,
  })
