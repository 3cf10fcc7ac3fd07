// `ipvs apply`: makes the table what is desired, or carries out a plan.
// SPDX-License-Identifier: MIT

import { apply as applyPlan } from '../plan/apply.js'
import { formatChange } from '../plan/format.js'
import { plan } from '../plan/plan.js'
import type { ApplyResult, ChangeOutcome } from '../plan/types.js'
import { atMost, readArguments, readSeconds } from './arguments.js'
import { givenPlanOption, isPlan, planOptions, planUsage, readDesired, readPlanOptions } from './desired.js'
import { UsageError } from './failure.js'
import { withClient } from './io.js'
import { toJson } from './json.js'
import type { Run } from './subcommands.js'

const usage = `usage: ipvs apply [options] [FILE]

Makes the table what FILE, or the standard input, says: what \`ipvs plan\` takes, or a plan that it printed as JSON,
to which none of the options that make a plan applies.
Servers come before those that they replace go; what fails is told beside what was done, and applying again makes up
for it.

${planUsage}--grace SECONDS        for connections of servers that go (1)
--netns NAME|PATH      in another network namespace
--json                 what became of each change, as JSON
Exit status: 0 all is as desired, 1 something was not done, 2 the command line is wrong.
`

const outcomeText = (outcome: ChangeOutcome): string => {
  const line = formatChange(outcome.change)
  if (outcome.status === 'failed') return `${line}: FAILED: ${outcome.error.message}`
  if (outcome.status === 'skipped') return `${line}: skipped: ${outcome.explanation}`
  return outcome.written ? line : `${line} (was so already)`
}

const resultText = ({ outcomes }: ApplyResult): string => {
  const count = (status: ChangeOutcome['status']) => outcomes.filter((one) => one.status === status).length
  const summary = `${count('done')} done, ${count('failed')} failed, ${count('skipped')} skipped`
  return outcomes.length === 0 ? 'no changes\n' : `${[...outcomes.map(outcomeText), summary].join('\n')}\n`
}

export const apply: Run = async (args, io) => {
  const parsed = readArguments('apply', usage, args, io, { ...planOptions, grace: { type: 'string' } })
  if (parsed === undefined) return 0
  const { values, positionals } = parsed
  atMost('apply', positionals, 1)
  const options = readPlanOptions('apply', values)
  const grace = values.grace === undefined ? undefined : readSeconds('apply', 'grace', values.grace)
  const desired = await readDesired(io, positionals[0])
  const given = givenPlanOption(values)
  if (isPlan(desired) && given !== undefined) {
    throw new UsageError(`apply: --${given} is for making a plan, and FILE is one that was made`)
  }
  const { signal } = io
  const result = await withClient(values.netns, async (client) => {
    const made = isPlan(desired)
      ? desired
      : await plan(client, desired, { ...options, impact: false, signal })
    return applyPlan(client, made, { grace, signal })
  })
  io.out(values.json ? `${toJson(result)}\n` : resultText(result))
  return result.complete ? 0 : 1
}
