// Rates: counters of two readings into connections, packets and bytes a second.
// SPDX-License-Identifier: MIT

import type { Stats } from './types.js'

/** Averages since the reading before, a second; bytes, not bits. The kernel's own estimates are in `stats`. */
export type Rates = Pick<Stats, 'cps' | 'inPps' | 'outPps' | 'inBps' | 'outBps'>

/** What is remembered of one object from reading to reading. Times are in milliseconds. */
export interface Gauge {
  readonly stats: Stats
  readonly at: number
  /** When the counters were last known to have been up to date. */
  readonly since: number
  /** null: not known yet, or the counters were set back meanwhile. */
  readonly rates: Rates | null
}

/**
 * The kernel adds its per-processor counters up every 2 seconds and shows the old sums until then. So counters that stand
 * still for a shorter time say nothing, and what a reading adds was counted in no less than that.
 */
const PERIOD = 2000
/** The kernel's 2 seconds and ours are not in step. Milliseconds after which the rates of every object are known. */
export const STILL = 1.5 * PERIOD

const counters = {
  cps: 'conns',
  inPps: 'inPkts',
  outPps: 'outPkts',
  inBps: 'inBytes',
  outBps: 'outBytes',
} as const
const names = Object.keys(counters) as (keyof Rates)[]

const perSecond = (before: Stats, after: Stats, milliseconds: number): Rates => {
  const rate = (name: keyof Rates): number =>
    (Number(after[counters[name]] - before[counters[name]]) * 1000) / milliseconds
  return {
    cps: rate('cps'),
    inPps: rate('inPps'),
    outPps: rate('outPps'),
    inBps: rate('inBps'),
    outBps: rate('outBps'),
  }
}

/** The next reading of an object; `last` is undefined for one that was not there before. */
export const measure = (last: Gauge | undefined, stats: Stats, at: number): Gauge => {
  const fell = (before: Stats): boolean =>
    names.some((name) => stats[counters[name]] < before[counters[name]])
  // Somebody set the counters to zero, the object was deleted and added again, or (before Linux 4.1) 32 bits ran over.
  if (last === undefined || fell(last.stats)) return { stats, at, since: at, rates: null }
  const grew = names.some((name) => stats[counters[name]] > last.stats[counters[name]])
  if (grew) {
    const rates = perSecond(last.stats, stats, Math.max(PERIOD, at - last.since))
    return { stats, at, since: at, rates }
  }
  if (at - last.since < STILL) return { ...last, at }
  return { stats, at, since: at, rates: perSecond(stats, stats, PERIOD) }
}
