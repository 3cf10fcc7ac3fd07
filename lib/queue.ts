// The asynchronous runner: calls take effect in the order they were made, in as few exchanges as that allows.
// SPDX-License-Identifier: MIT

import type { WireMessage } from './abi.js'
import { Batch, type Done, type Entry } from './batch.js'
import type { Channel } from './channel.js'
import { IpvsError } from './errors.js'
import { Group } from './group.js'
import { type Operation, type Request, type Runner, subjectOf } from './request.js'
import type { CallOptions } from './types.js'

/** Beyond the deadlines that the socket keeps by itself; only a kernel that blocks in sendmsg outlasts both. */
const SLACK = 500
const LONGEST_TIMER = 0x7fffffff

/**
 * Calls made in one tick, or while an exchange is in flight, gather in batches; operations of several exchanges
 * gather in groups. Both wait in one line, so that whatever was called first has taken effect first.
 */
export class Queue implements Runner {
  readonly #channel: Channel
  readonly #line: (Batch | Group)[] = []
  #pumping: Promise<void> | undefined
  #closed = false
  /** An exchange is stuck in the kernel past its deadline. To keep the order of calls, nothing is sent meanwhile. */
  #stuck = false

  constructor(channel: Channel) {
    this.#channel = channel
  }

  call<T>(
    make: () => Request,
    result: (replies: readonly WireMessage[]) => T,
    { signal }: CallOptions = {},
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const request = make()
      const refusal = this.#refusal(request)
      if (refusal !== undefined) return reject(refusal)
      if (signal?.aborted) return reject(signal.reason)
      const batch = this.#openBatch()
      const done: Done = (error, replies) => {
        if (error === undefined) resolve(result(replies))
        else reject(error)
      }
      if (signal === undefined) batch.add(request, done)
      else addAbortable(batch, request, done, signal, reject)
      this.#pump()
    })
  }

  run<T>(make: () => Operation<T>, { signal }: CallOptions = {}): Promise<T> {
    return new Promise((resolve, reject) => {
      const operation = make()
      const refusal = this.#refusal(undefined)
      if (refusal !== undefined) return reject(refusal)
      if (signal?.aborted) return reject(signal.reason)
      const last = this.#line.at(-1)
      const group =
        last instanceof Group && last.admits(operation.holds)
          ? last
          : new Group(operation.holds !== undefined)
      if (group !== last) this.#line.push(group)
      group.add({ ...operation, signal, resolve: resolve as (value: unknown) => void, reject })
      this.#pump()
    })
  }

  #refusal(request: Request | undefined): IpvsError | undefined {
    if (this.#closed) return closedError(request)
    return this.#stuck ? stuckError(request) : undefined
  }

  /** The last in the line, while it is a batch with room; what has left the line takes nothing more. */
  #openBatch(): Batch {
    const last = this.#line.at(-1)
    if (last instanceof Batch && !last.full) return last
    const batch = new Batch()
    this.#line.push(batch)
    return batch
  }

  #pump(): void {
    this.#pumping ??= this.#work()
  }

  async #work(): Promise<void> {
    await undefined // let the tick that made the first call finish
    for (let next = this.#line.shift(); next !== undefined; next = this.#line.shift()) {
      if (next instanceof Group) await next.run((batch) => this.#exchange(batch))
      else await this.#exchange(next)
    }
    this.#pumping = undefined
  }

  /** One batch, there and back; whatever happens, each of its requests is settled. */
  async #exchange(batch: Batch): Promise<void> {
    if (this.#stuck) return batch.fail(stuckError)
    const exchange = this.#channel.exchange(batch).catch((error: Error) => batch.fail(() => error))
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<'late'>((resolve) => {
      const patience = Math.min(batch.chunks * this.#channel.deadline + SLACK, LONGEST_TIMER)
      // After a long block of the event loop the reply may be there already: let it be seen first.
      timer = setTimeout(() => setImmediate(resolve, 'late'), patience)
    })
    const first = await Promise.race([exchange, late])
    clearTimeout(timer)
    if (first !== 'late') return
    this.#stuck = true
    void exchange.finally(() => {
      this.#stuck = false
    })
    batch.fail(lateError)
  }

  /** Waits for what was called before, then closes; calls made afterwards fail with reason 'closed'. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    while (this.#pumping !== undefined) await this.#pumping
    this.#channel.close()
  }
}

const addAbortable = (
  batch: Batch,
  request: Request,
  done: Done,
  signal: AbortSignal,
  reject: (reason: unknown) => void,
): void => {
  const abort = (): void => {
    if (batch.drop(entry)) reject(signal.reason)
  }
  const entry: Entry = batch.add(request, (error, replies) => {
    signal.removeEventListener('abort', abort)
    done(error, replies)
  })
  signal.addEventListener('abort', abort, { once: true })
}

const about = (request: Request | undefined) => ({
  command: request?.command ?? ('open' as const),
  subject: request === undefined ? undefined : subjectOf(request.body),
})

const closedError = (request: Request | undefined): IpvsError =>
  new IpvsError({ ...about(request), reason: 'closed', errno: 0, explanation: 'the client is closed' })

const stuckError = (request: Request | undefined): IpvsError =>
  new IpvsError({
    ...about(request),
    reason: 'not-sent',
    errno: 0,
    explanation: 'nothing was sent: an earlier exchange is still stuck in the kernel',
  })

const lateError = (request: Request): IpvsError =>
  new IpvsError({
    ...about(request),
    reason: 'outcome-unknown',
    errno: ETIMEDOUT,
    explanation: 'the kernel did not come back before the deadline: the change may or may not be made',
  })

const ETIMEDOUT = 110
