// `ipvs restore` and `ipvs -R`: lines of a file are carried out.
// SPDX-License-Identifier: MIT

import type { IpvsSync } from '../sync.js'
import { faultsIn, Script, textIn } from '../text/apply.js'
import type { HostLookup } from '../text/endpoint.js'
import { withHosts } from '../text/hosts.js'
import { describeFault, isFault, linesOf, type RuleFault, RulesError } from '../text/parse.js'
import { atMost, readArguments, readFileOrInput } from './arguments.js'
import { type Io, openSync, withClient } from './io.js'
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
  const { restore: restoreText } = await import('../restore.js')
  const { done, faults } = await withClient(netns, (client) =>
    restoreText(client, text, { clear, partial, signal }),
  ).catch((error: unknown) => {
    if (json && error instanceof RulesError) io.out(`${toJson({ done: error.done, faults: error.faults })}\n`)
    throw error
  })
  if (json) io.out(`${toJson({ done, faults })}\n`)
  for (const fault of faults) io.err(`ipvs: ${describeFault(fault)}\n`)
  return faults.length > 0 ? 1 : 0
}

/** A client that is known to work; undefined, and the reason told, where there is none. */
const openTried = async (io: Io, netns: string | undefined): Promise<IpvsSync | undefined> => {
  let client: IpvsSync | undefined
  try {
    client = await openSync(netns)
    client.info()
    return client
  } catch (error) {
    client?.close()
    io.err(`ipvs: ${(error as Error).message}\n`)
    return undefined
  }
}

/** Lines that cannot be understood, and those that the client refuses before the kernel could. */
const read = (text: string, host: HostLookup) => {
  const script = new Script()
  const unknown: RuleFault[] = []
  const refused: RuleFault[] = []
  const textOf = textIn(text)
  for (const line of linesOf(text, host)) {
    if (isFault(line)) {
      unknown.push(line)
      continue
    }
    const message = script.add(line)
    if (message !== undefined) refused.push({ line: line.line, text: textOf(line.line), message })
  }
  return { script, unknown, refused }
}

/**
 * `ipvs -R`: a line that cannot be understood stops everything, with status 2, as does a kernel without IPVS or a
 * lack of permission; a line that the kernel refuses is told, the others are carried out, and the status is 255.
 */
export const restoreLines = async (io: Io, netns: string | undefined): Promise<number> => {
  const text = await io.input()
  const { script, unknown, refused } = await withHosts((host) => read(text, host))
  if (unknown.length > 0) {
    io.err(`ipvs: ${new RulesError(unknown, 'nothing was changed').message.replaceAll('\n', '\nipvs: ')}\n`)
    return 2
  }
  const client = await openTried(io, netns)
  if (client === undefined) return 2
  const { refusals } = await script.run(client, { goOn: true })
  client.close()
  const faults = [...refused, ...faultsIn(text, refusals)].sort((a, b) => a.line - b.line)
  for (const fault of faults) io.err(`ipvs: ${describeFault(fault)}\n`)
  return faults.length === 0 ? 0 : 255
}
