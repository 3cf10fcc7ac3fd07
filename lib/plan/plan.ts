// plan(): what has to change so that the table is as desired.
// SPDX-License-Identifier: MIT

import * as check from '../check.js'
import type { Director } from '../director.js'
import type { CallOptions, Snapshot } from '../types.js'
import { compare, type Terms } from './compare.js'
import { type KnowsScheduler, schedulersOf } from './schedulers.js'
import { type ReadService, readTable } from './table.js'
import type { DesiredTable, Plan, PlanOptions } from './types.js'

const optionFields = new Set(['owns', 'keepWeights', 'prune', 'force', 'impact'])

/** @throws TypeError or RangeError naming the option. */
export const readPlanOptions = (options: PlanOptions, knows: KnowsScheduler): Terms => {
  check.object('options', options)
  check.knownFields('options', options, optionFields)
  const { owns, keepWeights = false, prune = 'destinations', force = false, impact = 32 } = options
  if (owns !== undefined && typeof owns !== 'function') {
    throw new TypeError('options.owns: expected a function of a service')
  }
  if (keepWeights !== 'drained') check.boolean('options.keepWeights', keepWeights)
  if (prune !== 'destinations') check.boolean('options.prune', prune)
  if (prune === true && owns === undefined) {
    throw new TypeError('options.prune: true needs options.owns, which says what services may be deleted')
  }
  check.boolean('options.force', force)
  const most = typeof impact === 'boolean' ? (impact ? Infinity : 0) : impact
  if (most !== Infinity) check.integer('options.impact', most, 0, Number.MAX_SAFE_INTEGER)
  return { owns, keepWeights, prune, force, impact: most, knowsScheduler: knows }
}

const read = (desired: DesiredTable, { owns }: Terms): ReadonlyMap<string, ReadService> => {
  const table = readTable(desired)
  for (const { path, name, key } of table.values()) {
    if (owns !== undefined && !owns(key)) throw new RangeError(`${path}: ${name} is foreign to options.owns`)
  }
  return table
}

/**
 * The changes from one table to another, without a kernel: plan() is this with the snapshot of a director. From an
 * empty table (`{ services: [], stable: true }`) it checks a desired table as a whole.
 * @param knows Whether a scheduler is there; default: every scheduler may be.
 * @throws TypeError or RangeError naming the field, such as `services[3].destinations[1].port`.
 */
export const planBetween = (
  current: Snapshot,
  desired: DesiredTable,
  options: PlanOptions = {},
  knows: KnowsScheduler = () => undefined,
): Plan => {
  const terms = readPlanOptions(options, knows)
  return between(current, read(desired, terms), terms)
}

const between = (
  { services, stable }: Snapshot,
  desired: ReadonlyMap<string, ReadService>,
  terms: Terms,
): Plan => ({
  version: 1,
  ...compare(desired, services, terms),
  force: terms.force,
  stable,
})

/**
 * Compares a desired table with a verified snapshot. Nothing is changed: give the plan to apply().
 *
 * Only services that the desired table names are touched, or that `owns` claims. Settings that it does not name are
 * kept. However the desired table is sorted, the plan is the same: directors that are filled from it have their real
 * servers in the same order, on which the choices of `sh` and `mh` depend.
 * @throws TypeError or RangeError naming the field by its place, such as `services[3].destinations[1].port`: for wrong
 * values, for anything named twice (in whatever spelling), for what the kernel would take and never serve, for a
 * scheduler whose module this host does not have. Where /lib/modules cannot be read, only the kernel can tell.
 * @throws IpvsError as snapshot() does.
 */
export const plan = async (
  director: Pick<Director, 'snapshot'>,
  desired: DesiredTable,
  { signal, ...options }: PlanOptions & CallOptions = {},
): Promise<Plan> => {
  // All that can be wrong with it by itself is said before the kernel is asked.
  const terms = readPlanOptions(options, schedulersOf(director))
  const table = read(desired, terms)
  return between(await director.snapshot({ signal }), table, terms)
}
