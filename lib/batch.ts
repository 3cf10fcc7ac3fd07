// A batch: requests encoded back to back for one transaction, and the way from its replies back to each.
// SPDX-License-Identifier: MIT

import {
  attributesOf,
  type Command,
  commandName,
  commands,
  FAMILY_VERSION,
  message,
  type WireMessage,
} from './abi.js'
import { fromErrno, IpvsError, malformed } from './errors.js'
import { MalformedError, Writer } from './netlink/attr.js'
import {
  type ExtendedAck,
  frame,
  GENERIC_HEADER,
  HEADER,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  stamp,
  walk,
} from './netlink/message.js'
import type { TransportError } from './netlink/socket.js'
import { type Request, subjectOf } from './request.js'

/**
 * A chunk is what goes out in one sendmsg, answered by one ACK and an error for each message that failed. When
 * all fail, this many errors still fit the default receive buffer (212992 bytes; 221 were seen to fit Linux 7.2).
 */
const CHUNK_MESSAGES = 128
const CHUNK_BYTES = 64 * 1024
/** What one job on the thread pool carries at most; between jobs, aborted calls can still be dropped. */
const BATCH_MESSAGES = 16 * CHUNK_MESSAGES

export type Done = (error: Error | undefined, replies: readonly WireMessage[]) => void

/** A request in its place in a batch. What it asks for is in its bytes only: most are never looked at again. */
export interface Entry {
  readonly done: Done
  readonly dump: boolean
  readonly start: number
  readonly end: number
  dropped: boolean
}

/** What the kernel said of a request; of most it says nothing, which is success. */
interface Answer {
  readonly replies: WireMessage[]
  errno: number
  extendedAck: ExtendedAck | undefined
  /** The kernel has answered to the end. */
  ended: boolean
  malformed: MalformedError | undefined
}

const none: readonly WireMessage[] = []

export class Batch {
  readonly #out = new Writer(512)
  readonly #entries: Entry[] = []
  #dropped = 0
  /** Those that were sent, and what came back, by their sequence number less the first one. */
  #live: readonly Entry[] = []
  #answers: (Answer | undefined)[] = []
  #first = 0
  #sealed = false
  /** For each chunk the index after its last message. */
  #chunks: number[] = []

  /** Read dumps of services with a large buffer: 32 KiB instead of a page make 8 times fewer of them. */
  readonly wide: boolean

  constructor(wide = false) {
    this.wide = wide
  }

  get full(): boolean {
    return this.#entries.length >= BATCH_MESSAGES
  }

  get chunks(): number {
    return this.#chunks.length
  }

  /** The requests that are, or would be, sent. */
  get requests(): readonly Request[] {
    return this.#entries.filter((entry) => !entry.dropped).map((entry) => this.#requestOf(entry))
  }

  /** Encodes a request at once; `done` is called when its outcome is known. */
  add({ command, body, dump = false }: Request, done: Done): Entry {
    const start = this.#out.length
    frame(this.#out, commands[command], FAMILY_VERSION, (out) => message.write(out, body))
    const entry = { done, dump, start, end: this.#out.length, dropped: false }
    this.#entries.push(entry)
    return entry
  }

  #requestOf({ start, end, dump }: Entry): Request {
    const { view } = this.#out
    const body = start + HEADER + GENERIC_HEADER
    const command = commandName(view.getUint8(start + HEADER)) as Command
    return { command, body: message.read(view, body, end - body), dump }
  }

  /** Takes a request out again; false when it is too late for that. */
  drop(entry: Entry): boolean {
    if (this.#sealed) return false
    if (!entry.dropped) this.#dropped++
    entry.dropped = true
    return true
  }

  /** Completes the headers, leaves out what was dropped, and divides the rest into chunks. */
  seal(family: number, sequence: number): { readonly bytes: Uint8Array; readonly count: number } {
    const live = this.#dropped === 0 ? this.#entries : this.#entries.filter((entry) => !entry.dropped)
    const bytes = live === this.#entries ? this.#out.bytes.subarray(0, this.#out.length) : this.#copy(live)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#sealed = true
    this.#live = live
    this.#first = sequence
    this.#chunks = []
    let offset = 0
    let chunkStart = 0
    let chunkOffset = 0
    live.forEach((entry, index) => {
      const next = live[index + 1]
      const length = entry.end - entry.start
      const last =
        next === undefined ||
        entry.dump ||
        index + 1 - chunkStart >= CHUNK_MESSAGES ||
        offset + length + (next.end - next.start) - chunkOffset > CHUNK_BYTES
      const flags = NLM_F_REQUEST | (entry.dump ? NLM_F_DUMP : last ? NLM_F_ACK : 0)
      stamp(view, offset, family, flags, sequence + index)
      offset += length
      if (last) {
        this.#chunks.push(index + 1)
        chunkStart = index + 1
        chunkOffset = offset
      }
    })
    return { bytes, count: live.length }
  }

  #copy(live: readonly Entry[]): Uint8Array {
    const bytes = new Uint8Array(live.reduce((sum, entry) => sum + entry.end - entry.start, 0))
    let offset = 0
    for (const { start, end } of live) {
      bytes.set(this.#out.bytes.subarray(start, end), offset)
      offset += end - start
    }
    return bytes
  }

  /** Sorts the replies to their requests. */
  receive(replies: Uint8Array): void {
    this.#answers = []
    walk(replies, (reply, view) => {
      const index = reply.sequence - this.#first
      if (index < 0 || index >= this.#live.length) return
      const answer = this.#answers[index] ?? unanswered()
      this.#answers[index] = answer
      if (reply.kind === 'data') {
        try {
          answer.replies.push(attributesOf(reply.command).read(view, reply.offset, reply.length))
        } catch (error) {
          if (!(error instanceof MalformedError)) throw error
          error.message = `${commandName(reply.command) ?? reply.command}: ${error.message}`
          answer.malformed = error
        }
      } else {
        answer.ended = true
        answer.errno = reply.errno
        answer.extendedAck = reply.extendedAck
      }
    })
  }

  /** True when the kernel answered every request with this errno. */
  allFailedWith(errno: number): boolean {
    return this.#live.length > 0 && this.#live.every((_, index) => this.#answers[index]?.errno === errno)
  }

  /** Tells each request how it went. `failure`: the transaction broke off. */
  settle(failure?: TransportError): void {
    const sent = failure === undefined ? this.#live.length : (failure.sent ?? 0)
    // Chunks before the one that broke off were answered in full: in them, silence is success.
    const broken = failure === undefined ? sent : failure.unreadable ? 0 : this.#startOfChunk(sent - 1)
    this.#live.forEach((entry, index) => {
      const { done } = entry
      const answer = this.#answers[index]
      if (index >= sent) done(unsent(this.#requestOf(entry), failure), none)
      else if (answer === undefined)
        done(index >= broken ? unknown(this.#requestOf(entry), failure) : undefined, none)
      else if (answer.errno !== 0) done(refused(this.#requestOf(entry), answer), none)
      else if (answer.malformed !== undefined) done(garbled(this.#requestOf(entry), answer.malformed), none)
      else if (index >= broken && !answer.ended) done(unknown(this.#requestOf(entry), failure), none)
      else done(undefined, answer.replies)
    })
  }

  /** Fails every request; those that were settled before stay as they are. */
  fail(makeError: (request: Request) => Error): void {
    for (const entry of this.#entries) if (!entry.dropped) entry.done(makeError(this.#requestOf(entry)), none)
  }

  #startOfChunk(index: number): number {
    let start = 0
    for (const end of this.#chunks) {
      if (index < end) return start
      start = end
    }
    return start
  }
}

const unanswered = (): Answer => ({
  replies: [],
  errno: 0,
  extendedAck: undefined,
  ended: false,
  malformed: undefined,
})

const refused = ({ command, body }: Request, { errno, extendedAck }: Answer): IpvsError =>
  fromErrno(command, errno, subjectOf(body), extendedAck, body.service?.engine !== undefined)

const about = ({ command, body }: Request) => ({ command, subject: subjectOf(body) })

const unsent = (request: Request, cause: TransportError | undefined): IpvsError =>
  new IpvsError({
    ...about(request),
    reason: 'not-sent',
    errno: cause?.errno ?? 0,
    explanation: 'nothing was sent: the socket failed',
    cause,
  })

const unknown = (request: Request, cause: TransportError | undefined): IpvsError =>
  new IpvsError({
    ...about(request),
    reason: 'outcome-unknown',
    errno: cause?.errno ?? 0,
    explanation: reading.has(request.command)
      ? 'the reply was lost'
      : 'the reply was lost: the change may or may not have been made',
    cause,
  })

const reading: ReadonlySet<Command> = new Set(['getService', 'getDest', 'getDaemon', 'getConfig', 'getInfo'])

const garbled = ({ command, body }: Request, cause: Error): IpvsError =>
  malformed(command, cause.message, { subject: subjectOf(body), cause })
