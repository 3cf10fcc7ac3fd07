// How a command ends early: what the user did wrong, or what did not work, in a sentence.
// SPDX-License-Identifier: MIT

/** Ends the command with status 1. */
export class Failure extends Error {
  override readonly name = 'Failure'
}

/** The command line itself is wrong: status 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

const sharedPrefix = (a: string, b: string): number => {
  let length = 0
  while (length < a.length && a[length] === b[length]) length++
  return length
}

/** `commands` are told by their beginning, as people abbreviate them. */
export const unknownCommand = (given: string, commands: readonly string[]): UsageError => {
  const [nearest] = commands.toSorted((a, b) => sharedPrefix(given, b) - sharedPrefix(given, a))
  const advice =
    nearest !== undefined && sharedPrefix(given, nearest) > 0
      ? `did you mean ${nearest}?`
      : `known: ${commands.join(', ')}`
  return new UsageError(`unknown command '${given}'; ${advice}`)
}

/** `a, b and c` */
export const listed = (words: readonly string[]): string =>
  words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
