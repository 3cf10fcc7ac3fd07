#!/usr/bin/env node
// The command `ipvs`: finds the subcommand and turns its outcome into an exit status.
// SPDX-License-Identifier: MIT

import { dkms } from './dkms.js'
import { Failure, UsageError, unknownCommand } from './failure.js'

/** A subcommand takes the words after its name. */
const commands: Readonly<Record<string, (args: string[]) => Promise<void>>> = { dkms }

const usage = `usage: ipvs COMMAND [ARGUMENT...]

  dkms install|status|remove   the schedulers msh, maglev and hrw as modules of this machine's kernels

\`ipvs COMMAND --help\` says more.
Exit status: 0 done, 1 failed, 2 the command line is wrong.
`

const run = async ([name, ...args]: string[]): Promise<void> => {
  if (name === undefined) throw new UsageError(usage.trimEnd())
  if (name === '--help' || name === '-h' || name === 'help') return void process.stdout.write(usage)
  if (!Object.hasOwn(commands, name)) throw unknownCommand(name, Object.keys(commands))
  await commands[name]!(args)
}

try {
  await run(process.argv.slice(2))
} catch (error) {
  const known = error instanceof Failure || error instanceof UsageError
  console.error(
    known ? (error.message.startsWith('usage:') ? error.message : `ipvs: ${error.message}`) : error,
  )
  process.exitCode = error instanceof UsageError ? 2 : 1
}
