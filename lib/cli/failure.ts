// How a command ends early: what the user did wrong, or what did not work, in a sentence.
// SPDX-License-Identifier: MIT

import { nearest } from '../nearest.js'

/** Ends the command with status 1. */
export class Failure extends Error {
  override readonly name = 'Failure'
}

/** The command line itself is wrong: status 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** There is no IPVS, or no permission to use it: whatever was asked for, nothing can be done. */
export const isUnusable = (error: unknown): boolean => {
  const { reason } = error as { readonly reason?: unknown }
  return reason === 'not-permitted' || reason === 'ipvs-unavailable'
}

/** A mistyped word, and the one that was meant. */
export const unknownWord = (what: string, given: string, known: readonly string[]): UsageError => {
  const near = nearest(given, known)
  const advice = near === undefined ? `known: ${known.join(', ')}` : `did you mean ${near}?`
  return new UsageError(`unknown ${what} '${given}'; ${advice}`)
}

export const unknownCommand = (given: string, commands: readonly string[]): UsageError =>
  unknownWord('command', given, commands)

/** `a, b and c` */
export const listed = (words: readonly string[]): string =>
  words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
