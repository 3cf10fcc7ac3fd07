// A socket whose kernel is a script: for what the real one cannot be made to do on demand.
// SPDX-License-Identifier: MIT

import { Channel } from '../../lib/channel.ts'
import { Writer } from '../../lib/netlink/attr.ts'
import { GENERIC_HEADER, HEADER, NLM_F_ACK, NLM_F_DUMP } from '../../lib/netlink/message.ts'
import type { Socket, TransportError } from '../../lib/netlink/socket.ts'
import { Queue } from '../../lib/queue.ts'

/** A request as the scripted kernel sees it. */
export interface Seen {
  readonly type: number
  readonly flags: number
  readonly sequence: number
  readonly command: number
  readonly payload: Uint8Array
}

/** Answers one message: an errno, 0 for success. */
export type Script = (message: Seen) => number

export const parse = (request: Uint8Array): Seen[] => {
  const view = new DataView(request.buffer, request.byteOffset, request.byteLength)
  const seen: Seen[] = []
  for (let offset = 0; offset < request.length; ) {
    const length = view.getUint32(offset, true)
    seen.push({
      type: view.getUint16(offset + 4, true),
      flags: view.getUint16(offset + 6, true),
      sequence: view.getUint32(offset + 8, true),
      command: view.getUint8(offset + HEADER),
      payload: request.subarray(offset + HEADER + GENERIC_HEADER, offset + length),
    })
    offset += (length + 3) & ~3
  }
  return seen
}

/** NLMSG_ERROR with an errno, or an ACK. */
export const errorMessage = (sequence: number, errno: number): Uint8Array => {
  const out = new Writer(36)
  out.reserve(36)
  out.view.setUint32(0, 36, true)
  out.view.setUint16(4, 2, true)
  out.view.setUint16(6, 0x100, true)
  out.view.setUint32(8, sequence, true)
  out.view.setInt32(16, -errno, true)
  return out.bytes
}

/** What netlink answers: errors always, an ACK where asked for, the end of each dump. */
export const answer = (request: Uint8Array, script: Script): Uint8Array =>
  Buffer.concat(
    parse(request).flatMap((message) => {
      const errno = script(message)
      const asked = (message.flags & (NLM_F_ACK | NLM_F_DUMP)) !== 0
      return errno !== 0 || asked ? [errorMessage(message.sequence, errno)] : []
    }),
  )

export class ScriptedSocket implements Socket {
  /** The messages of each transaction. */
  readonly transactions: Seen[][] = []
  closed = false
  transact: (request: Uint8Array, count: number) => Promise<Uint8Array>

  constructor(script: Script) {
    this.transact = async (request) => {
      this.transactions.push(parse(request))
      await new Promise(setImmediate) // the pool never answers in the same tick
      return answer(request, script)
    }
  }

  transactSync(request: Uint8Array): Uint8Array {
    this.transactions.push(parse(request))
    return answer(request, () => 0)
  }

  close(): void {
    this.closed = true
  }

  /** Makes the kernel sit on every exchange until the function that is returned is called. */
  hold(): () => void {
    const { transact } = this
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    this.transact = async (request, count) => {
      await held
      return transact.call(this, request, count)
    }
    return () => {
      this.transact = transact
      release()
    }
  }

  get messages(): Seen[] {
    return this.transactions.flat()
  }
}

export const failure = (errno: number, syscall: string, rest: Partial<TransportError>): TransportError =>
  Object.assign(new Error('scripted'), { errno, syscall, ...rest })

export const queueOver = (socket: Socket, deadline = 1000): Queue =>
  new Queue(new Channel(socket, socket, deadline))
