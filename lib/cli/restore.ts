// `ipvs restore` and `ipvs -R`: lines of a file are carried out.
// SPDX-License-Identifier: MIT

import type { Ipvs } from '../ipvs.js'
import { restore as restoreText } from '../restore.js'
import { applyRules, faultsIn } from '../text/apply.js'
import { withHosts } from '../text/hosts.js'
import { describeFault, RulesError, readRules } from '../text/parse.js'
import { atMost, readArguments, readFileOrInput } from './arguments.js'
import { type Io, openOptions, withClient } from './io.js'
import { toJson } from './json.js'
import type { Run } from './subcommands.js'

const usage = `usage: ipvs restore [--clear] [--partial] [--netns NAME|PATH] [--json] [FILE]

Carries out the lines of FILE, or of the standard input: what \`ipvs save\`, \`ipvs -S\` and \`ipvsadm -S\` print. All
lines are read and compared with the table first; if one is wrong, or if the kernel would refuse it, it is named with
its number and nothing is changed. What only the kernel can tell, such as that there is no such network interface, ends
it there; how many lines were carried out is told.

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
  const { signal } = io
  const { done, faults } = await withClient(netns, (client) =>
    restoreText(client, text, { clear, partial, signal }),
  )
  if (json) io.out(`${toJson({ done, faults })}\n`)
  for (const fault of faults) io.err(`ipvs: ${describeFault(fault)}\n`)
  return faults.length > 0 ? 1 : 0
}

/** A client that is known to work; undefined, and the reason told, where there is none. */
const openTried = async (io: Io, netns: string | undefined): Promise<Ipvs | undefined> => {
  let client: Ipvs | undefined
  try {
    const { Ipvs } = await import('../ipvs.js')
    client = await Ipvs.open(openOptions(netns))
    await client.info()
    return client
  } catch (error) {
    await client?.close()
    io.err(`ipvs: ${(error as Error).message}\n`)
    return undefined
  }
}

/**
 * `ipvs -R`: a line that cannot be understood stops everything, with status 2, as does a kernel without IPVS or a
 * lack of permission; a line that the kernel refuses is told, the others are carried out, and the status is 255.
 */
export const restoreLines = async (io: Io, netns: string | undefined): Promise<number> => {
  const text = await io.input()
  const { rules, faults } = await withHosts((host) => readRules(text, host))
  if (faults.length > 0) {
    io.err(`ipvs: ${new RulesError(faults, 'nothing was changed').message.replaceAll('\n', '\nipvs: ')}\n`)
    return 2
  }
  const client = await openTried(io, netns)
  if (client === undefined) return 2
  const { refusals } = await applyRules(client, rules, { goOn: true })
  await client.close()
  for (const fault of faultsIn(text, refusals)) io.err(`ipvs: ${describeFault(fault)}\n`)
  return refusals.length === 0 ? 0 : 255
}
