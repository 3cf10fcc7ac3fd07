// A recording: calls that are checked and encoded when they are made, and carried out later, with no promise for each.
// SPDX-License-Identifier: MIT

import { Batch } from './batch.js'
import type { Operation, Request, Runner, Sync } from './request.js'
import type { CallOptions } from './types.js'

/** Runs also what was recorded. */
export interface Player extends Runner {
  /** Carries out a batch in its turn; resolves when the outcomes of its requests are known. */
  send(batch: Batch): Promise<void>
}

/** Consecutive calls of one kind, up to 512. */
type Step =
  | { readonly batch: Batch; readonly operations?: undefined; count: number }
  | { readonly batch?: undefined; readonly operations: Operation<unknown>[]; count: number }

/** A call that failed; it is known by how many were recorded before. */
export interface Failed {
  readonly place: number
  readonly error: Error
}

export interface Played {
  /** Calls that were made: all, unless it was ended. */
  readonly made: number
  /** In their order. */
  readonly failed: readonly Failed[]
}

export interface PlayOptions {
  /** Past a step in which a call failed. */
  readonly goOn: boolean
  /** Ends it before the next step. */
  readonly signal?: CallOptions['signal']
}

/** As many as a batch has requests. */
const MOST_OPERATIONS = 512

/** The runner of a director whose calls are to be recorded. Nothing is read, so that only changes can be. */
export class Recording implements Sync<Runner> {
  readonly #steps: Step[] = []

  call<T>(make: () => Request): T {
    const request = make()
    let step = this.#steps.at(-1)
    if (step?.batch === undefined || step.batch.full) {
      step = { batch: new Batch(), count: 0 }
      this.#steps.push(step)
    }
    step.batch.add(request)
    step.count++
    return undefined as T
  }

  run<T>(make: () => Operation<T>): T {
    const operation = make()
    let step = this.#steps.at(-1)
    if (step?.operations === undefined || step.count === MOST_OPERATIONS) {
      step = { operations: [], count: 0 }
      this.#steps.push(step)
    }
    step.operations.push(operation)
    step.count++
    return undefined as T
  }

  /**
   * Carries out the calls in their order, once. Steps are sent one after the other, so that not more than the rest of
   * one, 511 calls, follows a call that failed.
   */
  async play(player: Player, { goOn, signal }: PlayOptions): Promise<Played> {
    const failed: Failed[] = []
    let made = 0
    for (const step of this.#steps) {
      if (signal?.aborted || (failed.length > 0 && !goOn)) break
      const errors =
        step.batch === undefined
          ? await errorsOf(player, step.operations)
          : await errorsIn(player, step.batch, step.count)
      for (const { place, error } of errors) failed.push({ place: made + place, error })
      made += step.count
    }
    return { made, failed }
  }
}

const errorsIn = async (player: Player, batch: Batch, count: number): Promise<readonly Failed[]> => {
  await player.send(batch)
  const failed: Failed[] = []
  for (let place = 0; place < count; place++) {
    const { error } = batch.outcome(place)
    if (error !== undefined) failed.push({ place, error })
  }
  return failed
}

/** Operations are begun together: those that a group takes share their exchanges. */
const errorsOf = async (
  player: Player,
  operations: readonly Operation<unknown>[],
): Promise<readonly Failed[]> => {
  const settled = await Promise.allSettled(operations.map(async (operation) => player.run(() => operation)))
  return settled.flatMap((result, place) =>
    result.status === 'rejected' ? [{ place, error: result.reason }] : [],
  )
}
