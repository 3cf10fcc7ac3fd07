// Calls that an AbortSignal can drop: one listener for each signal, however many calls share it.
// SPDX-License-Identifier: MIT

interface Waiting {
  readonly drops: Set<() => void>
  readonly listener: () => void
}

export class Aborts {
  readonly #waiting = new Map<AbortSignal, Waiting>()

  /** Calls `drop` when the signal aborts, unless the function that is returned was called before. */
  add(signal: AbortSignal, drop: () => void): () => void {
    const { drops, listener } = this.#waiting.get(signal) ?? this.#listen(signal)
    drops.add(drop)
    return () => {
      drops.delete(drop)
      if (drops.size > 0 || this.#waiting.get(signal)?.drops !== drops) return
      this.#waiting.delete(signal)
      signal.removeEventListener('abort', listener)
    }
  }

  #listen(signal: AbortSignal): Waiting {
    const drops = new Set<() => void>()
    const listener = (): void => {
      this.#waiting.delete(signal)
      for (const drop of drops) drop()
    }
    const waiting = { drops, listener }
    this.#waiting.set(signal, waiting)
    signal.addEventListener('abort', listener, { once: true })
    return waiting
  }
}
