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
  begin,
  type ExtendedAck,
  end,
  GENERIC_HEADER,
  HEADER,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  stamp,
  walkView,
} from './netlink/message.js'
import type { TransportError } from './netlink/socket.js'
import { type Outcome, type Request, subjectOf } from './request.js'
import { readMessage, writeMessage } from './wire.js'

/**
 * A chunk is what goes out in one sendmsg, answered by one ACK and an error for each message that failed. When
 * all fail, this many errors still fit the default receive buffer (212992 bytes; 221 were seen to fit Linux 7.2).
 */
const CHUNK_MESSAGES = 128
const CHUNK_BYTES = 64 * 1024
/** What one job on the thread pool carries at most; between jobs, aborted calls can still be dropped. */
const BATCH_MESSAGES = 4 * CHUNK_MESSAGES

/** Replies lie in the first `length` bytes of the view. */
export interface Replies {
  readonly view: DataView
  readonly length: number
}

export const repliesIn = (bytes: Uint8Array): Replies => ({
  view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  length: bytes.length,
})

/** Where the data of a reply lies, and under which command. */
interface Found {
  readonly command: number
  readonly offset: number
  readonly length: number
}

/** What the kernel said of a request; of most it says nothing, which is success. */
interface Answer {
  readonly found: Found[]
  errno: number
  extendedAck: ExtendedAck | undefined
  /** The kernel has answered to the end. */
  ended: boolean
}

const none: readonly WireMessage[] = []
const success: Outcome = { replies: none, error: undefined }
const empty = new DataView(new ArrayBuffer(0))

/**
 * What a request asks for is in its bytes only, and so are the replies: most are never looked at again. A request is
 * known by its place, which is how many were added before it.
 */
export class Batch {
  readonly #out: Writer
  /** Where each message ends; it starts where the one before ends. */
  #ends: number[] = []
  /** Places of dumps, and of what was dropped; of most batches there are none. */
  #dumps: Set<number> | undefined
  #dropped: Set<number> | undefined
  /** Where something was dropped: from the place of a request to what it is among those sent. */
  #places: readonly number[] | undefined
  #replies: DataView = empty
  #answers: (Answer | undefined)[] = []
  #first = 0
  #finished = false
  #sealed = false
  /** For each chunk the index after its last message. */
  #chunks: number[] = []
  #settled = false
  #failure: TransportError | undefined
  #makeError: ((request: Request) => Error) | undefined
  #digests: Map<number, NonNullable<Request['digest']>> | undefined
  #outcomes: readonly Outcome[] | undefined
  #tell: (() => void) | undefined
  #done: Promise<void> | undefined

  /** Read dumps of services with a large buffer: 32 KiB instead of a page make 8 times fewer of them. */
  readonly wide: boolean

  /** `out` is written from its beginning; a batch that is still used must not share it. */
  constructor(wide = false, out = new Writer(512)) {
    this.wide = wide
    this.#out = out
    out.reset()
  }

  get full(): boolean {
    return this.#finished || this.#ends.length >= BATCH_MESSAGES
  }

  /** Takes nothing more. */
  finish(): void {
    this.#finished = true
  }

  get chunks(): number {
    return this.#chunks.length
  }

  /** The requests that are, or would be, sent. */
  get requests(): readonly Request[] {
    return this.#ends.flatMap((_, index) => (this.#dropped?.has(index) ? [] : [this.#requestAt(index)]))
  }

  /** Resolves when every outcome is known. */
  get done(): Promise<void> {
    this.#done ??= new Promise((resolve) => {
      if (this.#settled) resolve()
      else this.#tell = resolve
    })
    return this.#done
  }

  /** Encodes a request at once and returns its place. */
  add({ command, body, dump, digest }: Request): number {
    const start = begin(this.#out, commands[command], FAMILY_VERSION)
    writeMessage(this.#out, body)
    end(this.#out, start)
    const place = this.#ends.push(this.#out.length) - 1
    if (dump === true) {
      this.#dumps ??= new Set()
      this.#dumps.add(place)
    }
    if (digest !== undefined) {
      this.#digests ??= new Map()
      this.#digests.set(place, digest)
    }
    return place
  }

  #startOf(index: number): number {
    return index === 0 ? 0 : this.#ends[index - 1]!
  }

  #requestAt(index: number): Request {
    const { view } = this.#out
    const start = this.#startOf(index)
    const body = start + HEADER + GENERIC_HEADER
    const command = commandName(view.getUint8(start + HEADER)) as Command
    return {
      command,
      body: message.read(view, body, this.#ends[index]! - body),
      dump: this.#dumps?.has(index) === true,
    }
  }

  /** Takes a request out again; false when it is too late for that. */
  drop(place: number): boolean {
    if (this.#sealed) return false
    this.#dropped ??= new Set()
    this.#dropped.add(place)
    return true
  }

  /** Leaves out what was dropped, completes the headers, and divides the rest into chunks. */
  seal(family: number, sequence: number): { readonly bytes: Uint8Array; readonly count: number } {
    if (this.#dropped !== undefined) this.#close(this.#dropped)
    this.#sealed = true
    this.#first = sequence
    this.#answers = []
    this.#chunks = []
    const { view, length } = this.#out
    const count = this.#ends.length
    let chunkStart = 0
    let chunkOffset = 0
    for (let index = 0, offset = 0; index < count; index++) {
      const end = this.#ends[index]!
      const dump = this.#dumps?.has(index) === true
      const last =
        index + 1 === count ||
        dump ||
        index + 1 - chunkStart >= CHUNK_MESSAGES ||
        this.#ends[index + 1]! - chunkOffset > CHUNK_BYTES
      stamp(
        view,
        offset,
        family,
        NLM_F_REQUEST | (dump ? NLM_F_DUMP : last ? NLM_F_ACK : 0),
        sequence + index,
      )
      offset = end
      if (last) {
        this.#chunks.push(index + 1)
        chunkStart = index + 1
        chunkOffset = end
      }
    }
    return { bytes: this.#out.bytes.subarray(0, length), count }
  }

  /** Closes the gaps that dropped requests leave. */
  #close(dropped: ReadonlySet<number>): void {
    const { bytes } = this.#out
    const places: number[] = []
    const ends: number[] = []
    const dumps = new Set<number>()
    let length = 0
    for (let index = 0; index < this.#ends.length; index++) {
      if (dropped.has(index)) continue
      const [start, end] = [this.#startOf(index), this.#ends[index]!]
      bytes.copyWithin(length, start, end)
      length += end - start
      if (this.#dumps?.has(index)) dumps.add(ends.length)
      places[index] = ends.length
      ends.push(length)
    }
    this.#out.length = length
    this.#places = places
    this.#ends = ends
    this.#dumps = dumps
    this.#dropped = undefined
  }

  /** Sorts the replies to their requests; what they hold is decoded when their outcome is asked for. */
  receive({ view, length }: Replies): void {
    this.#answers = []
    this.#replies = view
    walkView(view, length, (reply) => {
      const index = reply.sequence - this.#first
      if (index < 0 || index >= this.#ends.length) return
      // A success that says no more than that: true of nearly every reply to a change.
      if (reply.kind === 'end' && reply.errno === 0 && reply.extendedAck === undefined) {
        const answer = this.#answers[index]
        if (answer === undefined) this.#answers[index] = plain
        else if (answer !== plain) answer.ended = true
        return
      }
      const known = this.#answers[index]
      const answer = known === undefined || known === plain ? unanswered() : known
      this.#answers[index] = answer
      if (reply.kind === 'data') {
        answer.found.push(reply)
      } else {
        answer.ended = true
        answer.errno = reply.errno
        answer.extendedAck = reply.extendedAck
      }
    })
  }

  /** True when the kernel answered every request with this errno. */
  allFailedWith(errno: number): boolean {
    return this.#ends.length > 0 && this.#ends.every((_, index) => this.#answers[index]?.errno === errno)
  }

  /** The outcomes are known. `failure`: the transaction broke off. What was settled before stays as it is. */
  settle(failure?: TransportError): void {
    if (this.#settled) return
    this.#settled = true
    this.#failure = failure
    this.#tell?.()
  }

  /** Fails every request, unless the outcomes are known. */
  fail(makeError: (request: Request) => Error): void {
    if (!this.#settled) this.#makeError = makeError
    this.settle()
  }

  /** Finds every outcome out now rather than when it is asked for. */
  decode(): void {
    if (this.#places === undefined)
      this.#outcomes = this.#ends.map((_, index) => this.#outcomeAt(index, index))
  }

  /** What became of the request at this place. To be asked once, when the batch is done. */
  outcome(place: number): Outcome {
    const index = this.#places === undefined ? place : this.#places[place]
    if (index === undefined) return success // dropped: its caller has been told
    return this.#outcomes?.[index] ?? this.#outcomeAt(index, place)
  }

  #outcomeAt(index: number, place: number): Outcome {
    if (this.#makeError !== undefined) return failed(this.#makeError(this.#requestAt(index)))
    const answer = this.#answers[index]
    if (this.#failure !== undefined) {
      const error = this.#brokenOff(index, answer, this.#failure)
      if (error !== undefined) return failed(error)
    }
    const digest = this.#digests?.get(place)
    if (answer === undefined || answer === plain)
      return digest === undefined ? success : { ...success, digest: digest(none) }
    if (answer.errno !== 0) return failed(refused(this.#requestAt(index), answer))
    try {
      const replies = answer.found.map((found) => this.#decode(found))
      if (digest === undefined) return { replies, error: undefined }
      return { replies: none, error: undefined, digest: digest(replies) }
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error
      return failed(garbled(this.#requestAt(index), error))
    }
  }

  /** The error of a request that a broken transaction left without an answer, or with half of one. */
  #brokenOff(index: number, answer: Answer | undefined, failure: TransportError): Error | undefined {
    const sent = failure.sent ?? 0
    if (index >= sent) return unsent(this.#requestAt(index), failure)
    // Chunks before the one that broke off were answered in full: in them, silence is success.
    const broken = failure.unreadable ? 0 : this.#startOfChunk(sent - 1)
    if (index < broken || answer?.ended === true) return undefined
    return unknown(this.#requestAt(index), failure)
  }

  #decode({ command, offset, length }: Found): WireMessage {
    try {
      if (command === commands.newService || command === commands.newDest)
        return readMessage(this.#replies, offset, length)
      return attributesOf(command).read(this.#replies, offset, length)
    } catch (error) {
      if (error instanceof MalformedError)
        error.message = `${commandName(command) ?? command}: ${error.message}`
      throw error
    }
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

const unanswered = (): Answer => ({ found: [], errno: 0, extendedAck: undefined, ended: false })
/** Shared by all that were answered without anything to tell: never written to. */
const plain: Answer = { found: [], errno: 0, extendedAck: undefined, ended: true }

const failed = (error: Error): Outcome => ({ replies: none, error })

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
