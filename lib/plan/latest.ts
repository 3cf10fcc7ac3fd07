// The latest value of an iterable that is read ahead, and a wait for the next one.
// SPDX-License-Identifier: MIT

import { setImmediate } from 'node:timers/promises'

/** Milliseconds of reading without a pause after which the event loop gets a turn. */
const TURN = 10

/** Reads a source as fast as it gives. Values that nobody took are replaced by later ones. */
export class Latest<T> {
  readonly #source: AsyncIterable<T> | Iterable<T>
  #stopped = false
  #ended = false
  #failure: { readonly error: unknown } | undefined
  #value: { readonly value: T; readonly fresh: boolean } | undefined
  #wake: () => void = () => undefined
  #signal: AbortSignal | undefined
  #iterator: AsyncIterator<T> | Iterator<T> | undefined

  constructor(source: AsyncIterable<T> | Iterable<T>) {
    const { [Symbol.asyncIterator]: later, [Symbol.iterator]: now } = Object(source)
    if (typeof later !== 'function' && typeof now !== 'function') {
      throw new TypeError('source: expected an iterable or async iterable of desired tables')
    }
    this.#source = source
  }

  start(signal: AbortSignal | undefined): void {
    this.#signal = signal
    signal?.addEventListener('abort', this.#onAbort, { once: true })
    void this.#read()
  }

  readonly #onAbort = (): void => this.#wake()

  async #read(): Promise<void> {
    try {
      const iterator: AsyncIterator<T> | Iterator<T> =
        Symbol.asyncIterator in this.#source
          ? this.#source[Symbol.asyncIterator]()
          : this.#source[Symbol.iterator]()
      this.#iterator = iterator
      for (let turn = performance.now(); !this.#stopped; ) {
        const { done, value } = await iterator.next()
        if (done || this.#stopped) break
        this.#value = { value, fresh: true }
        this.#wake()
        // A source that is never late, such as an endless generator, would let nothing else run.
        if (performance.now() - turn < TURN) continue
        await setImmediate()
        turn = performance.now()
      }
    } catch (error) {
      this.#failure = { error }
    }
    this.#ended = true
    this.#wake()
  }

  /**
   * Waits for a value that nobody took, at most `milliseconds`, without end where that is null. `ended`: no more will
   * come, and none is left. Throws what the source threw, after its last value was taken.
   */
  async news(milliseconds: number | null): Promise<'new' | 'late' | 'ended' | 'aborted'> {
    const end = milliseconds === null ? Infinity : performance.now() + milliseconds
    for (;;) {
      if (this.#signal?.aborted) return 'aborted'
      if (this.#value?.fresh) return 'new'
      if (this.#failure !== undefined) throw this.#failure.error
      if (this.#ended && (milliseconds === null || this.#value === undefined)) return 'ended'
      const left = end - performance.now()
      if (left <= 0) return 'late'
      await this.#sleep(left)
    }
  }

  #sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = milliseconds === Infinity ? undefined : setTimeout(resolve, Math.ceil(milliseconds))
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  /** The latest value, taken before or not. Not to be called before there was news. */
  take(): T {
    const { value } = this.#value!
    this.#value = { value, fresh: false }
    return value
  }

  /** Closes the source, without waiting: it may be in the middle of waiting itself. */
  stop(): void {
    this.#stopped = true
    this.#signal?.removeEventListener('abort', this.#onAbort)
    if (this.#ended) return
    const closing = async (): Promise<void> => void (await this.#iterator?.return?.())
    closing().catch(() => undefined)
  }
}
