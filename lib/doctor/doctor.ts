// doctor(): reads the machine, and says what is wrong around IPVS, what follows, and the command that cures it.
// SPDX-License-Identifier: MIT

import { parseAddress } from '../address.js'
import * as check from '../check.js'
import { directorsDisagree, icmpNotScheduled, takeoverRefused } from './agreement.js'
import {
  connectionTableSmall,
  conntrackFull,
  conntrackUntracked,
  portReuseDelay,
  portReuseOldServer,
  quiescedPersistence,
} from './connections.js'
import { gatherFacts } from './facts.js'
import { estimationCost, estimationOff, schedulerMissing } from './kernel.js'
import {
  gatewayBetween,
  loopbackDown,
  noForwarding,
  reversePathFilter,
  tunnelMtu,
  vipMissing,
} from './network.js'
import { tunnelFilter, vipAnswersArp, vipInArpRequests, vipMissingHere } from './real-server.js'
import type { Check, DoctorOptions, Facts, Finding, Severity } from './types.js'

/** Each is a function of the facts alone; one that does not apply finds nothing. */
const checks: readonly Check[] = [
  loopbackDown,
  vipMissing,
  noForwarding,
  gatewayBetween,
  reversePathFilter,
  tunnelMtu,
  directorsDisagree,
  takeoverRefused,
  icmpNotScheduled,
  schedulerMissing,
  quiescedPersistence,
  portReuseDelay,
  portReuseOldServer,
  connectionTableSmall,
  estimationCost,
  estimationOff,
  conntrackUntracked,
  conntrackFull,
  vipMissingHere,
  vipAnswersArp,
  vipInArpRequests,
  tunnelFilter,
]

const order: readonly Severity[] = ['error', 'warning', 'notice']

/** What the checks make of facts, the gravest first. */
export const examine = (facts: Facts): readonly Finding[] =>
  checks
    .flatMap((each) => each(facts))
    .sort((one, other) => order.indexOf(one.severity) - order.indexOf(other.severity))

const fields = new Set(['netns', 'shared', 'realServerOf', 'schedulers', 'limits'])
const limitFields = new Set(['connectionsPerBucket', 'conntrackFill', 'estimatorReads'])

const checkOptions = (options: DoctorOptions): void => {
  check.object('options', options)
  check.knownFields('options', options, fields)
  const { shared, realServerOf = [], schedulers = [], limits = {} } = options
  if (shared !== undefined) check.boolean('options.shared', shared)
  for (const [i, vip] of realServerOf.entries()) {
    if (typeof vip !== 'string' || parseAddress(vip) === undefined)
      throw check.notAddress(`options.realServerOf[${i}]`, vip)
  }
  for (const [i, name] of schedulers.entries()) check.name(`options.schedulers[${i}]`, name, 15)
  check.object('options.limits', limits)
  check.knownFields('options.limits', limits, limitFields)
  for (const [name, value] of Object.entries(limits)) {
    if (typeof value !== 'number' || !(value >= 0))
      throw new RangeError(`options.limits.${name}: expected a number, 0 or more`)
  }
}

/**
 * Examines a director, or with `realServerOf` a real server: what of the machine around IPVS makes it fail, which the
 * kernel does in silence. Reads the table, sysctls, links, addresses, routes and lists of modules; changes nothing.
 * What is wrong on another machine it can but guess: run it there, too.
 *
 * An empty list says that none of the known faults is there.
 * @throws TypeError or RangeError about the options.
 * @throws IpvsError 'ipvs-unavailable', 'not-permitted' and others where a director cannot be read at all.
 */
export const doctor = async (options: DoctorOptions = {}): Promise<readonly Finding[]> => {
  checkOptions(options)
  return examine(await gatherFacts(options))
}
