// Rules: the lines that `ipvsadm -S` prints and `-R` reads, each with its number.
// SPDX-License-Identifier: MIT

import type { RuleCommand } from './command.js'
import type { HostLookup } from './endpoint.js'
import { Reader } from './reader.js'
import { LineError } from './scan.js'

/** A line that says something. */
export interface Rule {
  /** From 1. */
  readonly line: number
  /** What it says. */
  readonly command: RuleCommand
}

/** What is wrong with a line. */
export interface RuleFault {
  /** From 1. */
  readonly line: number
  /** The line as it stands there, without space around it. */
  readonly text: string
  /** What is wrong, with the option or value that it is about. */
  readonly message: string
}

/**
 * Lines that are wrong, or that the kernel refused or would refuse; the message names them with their numbers. Of a
 * restore that was ended by something else once it had begun, that is the `cause`.
 */
export class RulesError extends Error {
  /** Always this. */
  override readonly name = 'RulesError'
  /** By line; empty where something else ended it, see `cause`. */
  readonly faults: readonly RuleFault[]
  /** Lines that were carried out. */
  readonly done: number

  /** @internal */
  constructor(
    faults: readonly RuleFault[],
    note = '',
    { done = 0, cause }: { readonly done?: number; readonly cause?: unknown } = {},
  ) {
    const lines = faults.slice(0, 10).map(describeFault)
    if (faults.length > 10) lines.push(`and ${faults.length - 10} more`)
    if (note !== '') lines.push(note)
    super(lines.join('\n'), cause === undefined ? undefined : { cause })
    this.faults = faults
    this.done = done
  }
}

export const describeFault = ({ line, text, message }: RuleFault): string =>
  `line ${line}: ${message} (${text})`

/** Options of parseRules(). */
export interface ParseOptions {
  /** IPv4 addresses of host names in the text. Default: no name is known; restore() and `ipvs -R` ask the system. */
  readonly hosts?: ReadonlyMap<string, string> | undefined
}

/** A line that was understood, or one that was not. */
export type Line = Rule | RuleFault
export const isFault = (line: Line): line is RuleFault => 'message' in line

/** The lines that say something, one after the other: a file may be long, and few of its rules are needed at once. */
export function* linesOf(text: string, host: HostLookup): Generator<Line, void, undefined> {
  const reader = new Reader(host)
  let number = 0
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start)
    const end = newline < 0 ? text.length : newline
    const line = text.slice(start, end)
    start = end + 1
    number++
    let found: Line | undefined
    try {
      const command = reader.read(line)
      if (command !== undefined) found = { line: number, command }
    } catch (error) {
      if (!(error instanceof LineError)) throw error
      found = { line: number, text: line.trim(), message: error.message }
    }
    if (found !== undefined) yield found
  }
}

export const readRules = (
  text: string,
  host: HostLookup,
): { readonly rules: readonly Rule[]; readonly faults: readonly RuleFault[] } => {
  const rules: Rule[] = []
  const faults: RuleFault[] = []
  for (const line of linesOf(text, host)) {
    if (isFault(line)) faults.push(line)
    else rules.push(line)
  }
  return { rules, faults }
}

/**
 * Reads lines as `ipvsadm -S` and save() write them; all that ipvsadm(8) knows is understood, and a few options
 * more (see ipvs(8)). Nothing is changed: see restore().
 * @throws RulesError naming each wrong line.
 */
export const parseRules = (text: string, { hosts }: ParseOptions = {}): readonly Rule[] => {
  const { rules, faults } = readRules(text, (name) => hosts?.get(name))
  if (faults.length > 0) throw new RulesError(faults)
  return rules
}
