// `ipvs restore` and `ipvs -R`: lines of a file are carried out.
// SPDX-License-Identifier: MIT

import { restore as restoreText } from '../restore.js'
import { applyRules } from '../text/apply.js'
import { withHosts } from '../text/hosts.js'
import { describeFault, RulesError, readRules } from '../text/parse.js'
import { atMost, readArguments, readFileOrInput } from './arguments.js'
import { type Io, withClient } from './io.js'
import { toJson } from './json.js'
import type { Run } from './subcommands.js'

const usage = `usage: ipvs restore [--clear] [--partial] [--netns NAME|PATH] [--json] [FILE]

Carries out the lines of FILE, or of the standard input: what \`ipvs save\`, \`ipvs -S\` and \`ipvsadm -S\` print. All
lines are read and compared with the table first; if one is wrong, or if the kernel would refuse it, it is named with
its number and nothing is changed.

--clear    delete all services first, and restart the daemons that the lines start
--partial  carry out the good lines even if others are wrong
--json     print what was done as JSON
Exit status: 0 done, 1 lines were wrong or refused, 2 the command line is wrong.
`

export const restore: Run = async (args, io) => {
  const parsed = readArguments('restore', usage, args, io, {
    clear: { type: 'boolean', default: false },
    partial: { type: 'boolean', default: false },
  })
  if (parsed === undefined) return 0
  const { netns, json, clear, partial } = parsed.values
  atMost('restore', parsed.positionals, 1)
  const text = await readFileOrInput(io, parsed.positionals[0])
  const { done, faults } = await withClient(netns, (client) => restoreText(client, text, { clear, partial }))
  if (json) io.out(`${toJson({ done, faults })}\n`)
  for (const fault of faults) io.err(`ipvs: ${describeFault(fault)}\n`)
  return faults.length > 0 ? 1 : 0
}

/**
 * `ipvs -R`: a line that cannot be understood stops everything, with status 2; one that the kernel refuses is told,
 * the others are carried out, and the status is 255.
 */
export const restoreLines = async (io: Io, netns: string | undefined): Promise<number> => {
  const text = await io.input()
  const { rules, faults } = await withHosts((host) => readRules(text, host))
  if (faults.length > 0) {
    io.err(`ipvs: ${new RulesError(faults, 'nothing was changed').message.replaceAll('\n', '\nipvs: ')}\n`)
    return 2
  }
  const { refusals } = await withClient(netns, (client) => applyRules(client, rules, { goOn: true }))
  if (refusals.length === 0) return 0
  const lines = text.split('\n')
  for (const { rule, error } of refusals) {
    const fault = { line: rule.line, text: lines[rule.line - 1]?.trim() ?? '', message: error.message }
    io.err(`ipvs: ${describeFault(fault)}\n`)
  }
  return 255
}
