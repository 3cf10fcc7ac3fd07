// apply(): carries a plan out, phase by phase, and tells what became of each change.
// SPDX-License-Identifier: MIT

import { setImmediate } from 'node:timers/promises'
import * as check from '../check.js'
import type { Director } from '../director.js'
import { aborted, carryOut, dependent } from './carry.js'
import { Current } from './current.js'
import { gives, inPhases, takes } from './order.js'
import { settleConnections } from './settle.js'
import { checkPlan } from './stored.js'
import { nameOfServer, nameOfService } from './table.js'
import type { ApplyOptions, ApplyResult, ChangeOutcome, Plan, PlannedChange } from './types.js'

/** Calls made in one go: the event loop gets a turn after each. */
const SLICE = 512
/** Slices whose calls are on their way at once. */
const IN_FLIGHT = 2
const GRACE = 1000

const optionFields = new Set(['grace', 'signal'])

/** @throws TypeError or RangeError naming the option. */
export const readApplyOptions = (
  options: ApplyOptions,
): { grace: number; signal: AbortSignal | undefined } => {
  check.object('options', options)
  check.knownFields('options', options, optionFields)
  const { grace = GRACE, signal } = options
  check.callOptions({ signal })
  return { grace: check.integer('options.grace', grace, 0, 0x7fffffff), signal }
}

/** Of the real server that a change is about. */
const serverOf = (change: PlannedChange): string =>
  'destination' in change
    ? `${nameOfServer(change.service, change.destination)} of ${nameOfService(change.service)}`
    : ''

/** What was not done, and what depends on it. */
class Failures {
  readonly #services = new Map<string, PlannedChange>()
  readonly #given = new Map<string, PlannedChange>()
  readonly #quiesced = new Map<string, PlannedChange>()

  note({ status, change }: ChangeOutcome): void {
    if (status === 'done') return
    if (change.kind === 'add-service') this.#services.set(nameOfService(change.service), change)
    else if (gives(change) || change.kind === 'edit-service')
      this.#given.set(nameOfService(change.service), change)
    else if (change.kind === 'quiesce-destination') this.#quiesced.set(serverOf(change), change)
  }

  /**
   * Nothing is taken from a service to which something could not be given, nor from one that was not edited: how servers
   * are taken away depends on its scheduler.
   */
  cause(change: PlannedChange): PlannedChange | undefined {
    const service = nameOfService(change.service)
    return (
      this.#services.get(service) ??
      (takes(change) ? this.#given.get(service) : undefined) ??
      (change.kind === 'delete-destination' ? this.#quiesced.get(serverOf(change)) : undefined)
    )
  }
}

/**
 * Carries a plan out in its order, in few exchanges. A change that fails stops those that depend on it and no others:
 * real servers wait for their service; no server is quiesced or deleted while one that should take its place could
 * not be added, or the service could not be edited. Apply the plan again, or a new one, and what is missing is made up for.
 *
 * What somebody else did meanwhile is no failure where it comes to the same; an edit of what is no longer as the plan
 * saw it, the deletion of a service that changed, and that of a real server which got a weight again, are skipped as
 * `changed`.
 * @throws TypeError or RangeError naming the field, before anything is sent. All that comes later is in the result.
 */
export const apply = async (
  director: Pick<Director, 'services' | 'destinations'>,
  plan: Plan,
  options: ApplyOptions = {},
): Promise<ApplyResult> => {
  const { grace, signal } = readApplyOptions(options)
  checkPlan(plan)
  const outcomes = new Map<PlannedChange, ChangeOutcome>()
  const failures = new Failures()
  const note = (outcome: ChangeOutcome): void => {
    outcomes.set(outcome.change, outcome)
    failures.note(outcome)
  }
  const send = async (changes: readonly PlannedChange[]): Promise<void> => {
    const current = new Current(director, { signal })
    const write = { signal, force: plan.force }
    for (const outcome of await Promise.all(
      changes.map((change) => carryOut(director, change, current, write)),
    )) {
      note(outcome)
    }
  }
  for (const [phase, changes] of inPhases(plan.changes)) {
    const free: PlannedChange[] = []
    for (const change of changes) {
      if (signal?.aborted) {
        note(aborted(change))
        continue
      }
      const cause = failures.cause(change)
      if (cause === undefined) free.push(change)
      else note(dependent(change, cause))
    }
    if (phase === 'delete servers' && free.length > 0) await settleConnections(director, free, grace, signal)
    const flying: Promise<void>[] = []
    for (let start = 0; start < free.length; start += SLICE) {
      const slice = free.slice(start, start + SLICE)
      if (signal?.aborted) {
        for (const change of slice) note(aborted(change))
        continue
      }
      if (flying.length >= IN_FLIGHT) await flying.shift()
      else if (start > 0) await setImmediate()
      flying.push(send(slice))
    }
    await Promise.all(flying)
  }
  const list = plan.changes.map((change) => outcomes.get(change)!)
  return { complete: list.every(({ status }) => status === 'done'), outcomes: list }
}
