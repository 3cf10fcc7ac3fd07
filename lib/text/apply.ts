// Carries rules out in their order, many in one exchange with the kernel.
// SPDX-License-Identifier: MIT

import type { Director } from '../director.js'
import type { CallOptions } from '../types.js'
import type { Rule } from './parse.js'
import { perform } from './perform.js'

export interface Refusal {
  readonly rule: Rule
  readonly error: Error
}

export interface Applied {
  readonly done: number
  readonly refusals: readonly Refusal[]
}

/** Calls of one tick: enough for the client to fill its batches, few enough that promises do not pile up. */
const SLICE = 512
const IN_FLIGHT = 3

/**
 * `goOn`: past rules that are refused. Without it, what is already under way when the first is refused is still
 * carried out: some hundred rules after it.
 */
export const applyRules = async (
  client: Director,
  rules: readonly Rule[],
  { goOn, signal }: { readonly goOn: boolean; readonly signal?: CallOptions['signal'] },
): Promise<Applied> => {
  const refusals: Refusal[] = []
  const attempt = (rule: Rule): Promise<void> =>
    perform(client, rule.command).catch((error: Error) => {
      refusals.push({ rule, error })
    })
  let made = 0
  const inFlight: Promise<unknown>[] = []
  for (let i = 0; i < rules.length; i += SLICE) {
    if (inFlight.length >= IN_FLIGHT) await inFlight.shift()
    if (signal?.aborted || (refusals.length > 0 && !goOn)) break
    const slice = rules.slice(i, i + SLICE)
    made += slice.length
    inFlight.push(Promise.all(slice.map(attempt)))
  }
  await Promise.all(inFlight)
  return { done: made - refusals.length, refusals: refusals.sort((a, b) => a.rule.line - b.rule.line) }
}
