// A channel to the IPVS of one network namespace: two sockets, the family's number, and traced transactions.
// SPDX-License-Identifier: MIT

import { tracingChannel } from 'node:diagnostics_channel'
import { FAMILY_NAME } from './abi.js'
import { type Batch, type Replies, repliesIn } from './batch.js'
import * as check from './check.js'
import { printTransactions } from './debug.js'
import { cannotOpen, IpvsError } from './errors.js'
import { settlesWithin } from './late.js'
import { MalformedError } from './netlink/attr.js'
import { familyReply, familyRequest } from './netlink/family.js'
import {
  isTransportError,
  type NetworkNamespace,
  type OpenSocket,
  openSocket,
  type Socket,
  type TransportError,
} from './netlink/socket.js'
import { type Request, subjectOf } from './request.js'

const ENOENT = 2
const EBADMSG = 74
const ETIMEDOUT = 110
const LARGEST_DUMP_CHUNK = 32 * 1024
/** Beyond the deadline that the socket keeps by itself. */
const SLACK = 500
const LAST_SEQUENCE = 0xffff0000

/** Context of `tracing:ipvs:transaction:*` on node:diagnostics_channel. */
export interface TransactionContext {
  /** In the order in which they are sent; none when the number of the family is asked for. */
  readonly requests: readonly Request[]
  /** The messages as they are sent. */
  readonly bytes: Uint8Array
  /** The replies; in the events end (synchronous client) and asyncEnd. */
  result?: unknown
  /** Why the exchange failed; in the event error. A request that the kernel refused is no such failure. */
  error?: unknown
}

/** What a channel wants of a socket next; it is given the replies. */
interface Transaction {
  readonly socket: Socket
  readonly bytes: Uint8Array
  readonly count: number
  readonly batch?: Batch
}
type Transactions<T> = Generator<Transaction, T, Replies>

/** Memory for replies that are read before the next ones come. */
export interface Area {
  readonly bytes: Uint8Array
  readonly view: DataView
}

const transactions = tracingChannel<unknown, TransactionContext>('ipvs:transaction')

/** Options of Ipvs.open() and IpvsSync.open(). */
export interface OpenOptions {
  /** Network namespace: a path (/run/netns/NAME, /proc/PID/ns/net) or an open descriptor. Default: the caller's. */
  readonly netns?: NetworkNamespace
  /**
   * Milliseconds, 1..2147483647, default 10000, that an exchange of up to 128 requests may wait for its reply.
   * What is not answered by then fails with reason 'outcome-unknown'.
   */
  readonly deadline?: number
}

export class Channel {
  /**
   * The kernel makes the chunks of a dump as large as the largest buffer that the socket ever offered. That is
   * good for the list of services and bad for real servers, where each of many short dumps would pay for it.
   */
  readonly #narrow: Socket
  readonly #wide: Socket
  readonly deadline: number
  #family = 0
  #sequence = 1
  #closed = false

  constructor(narrow: Socket, wide: Socket, deadline: number) {
    printTransactions()
    this.#narrow = narrow
    this.#wide = wide
    this.deadline = deadline
  }

  static async open(options: OpenOptions, opener = openSocket): Promise<Channel> {
    const channel = openChannel(options, opener)
    const opening = channel.#drive(channel.#resolve())
    if (await settlesWithin(opening, channel.deadline + SLACK)) await opening
    else {
      void opening.finally(() => channel.close()).catch(() => undefined)
      throw slow()
    }
    return channel
  }

  static openSync(options: OpenOptions, opener = openSocket): Channel {
    const channel = openChannel(options, opener)
    channel.#driveSync(channel.#resolve())
    return channel
  }

  /** Carries out a batch and settles each of its requests. */
  exchange(batch: Batch): Promise<void> {
    return this.#drive(this.#exchange(batch))
  }

  /** The same at once; replies are written to the area if they fit there. */
  exchangeSync(batch: Batch, area?: Area): void {
    this.#driveSync(this.#exchange(batch), area)
  }

  *#resolve(): Transactions<void> {
    try {
      yield* this.#learn()
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** Asks for the family's number. */
  *#learn(): Transactions<void> {
    let family: ReturnType<typeof familyReply>
    try {
      const { view, length } = yield {
        socket: this.#narrow,
        bytes: familyRequest(FAMILY_NAME),
        count: 1,
      }
      family = familyReply(new Uint8Array(view.buffer, view.byteOffset, length))
    } catch (error) {
      throw isTransportError(error) ? unavailable(error.errno) : error
    }
    if ('errno' in family) throw unavailable(family.errno)
    this.#family = family.id
  }

  *#exchange(batch: Batch): Transactions<void> {
    const family = this.#family
    let failure = yield* this.#transact(batch)
    // ENOENT for all: perhaps the module was unloaded and came back with another number, and no handler saw them.
    if (failure === undefined && batch.allFailedWith(ENOENT)) {
      try {
        yield* this.#learn()
        // Another batch may have learnt it meanwhile: what counts is the number that this one went out with.
        if (this.#family !== family) failure = yield* this.#transact(batch)
      } catch (error) {
        if (!(error instanceof IpvsError) || error.reason !== 'ipvs-unavailable') return batch.settle()
        return batch.fail((request) => gone(request, error))
      }
    }
    batch.settle(failure)
  }

  *#transact(batch: Batch): Transactions<TransportError | undefined> {
    if (this.#sequence > LAST_SEQUENCE) this.#sequence = 1
    const { bytes, count } = batch.seal(this.#family, this.#sequence)
    this.#sequence += count
    if (count === 0) return undefined
    try {
      batch.receive(yield { socket: batch.wide ? this.#wide : this.#narrow, bytes, count, batch })
      return undefined
    } catch (error) {
      if (error instanceof MalformedError) return malformed(error, count)
      if (!isTransportError(error)) throw error
      if (error.replies !== undefined) batch.receive(repliesIn(error.replies)) // those that came before the failure
      return error
    }
  }

  async #drive<T>(steps: Transactions<T>): Promise<T> {
    let step = steps.next()
    while (!step.done) {
      const { socket, bytes, count, batch } = step.value
      const transact = (): Promise<Uint8Array> => socket.transact(bytes, count, this.deadline)
      try {
        const replies = transactions.hasSubscribers
          ? await transactions.tracePromise(transact, { requests: batch?.requests ?? [], bytes })
          : await transact()
        step = steps.next(repliesIn(replies))
      } catch (error) {
        step = steps.throw(error)
      }
    }
    return step.value
  }

  #driveSync<T>(steps: Transactions<T>, area?: Area): T {
    let step = steps.next()
    while (!step.done) {
      try {
        step = steps.next(this.#transactSync(step.value, area))
      } catch (error) {
        step = steps.throw(error)
      }
    }
    return step.value
  }

  #transactSync({ socket, bytes, count, batch }: Transaction, area: Area | undefined): Replies {
    if (transactions.hasSubscribers) {
      const transact = (): Uint8Array => socket.transactSync(bytes, count, this.deadline)
      return repliesIn(transactions.traceSync(transact, { requests: batch?.requests ?? [], bytes }))
    }
    if (area === undefined) return repliesIn(socket.transactSync(bytes, count, this.deadline))
    const replies = socket.transactSync(bytes, count, this.deadline, area.bytes)
    return typeof replies === 'number' ? { view: area.view, length: replies } : repliesIn(replies)
  }

  /** Somebody is told of every transaction, and may keep what it was told. */
  get traced(): boolean {
    return transactions.hasSubscribers
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Idempotent; a transaction in flight comes to its end first. */
  close(): void {
    this.#closed = true
    this.#narrow.close()
    this.#wide.close()
  }
}

const openFields = new Set(['netns', 'deadline'])

const openChannel = (options: OpenOptions, opener: OpenSocket): Channel => {
  check.object('options', options)
  check.knownFields('options', options, openFields)
  const { netns, deadline = 10_000 } = options
  check.integer('deadline', deadline, 1, 0x7fffffff)
  if (netns !== undefined && typeof netns !== 'string') check.integer('netns', netns, 0, 0x7fffffff)
  try {
    const narrow = opener(netns, 0)
    try {
      return new Channel(narrow, opener(netns, LARGEST_DUMP_CHUNK), deadline)
    } catch (error) {
      narrow.close()
      throw error
    }
  } catch (error) {
    if (!isTransportError(error)) throw error
    throw cannotOpen(netns, error)
  }
}

const malformed = (error: MalformedError, sent: number): TransportError =>
  Object.assign(new Error(error.message, { cause: error }), {
    errno: EBADMSG,
    syscall: 'recvmsg',
    sent,
    unreadable: true,
  })

const slow = (): IpvsError =>
  new IpvsError({
    command: 'open',
    reason: 'system',
    errno: ETIMEDOUT,
    explanation: 'the kernel did not come back before the deadline: it may be loading the module ip_vs',
  })

const unavailable = (errno: number): IpvsError =>
  new IpvsError({
    command: 'open',
    reason: errno === ENOENT ? 'ipvs-unavailable' : 'system',
    errno,
    explanation:
      errno === ENOENT
        ? 'the running kernel has no IPVS: no module ip_vs is installed for it, or it is one (5.10 is) that does not ' +
          'load it by itself (modprobe ip_vs)'
        : 'the kernel would not tell the number of the family IPVS',
  })

const gone = ({ command, body }: Request, cause: unknown): IpvsError =>
  new IpvsError({
    command,
    subject: subjectOf(body),
    reason: 'ipvs-unavailable',
    errno: ENOENT,
    explanation: 'the kernel no longer has IPVS: the module ip_vs was unloaded',
    cause,
  })
