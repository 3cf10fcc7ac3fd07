// IpvsSync: the same verbs, each carried out before it returns; for command lines, start-up and worker threads.
// SPDX-License-Identifier: MIT

import type { WireMessage } from './abi.js'
import { Batch } from './batch.js'
import { type Area, Channel, type OpenOptions } from './channel.js'
import { callOptions } from './check.js'
import type { Daemons } from './daemons.js'
import type { Destinations } from './destinations.js'
import { Director } from './director.js'
import { closed } from './errors.js'
import { gather } from './group.js'
import { Writer } from './netlink/attr.js'
import type { OpenSocket } from './netlink/socket.js'
import type { Player } from './recording.js'
import { type Operation, type Request, repliesOf, type Sync, subjectOf } from './request.js'
import type { Services } from './services.js'
import type { CallOptions } from './types.js'

interface Memory {
  readonly out: Writer
  readonly area: Area
}

const newMemory = (): Memory => {
  const bytes = new Uint8Array(4096)
  return { out: new Writer(1024), area: { bytes, view: new DataView(bytes.buffer) } }
}

/** Runs each operation to its end and returns the result itself where the asynchronous runner promises it. */
class SyncRunner implements Sync<Player> {
  readonly #channel: Channel
  /** Memory for one call, used again by the next. */
  #spare: Memory | undefined

  constructor(channel: Channel) {
    this.#channel = channel
  }

  call<T>(make: () => Request, result: (replies: readonly WireMessage[]) => T, options?: CallOptions): T {
    const { signal } = callOptions(options)
    const request = make()
    this.#admit(request, signal)
    // Subscribers of the trace keep what they are given, and may make calls of their own meanwhile.
    const memory = this.#channel.traced ? newMemory() : (this.#spare ?? newMemory())
    this.#spare = undefined
    const batch = new Batch(false, memory.out)
    const place = batch.add(request)
    this.#channel.exchangeSync(batch, memory.area)
    const outcome = batch.outcome(place)
    if (!this.#channel.traced) this.#spare = memory
    return result(repliesOf(outcome))
  }

  run<T>(make: () => Operation<T>, options?: CallOptions): T {
    const { signal } = callOptions(options)
    const operation = make()
    this.#admit(operation, signal)
    const { task } = operation
    let step = task.next([])
    while (!step.done) {
      const { batches, outcomes } = gather([step.value])
      for (const batch of batches) this.#channel.exchangeSync(batch)
      step = task.next(outcomes()[0] ?? [])
    }
    return step.value
  }

  send(batch: Batch): void {
    if (this.#channel.closed) batch.fail(({ command, body }) => closed(command, subjectOf(body)))
    else this.#channel.exchangeSync(batch)
  }

  #admit({ command, body }: Request | Operation<unknown>, signal: AbortSignal | undefined): void {
    if (this.#channel.closed) throw closed(command, subjectOf(body))
    signal?.throwIfAborted()
  }
}

const SyncDirector = Director as unknown as new (runner: Sync<Player>) => Sync<Director>

/** As openOver() of ipvs.ts. Not public. */
export let openSyncOver: (opener: OpenSocket, options?: OpenOptions) => IpvsSync

/**
 * The IPVS of one network namespace, without promises. A call takes some microseconds, but some 10 to 100 ms where
 * the kernel loads a module or waits for a grace period, and blocks the thread meanwhile.
 */
export class IpvsSync extends SyncDirector {
  /** The verbs of {@link Services}, without promises. */
  declare readonly services: Sync<Services>
  /** The verbs of {@link Destinations}, without promises. */
  declare readonly destinations: Sync<Destinations>
  /** The verbs of {@link Daemons}, without promises. */
  declare readonly daemons: Sync<Daemons>
  /** As {@link Director.snapshot}, without a promise. */
  declare readonly snapshot: Sync<Director>['snapshot']
  /** As {@link Director.info}, without a promise. */
  declare readonly info: Sync<Director>['info']
  /** As {@link Director.timeouts}, without a promise. */
  declare readonly timeouts: Sync<Director>['timeouts']
  /** As {@link Director.setTimeouts}, without a promise. */
  declare readonly setTimeouts: Sync<Director>['setTimeouts']
  /** As {@link Director.zero}, without a promise. */
  declare readonly zero: Sync<Director>['zero']
  /** As {@link Director.flush}, without a promise. */
  declare readonly flush: Sync<Director>['flush']
  readonly #channel: Channel

  static {
    openSyncOver = (opener, options = {}) => new IpvsSync(Channel.openSync(options, opener))
  }

  private constructor(channel: Channel) {
    super(new SyncRunner(channel))
    this.#channel = channel
  }

  /**
   * Opens a client.
   * @throws as {@link Ipvs.open} rejects.
   */
  static open(options: OpenOptions = {}): IpvsSync {
    return new IpvsSync(Channel.openSync(options))
  }

  /** Idempotent. Later calls throw an IpvsError with reason 'closed'. */
  close(): void {
    this.#channel.close()
  }

  /** As close(): for `using`. */
  [Symbol.dispose](): void {
    this.close()
  }
}
