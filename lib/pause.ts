// Waiting on purpose: for so long or until a signal, and the next point of a period that does not drift.
// SPDX-License-Identifier: MIT

import { setTimeout } from 'node:timers/promises'

/** Waits so many milliseconds (at most 2147483647) or until the signal aborts, whichever comes first; never rejects. */
export const pause = async (milliseconds: number, signal: AbortSignal | undefined): Promise<void> => {
  await setTimeout(milliseconds, undefined, signal === undefined ? {} : { signal }).catch(() => undefined)
}

/**
 * The number of the next point of a period. Points are counted from the start, so that nothing adds up; work that took
 * longer than an interval skips points instead of running after them. A timer may fire a little early: hence never
 * the same point again.
 */
export const nextPoint = (last: number, elapsed: number, interval: number): number =>
  Math.max(last + 1, Math.ceil(elapsed / interval))
