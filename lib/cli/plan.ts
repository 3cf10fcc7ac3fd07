// `ipvs plan`: what has to change so that the table is as desired.
// SPDX-License-Identifier: MIT

import { formatPlan } from '../plan/format.js'
import { plan as makePlan } from '../plan/plan.js'
import { atMost, readArguments } from './arguments.js'
import { isPlan, planOptions, planUsage, readDesired, readPlanOptions } from './desired.js'
import { UsageError } from './failure.js'
import { withClient } from './io.js'
import { toJson } from './json.js'
import type { Run } from './subcommands.js'

const usage = `usage: ipvs plan [options] [FILE]

Compares a desired table with the one there is, and prints what has to change, in an order in which it can be done
safely. Nothing is changed. FILE, or the standard input, is JSON (schema/table.json of the package describes it) or
lines of \`ipvs save\` or \`ipvsadm -S\`.

${planUsage}--check                status 3 if there is anything to change
--netns NAME|PATH      in another network namespace
--json                 the plan as JSON, which \`ipvs apply\` takes
Exit status: 0 done, 1 failed, 2 the command line is wrong.
`

export const plan: Run = async (args, io) => {
  const parsed = readArguments('plan', usage, args, io, {
    ...planOptions,
    check: { type: 'boolean', default: false },
  })
  if (parsed === undefined) return 0
  const { values, positionals } = parsed
  atMost('plan', positionals, 1)
  const options = readPlanOptions('plan', values)
  const desired = await readDesired(io, positionals[0])
  if (isPlan(desired)) throw new UsageError('plan: that is a plan already, for ipvs apply')
  const { signal } = io
  const made = await withClient(values.netns, (client) => makePlan(client, desired, { ...options, signal }))
  io.out(`${values.json ? toJson(made) : formatPlan(made)}\n`)
  return values.check && made.changes.length > 0 ? 3 : 0
}
