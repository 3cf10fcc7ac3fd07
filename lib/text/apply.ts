// Carries rules out in their order, many in one exchange with the kernel.
// SPDX-License-Identifier: MIT

import type { Director } from '../director.js'
import type { CallOptions } from '../types.js'
import type { Rule, RuleFault } from './parse.js'
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

/** Refusals beside the text that the rules were read from. */
export const faultsIn = (text: string, refusals: readonly Refusal[]): readonly RuleFault[] => {
  if (refusals.length === 0) return []
  const textOf = textIn(text)
  return refusals.map(({ rule: { line }, error }) => ({ line, text: textOf(line), message: error.message }))
}

/** The text of a line, by its number. */
export const textIn = (text: string): ((line: number) => string) => {
  let lines: readonly string[] | undefined
  return (line) => {
    lines ??= text.split('\n')
    return lines[line - 1]?.trim() ?? ''
  }
}

/**
 * `goOn`: past rules that are refused. Without it, what is already under way when the first is refused is still
 * carried out: up to IN_FLIGHT slices, 1,535 rules after it. To drop them in time every call would have to carry a
 * signal, which costs as much again as the call. Rules are taken when their turn comes, so that few exist at a time.
 */
export const applyRules = async (
  client: Director,
  rules: Iterable<Rule>,
  { goOn, signal }: { readonly goOn: boolean; readonly signal?: CallOptions['signal'] },
): Promise<Applied> => {
  const refusals: Refusal[] = []
  const source = rules[Symbol.iterator]()
  let made = 0
  /** Makes the calls of a slice; resolves when all have settled. Counted by hand: Promise.all() costs a promise each. */
  const slice = (): Promise<void> | undefined => {
    let waiting = 0
    let settle: (() => void) | undefined
    const settled = (): void => {
      if (--waiting === 0) settle?.()
    }
    for (let i = 0; i < SLICE; i++) {
      const { value, done } = source.next()
      if (done) break
      waiting++
      perform(client, value.command).then(settled, (error: Error) => {
        refusals.push({ rule: value, error })
        settled()
      })
    }
    made += waiting
    return waiting === 0
      ? undefined
      : new Promise((resolve) => {
          settle = resolve
        })
  }
  const inFlight: Promise<void>[] = []
  for (;;) {
    if (inFlight.length >= IN_FLIGHT) await inFlight.shift()
    if (signal?.aborted || (refusals.length > 0 && !goOn)) break
    const next = slice()
    if (next === undefined) break
    inFlight.push(next)
  }
  await Promise.all(inFlight)
  return { done: made - refusals.length, refusals: refusals.sort((a, b) => a.rule.line - b.rule.line) }
}
