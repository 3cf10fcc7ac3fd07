// The asynchronous runner: calls take effect in the order they were made, in as few exchanges as that allows.
// SPDX-License-Identifier: MIT

import type { WireMessage } from './abi.js'
import { Aborts } from './abort.js'
import { Batch } from './batch.js'
import type { Channel } from './channel.js'
import { callOptions } from './check.js'
import { closed, IpvsError } from './errors.js'
import { Group, memberOf } from './group.js'
import { settlesWithin } from './late.js'
import type { Player } from './recording.js'
import { type Operation, type Request, repliesOf, subjectOf } from './request.js'
import type { CallOptions } from './types.js'

/** Beyond the deadlines that the socket keeps by itself; only a kernel that blocks in sendmsg outlasts both. */
const SLACK = 500
/** A batch has no more chunks of changes than this; readings, which may have more, take no such time. */
const CHUNKS = 16
const ETIMEDOUT = 110

/**
 * Calls made in one tick, or while an exchange is in flight, gather in batches; operations of several exchanges
 * gather in groups. Both wait in one line, so that whatever was called first has taken effect first.
 */
export class Queue implements Player {
  readonly #channel: Channel
  readonly #line: (Batch | Group)[] = []
  readonly #aborts = new Aborts()
  #pumping: Promise<void> | undefined
  /** While the tick lasts that woke the queue: full batches that are under way, in their order. */
  #early: Batch[] | undefined
  #earlyExchanges: Promise<void>[] = []
  #closed = false
  /** An exchange is stuck in the kernel past its deadline. To keep the order of calls, nothing is sent meanwhile. */
  #stuck = false

  constructor(channel: Channel) {
    this.#channel = channel
  }

  call<T>(
    make: () => Request,
    result: (replies: readonly WireMessage[]) => T,
    options?: CallOptions,
  ): Promise<T> {
    try {
      const { signal } = callOptions(options)
      const request = make()
      this.#admit(request, signal)
      const batch = this.#openBatch()
      const place = batch.add(request)
      this.#pump()
      if (batch.full) this.#sendEarly(batch)
      const value = batch.done.then(() => result(repliesOf(batch.outcome(place))))
      return signal === undefined ? value : this.#orDropped(value, signal, () => batch.drop(place))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  run<T>(make: () => Operation<T>, options?: CallOptions): Promise<T> {
    try {
      const { signal } = callOptions(options)
      const operation = make()
      this.#admit(operation, signal)
      const group = this.#openGroup(operation.holds)
      const { member, value } = memberOf(operation, signal)
      group.add(member)
      this.#pump()
      return signal === undefined ? value : this.#orDropped(value, signal, () => group.drop(member))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  send(batch: Batch): Promise<void> {
    batch.finish()
    if (this.#closed) batch.fail(({ command, body }) => closed(command, subjectOf(body)))
    else if (this.#stuck) batch.fail(stuck)
    else {
      this.#line.push(batch)
      this.#pump()
    }
    return batch.done
  }

  /** Throws when nothing can be sent, before anything is queued. */
  #admit(what: Request | Operation<unknown>, signal: AbortSignal | undefined): void {
    if (this.#closed) throw closed(what.command, subjectOf(what.body))
    if (this.#stuck) throw stuck(what)
    signal?.throwIfAborted()
  }

  /** The signal drops a call while that is possible. */
  #orDropped<T>(value: Promise<T>, signal: AbortSignal, drop: () => boolean): Promise<T> {
    return new Promise((resolve, reject) => {
      const forget = this.#aborts.add(signal, () => drop() && reject(signal.reason))
      value.finally(forget).then(resolve, reject)
    })
  }

  /** The last in the line, while it is a batch with room; what has left the line takes nothing more. */
  #openBatch(): Batch {
    const last = this.#line.at(-1)
    if (last instanceof Batch && !last.full) return last
    const batch = new Batch()
    this.#line.push(batch)
    return batch
  }

  #openGroup(holds: string | undefined): Group {
    const last = this.#line.at(-1)
    if (last instanceof Group && last.admits(holds)) return last
    const group = new Group(holds !== undefined)
    this.#line.push(group)
    return group
  }

  #pump(): void {
    this.#pumping ??= this.#work()
  }

  async #work(): Promise<void> {
    try {
      this.#early = []
      await undefined // let the tick that made the first call finish
      const [early, exchanges] = [this.#early, this.#earlyExchanges]
      this.#early = undefined
      this.#earlyExchanges = []
      if (early.length > 0) await this.#settle(early, Promise.all(exchanges))
      for (let next = this.#line.shift(); next !== undefined; next = this.#line.shift()) {
        if (next instanceof Group) await next.run((batch) => this.#exchange(batch))
        else await this.#exchange(next)
      }
    } finally {
      this.#pumping = undefined // in the same breath in which the line was found empty
    }
  }

  /** The kernel works on full batches while the tick goes on making calls. */
  #sendEarly(batch: Batch): void {
    if (this.#early === undefined || this.#line[0] !== batch) return
    this.#line.shift()
    this.#early.push(batch)
    this.#earlyExchanges.push(this.#start(batch))
  }

  /** One batch, there and back. */
  async #exchange(batch: Batch): Promise<void> {
    if (this.#stuck) return batch.fail(stuck)
    await this.#settle([batch], this.#start(batch))
  }

  #start(batch: Batch): Promise<void> {
    return this.#channel.exchange(batch).catch((error: Error) => batch.fail(() => error))
  }

  /** Waits for an exchange, but not for ever; whatever happens, each request of the batches is settled. */
  async #settle(batches: readonly Batch[], exchange: Promise<unknown>): Promise<void> {
    const chunks = batches.reduce((sum, batch) => sum + Math.min(batch.chunks, CHUNKS), 0)
    if (await settlesWithin(exchange, chunks * this.#channel.deadline + SLACK)) return
    this.#stuck = true
    void exchange.finally(() => {
      this.#stuck = false
    })
    for (const batch of batches) batch.fail(late)
  }

  /** Waits for what was called before, then closes; calls made afterwards fail with reason 'closed'. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    while (this.#pumping !== undefined) await this.#pumping
    this.#channel.close()
  }
}

const stuck = ({ command, body }: Request | Operation<unknown>): IpvsError =>
  new IpvsError({
    command,
    subject: subjectOf(body),
    reason: 'not-sent',
    errno: 0,
    explanation: 'nothing was sent: an earlier exchange is still stuck in the kernel',
  })

const late = ({ command, body }: Request): IpvsError =>
  new IpvsError({
    command,
    subject: subjectOf(body),
    reason: 'outcome-unknown',
    errno: ETIMEDOUT,
    explanation: 'the kernel did not come back before the deadline; what was asked for may still happen',
  })
