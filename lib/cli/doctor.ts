// `ipvs doctor`: what is wrong around IPVS on this machine, and the commands that cure it.
// SPDX-License-Identifier: MIT

import { doctor as examine } from '../doctor/doctor.js'
import type { Finding, Severity } from '../doctor/types.js'
import { atMost, readArguments } from './arguments.js'
import { UsageError } from './failure.js'
import { openOptions } from './io.js'
import { toJson } from './json.js'
import type { Run } from './subcommands.js'

const usage = `usage: ipvs doctor [--shared] [--real-server-of ADDRESS] [--scheduler NAME] [--netns NAME|PATH] [--json]

Reads the table, sysctls, links, addresses, routes and lists of modules, and tells what makes IPVS fail in silence:
what was seen, what becomes of it, and the command that cures it. Changes nothing.

--shared                  other directors have the same VIPs: they have to choose the same servers, and a VIP may be
                          absent here
--real-server-of ADDRESS  examines a real server of this VIP, with direct routing or tunneling; may be repeated
--scheduler NAME          one that is going to be used; may be repeated
--netns NAME|PATH         in another network namespace; run the cures there, too
--json                    findings as JSON
Exit status: 0 nothing, or notices, 1 failed, 2 the command line is wrong, 3 errors or warnings were found.
`

const indented = (label: string, text: string): string => `  ${`${label}:`.padEnd(13)}${text}\n`

const findingText = ({ id, severity, evidence, consequence, cure, price }: Finding): string =>
  `${severity}: ${id}\n` +
  evidence.map((seen, i) => indented(i === 0 ? 'evidence' : '', seen).replace(/^ {2}:/, '   ')).join('') +
  indented('consequence', consequence) +
  indented('cure', cure) +
  (price === undefined ? '' : indented('price', price))

const counted = (findings: readonly Finding[], severity: Severity): string => {
  const { length } = findings.filter((finding) => finding.severity === severity)
  return `${length} ${severity}${length === 1 ? '' : 's'}`
}

export const doctor: Run = async (args, io) => {
  const parsed = readArguments('doctor', usage, args, io, {
    shared: { type: 'boolean', default: false },
    'real-server-of': { type: 'string', multiple: true, default: [] },
    scheduler: { type: 'string', short: 's', multiple: true, default: [] },
  })
  if (parsed === undefined) return 0
  const { values, positionals } = parsed
  atMost('doctor', positionals, 0)
  const options = {
    ...openOptions(values.netns),
    shared: values.shared,
    realServerOf: values['real-server-of'],
    schedulers: values.scheduler,
  }
  const findings = await examine(options).catch((error: Error) => {
    // The checks of the arguments name the option of the library.
    if (!error.message.startsWith('options.')) throw error
    const word = error.message
      .replace(/^options\.realServerOf\[\d+\]/, '--real-server-of')
      .replace(/^options\.schedulers\[\d+\]/, '--scheduler')
    throw new UsageError(`doctor: ${word}`)
  })
  if (values.json) io.out(`${toJson(findings)}\n`)
  else {
    const total = (['error', 'warning', 'notice'] as const).map((severity) => counted(findings, severity))
    io.out(findings.map((finding) => `${findingText(finding)}\n`).join(''))
    io.out(findings.length === 0 ? 'nothing found\n' : `${total.join(', ')}\n`)
  }
  return findings.some(({ severity }) => severity !== 'notice') ? 3 : 0
}
