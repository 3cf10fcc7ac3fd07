// main(): finds the command or the subcommand, and turns its outcome into an exit status.
// SPDX-License-Identifier: MIT

import { RulesError } from '../text/parse.js'
import { LineError } from '../text/scan.js'
import { Failure, UsageError, unknownCommand } from './failure.js'
import type { Io } from './io.js'
import { subcommands } from './subcommands.js'
import { table } from './table.js'

const statusOf = (error: unknown): number =>
  error instanceof LineError ? error.status : error instanceof UsageError ? 2 : 1

/** What the user can act on needs no stack. */
const isExpected = (error: unknown): error is Error =>
  error instanceof Failure ||
  error instanceof UsageError ||
  error instanceof LineError ||
  error instanceof RulesError ||
  (error instanceof Error &&
    (error.constructor === Error || // the library's, with a sentence; mistakes in code are of a class of their own
      error.name === 'IpvsError' ||
      error.name === 'RangeError' ||
      'syscall' in error)) ||
  (error instanceof TypeError && /^[\w.[\]]+: /.test(error.message))

const textOf = (error: unknown): string => {
  if (!isExpected(error)) return error instanceof Error ? (error.stack ?? error.message) : String(error)
  return error.message.startsWith('usage:')
    ? error.message
    : `ipvs: ${error.message.replaceAll('\n', '\nipvs: ')}`
}

/** Options that may stand before a subcommand, and mean the same behind it. */
const leading = (argv: readonly string[]): number => {
  let count = 0
  while (count < argv.length) {
    const word = argv[count]!
    if (word === '--netns') count += 2
    else if (word.startsWith('--netns=') || word === '--json') count++
    else break
  }
  return count
}

const run = async (argv: readonly string[], io: Io): Promise<number> => {
  const count = leading(argv)
  const word = argv[count]
  if (word === undefined) return table(['-L', ...argv], io)
  if (word.startsWith('-') || /^\d/.test(word)) return table(argv, io)
  if (word === 'help') return table(['--help'], io)
  const found = Object.hasOwn(subcommands, word) ? subcommands[word] : undefined
  if (found === undefined) throw unknownCommand(word, Object.keys(subcommands))
  const command = await found.load()
  return (await command([...argv.slice(0, count), ...argv.slice(count + 1)], io)) ?? 0
}

/** Runs the command line `ipvs ARGV...`; never throws. Returns the exit status. */
export const main = async (argv: readonly string[], io: Io): Promise<number> => {
  try {
    return await run(argv, io)
  } catch (error) {
    io.err(`${textOf(error)}\n`)
    return statusOf(error)
  }
}
