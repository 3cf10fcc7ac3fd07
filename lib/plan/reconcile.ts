// reconcile(): keeps the table as a source of desired tables has it.
// SPDX-License-Identifier: MIT

import * as check from '../check.js'
import type { Director } from '../director.js'
import { isReason } from '../gone.js'
import { apply, readApplyOptions } from './apply.js'
import { Latest } from './latest.js'
import { plan, readPlanOptions } from './plan.js'
import type { DesiredTable, ReconcileOptions, ReconcileRound } from './types.js'

const PERIOD = 30_000
const FIRST_BACKOFF = 1000
const LONGEST_BACKOFF = 60_000
const LONGEST_TIMER = 0x7fffffff

const backoffFields = new Set(['first', 'longest'])

interface Terms {
  readonly period: number
  readonly first: number
  readonly longest: number
}

/** Those of plan() and apply() are checked as well: each round would fail for them. */
const readTerms = ({ period = PERIOD, backoff = {}, grace, signal, ...options }: ReconcileOptions): Terms => {
  readPlanOptions(options, () => undefined)
  readApplyOptions({ grace, signal })
  check.integer('options.period', period, 0, LONGEST_TIMER)
  check.object('options.backoff', backoff)
  check.knownFields('options.backoff', backoff, backoffFields)
  const { first = FIRST_BACKOFF, longest = LONGEST_BACKOFF } = backoff
  check.integer('options.backoff.first', first, 1, LONGEST_TIMER)
  check.integer('options.backoff.longest', longest, first, LONGEST_TIMER)
  return { period, first, longest }
}

/** Anything from `share` of it to all of it. */
const jittered = (milliseconds: number, share: number): number =>
  Math.round(milliseconds * (share + (1 - share) * Math.random()))

/**
 * Compares the table with the latest desired one and applies the difference: whenever the source has a new table, and
 * once in a period, so that what others did to the services that are owned is put right. One round at a time; of
 * tables that come meanwhile only the last counts. Runs while it is iterated:
 *
 *     for await (const { plan, result, error } of reconcile(ipvs, source, { owns, signal })) …
 *
 * A round that failed, or left changes undone, is followed by another after the backoff. When the source ends, its last
 * table is kept up; with period 0 that ends the iteration once a round is complete. Leaving the loop, like the signal,
 * ends it cleanly: no change is under way afterwards, and the source is closed.
 * @throws TypeError or RangeError about options and source, at once. From the iteration: what the source throws,
 * and IpvsError 'closed'. Any other error is in its round, for it may get better.
 */
export const reconcile = (
  director: Pick<Director, 'snapshot' | 'services' | 'destinations'>,
  source: AsyncIterable<DesiredTable> | Iterable<DesiredTable>,
  options: ReconcileOptions = {},
): AsyncGenerator<ReconcileRound, void, undefined> => {
  check.object('options', options)
  const terms = readTerms(options)
  return rounds(director, new Latest(source), options, terms)
}

async function* rounds(
  director: Pick<Director, 'snapshot' | 'services' | 'destinations'>,
  source: Latest<DesiredTable>,
  options: ReconcileOptions,
  { period, first, longest }: Terms,
): AsyncGenerator<ReconcileRound, void, undefined> {
  const { signal } = options
  let failures = 0
  let wait: number | null = null
  let cause: ReconcileRound['cause'] = 'source'
  source.start(signal)
  try {
    for (let number = 1; ; number++) {
      const news = await source.news(wait)
      if (news === 'aborted' || (news === 'ended' && wait === null)) return
      const fresh = news === 'new'
      const desired = source.take()
      if (fresh) failures = 0
      cause = fresh ? 'source' : failures > 0 ? 'retry' : 'period'
      const done = await once(director, desired, options)
      failures = done.result?.complete ? 0 : failures + 1
      if (failures > 0) wait = jittered(Math.min(first * 2 ** (failures - 1), longest), 0.5)
      else wait = period === 0 ? null : jittered(period, 0.9)
      if (signal?.aborted && done.result === null) return
      if (isReason(done.error, 'closed')) throw done.error
      yield { number, cause, ...done, next: wait }
    }
  } finally {
    source.stop()
  }
}

type Done = Pick<ReconcileRound, 'plan' | 'result' | 'error'>

const once = async (
  director: Pick<Director, 'snapshot' | 'services' | 'destinations'>,
  desired: DesiredTable,
  { period, backoff, grace, impact = false, signal, ...options }: ReconcileOptions,
): Promise<Done> => {
  let made: Done['plan'] = null
  try {
    made = await plan(director, desired, { ...options, impact, signal })
    return { plan: made, result: await apply(director, made, { grace, signal }), error: null }
  } catch (error) {
    return { plan: made, result: null, error: error instanceof Error ? error : new Error(String(error)) }
  }
}
